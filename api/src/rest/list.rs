use std::collections::HashMap;

use axum::{Json, extract::State};
use ctutor_engine::{
    client::{Activity, PageDirection, PageRequest, Waiter, WorkflowFilter, WorkflowOrder},
    clock::Timestamp,
    ids::RunId,
};
use serde::Serialize;

use super::{
    Twin,
    caller::Caller,
    error::Error,
    query::{self, Parameters},
    status,
    task_info::{TaskInfo, View},
};

/// The count of tasks stops here.
const TOTAL_MAX: u32 = 1_000_000;

/// Tasks of a response when nothing is said, unless the configured page size is smaller.
const LIMIT_DEFAULT: u32 = 100;

/// Runs in memory at once: until they are cut to rows, each has its whole input and result.
const RUNS_AT_ONCE: u32 = 25;

/// Part of the list of tasks, newest first.
#[derive(Debug, Serialize)]
pub(super) struct Tasks {
    tasks: Vec<TaskInfo>,
    total: u32,
    limit: u32,
    offset: u32,
    has_more: bool,
}

pub(super) async fn list(
    State(twin): State<Twin>,
    Caller(principal): Caller,
    parameters: Parameters,
) -> Result<Json<Tasks>, Error> {
    let parameters = query::known(parameters, &["limit", "offset", "status"])?;
    let (client, caller) = (&twin.app.client, principal.caller());
    let limit_max = client.limits().page_items_max;
    let limit = query::number(&parameters, "limit", "an integer", 1..=limit_max)?;
    let limit = limit.unwrap_or(LIMIT_DEFAULT.min(limit_max));
    let offset =
        query::number(&parameters, "offset", "an integer", 0..=i32::MAX.unsigned_abs())?.unwrap_or(0);
    // One instant for the whole response, so that filter, count and tasks agree on what waits.
    let now = client.clock().now();
    let filter = match parameters.get("status") {
        Some(word) => status::filter(word, now)?,
        None => WorkflowFilter::default(),
    };

    let order = WorkflowOrder::default();
    let mut tasks: Vec<TaskInfo> = Vec::new();
    let mut cursor = None;
    let has_more = loop {
        let told = u32::try_from(tasks.len()).unwrap_or(u32::MAX);
        let items = limit.saturating_sub(told).min(RUNS_AT_ONCE);
        let offset = if cursor.is_none() { offset } else { 0 };
        let page = PageRequest { items, direction: PageDirection::Forward, cursor, offset };
        let found = client.list_waiters(&caller, &filter, order, &page).await;
        let found = found.map_err(|error| Error::store(&error))?;
        tasks.extend(rows(&twin, &found.items, now).await?);
        cursor = found.items.last().map(|last| last.execution.cursor(order.field));
        if !found.has_next || tasks.len() >= limit as usize {
            break found.has_next;
        }
    };
    let total = client.count(&caller, &filter, TOTAL_MAX).await.map_err(|error| Error::store(&error))?;
    Ok(Json(Tasks { tasks, total, limit, offset, has_more }))
}

/// Adds the open activities of the runs, with one query for all.
async fn rows(twin: &Twin, found: &[Waiter], now: Timestamp) -> Result<Vec<TaskInfo>, Error> {
    let runs = found.iter().map(|waiter| &waiter.execution);
    let open: Vec<RunId> = runs.filter(|run| !run.status.is_closed()).map(|run| run.run_id).collect();
    let mut pending: HashMap<RunId, Vec<Activity>> = HashMap::new();
    if !open.is_empty() {
        let found = twin.app.client.pending_activities(&open).await.map_err(|error| Error::store(&error))?;
        for activity in found {
            pending.entry(activity.run_id).or_default().push(activity);
        }
    }
    let of_run = |run: &Waiter| pending.get(&run.execution.run_id).map_or(&[][..], Vec::as_slice);
    Ok(found.iter().map(|run| TaskInfo::new(run, of_run(run), View::Row, now)).collect())
}
