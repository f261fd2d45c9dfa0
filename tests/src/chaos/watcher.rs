//! Following a run from cursor to cursor, however often the connection breaks.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::{
    door::{Door, is_passing},
    pace,
    plan::{Beginning, Transport, Watch},
};
use crate::client::{Client, EventStream, Subscription, SubscriptionError};

const STREAM: &str = "subscription ($id: ID!, $after: String, $heartbeats: Boolean!) { \
    workflowStream(id: $id, after: $after, heartbeats: $heartbeats) { __typename \
    ... on WorkflowSnapshot { cursor workflow { status historyLength } } \
    ... on HistoryAppended { cursor events { sequence type } workflow { status historyLength } } \
    ... on ActivityProgressed { activity { attempt heartbeat { sequence } } } \
    ... on StreamReset { reason } \
    ... on StreamEnded { cursor workflow { status historyLength } } } }";

const FIRST: &str = "query ($id: ID!) { node(id: $id) { ... on WorkflowExecution { \
                     history(first: 1) { edges { cursor node { sequence type } } } } } }";

/// How long a watcher that comes after the end may wait for it, a broker that does not answer included.
const LATE_MAX: Duration = Duration::from_secs(10);

/// What a watcher has seen.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// The first event that was sent as an event; those before it were part of the snapshot.
    pub(super) first: i64,
    /// Types of the events that were sent.
    pub(super) types: Vec<String>,
    pub(super) status: String,
    pub(super) history_length: i64,
    pub(super) reconnects: usize,
    pub(super) gaps: usize,
    pub(super) ended_at: Instant,
    /// From the last connection to the end.
    pub(super) last_connection: Duration,
}

enum Stream {
    WebSocket(Box<Subscription>),
    ServerSentEvents(EventStream),
}

/// How a stream went on.
enum Next {
    Item(Value),
    Complete,
    /// The connection, or the server behind it, is gone.
    Broken,
}

/// Follows a run to its end.
pub(super) async fn follow(door: Door, id: &str, watch: Watch, choice: usize) -> Result<Seen> {
    follow_with(door, id, watch, choice, Record::default()).await
}

/// Follows a run that has ended, of which there must be nothing but its past to be seen.
pub(super) async fn follow_late(door: Door, id: &str, watch: Watch, choice: usize) -> Result<Seen> {
    let record = Record { late: true, ..Record::default() };
    let seen = follow_with(door, id, watch, choice, record).await?;
    let waited = seen.last_connection;
    ensure!(waited < LATE_MAX, "it took {waited:?} to hear of an end that was past");
    Ok(seen)
}

async fn follow_with(
    mut door: Door,
    id: &str,
    watch: Watch,
    choice: usize,
    mut record: Record,
) -> Result<Seen> {
    if watch.from == Beginning::FirstEvent {
        record.begin(&first(&mut door, id, choice).await?)?;
    }
    let mut connects = 0;
    loop {
        let client = door.open(choice + connects).await?;
        record.connected_at = Some(Instant::now());
        if let Some(mut stream) = open(&client, id, watch.transport, &record).await? {
            connects += 1;
            loop {
                match stream.next().await? {
                    Next::Item(item) => {
                        record.take(&item).with_context(|| format!("in {item}"))?;
                    }
                    Next::Complete if record.end.is_some() => return record.seen(connects - 1),
                    Next::Complete => bail!("the stream was complete before the run had ended"),
                    Next::Broken if record.end.is_some() => return record.seen(connects - 1),
                    Next::Broken => break,
                }
            }
        }
        pace::let_run(Duration::from_millis(100)).await;
    }
}

/// The first event with its cursor.
async fn first(door: &mut Door, id: &str, choice: usize) -> Result<Value> {
    loop {
        let client = door.open(choice).await?;
        if let Ok(answer) = client.execute(FIRST, json!({ "id": id })).await {
            let edge = &answer.body["data"]["node"]["history"]["edges"][0];
            if edge.is_object() {
                return Ok(edge.clone());
            }
            ensure!(is_passing(&answer.body["errors"]), "there is no first event: {}", answer.body);
        }
        pace::let_run(Duration::from_millis(100)).await;
    }
}

async fn open(client: &Client, id: &str, transport: Transport, record: &Record) -> Result<Option<Stream>> {
    let variables = json!({ "id": id, "after": record.cursor, "heartbeats": record.heartbeats() });
    match transport {
        Transport::WebSocket => match client.subscribe(STREAM, variables).await {
            Ok(subscription) => Ok(Some(Stream::WebSocket(Box::new(subscription)))),
            Err(error) if is_loss(&error) => Ok(None),
            Err(error) => bail!(error),
        },
        // A refusal shows in the stream itself, so what fails here is the server.
        Transport::ServerSentEvents => {
            Ok(client.event_stream(STREAM, variables).await.ok().map(Stream::ServerSentEvents))
        }
    }
}

