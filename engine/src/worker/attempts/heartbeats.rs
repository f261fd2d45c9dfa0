//! The two kinds of heartbeats.
//!
//! Progress is for display: the latest is published on the bus, at most every so often, and sampled to the
//! database more rarely. Checkpoints are stored as fast as the database takes them, the latest in place of those
//! that waited. Both renew the heartbeat timeout, and the response to each stored one says whether cancellation was requested.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::worker::shared::Shared;
use crate::{
    activity::{ActivityError, Heartbeat, HeartbeatSink, Progress},
    clock::Timestamp,
    hint::{self, ProgressHint, RunHint},
    log::outage::Duty,
    notify::Topic,
    payload::Payload,
    store::{self, ActivityLease, HeartbeatOutput, StoredHeartbeat},
};

/// In the log lines of an outage.
const STORE: Duty = Duty::single("storing a heartbeat");

/// Heartbeats of the activity that are not forwarded yet.
#[derive(Default)]
pub(super) struct Heartbeats {
    said: Mutex<Said>,
    news: Notify,
}

#[derive(Default)]
struct Said {
    count: i64,
    checkpoint: Option<Payload>,
    progress: Option<Progress>,
    fault: Option<ActivityError>,
}

/// Why forwarding ended before the activity did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PumpEnd {
    /// No heartbeat arrived within the heartbeat timeout.
    Silence,
    /// The activity sent a checkpoint that cannot be stored; see [`Heartbeats::take_fault`].
    Fault,
}

