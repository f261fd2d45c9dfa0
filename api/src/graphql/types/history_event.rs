use std::sync::Arc;

use async_graphql::{Context, Description, ID, Object, Result};
use ctutor_engine::{
    history::{self, EventAttributes},
    ids::{EventId, RunId},
};

use super::{Activity, HistoryEventType};
use crate::graphql::{
    extension::charge,
    id::NodeId,
    loader::Loaders,
    scalar::{DateTime, Json},
};

/// One immutable fact in a run's history.
#[derive(Debug, Clone, Description)]
pub struct HistoryEvent {
    run_id: RunId,
    event: Arc<history::HistoryEvent>,
}

#[Object(use_type_description)]
impl HistoryEvent {
    /// Global id: `evt_`, the run and the sequence.
    pub async fn id(&self) -> ID {
        NodeId::HistoryEvent(self.run_id, self.event.event_id).into()
    }

    /// Position in the history: 1, 2, 3… without gaps.
    async fn sequence(&self) -> i64 {
        self.event.event_id
    }

    /// What happened.
    #[graphql(name = "type")]
    async fn event_type(&self) -> HistoryEventType {
        self.event.event_type().into()
    }

    /// Recorded.
    async fn at(&self) -> DateTime {
        self.event.time.into()
    }

    /// Fields of this type, with Temporal's names; lengths of time are milliseconds with names that end in `Ms`.
    async fn attributes(&self, ctx: &Context<'_>) -> Result<Json> {
        let attributes = self.event.attributes.to_json();
        charge(ctx, attributes.len())?;
        let attributes: serde_json::Value = serde_json::from_str(&attributes)?;
        Ok(attributes.into())
    }

    /// The activity concerned.
    #[graphql(complexity = "5 + child_complexity")]
    async fn activity(&self, ctx: &Context<'_>) -> Option<Result<Activity>> {
        let scheduled = scheduled_event_id(&self.event)?;
        let activities = match ctx.data_unchecked::<Loaders>().activities(self.run_id).await {
            Ok(activities) => activities,
            Err(error) => return Some(Err(error)),
        };
        activities.into_iter().find(|activity| activity.get().scheduled_event_id == scheduled).map(Ok)
    }
}

impl HistoryEvent {
    pub(in crate::graphql) fn new(run_id: RunId, event: history::HistoryEvent) -> Self {
        Self { run_id, event: Arc::new(event) }
    }
}

/// The event that scheduled the activity of an event, if the event is about one.
fn scheduled_event_id(event: &history::HistoryEvent) -> Option<EventId> {
    match &event.attributes {
        EventAttributes::ActivityTaskScheduled(_) => Some(event.event_id),
        EventAttributes::ActivityTaskStarted(attributes) => Some(attributes.scheduled_event_id),
        EventAttributes::ActivityTaskCompleted(attributes) => Some(attributes.scheduled_event_id),
        EventAttributes::ActivityTaskFailed(attributes) => Some(attributes.scheduled_event_id),
        EventAttributes::ActivityTaskTimedOut(attributes) => Some(attributes.scheduled_event_id),
        EventAttributes::ActivityTaskCancelRequested(attributes) => Some(attributes.scheduled_event_id),
        EventAttributes::ActivityTaskCanceled(attributes) => Some(attributes.scheduled_event_id),
        _ => None,
    }
}
