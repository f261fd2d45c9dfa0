//! The publishing connection.
//!
//! | state | does | next |
//! | --- | --- | --- |
//! | connecting | waits its backoff, connects, and tries to publish | connected on success |
//! | connected | takes what is queued, in batches; pings when idle | connecting on any connection fault |
//!
//! A batch whose connection broke is sent again on the next one: Redis may or may not have passed it on, and a
//! hint given twice does no harm. A batch that the server refuses is dropped and counted, as it would be
//! refused again.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use redis::aio::MultiplexedConnection;
use tokio::sync::mpsc;

use super::{Options, Outgoing, backoff::Backoff, link::Link};

/// Messages sent in one round trip.
const BATCH_MESSAGES: usize = 128;

pub(super) struct Publisher {
    pub(super) client: redis::Client,
    pub(super) options: Options,
    pub(super) waiting: mpsc::Receiver<Outgoing>,
    pub(super) dropped_messages: Arc<AtomicU64>,
    pub(super) link: Link,
}

/// Why a connection is no longer served.
enum End {
    Lost(redis::RedisError),
    /// The bus is gone and everything was sent.
    Closed,
}

impl Publisher {
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::new();
        let mut batch = Vec::with_capacity(BATCH_MESSAGES);
        loop {
            let error = match self.connect().await {
                Ok(connection) => {
                    self.link.up();
                    backoff.reset();
                    match self.serve(connection, &mut batch).await {
                        End::Lost(error) => error,
                        End::Closed => return,
                    }
                }
                Err(error) => error,
            };
            self.link.down(&error);
            backoff.wait().await;
        }
    }

    /// Connects, and finds out whether it may publish.
    async fn connect(&self) -> redis::RedisResult<MultiplexedConnection> {
        let config = redis::AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.options.response_timeout))
            .set_response_timeout(Some(self.options.response_timeout));
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        let mut trial = redis::cmd("PUBLISH");
        trial.arg(self.options.trial_channel()).arg("").exec_async(&mut connection).await?;
        Ok(connection)
    }

    async fn serve(&mut self, mut connection: MultiplexedConnection, batch: &mut Vec<Outgoing>) -> End {
        loop {
            if batch.is_empty() {
                let next = self.waiting.recv_many(batch, BATCH_MESSAGES);
                match tokio::time::timeout(self.options.ping_interval, next).await {
                    Ok(0) => return End::Closed,
                    Ok(_) => {}
                    Err(_idle) => {
                        if let Err(error) = redis::cmd("PING").exec_async(&mut connection).await {
                            return End::Lost(error);
                        }
                        continue;
                    }
                }
            }
            match self.send(&mut connection, batch).await {
                Ok(()) => {
                    self.link.succeeded();
                    batch.clear();
                }
                Err(error) if is_refusal(&error) => self.drop_batch(batch, &error),
                Err(error) => return End::Lost(error),
            }
        }
    }

    async fn send(
        &self,
        connection: &mut MultiplexedConnection,
        batch: &[Outgoing],
    ) -> redis::RedisResult<()> {
        let mut pipeline = redis::pipe();
        for outgoing in batch {
            let channel = format!("{}{}", self.options.key_prefix, outgoing.topic);
            pipeline.cmd("PUBLISH").arg(channel).arg(&outgoing.message[..]).ignore();
        }
        pipeline.exec_async(connection).await
    }

    fn drop_batch(&self, batch: &mut Vec<Outgoing>, error: &redis::RedisError) {
        // Each message of the batch has one, and they are alike.
        let errors = error.clone().into_server_errors();
        let first = errors.and_then(|errors| Some(redis::RedisError::from(errors.first()?.1.clone())));
        self.link.failed(first.as_ref().unwrap_or(error));
        self.dropped_messages.fetch_add(batch.len() as u64, Ordering::Relaxed);
        batch.clear();
    }
}

/// Whether the server answered, and with an error, over a connection that still works.
fn is_refusal(error: &redis::RedisError) -> bool {
    !error.is_unrecoverable_error() && !error.is_timeout() && !error.is_io_error()
}
