//! Watching a run: a snapshot, then every change after it, each exactly once.
//!
//! The watch subscribes to the bus before it reads the history. A hint says how long the history is; the events after
//! the last one that was sent are read from the database and sent in order. A gap of the bus and a timer lead to the
//! same reading, so lost hints cost only time, and so does a database that is unavailable for a while.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use futures_util::{Stream, stream};

use super::{
    Activity, ActivityHeartbeat, Caller, Client, ResetReason, WatchItem, WorkflowExecution, WorkflowTarget,
};
use crate::{
    chain,
    clock::Timestamp,
    hint::{ProgressHint, RunHint},
    ids::{EventId, RunId},
    notify::{Delivery, GapCause, Subscription, Topic},
    store,
};

/// Why a watch ends before the run does.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// There is no such run, or the caller may not see it.
    #[error("the workflow execution does not exist, or you may not see it")]
    NotFound,
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Whether heartbeats are sent too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heartbeats {
    /// The latest of each activity, as they come.
    Include,
    /// Events only.
    Omit,
}

impl Client {
    /// Watches a run: first a snapshot, unless `after` names the last event that was seen; then events and
    /// heartbeats as they come; at last [`WatchItem::Ended`]. An error ends the stream, but once it has begun, a
    /// database that is unavailable does not: it continues when the database is back.
    pub fn watch(
        &self,
        caller: &Caller,
        run_id: RunId,
        after: Option<EventId>,
        heartbeats: bool,
    ) -> impl Stream<Item = Result<WatchItem, WatchError>> + Send + 'static + use<> {
        let heartbeats = if heartbeats { Heartbeats::Include } else { Heartbeats::Omit };
        let watch = Watch {
            client: self.clone(),
            caller: caller.clone(),
            run_id,
            heartbeats,
            after,
            last_sent: 0,
            subscription: None,
            look_at: Duration::ZERO,
            owes_snapshot: false,
            queue: VecDeque::new(),
            activities: HashMap::new(),
            phase: Phase::Begin,
        };
        stream::unfold(watch, |mut watch| async move { watch.next().await.map(|item| (item, watch)) })
    }
}

struct Watch {
    client: Client,
    caller: Caller,
    run_id: RunId,
    heartbeats: Heartbeats,
    after: Option<EventId>,
    last_sent: EventId,
    subscription: Option<Subscription>,
    /// The uptime at which the database is read even without a hint.
    look_at: Duration,
    /// A reset was announced.
    owes_snapshot: bool,
    queue: VecDeque<WatchItem>,
    /// The open activities, which are sent with their heartbeats.
    activities: HashMap<EventId, Arc<Activity>>,
    phase: Phase,
}

#[derive(PartialEq, Eq)]
enum Phase {
    Begin,
    Live,
    Over,
}

impl Watch {
    async fn next(&mut self) -> Option<Result<WatchItem, WatchError>> {
        loop {
            if let Some(item) = self.queue.pop_front() {
                return Some(Ok(item));
            }
            let step = match self.phase {
                Phase::Over => return None,
                Phase::Begin => self.begin().await,
                Phase::Live => self.live().await,
            };
            match step {
                Ok(()) => {}
                Err(WatchError::Store(error)) if self.phase == Phase::Live && error.is_unavailable() => {
                    tracing::debug!(run.id = %self.run_id, error = %chain(&error), "a watch waits for the database");
                    self.wait_for_next_look().await;
                }
                Err(error) => {
                    self.phase = Phase::Over;
                    return Some(Err(error));
                }
            }
        }
    }

    async fn begin(&mut self) -> Result<(), WatchError> {
        self.subscription = Some(self.client.bus.subscribe(&Topic::Run(self.run_id)).await);
        let execution = self.execution().await?;
        match self.after {
            Some(after) if after > execution.history_length || after < 0 => {
                self.queue.push_back(WatchItem::Reset(ResetReason::CursorExpired));
                self.snapshot(execution);
            }
            Some(after) => self.last_sent = after,
            None => self.snapshot(execution),
        }
        self.phase = Phase::Live;
        self.look().await
    }

