//! From claimed tasks to attempts.

use std::collections::HashMap;

use super::Attempt;
use crate::{
    ids::{EventId, RunId},
    payload::Payload,
    store::{self, ClaimedActivityTask},
    worker::shared::Shared,
};

/// Reads what claimed tasks need besides their rows.
pub(in crate::worker) async fn load(
    shared: &Shared,
    claimed: Vec<ClaimedActivityTask>,
) -> Result<Vec<Attempt>, store::Error> {
    let keys: Vec<(RunId, EventId)> =
        claimed.iter().map(|task| (task.run_id, task.scheduled_event_id)).collect();
    let run_ids: Vec<RunId> = keys.iter().map(|(run_id, _)| *run_id).collect();
    let mut scheduled: HashMap<_, _> = shared.store.scheduled_activities(&keys).await?;
    let names = shared.store.run_names(&shared.namespace, &run_ids).await?;
    Ok(claimed
        .into_iter()
        .filter_map(|task| {
            let names = names.get(&task.run_id)?;
            Some(Attempt {
                run_id: task.run_id,
                scheduled_event_id: task.scheduled_event_id,
                workflow_id: names.workflow_id.clone(),
                workflow_type: names.workflow_type.clone(),
                scheduled: scheduled.remove(&(task.run_id, task.scheduled_event_id))?,
                scheduled_at: task.scheduled_at,
                number: task.attempt,
                checkpoint: task.checkpoint.and_then(|text| Payload::parse(text).ok()),
                last_failure: task.last_failure.and_then(|text| serde_json::from_str(&text).ok()),
                worker_losses: task.worker_losses,
                cancel_requested: task.cancel_requested,
                durable: true,
            })
        })
        .collect())
}
