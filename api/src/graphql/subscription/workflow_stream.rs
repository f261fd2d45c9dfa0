//! One run, live: a snapshot, then deltas from a cursor.
//!
//! The engine's watch is authoritative for order and completeness: it joins the bus first, reads second and drops
//! what it has sent already. Here items only get their cursors and their GraphQL form.

use std::sync::Arc;

use async_graphql::{Context, Error, ID, Result, Subscription};
use ctutor_engine::{
    client::{self, WatchError, WatchItem, WorkflowTarget},
    history,
    ids::{EventId, RunId},
};
use futures_util::{Stream, StreamExt, stream};

use crate::{
    Principal,
    app::App,
    graphql::{
        cursor::{self, EventCursor},
        error::{coded, codes, store_fault},
        extension::Bounds,
        id::NodeId,
        scalar::DateTime,
        types::{
            ActivityProgressed, HistoryAppended, HistoryEvent, StreamEnded, StreamReset, WorkflowSnapshot,
            WorkflowStreamItem,
        },
    },
};

/// The share of an item's bytes that its events may take. The rest is for the run and the activities beside them.
const EVENTS_SHARE: usize = 4;

#[derive(Debug, Default)]
pub(super) struct WorkflowStreamSubscription;

#[Subscription]
impl WorkflowStreamSubscription {
    /// Watch a run: a snapshot first, then every change without gaps. Pass `after` to resume without the snapshot.
    async fn workflow_stream(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the run.")] id: ID,
        #[graphql(desc = "Cursor of the last item that the client has received.")] after: Option<String>,
        #[graphql(
            desc = "Whether to send heartbeats of activities. Only the latest of several quick ones may be sent.",
            default = true
        )]
        heartbeats: bool,
    ) -> Result<impl Stream<Item = Result<WorkflowStreamItem>>> {
        let app = ctx.data_unchecked::<Arc<App>>().clone();
        let caller = ctx.data_unchecked::<Principal>().caller();
        let run_id = NodeId::parse_run(&id).ok_or_else(not_found)?;
        let found = app.client.describe(&caller, &WorkflowTarget::Run(run_id)).await;
        found.map_err(|error| store_fault(&error))?.ok_or_else(not_found)?;
        let after = after.map(|after| EventCursor::decode_of("after", &after, run_id)).transpose()?;
        let items = app.client.watch(&caller, run_id, after, heartbeats);
        let events_bytes_max = ctx.data_unchecked::<Bounds>().response_bytes_max / EVENTS_SHARE;
        let items = items.flat_map(move |item| match item {
            Ok(WatchItem::Events(events, execution)) => {
                let parts = split(events, events_bytes_max).into_iter();
                let items = parts.map(move |events| Ok(WatchItem::Events(events, execution.clone())));
                stream::iter(items.collect::<Vec<_>>())
            }
            other => stream::iter(vec![other]),
        });
        Ok(items.map(move |item| match item {
            Ok(item) => Ok(to_graphql(item, run_id, app.client.clock().now().into())),
            Err(WatchError::NotFound) => Err(not_found()),
            Err(WatchError::Store(error)) => Err(store_fault(&error)),
        }))
    }
}

/// Events that have room in an item together. No client could ask for less of one item than its events.
fn split(events: Vec<history::HistoryEvent>, bytes_max: usize) -> Vec<Vec<history::HistoryEvent>> {
    if events.len() <= 1 {
        return vec![events];
    }
    let (mut parts, mut part, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
    for event in events {
        let size = event.attributes.to_json().len();
        if bytes + size > bytes_max && !part.is_empty() {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
        }
        bytes += size;
        part.push(event);
    }
    parts.push(part);
    parts
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
    coded(codes::NOT_FOUND, "the workflow execution does not exist, or you may not see it")
}
