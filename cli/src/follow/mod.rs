//! Watching a run from outside until it ends.
//!
//! The cursor of the last item is kept here. When the connection is lost, the stream is asked for what follows that
//! cursor, so no event is missed and none is shown twice; only heartbeats that happened meanwhile are gone.

mod describe;
mod display;
mod item;
mod outage;
mod retry;

use std::time::Duration;

use ctutor_engine::clock::{Clock, SystemClock};
use futures_util::{Stream, StreamExt, pin_mut};
use serde_json::json;

use self::item::Item;
pub(crate) use self::{
    describe::{event_line, progress_line},
    display::{Display, Style},
    outage::Outage,
    retry::retrying,
};
use crate::client::{Client, Error, HistoryEvent, Object, Workflow};

const STREAM: &str = include_str!("../client/documents/workflow_stream.graphql");

/// Events of the past that are shown before the stream begins.
const PAST_EVENTS_MAX: u32 = 100;

/// Watches one run.
#[derive(Debug)]
pub(crate) struct Follower {
    client: Client,
    /// Global id of the run.
    id: String,
    cursor: Option<String>,
    display: Display,
    /// How long a lost server is waited for.
    retry_for: Duration,
}

/// How one connection ended.
enum Connection {
    /// With the end of the run.
    Ended(Box<Workflow>),
    /// Before it.
    Lost(anyhow::Error),
}

impl Follower {
    /// A follower of the run with this global id, from a cursor on.
    pub(crate) fn new(
        client: Client,
        id: String,
        cursor: Option<String>,
        style: Style,
        retry_for: Duration,
    ) -> Self {
        Self { client, id, cursor, display: Display::new(style), retry_for }
    }

    /// Shows what happened so far, unless that is long, and goes on from there.
    pub(crate) async fn show_past(&mut self) -> anyhow::Result<()> {
        let past = self.client.history(&self.id, PAST_EVENTS_MAX, None).await?;
        if past.page_info.has_next_page {
            self.display.tell(&format!(
                "more than {PAST_EVENTS_MAX} events so far; `ctutor workflow show {} --history` shows them",
                self.id
            ));
            return Ok(());
        }
        for event in past.nodes {
            let event: HistoryEvent = self.client.decode(&event)?;
            self.display.event(&event);
        }
        self.cursor = past.page_info.end_cursor;
        Ok(())
    }

    /// Shows what happens until the run ends, and gives the ended run.
    pub(crate) async fn run(mut self) -> anyhow::Result<Workflow> {
        let mut outage: Option<Outage> = None;
        loop {
            let error = match self.subscribe(outage.as_mut()).await {
                Ok(items) => match self.read(items, &mut outage).await? {
                    Connection::Ended(workflow) => return Ok(*workflow),
                    Connection::Lost(error) => error,
                },
                Err(error) => error,
            };
            if !error.downcast_ref().is_some_and(Error::is_passing) {
                return Err(error);
            }
            let tell = |line: &str| self.display.tell(line);
            let outage = retry::failed(&mut outage, self.retry_for, &error, tell);
            if !retry::pause(outage, tell).await {
                return Err(if self.retry_for == Duration::ZERO {
                    error
                } else {
                    outage.gave_up(SystemClock.now())
                });
            }
        }
    }

    /// Connects, and says each ten seconds that the server is still away.
    async fn subscribe(
        &self,
        outage: Option<&mut Outage>,
    ) -> anyhow::Result<impl Stream<Item = Result<Object, Error>> + use<>> {
        let variables = json!({"id": self.id, "after": self.cursor});
        let connect = self.client.subscribe(STREAM, &variables);
        match outage {
            None => connect.await,
            Some(outage) => retry::during(outage, connect, |line| self.display.tell(line)).await,
        }
    }

    /// Shows what arrives. An error is one that another try cannot help.
    async fn read(
        &mut self,
        items: impl Stream<Item = Result<Object, Error>>,
        outage: &mut Option<Outage>,
    ) -> anyhow::Result<Connection> {
        pin_mut!(items);
        while let Some(data) = items.next().await {
            let data = match data {
                Ok(data) => data,
                Err(error) => return Ok(Connection::Lost(error.into())),
            };
            if outage.take().is_some() {
                self.display.tell("the server is back");
            }
            if let Some(workflow) = self.take(data)? {
                return Ok(Connection::Ended(Box::new(workflow)));
            }
        }
        // The server said that nothing more will come, but not how the run ended.
        Ok(Connection::Lost(Error::NoEnd.into()))
    }

    /// Takes an item in; gives the run when it is the last one.
    fn take(&mut self, mut data: Object) -> anyhow::Result<Option<Workflow>> {
        let part = data.take("workflowStream");
        self.display.raw(&part)?;
        let fields: Object = self.client.decode(&part)?;
        if let Some(cursor) = fields.get("cursor") {
            self.cursor = Some(cursor);
        }
        let item: Item = self.client.decode(&part)?;
        match item {
            Item::WorkflowSnapshot { workflow } => self.display.snapshot(&workflow),
            Item::HistoryAppended { events } => events.iter().for_each(|event| self.display.event(event)),
            Item::ActivityProgressed { activity } => self.display.progress(&activity),
            Item::StreamReset { reason } => {
                self.display.tell(&format!("the stream starts over: {}", reset_in_words(&reason)));
            }
            Item::StreamEnded { workflow } => {
                self.display.end();
                return Ok(Some(*workflow));
            }
            Item::Other => {}
        }
        Ok(None)
    }
}

/// A server may be newer and have other reasons.
fn reset_in_words(reason: &str) -> &str {
    match reason {
        "BROKER_GAP" => "the server missed hints for a while",
        "CURSOR_EXPIRED" => "the history before it is gone",
        "SLOW_CONSUMER" => "it was read too slowly",
        _ => reason,
    }
}
