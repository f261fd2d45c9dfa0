//! Watching a run from outside until it ends.
//!
//! The cursor of the last item is kept here. When the connection is lost, the stream is asked for what follows that
//! cursor, so no event is missed and none is shown twice; only heartbeats that happened meanwhile are gone.

mod describe;
mod display;
mod item;

use std::time::Duration;

use ctutor_engine::clock::{Clock, SystemClock};
use futures_util::{StreamExt, pin_mut};
use serde_json::{Value, json};

use self::item::Item;
pub(crate) use self::{
    describe::{event_line, progress_line},
    display::{Display, Style},
};
use crate::client::{Client, Error, HistoryEvent, Workflow};

const STREAM: &str = include_str!("../client/documents/workflow_stream.graphql");

/// Events of the past that are shown before the stream begins.
const PAST_EVENTS_MAX: u32 = 100;

/// How long a lost server is waited for.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// The waits between two tries double from the first to the last.
const RETRY_WAITS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Watches one run.
#[derive(Debug)]
pub(crate) struct Follower {
    client: Client,
    /// Global id of the run.
    id: String,
    cursor: Option<String>,
    display: Display,
}

/// How one connection ended.
enum Connection {
    /// With the end of the run.
    Ended(Box<Workflow>),
    /// Before it. Whether anything arrived tells a server that is back from one that keeps failing.
    Lost { error: anyhow::Error, had_items: bool },
}

impl Follower {
    /// A follower of the run with this global id, from a cursor on.
    pub(crate) fn new(client: Client, id: String, cursor: Option<String>, style: Style) -> Self {
        Self { client, id, cursor, display: Display::new(style) }
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
            let event: HistoryEvent = self.client.decode(event)?;
            self.display.event(&event);
        }
        self.cursor = past.page_info.end_cursor;
        Ok(())
    }

    /// Shows what happens until the run ends, and gives the ended run.
    pub(crate) async fn run(mut self) -> anyhow::Result<Workflow> {
        let clock = SystemClock;
        let mut wait = RETRY_WAITS.0;
        let mut give_up_at = None;
        loop {
            let (error, had_items) = match self.connect().await? {
                Connection::Ended(workflow) => return Ok(*workflow),
                Connection::Lost { error, had_items } => (error, had_items),
            };
            if had_items {
                wait = RETRY_WAITS.0;
                give_up_at = None;
            }
            let now = clock.now();
            if give_up_at.is_none() {
                self.display.tell(&format!("{error}; trying again"));
            }
            if now > *give_up_at.get_or_insert(now + PATIENCE) {
                return Err(error);
            }
            clock.sleep_until(now + wait).await;
            wait = (wait * 2).min(RETRY_WAITS.1);
        }
    }

    /// An error is one that another try cannot mend.
    async fn connect(&mut self) -> anyhow::Result<Connection> {
        let variables = json!({"id": self.id, "after": self.cursor});
        let items = match self.client.subscribe(STREAM, variables).await {
            Ok(items) => items,
            Err(error) => return lost(error, false),
        };
        pin_mut!(items);
        let mut had_items = false;
        while let Some(data) = items.next().await {
            let data = match data {
                Ok(data) => data,
                Err(error) => return lost(error.into(), had_items),
            };
            had_items = true;
            if let Some(workflow) = self.take(data)? {
                return Ok(Connection::Ended(Box::new(workflow)));
            }
        }
        // The server said that nothing more will come, but not how the run ended.
        lost(Error::NoEnd.into(), had_items)
    }

    /// Takes an item in; gives the run when it is the last one.
    fn take(&mut self, mut data: Value) -> anyhow::Result<Option<Workflow>> {
        let value = data.get_mut("workflowStream").map(Value::take).unwrap_or_default();
        self.display.raw(&value)?;
        if let Some(cursor) = value.get("cursor").and_then(Value::as_str) {
            self.cursor = Some(cursor.to_owned());
        }
        let item: Item = self.client.decode(value)?;
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

/// Passing troubles are worth another try, the others are not.
fn lost(error: anyhow::Error, had_items: bool) -> anyhow::Result<Connection> {
    match error.downcast_ref::<Error>() {
        Some(known) if known.is_passing() => Ok(Connection::Lost { error, had_items }),
        _ => Err(error),
    }
}
