use std::sync::Arc;

use async_graphql::{Context, Description, ID, Object, Result};
use ctutor_engine::{history, ids::RunId, payload::Payload};

use super::{Activity, HistoryEventType};
use crate::graphql::{
    extension::charge,
    id::NodeId,
    loader::Loaders,
    scalar::{DateTime, Json},
};

/// One event in the history of a run. Events are never changed.
#[derive(Debug, Clone, Description)]
pub struct HistoryEvent {
    run_id: RunId,
    event: Arc<history::HistoryEvent>,
}

#[Object(use_type_description)]
impl HistoryEvent {
    /// Global ID: `evt_`, the run ID and the sequence.
    pub async fn id(&self) -> ID {
        NodeId::HistoryEvent(self.run_id, self.event.event_id).into()
    }

    /// Position in the history: 1, 2, 3 … without gaps.
    async fn sequence(&self) -> i64 {
        self.event.event_id
    }

    /// Event type.
    #[graphql(name = "type")]
    async fn event_type(&self) -> HistoryEventType {
        self.event.event_type().into()
    }

    /// When the event was recorded (UTC).
    async fn at(&self) -> DateTime {
        self.event.time.into()
    }

    /// Attributes of the event, with Temporal's names. Durations are in milliseconds and have names that end in `Ms`.
    async fn attributes(&self, ctx: &Context<'_>) -> Result<Json> {
        let attributes = self.event.attributes.to_json();
        charge(ctx, attributes.len())?;
        Ok((&Payload::parse(attributes)?).into())
    }

    /// The activity that the event is about; null if it is not about an activity.
    #[graphql(complexity = "5 + child_complexity")]
    async fn activity(&self, ctx: &Context<'_>) -> Option<Result<Activity>> {
        let scheduled = self.event.scheduled_event_id()?;
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