    fn snapshot(&mut self, execution: WorkflowExecution) {
        self.last_sent = execution.history_length;
        self.queue.push_back(WatchItem::Snapshot(Box::new(execution)));
    }

    /// Reads all news from the database.
    async fn look(&mut self) -> Result<(), WatchError> {
        self.catch_up().await?;
        if self.heartbeats == Heartbeats::Include && self.phase == Phase::Live {
            self.show_activities().await?;
        }
        Ok(())
    }

    /// Sends the progress of open activities if it is new: for watchers that join late, and if hints were lost.
    async fn show_activities(&mut self) -> Result<(), WatchError> {
        let pending = self.client.store.pending_activities(&[self.run_id]).await?;
        self.forget_closed(&pending);
        for activity in pending {
            let seen = self.activities.get(&activity.scheduled_event_id).map(|known| reported(known));
            let news = Some(reported(&activity));
            // Progress from the bus may be newer than the stored sample.
            if news < seen {
                continue;
            }
            if news > seen && activity.heartbeat.is_some() {
                self.queue.push_back(WatchItem::Progress(Box::new(activity.clone())));
            }
            self.activities.insert(activity.scheduled_event_id, Arc::new(activity));
        }
        Ok(())
    }

    /// Removes closed activities: a heartbeat that arrives after the end is not news.
    fn forget_closed(&mut self, pending: &[Activity]) {
        let pending: HashSet<EventId> = pending.iter().map(|activity| activity.scheduled_event_id).collect();
        self.activities.retain(|scheduled_event_id, _| pending.contains(scheduled_event_id));
    }

    async fn live(&mut self) -> Result<(), WatchError> {
        if self.owes_snapshot {
            return self.restart().await;
        }
        let clock = &self.client.clock;
        let timer = clock.sleep(self.look_at.saturating_sub(clock.uptime()));
        let subscription = self.subscription.as_mut().expect("the first phase subscribed");
        let delivery = tokio::select! {
            biased;
            // First, so that many hints of one kind cannot delay the read that replaces lost hints of another.
            () = timer => None,
            delivery = subscription.recv() => Some(delivery),
        };
        match delivery {
            None => self.look().await,
            Some(Delivery::Gap(cause)) => self.reset(cause).await,
            Some(Delivery::Message(message)) => self.on_hints(&message).await,
        }
    }

    /// Hints were lost: a client may start again from the snapshot. No event is omitted.
    async fn reset(&mut self, cause: GapCause) -> Result<(), WatchError> {
        self.queue.push_back(WatchItem::Reset(match cause {
            GapCause::SlowListener => ResetReason::SlowConsumer,
            GapCause::LostBroker => ResetReason::BrokerGap,
        }));
        self.owes_snapshot = true;
        self.restart().await
    }

    async fn restart(&mut self) -> Result<(), WatchError> {
        self.look_at = self.next_look();
        let execution = self.send_events().await?;
        self.queue.push_back(WatchItem::Snapshot(Box::new(execution.clone())));
        self.owes_snapshot = false;
        self.activities.clear();
        self.conclude(execution);
        if self.heartbeats == Heartbeats::Include && self.phase == Phase::Live {
            self.show_activities().await?;
        }
        Ok(())
    }

    /// Processes a hint and all that already wait: only the latest heartbeat of each activity counts.
    async fn on_hints(&mut self, first: &[u8]) -> Result<(), WatchError> {
        let (mut history, mut gap) = (0, None);
        // In the order of scheduling.
        let mut progress: BTreeMap<EventId, ProgressHint> = BTreeMap::new();
        let mut message = Some(bytes::Bytes::copy_from_slice(first));
        while let Some(text) = message.take() {
            match serde_json::from_slice(&text) {
                Ok(RunHint::History(last) | RunHint::Closed(last)) => history = history.max(last),
                Ok(RunHint::Progress(hint)) => {
                    progress.insert(hint.scheduled_event_id, hint);
                }
                Err(error) => {
                    tracing::debug!(error = %chain(&error), "a hint about a run cannot be read; polling replaces it");
                }
            }
            let subscription = self.subscription.as_mut().expect("the first phase subscribed");
            match subscription.try_recv() {
                Some(Delivery::Message(next)) => message = Some(next),
                Some(Delivery::Gap(cause)) => gap = Some(cause),
                None => {}
            }
        }
        if let Some(cause) = gap {
            self.reset(cause).await?;
        } else if history > self.last_sent {
            self.catch_up().await?;
        }
        if self.heartbeats == Heartbeats::Include && self.phase == Phase::Live {
            for hint in progress.into_values() {
                self.on_progress(hint).await?;
            }
        }
        Ok(())
    }

