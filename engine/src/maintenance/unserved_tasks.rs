//! Tasks that no live worker can take: none serves their queue, or none that serves it knows their type.
//!
//! The warning is written once, then again after growing intervals, and the end of it once. Each process with
//! maintenance writes it, as each looks for itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::Service;
use crate::{
    clock::Timestamp,
    log,
    model::WorkerInfo,
    store::{self, TaskKind, WaitingTasks},
};

/// Maximum number of queues and types that are remembered, of each kind; more are reported when these are served.
const TYPES_MAX: u64 = 1_000;
/// Interval between the first two warnings about the same tasks; it doubles each time.
const REPEAT_INTERVAL_MIN: Duration = Duration::from_secs(60);
/// Maximum interval between two warnings about the same tasks.
const REPEAT_INTERVAL_MAX: Duration = Duration::from_secs(3_600);

/// Tasks that the same workers can take.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    task_queue: String,
    kind: TaskKind,
    task_type: String,
}

/// What was reported.
#[derive(Debug, Default)]
pub(super) struct Unserved {
    next_look: Option<Timestamp>,
    reported: BTreeMap<Key, Repeat>,
}

#[derive(Debug, Clone, Copy)]
struct Repeat {
    at: Timestamp,
    interval: Duration,
}

impl Unserved {
    /// Looks when it is time to, and logs what changed.
    pub(super) async fn look(&mut self, service: &Service, now: Timestamp) -> Result<(), store::Error> {
        if self.next_look.is_some_and(|next| now < next) {
            return Ok(());
        }
        let waiting = service.store.waiting_tasks(&service.namespace, now, TYPES_MAX).await?;
        // Not before: a look that failed is repeated at once.
        self.next_look = Some(now + service.options.unserved_interval);
        if waiting.is_empty() && self.reported.is_empty() {
            return Ok(());
        }
        let workers = service.store.workers(&service.namespace, service.worker_seen_within, now).await?;
        let mut unserved = BTreeSet::new();
        for tasks in &waiting {
            let key = Key::from(tasks);
            if workers.iter().any(|worker| key.is_taken_by(worker)) {
                continue;
            }
            let waited = now.since(tasks.oldest_since);
            if waited >= service.options.unserved_after && self.is_due(&key, now) {
                let of_queue = workers.iter().filter(|worker| key.is_queue_of(worker)).count();
                log::tasks_unserved(&service.namespace, tasks, waited, of_queue);
            }
            unserved.insert(key);
        }
        self.reported.retain(|key, _| {
            // Without a worker they were closed, which says nothing about workers.
            if !unserved.contains(key) && workers.iter().any(|worker| key.is_taken_by(worker)) {
                log::tasks_served_again(&service.namespace, &key.task_queue, key.kind, &key.task_type);
            }
            unserved.contains(key)
        });
        Ok(())
    }

    /// Whether to write a warning now; the next one is due later.
    fn is_due(&mut self, key: &Key, now: Timestamp) -> bool {
        match self.reported.get_mut(key) {
            Some(repeat) if now < repeat.at => false,
            Some(repeat) => {
                repeat.interval = (repeat.interval * 2).min(REPEAT_INTERVAL_MAX);
                repeat.at = now + repeat.interval;
                true
            }
            None => {
                let repeat = Repeat { at: now + REPEAT_INTERVAL_MIN, interval: REPEAT_INTERVAL_MIN };
                self.reported.insert(key.clone(), repeat);
                true
            }
        }
    }
}

impl Key {
    fn is_taken_by(&self, worker: &WorkerInfo) -> bool {
        let knows_type = match self.kind {
            TaskKind::Workflow => worker.workflow_types.iter().any(|known| known.as_str() == self.task_type),
            TaskKind::Activity => worker.activity_types.iter().any(|known| known.as_str() == self.task_type),
        };
        !worker.draining && knows_type && self.is_queue_of(worker)
    }

    fn is_queue_of(&self, worker: &WorkerInfo) -> bool {
        worker.task_queues.iter().any(|queue| queue.as_str() == self.task_queue)
    }
}

impl From<&WaitingTasks> for Key {
    fn from(tasks: &WaitingTasks) -> Self {
        let WaitingTasks { task_queue, kind, task_type, .. } = tasks;
        Self { task_queue: task_queue.clone(), kind: *kind, task_type: task_type.clone() }
    }
}
