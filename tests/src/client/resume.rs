//! A subscription that survives broken sockets, as every front end needs it.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{Subscription, SubscriptionError, server::Server};
use crate::wait;

/// Follows a stream from cursor to cursor. The document must take the cursor as `$after` and ask for `cursor`.
#[derive(Debug)]
pub struct Resuming {
    server: Server,
    document: String,
    variables: Value,
    current: Option<Subscription>,
    reconnects: usize,
}

impl Resuming {
    pub(super) fn new(server: Server, document: &str, variables: Value) -> Self {
        Self { server, document: document.to_owned(), variables, current: None, reconnects: 0 }
    }

    /// The next item of the stream, without the field's name around it; none when it is complete.
    ///
    /// # Errors
    /// The server refuses the subscription, or does not come back in time.
    pub async fn next(&mut self) -> Result<Option<Value>> {
        loop {
            if self.current.is_none() {
                self.current = Some(self.connect().await?);
            }
            let current = self.current.as_mut().context("connected above")?;
            match current.next().await {
                Ok(Some(data)) => return self.item(data).map(Some),
                Ok(None) => return Ok(None),
                Err(error) if error.is_passing() => self.lose(),
                Err(error) => bail!(error),
            }
        }
    }

    /// Goes on at another server from the last cursor.
    pub fn move_to(&mut self, base: &str) {
        self.server = self.server.at(base);
        self.lose();
    }

    /// Cursor of the last item that had one.
    #[must_use]
    pub fn cursor(&self) -> Option<&str> {
        self.variables["after"].as_str()
    }

    /// How often the socket broke.
    #[must_use]
    pub fn reconnects(&self) -> usize {
        self.reconnects
    }

    fn lose(&mut self) {
        self.current = None;
        self.reconnects += 1;
    }

    async fn connect(&self) -> Result<Subscription> {
        wait::until_async("the server to take the subscription", async || {
            match Subscription::open(&self.server, &self.document, self.variables.clone()).await {
                Ok(subscription) => Ok(Some(subscription)),
                Err(error) if error.is_passing() => Ok(None),
                // A server that is shutting down answers the upgrade with a status of its own.
                Err(SubscriptionError::Broken(_)) => Ok(None),
                Err(error) => bail!(error),
            }
        })
        .await
    }

    fn item(&mut self, data: Value) -> Result<Value> {
        let Value::Object(fields) = data else { bail!("an item without data") };
        let item = fields.into_iter().next().context("an item without a field")?.1;
        if let Some(cursor) = item["cursor"].as_str() {
            self.variables["after"] = json!(cursor);
        }
        Ok(item)
    }
}
