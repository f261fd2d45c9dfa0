//! Activities: the open ones are rows, the closed ones are told by history.

#![warn(clippy::wildcard_enum_match_arm, reason = "a new event must be decided here")]

use std::collections::BTreeMap;

use ctutor_entity::activity_task::{Column, Entity, Model};
use sea_orm::{EntityTrait, QueryFilter, QueryOrder};

use crate::{
    activity::Progress,
    clock::Timestamp,
    history::{ActivityTaskScheduled, ActivityTaskStarted, EventAttributes, HistoryEvent},
    ids::{EventId, RunId},
    model::{Activity, ActivityHeartbeat, ActivityStatus},
    payload::Payload,
    store::{Error, Store, write::claim::attempt},
};

impl Store {
    /// All activities of a run, in the order of their scheduling.
    pub(crate) async fn activities(&self, run_id: RunId) -> Result<Vec<Activity>, Error> {
        // The rows first: an activity that ends between the two reads then shows as ended, not as missing.
        let rows = self.activity_rows(&[run_id]).await?;
        let mut activities: BTreeMap<EventId, Activity> = BTreeMap::new();
        for (_, event, _) in self.histories(&[run_id]).await? {
            fold(&mut activities, run_id, event);
        }
        for row in rows {
            if let Some(activity) = activities.get_mut(&row.scheduled_event_id)
                && activity.closed_at.is_none()
            {
                merge(activity, row);
            }
        }
        Ok(activities.into_values().collect())
    }

    /// The open activities of some runs, by run and in the order of their scheduling.
    pub(crate) async fn pending_activities(&self, run_ids: &[RunId]) -> Result<Vec<Activity>, Error> {
        let rows = self.activity_rows(run_ids).await?;
        let keys: Vec<_> = rows.iter().map(|row| (RunId(row.run_id), row.scheduled_event_id)).collect();
        let mut scheduled = self.scheduled_activities(&keys).await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| {
                let key = (RunId(row.run_id), row.scheduled_event_id);
                let event = scheduled.remove(&key)?;
                let mut activity = new(key.0, key.1, Timestamp(row.scheduled_at_ms), event);
                merge(&mut activity, row);
                Some(activity)
            })
            .collect())
    }

    async fn activity_rows(&self, run_ids: &[RunId]) -> Result<Vec<Model>, Error> {
        Ok(Entity::find()
            .filter(self.reader.dialect.among("activity_task.run_id", run_ids))
            .order_by_asc(Column::RunId)
            .order_by_asc(Column::ScheduledEventId)
            .all(&self.reader)
            .await?)
    }
}

fn new(run_id: RunId, event_id: EventId, at: Timestamp, scheduled: ActivityTaskScheduled) -> Activity {
    let maximum = scheduled.retry_policy.maximum_attempts;
    Activity {
        run_id,
        scheduled_event_id: event_id,
        activity_id: scheduled.activity_id,
        activity_type: scheduled.activity_type,
        status: ActivityStatus::Scheduled,
        task_queue: scheduled.task_queue,
        attempt: 1,
        maximum_attempts: (maximum > 0).then_some(maximum),
        input: scheduled.input,
        result: None,
        last_failure: None,
        scheduled_at: at,
        started_at: None,
        next_attempt_at: None,
        closed_at: None,
        heartbeat: None,
        worker_identity: None,
    }
}

