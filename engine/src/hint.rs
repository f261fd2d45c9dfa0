//! What the messages on the bus say.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    activity::Progress,
    clock::Timestamp,
    ids::{EventId, Namespace, RunId, TaskQueue, WorkerId},
    notify::{Bus, Topic},
    store::{TaskKind, Wake},
};

/// To those who watch a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunHint {
    /// Its history goes up to this event now.
    History(EventId),
    /// The same, and it has ended with that event.
    Closed(EventId),
    /// An activity reported how far it is.
    Progress(ProgressHint),
}

/// A heartbeat on its way to those who watch; not kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ProgressHint {
    pub(crate) scheduled_event_id: EventId,
    pub(crate) attempt: u32,
    pub(crate) sequence: i64,
    pub(crate) at: Timestamp,
    pub(crate) progress: Progress,
}

/// To a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WorkerHint {
    /// A message lies in the inbox of a run that it holds.
    Inbox(RunId),
    /// A run that it held was closed from outside.
    Closed(RunId),
}

/// To those who serve a queue: something on it is due, at once or at an instant.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct QueueHint {
    pub(crate) kind: TaskKind,
    pub(crate) due: Timestamp,
}

pub(crate) fn encode<T: Serialize>(hint: &T) -> Bytes {
    serde_json::to_vec(hint).expect("hints are made of numbers, texts and identifiers").into()
}

pub(crate) fn publish_history(bus: &dyn Bus, run_id: RunId, last: EventId) {
    bus.publish(&Topic::Run(run_id), encode(&RunHint::History(last)));
}

pub(crate) fn publish_closed(bus: &dyn Bus, run_id: RunId, last: EventId) {
    bus.publish(&Topic::Run(run_id), encode(&RunHint::Closed(last)));
}

/// Tells of something that is due at this instant.
pub(crate) fn publish_wake(bus: &dyn Bus, namespace: &Namespace, run_id: RunId, wake: &Wake, due: Timestamp) {
    match wake {
        Wake::Worker(worker_id) => publish_worker(bus, *worker_id, &WorkerHint::Inbox(run_id)),
        Wake::Queue(queue, kind) => publish_queue(bus, namespace, queue, QueueHint { kind: *kind, due }),
    }
}

pub(crate) fn publish_worker(bus: &dyn Bus, worker_id: WorkerId, hint: &WorkerHint) {
    bus.publish(&Topic::Worker(worker_id), encode(hint));
}

pub(crate) fn publish_queue(bus: &dyn Bus, namespace: &Namespace, queue: &TaskQueue, hint: QueueHint) {
    let topic = Topic::TaskQueue { namespace: namespace.clone(), name: queue.clone() };
    bus.publish(&topic, encode(&hint));
}
