//! Watching a run over either of the two transports.

use std::time::Instant;

use anyhow::{Context, Result};
use ctutor_tests::{
    client::{Client, EventStream, Resuming, Subscription},
    wait::DEADLINE,
};
use serde_json::{Value, json};

use crate::runs::Run;

pub(crate) const STREAM: &str = "subscription ($id: ID!, $after: String) {
    workflowStream(id: $id, after: $after) {
        __typename
        ... on StreamItem { at cursor }
        ... on WorkflowSnapshot { workflow { ...State } }
        ... on HistoryAppended { events { sequence type } workflow { ...State } }
        ... on ActivityProgressed {
            activity { type attempt heartbeat { progress completed total message details } }
        }
        ... on StreamReset { reason }
        ... on StreamEnded { workflow { ...State } }
    }
}
fragment State on WorkflowExecution {
    status result failure { type message } historyLength
    pendingActivities { attempt heartbeat { progress completed total } }
}";

#[derive(Debug, Clone, Copy)]
pub(crate) enum Transport {
    WebSocket,
    EventStream,
}

/// A stream under way.
#[derive(Debug)]
pub(crate) enum Live {
    WebSocket(Box<Subscription>),
    EventStream(EventStream),
    Resuming(Box<Resuming>),
}

/// What a stream said, and when it arrived.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) items: Vec<(Instant, Value)>,
}

impl Live {
    pub(crate) async fn open(client: &Client, transport: Transport, run: &Run) -> Result<Self> {
        let variables = json!({ "id": run.id });
        Ok(match transport {
            Transport::WebSocket => Self::WebSocket(Box::new(client.subscribe(STREAM, variables).await?)),
            Transport::EventStream => Self::EventStream(client.event_stream(STREAM, variables).await?),
        })
    }

    /// A stream that goes on from its cursor when the connection breaks.
    pub(crate) fn follow(client: &Client, run: &Run) -> Self {
        Self::Resuming(Box::new(client.follow(STREAM, json!({ "id": run.id }))))
    }

    /// Goes on at another address from the last cursor.
    pub(crate) fn move_to(&mut self, base: &str) {
        if let Self::Resuming(stream) = self {
            stream.move_to(base);
        }
    }

    /// The next item, or none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Value>> {
        let next = async {
            Ok(match self {
                Self::WebSocket(stream) => stream.next().await?.map(|mut data| data["workflowStream"].take()),
                Self::EventStream(stream) => {
                    stream.next().await?.map(|mut data| data["workflowStream"].take())
                }
                Self::Resuming(stream) => stream.next().await?,
            })
        };
        tokio::time::timeout(DEADLINE, next).await.context("the stream is silent")?
    }

    /// Reads on until an item is what is waited for.
    pub(crate) async fn until(
        &mut self,
        record: &mut Record,
        mut found: impl FnMut(&Value) -> bool,
    ) -> Result<()> {
        loop {
            let item = self.next().await?.with_context(|| format!("the stream ended: {record:#?}"))?;
            let is_it = found(&item);
            record.items.push((Instant::now(), item));
            if is_it {
                return Ok(());
            }
        }
    }

    /// Reads on to the end.
    pub(crate) async fn rest(&mut self, record: &mut Record) -> Result<()> {
        while let Some(item) = self.next().await? {
            record.items.push((Instant::now(), item));
        }
        Ok(())
    }
}

impl Record {
    /// States that the run went through, each once.
    pub(crate) fn statuses(&self) -> Vec<&str> {
        let mut statuses: Vec<&str> =
            self.items.iter().filter_map(|(_, item)| item["workflow"]["status"].as_str()).collect();
        statuses.dedup();
        statuses
    }

    /// When the run was first seen in a state.
    pub(crate) fn reached(&self, status: &str) -> Instant {
        self.items.iter().find(|(_, item)| item["workflow"]["status"] == status).unwrap().0
    }

    /// Heartbeats with their time of arrival.
    pub(crate) fn heartbeats(&self) -> Vec<(Instant, &Value)> {
        self.items
            .iter()
            .filter(|(_, item)| item["__typename"] == "ActivityProgressed")
            .map(|(at, item)| (*at, &item["activity"]["heartbeat"]))
            .collect()
    }

    /// Positions of the events that were told one by one.
    pub(crate) fn sequences(&self) -> Vec<i64> {
        let events = self.items.iter().filter_map(|(_, item)| item["events"].as_array()).flatten();
        events.map(|event| event["sequence"].as_i64().unwrap()).collect()
    }

    pub(crate) fn kinds(&self) -> Vec<&str> {
        self.items.iter().map(|(_, item)| item["__typename"].as_str().unwrap()).collect()
    }

    pub(crate) fn last(&self) -> &Value {
        &self.items.last().unwrap().1
    }
}

/// Whether an item is a heartbeat that has come at least this far.
pub(crate) fn has_done(item: &Value, completed: f64) -> bool {
    item["activity"]["heartbeat"]["completed"].as_f64().is_some_and(|done| done >= completed)
}
