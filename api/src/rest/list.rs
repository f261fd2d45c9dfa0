use std::collections::HashMap;

use axum::{Json, extract::State};
use ctutor_engine::{
    client::{Activity, Page, PageDirection, PageRequest, Waiter, WorkflowFilter, WorkflowOrder},
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
    task_info::TaskInfo,
};

/// Counting stops here.
const TOTAL_MAX: u32 = 1_000_000;

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
    let limit = query::number(&parameters, "limit", 100, 1..=1_000)?;
    let offset = query::number(&parameters, "offset", 0, 0..=i32::MAX.unsigned_abs())?;
    // One instant for all that is told: the filter, the count and each task then agree on what waits.
    let now = twin.app.client.clock().now();
    let filter = match parameters.get("status") {
        Some(word) => status::filter(word, now)?,
        None => WorkflowFilter::default(),
    };
    let page = PageRequest { items: limit, direction: PageDirection::Forward, cursor: None, offset };

    let (client, caller) = (&twin.app.client, principal.caller());
    let found = client.list_waiters(&caller, &filter, WorkflowOrder::default(), &page).await;
    let found = found.map_err(|error| Error::store(&error))?;
    let total = client.count(&caller, &filter, TOTAL_MAX).await.map_err(|error| Error::store(&error))?;
    Ok(Json(Tasks {
        tasks: infos(&twin, &found, now).await?,
        total,
        limit,
        offset,
        has_more: found.has_next,
    }))
}

/// Fills in what the rows of the runs do not tell, with one query for all.
async fn infos(twin: &Twin, page: &Page<Waiter>, now: Timestamp) -> Result<Vec<TaskInfo>, Error> {
    let runs = page.items.iter().map(|waiter| &waiter.execution);
    let open: Vec<RunId> = runs.filter(|run| !run.status.is_closed()).map(|run| run.run_id).collect();
    let mut pending: HashMap<RunId, Vec<Activity>> = HashMap::new();
    if !open.is_empty() {
        let found = twin.app.client.pending_activities(&open).await.map_err(|error| Error::store(&error))?;
        for activity in found {
            pending.entry(activity.run_id).or_default().push(activity);
        }
    }
    let of_run = |run: &Waiter| pending.get(&run.execution.run_id).map_or(&[][..], Vec::as_slice);
    Ok(page.items.iter().map(|run| TaskInfo::new(run, of_run(run), now)).collect())
}