impl Heartbeats {
    /// The error of a checkpoint that cannot be stored, if there was one.
    pub(super) fn take_fault(&self) -> Option<ActivityError> {
        self.said().fault.take()
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeartbeatSink for Heartbeats {
    fn heartbeat(&self, heartbeat: Heartbeat) {
        let mut said = self.said();
        said.count += 1;
        match heartbeat {
            Heartbeat::Checkpoint(payload) => said.checkpoint = Some(payload),
            Heartbeat::Progress(progress) => said.progress = Some(progress),
            Heartbeat::Alive => {}
            Heartbeat::Unusable(error) => said.fault = Some(error),
        }
        drop(said);
        self.news.notify_one();
    }
}

type Storing = BoxFuture<'static, Result<HeartbeatOutput, store::Error>>;

/// Forwards heartbeats while the activity runs.
pub(super) struct Pump {
    shared: Arc<Shared>,
    heartbeats: Arc<Heartbeats>,
    lease: ActivityLease,
    canceled: CancellationToken,
    lost: CancellationToken,
    sequence: i64,
    last_checkpoint: Option<Payload>,
    unstored_checkpoint: Option<Payload>,
    unpublished: Option<Progress>,
    unsampled: Option<Progress>,
    publish_after: Timestamp,
    sample_after: Timestamp,
    storing: Option<Storing>,
}

impl Pump {
    pub(super) fn new(
        shared: Arc<Shared>,
        heartbeats: Arc<Heartbeats>,
        lease: ActivityLease,
        canceled: CancellationToken,
        lost: CancellationToken,
    ) -> Self {
        Self {
            shared,
            heartbeats,
            lease,
            canceled,
            lost,
            sequence: 0,
            last_checkpoint: None,
            unstored_checkpoint: None,
            unpublished: None,
            unsampled: None,
            publish_after: Timestamp(0),
            sample_after: Timestamp(0),
            storing: None,
        }
    }

    /// Forwards the heartbeats of the activity.
    pub(super) async fn run(&mut self, timeout_ms: Option<i64>) -> PumpEnd {
        let mut last_heartbeat = self.shared.clock.now();
        loop {
            self.pass_on();
            let now = self.shared.clock.now();
            let expires = timeout_ms.map(|ms| Timestamp(last_heartbeat.0.saturating_add(ms)));
            if expires.is_some_and(|expires| expires <= now) {
                return PumpEnd::Silence;
            }
            let next = [expires, self.next_due()].into_iter().flatten().min().unwrap_or(Timestamp::NEVER);
            let clock = self.shared.clock.clone();
            tokio::select! {
                () = self.heartbeats.news.notified() => {
                    last_heartbeat = clock.now();
                    self.take();
                    if self.heartbeats.said().fault.is_some() {
                        return PumpEnd::Fault;
                    }
                }
                output = stored(&mut self.storing) => self.on_stored(output),
                () = clock.sleep_until(next) => {}
            }
        }
    }

    /// Forwards the last heartbeat and returns the last checkpoint, which is reported with the end of the attempt.
    pub(super) async fn finish(mut self, lost: bool) -> Option<Payload> {
        self.take();
        if lost {
            return None;
        }
        if let Some(progress) = self.unpublished.take() {
            self.publish(progress);
        }
        if let Some(storing) = self.storing.take() {
            // Its failure costs nothing: the end of the attempt carries the checkpoint.
            let _ = storing.await;
        }
        self.last_checkpoint
    }

    fn take(&mut self) {
        let mut said = self.heartbeats.said();
        self.sequence = said.count;
        if let Some(checkpoint) = said.checkpoint.take() {
            self.unstored_checkpoint = Some(checkpoint.clone());
            self.last_checkpoint = Some(checkpoint);
        }
        if let Some(progress) = said.progress.take() {
            self.unpublished = Some(progress.clone());
            self.unsampled = Some(progress);
        }
    }

    fn next_due(&self) -> Option<Timestamp> {
        let publish = self.unpublished.as_ref().map(|_| self.publish_after);
        let sample = (self.storing.is_none() && self.unsampled.is_some()).then_some(self.sample_after);
        [publish, sample].into_iter().flatten().min()
    }

    fn pass_on(&mut self) {
        let now = self.shared.clock.now();
        if now >= self.publish_after
            && let Some(progress) = self.unpublished.take()
        {
            self.publish_after = now + self.shared.options.progress_interval;
            self.publish(progress);
        }
        if self.storing.is_none() {
            self.store(now);
        }
    }

    fn publish(&self, progress: Progress) {
        let hint = RunHint::Progress(ProgressHint {
            scheduled_event_id: self.lease.scheduled_event_id,
            attempt: self.lease.attempt,
            sequence: self.sequence,
            at: self.shared.clock.now(),
            progress,
        });
        self.shared.bus.publish(&Topic::Run(self.lease.run_id), hint::encode(&hint));
    }

    fn store(&mut self, now: Timestamp) {
        let sample = if now >= self.sample_after { self.unsampled.take() } else { None };
        let checkpoint = self.unstored_checkpoint.take();
        if sample.is_none() && checkpoint.is_none() {
            return;
        }
        if sample.is_some() {
            self.sample_after = now + self.shared.options.progress_sample_interval;
        }
        let heartbeat = StoredHeartbeat {
            lease: self.lease,
            sequence: self.sequence,
            checkpoint: checkpoint.map(|payload| payload.as_str().to_owned()),
            progress: sample
                .map(|progress| serde_json::to_string(&progress).expect("progress has a JSON form")),
            at: now,
        };
        let store = self.shared.store.clone();
        self.storing = Some(async move { store.write(heartbeat).await }.boxed());
    }

    fn on_stored(&mut self, output: Result<HeartbeatOutput, store::Error>) {
        self.storing = None;
        match output {
            Ok(HeartbeatOutput::Alive) => {}
            Ok(HeartbeatOutput::CancelRequested) => self.canceled.cancel(),
            Ok(HeartbeatOutput::Lost) => {
                // An attempt whose first commit is in progress has no row yet.
                let key = (self.lease.run_id, self.lease.scheduled_event_id);
                let durable =
                    self.shared.attempts().get(&key).is_none_or(|attempt| attempt.durable_since.is_some());
                if durable {
                    self.lost.cancel();
                }
            }
            Err(error) => self.shared.store.failed_meanwhile(STORE, &error, self.shared.clock.now()),
        }
    }
}

/// Waits for the write in progress; forever if there is none.
async fn stored(storing: &mut Option<Storing>) -> Result<HeartbeatOutput, store::Error> {
    match storing {
        Some(storing) => storing.await,
        None => std::future::pending().await,
    }
}