    async fn on_progress(&mut self, hint: ProgressHint) -> Result<(), WatchError> {
        if !self.activities.contains_key(&hint.scheduled_event_id) {
            let pending = self.client.store.pending_activities(&[self.run_id]).await?;
            self.forget_closed(&pending);
            for activity in pending {
                self.activities.entry(activity.scheduled_event_id).or_insert_with(|| Arc::new(activity));
            }
        }
        // A heartbeat may arrive before the commit of its activity, or after its end.
        let Some(known) = self.activities.get(&hint.scheduled_event_id) else { return Ok(()) };
        if (hint.attempt, hint.sequence) <= reported(known) {
            return Ok(());
        }
        let mut activity = Activity::clone(known);
        activity.attempt = hint.attempt;
        activity.status = super::ActivityStatus::Started;
        activity.started_at = activity.started_at.or(Some(hint.at));
        activity.heartbeat = Some(heartbeat(hint));
        self.activities.insert(activity.scheduled_event_id, Arc::new(activity.clone()));
        self.queue.push_back(WatchItem::Progress(Box::new(activity)));
        Ok(())
    }

    /// Sends all events that were not sent, and the end of the run.
    async fn catch_up(&mut self) -> Result<(), WatchError> {
        self.look_at = self.next_look();
        let execution = self.send_events().await?;
        self.conclude(execution);
        Ok(())
    }

    /// Sends all events that were not sent, and returns the run as it is after the last of them.
    async fn send_events(&mut self) -> Result<WorkflowExecution, WatchError> {
        let page = self.client.limits.history_page_items_max;
        // The run is read before its events, so that it never shows an end whose event would follow.
        let mut execution = self.execution().await?;
        while self.last_sent < execution.history_length {
            let events = self.client.history(self.run_id, self.last_sent, page, &[]).await?;
            let Some(last) = events.last() else { break };
            self.last_sent = last.event_id;
            if self.last_sent > execution.history_length {
                execution = self.execution().await?;
            }
            self.queue.push_back(WatchItem::Events(events, Box::new(execution.clone())));
        }
        Ok(execution)
    }

    fn conclude(&mut self, execution: WorkflowExecution) {
        if execution.status.is_closed() && self.last_sent >= execution.history_length {
            self.queue.push_back(WatchItem::Ended(Box::new(execution)));
            self.phase = Phase::Over;
            self.subscription = None;
        }
    }

    fn next_look(&self) -> Duration {
        self.client.clock.uptime() + self.client.limits.watch_interval
    }

    async fn wait_for_next_look(&mut self) {
        self.client.clock.sleep(self.client.limits.watch_interval).await;
        // At once: hints that arrived meanwhile wait in the subscription, and may be more than it holds.
        self.look_at = Duration::ZERO;
    }

    async fn execution(&self) -> Result<WorkflowExecution, WatchError> {
        let target = WorkflowTarget::Run(self.run_id);
        self.client.describe(&self.caller, &target).await?.ok_or(WatchError::NotFound)
    }
}

/// Attempt and number of the latest known heartbeat of an activity.
fn reported(activity: &Activity) -> (u32, i64) {
    (activity.attempt, activity.heartbeat.as_ref().map_or(0, |heartbeat| heartbeat.sequence))
}

fn heartbeat(hint: ProgressHint) -> ActivityHeartbeat {
    let ProgressHint { sequence, at, progress, .. } = hint;
    let at: Timestamp = at;
    ActivityHeartbeat {
        sequence,
        at,
        completed: Some(progress.completed),
        total: Some(progress.total),
        message: (!progress.message.is_empty()).then_some(progress.message),
        details: progress.details,
    }
}