impl Stream {
    async fn next(&mut self) -> Result<Next> {
        match self {
            Self::WebSocket(subscription) => match subscription.next().await {
                Ok(Some(item)) => Ok(Next::Item(item)),
                Ok(None) => Ok(Next::Complete),
                Err(error) if is_loss(&error) => Ok(Next::Broken),
                Err(error) => bail!(error),
            },
            Self::ServerSentEvents(stream) => match stream.next().await {
                Ok(Some(item)) => Ok(Next::Item(item)),
                Ok(None) => Ok(Next::Complete),
                Err(error) if is_refusal(&error) => Err(error),
                Err(_) => Ok(Next::Broken),
            },
        }
    }
}

/// Whether a stream ended by a fault of the service, not by one of what it stands on.
fn is_refusal(error: &anyhow::Error) -> bool {
    let text = error.to_string();
    text.starts_with("the subscription failed") && !text.contains("\"UNAVAILABLE\"")
}

fn is_loss(error: &SubscriptionError) -> bool {
    match error {
        SubscriptionError::Closed { code, .. } => !(4400..4500).contains(code),
        SubscriptionError::Broken(_) => true,
        SubscriptionError::Failed(errors) => is_passing(errors),
        SubscriptionError::Unexpected(_) => false,
    }
}

#[derive(Default)]
struct Record {
    cursor: Option<String>,
    /// Where the first snapshot stood, and where the events stand that followed it.
    first: Option<i64>,
    last: i64,
    types: Vec<String>,
    gaps: usize,
    gap_open: bool,
    end: Option<(String, i64, Instant)>,
    /// It came when the run had ended.
    late: bool,
    connected_at: Option<Instant>,
}

impl Record {
    /// Whether heartbeats are asked for: both kinds of stream must keep the order.
    fn heartbeats(&self) -> bool {
        self.types.len().is_multiple_of(2)
    }

    /// Takes the first event as seen.
    fn begin(&mut self, edge: &Value) -> Result<()> {
        self.first = Some(1);
        self.cursor = Some(edge["cursor"].as_str().context("an event has a cursor")?.to_owned());
        self.take_event(&edge["node"])
    }

    fn take(&mut self, item: &Value) -> Result<()> {
        let item = &item["workflowStream"];
        ensure!(self.end.is_none(), "an item came after the end");
        let is_past = |item: &Value| item["workflow"]["status"].as_str().is_some_and(is_end);
        ensure!(!self.late || is_past(item), "the run has ended, but goes on");
        if let Some(cursor) = item["cursor"].as_str() {
            self.cursor = Some(cursor.to_owned());
        }
        let length = item["workflow"]["historyLength"].as_i64();
        match item["__typename"].as_str() {
            Some("WorkflowSnapshot") => self.take_snapshot(length.context("a snapshot has a length")?),
            Some("HistoryAppended") => {
                let events = item["events"].as_array().context("there are events")?;
                events.iter().try_for_each(|event| self.take_event(event))?;
                ensure!(length >= Some(self.last), "the run is behind its events");
                Ok(())
            }
            Some("ActivityProgressed") => Ok(()),
            Some("StreamReset") => {
                ensure!(item["reason"] != "CURSOR_EXPIRED", "a cursor was refused");
                self.gaps += 1;
                self.gap_open = true;
                Ok(())
            }
            Some("StreamEnded") => {
                let length = length.context("the end has a length")?;
                ensure!(length == self.last, "the end is at {length}, but the last event is {}", self.last);
                let status = item["workflow"]["status"].as_str().context("the end has a status")?;
                ensure!(is_end(status), "`{status}` is not a final state");
                self.end = Some((status.to_owned(), length, Instant::now()));
                Ok(())
            }
            other => bail!("unexpected item {other:?}"),
        }
    }

    fn take_snapshot(&mut self, length: i64) -> Result<()> {
        if self.first.is_none() {
            self.first = Some(length + 1);
            self.last = length;
            return Ok(());
        }
        ensure!(std::mem::take(&mut self.gap_open), "a snapshot came though nothing was missed");
        ensure!(length == self.last, "a snapshot at {length} after event {}", self.last);
        Ok(())
    }

    fn take_event(&mut self, event: &Value) -> Result<()> {
        let sequence = event["sequence"].as_i64().context("an event has a number")?;
        ensure!(sequence == self.last + 1, "event {sequence} came after event {}", self.last);
        self.last = sequence;
        self.types.push(event["type"].as_str().context("an event has a type")?.to_owned());
        Ok(())
    }

    fn seen(self, reconnects: usize) -> Result<Seen> {
        let (status, history_length, ended_at) = self.end.context("it has ended")?;
        Ok(Seen {
            first: self.first.context("a stream begins with a snapshot")?,
            types: self.types,
            status,
            history_length,
            reconnects,
            gaps: self.gaps,
            ended_at,
            last_connection: self.connected_at.map_or(Duration::ZERO, |at| ended_at.duration_since(at)),
        })
    }
}

fn is_end(status: &str) -> bool {
    ["COMPLETED", "FAILED", "CANCELED", "TERMINATED"].contains(&status)
}