fn fold(activities: &mut BTreeMap<EventId, Activity>, run_id: RunId, event: HistoryEvent) {
    let time = event.time;
    match event.attributes {
        EventAttributes::ActivityTaskScheduled(scheduled) => {
            activities.insert(event.event_id, new(run_id, event.event_id, time, scheduled));
        }
        EventAttributes::ActivityTaskStarted(started) => {
            if let Some(activity) = activities.get_mut(&started.scheduled_event_id) {
                begin(activity, started);
            }
        }
        EventAttributes::ActivityTaskCompleted(e) => {
            if let Some(activity) = close(activities, e.scheduled_event_id, ActivityStatus::Completed, time) {
                activity.result = Some(e.result);
            }
        }
        EventAttributes::ActivityTaskFailed(e) => {
            if let Some(activity) = close(activities, e.scheduled_event_id, ActivityStatus::Failed, time) {
                activity.last_failure = Some(e.failure);
            }
        }
        EventAttributes::ActivityTaskTimedOut(e) => {
            if let Some(activity) = close(activities, e.scheduled_event_id, ActivityStatus::TimedOut, time) {
                activity.last_failure = Some(e.failure);
            }
        }
        EventAttributes::ActivityTaskCanceled(e) => {
            close(activities, e.scheduled_event_id, ActivityStatus::Canceled, time);
        }
        EventAttributes::WorkflowExecutionCompleted(_)
        | EventAttributes::WorkflowExecutionFailed(_)
        | EventAttributes::WorkflowExecutionTimedOut(_)
        | EventAttributes::WorkflowExecutionCanceled(_)
        | EventAttributes::WorkflowExecutionTerminated(_) => close_all(activities, time),
        // An activity whose cancellation is requested is open until it ends.
        EventAttributes::ActivityTaskCancelRequested(_)
        | EventAttributes::WorkflowExecutionStarted(_)
        | EventAttributes::WorkflowExecutionCancelRequested(_)
        | EventAttributes::TimerStarted(_)
        | EventAttributes::TimerFired(_)
        | EventAttributes::TimerCanceled(_) => {}
    }
}

fn begin(activity: &mut Activity, started: ActivityTaskStarted) {
    activity.attempt = started.attempt;
    activity.started_at = Some(started.started_at_ms);
    activity.worker_identity = Some(started.identity);
    activity.last_failure = started.last_failure;
}

fn close(
    activities: &mut BTreeMap<EventId, Activity>,
    event_id: EventId,
    status: ActivityStatus,
    at: Timestamp,
) -> Option<&mut Activity> {
    let activity = activities.get_mut(&event_id)?;
    activity.status = status;
    activity.closed_at = Some(at);
    Some(activity)
}

/// The end of a run stops what it still had open.
fn close_all(activities: &mut BTreeMap<EventId, Activity>, at: Timestamp) {
    for activity in activities.values_mut().filter(|activity| activity.closed_at.is_none()) {
        activity.status = ActivityStatus::Canceled;
        activity.closed_at = Some(at);
    }
}

fn merge(activity: &mut Activity, row: Model) {
    activity.attempt = attempt(row.attempt);
    activity.started_at = row.started_at_ms.map(Timestamp);
    activity.worker_identity = row.worker_identity;
    activity.last_failure = row.last_failure.as_deref().and_then(|text| serde_json::from_str(text).ok());
    activity.status = match (row.owner, activity.attempt) {
        (Some(_), _) => ActivityStatus::Started,
        (None, 1) => ActivityStatus::Scheduled,
        (None, _) => ActivityStatus::BackingOff,
    };
    if row.owner.is_none() {
        activity.started_at = None;
        activity.worker_identity = None;
        activity.next_attempt_at = Some(Timestamp(row.visible_at_ms));
    }
    let progress: Option<Progress> = row.progress.and_then(|text| serde_json::from_str(&text).ok());
    activity.heartbeat = row.heartbeat_at_ms.map(|at| ActivityHeartbeat {
        sequence: row.heartbeat_sequence,
        at: Timestamp(at),
        completed: progress.as_ref().map(|progress| progress.completed),
        total: progress.as_ref().map(|progress| progress.total),
        message: progress.as_ref().map(|progress| progress.message.clone()).filter(|text| !text.is_empty()),
        details: progress
            .and_then(|progress| progress.details)
            .or_else(|| row.checkpoint.map(Payload::trusted)),
    });
}
