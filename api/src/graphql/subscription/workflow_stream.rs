//! One run, live: a snapshot, then deltas from a cursor.
//!
//! The engine's watch is authoritative for order and completeness: it joins the bus first, reads second and drops
//! what it has sent already. Here items only get their cursors and their GraphQL form.

use std::sync::Arc;

use async_graphql::{Context, Error, ID, Result, Subscription};
use ctutor_engine::{
    client::{self, WatchError, WatchItem, WorkflowTarget},
    ids::{EventId, RunId},
};
use futures_util::{Stream, StreamExt};

use crate::{
    Principal,
    app::App,
    graphql::{
        cursor::{self, EventCursor},
        error::{coded, codes, store_fault},
        id::NodeId,
        scalar::DateTime,
        types::{
            ActivityProgressed, HistoryAppended, HistoryEvent, StreamEnded, StreamReset, WorkflowSnapshot,
            WorkflowStreamItem,
        },
    },
};

#[derive(Debug, Default)]
pub(super) struct WorkflowStreamSubscription;

#[Subscription]
impl WorkflowStreamSubscription {
    /// One run: a snapshot, then every change after it, none missed. Give `after` to go on without the snapshot.
    async fn workflow_stream(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the run.")] id: ID,
        #[graphql(desc = "Cursor of the last item seen.")] after: Option<String>,
        #[graphql(desc = "Also live heartbeats (may be merged: only the latest counts).", default = true)]
        heartbeats: bool,
    ) -> Result<impl Stream<Item = Result<WorkflowStreamItem>>> {
        let app = ctx.data_unchecked::<Arc<App>>().clone();
        let caller = ctx.data_unchecked::<Principal>().caller();
        let run_id = NodeId::parse_run(&id).ok_or_else(not_found)?;
        let found = app.client.describe(&caller, &WorkflowTarget::Run(run_id)).await;
        found.map_err(|error| store_fault(&error))?.ok_or_else(not_found)?;
        let after = after.map(|after| EventCursor::decode_of("after", &after, run_id)).transpose()?;
        let items = app.client.watch(&caller, run_id, after, heartbeats);
        Ok(items.map(move |item| match item {
            Ok(item) => Ok(to_graphql(item, run_id, app.client.clock().now().into())),
            Err(WatchError::NotFound) => Err(not_found()),
            Err(WatchError::Store(error)) => Err(store_fault(&error)),
        }))
    }
}

fn to_graphql(item: WatchItem, run_id: RunId, at: DateTime) -> WorkflowStreamItem {
    let cursor = |event_id: EventId| Some(cursor::encode(&EventCursor { run_id, event_id }));
    let at_end = |execution: &client::WorkflowExecution| cursor(execution.history_length);
    match item {
        WatchItem::Snapshot(execution) => WorkflowStreamItem::from(WorkflowSnapshot {
            cursor: at_end(&execution),
            at,
            workflow: (*execution).into(),
        }),
        WatchItem::Events(events, execution) => {
            let cursor = events.last().and_then(|event| cursor(event.event_id));
            let events = events.into_iter().map(|event| HistoryEvent::new(run_id, event)).collect();
            HistoryAppended { cursor, at, events, workflow: (*execution).into() }.into()
        }
        WatchItem::Progress(activity) => {
            ActivityProgressed { cursor: None, at, activity: (*activity).into() }.into()
        }
        WatchItem::Reset(reason) => StreamReset { cursor: None, at, reason: reason.into() }.into(),
        WatchItem::Ended(execution) => {
            StreamEnded { cursor: at_end(&execution), at, workflow: (*execution).into() }.into()
        }
    }
}

fn not_found() -> Error {
    coded(codes::NOT_FOUND, "no such workflow execution")
}
