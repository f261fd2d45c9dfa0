//! The messages on the bus.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    activity::Progress,
    clock::Timestamp,
    ids::{EventId, Namespace, RunId, TaskQueue, WorkerId},
    notify::{Bus, Topic},
    store::{TaskKind, Wake},
};

/// For watchers of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunHint {
    /// Its history now ends with this event.
    History(EventId),
    /// It closed with this event.
    Closed(EventId),
    /// An activity reported progress.
    Progress(ProgressHint),
}

/// Progress for watchers; not stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ProgressHint {
    pub(crate) scheduled_event_id: EventId,
    pub(crate) attempt: u32,
    pub(crate) sequence: i64,
    pub(crate) at: Timestamp,
    pub(crate) progress: Progress,
}

/// For a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WorkerHint {
    /// A run that it holds has a new message.
    Inbox(RunId),
    /// A run that it held was closed from outside.
    Closed(RunId),
}

/// For the workers of a task queue: a task is due, now or at a given time.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct QueueHint {
    pub(crate) kind: TaskKind,
    pub(crate) due: Timestamp,
}

pub(crate) fn encode<T: Serialize>(hint: &T) -> Bytes {
    serde_json::to_vec(hint).expect("hints consist of numbers, strings and identifiers").into()
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
