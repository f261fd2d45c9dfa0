//! Runs that exceeded their execution timeout.

use super::Service;
use crate::{
    clock::millis,
    failure::Failure,
    hint::{self, WorkerHint},
    history::WorkflowExecutionTimedOut,
    ids::RunId,
    log,
    model::WorkflowStatus,
    store::{self, CloseOutput, CloseRun},
};

/// Maximum number of runs that one look ends.
const RUNS_MAX: u64 = 500;

pub(super) async fn end(service: &Service) -> Result<(), store::Error> {
    let now = service.clock.now();
    let overdue = service.store.overdue_runs(now, RUNS_MAX).await?;
    let runs: Vec<RunId> = overdue.iter().map(|(run_id, _)| *run_id).collect();
    let names = service.names(&runs).await;
    for (run_id, timeout) in overdue {
        let message = format!("the workflow exceeded its execution timeout of {} s", timeout.as_secs_f64());
        let failure = Failure::new("Timeout", message);
        let close = CloseRun {
            run_id,
            status: WorkflowStatus::TimedOut.as_str(),
            event: WorkflowExecutionTimedOut { workflow_execution_timeout_ms: millis(timeout) }.into(),
            failure: serde_json::to_string(&failure).ok(),
            now,
        };
        if let CloseOutput::Closed { worker, last_event_id } = service.store.write(close).await? {
            if let Some(names) = names.get(&run_id) {
                log::run_timed_out(service.run_of(run_id, names), &names.task_queue, timeout);
            }
            hint::publish_closed(&*service.bus, run_id, last_event_id);
            if let Some(worker) = worker {
                hint::publish_worker(&*service.bus, worker, &WorkerHint::Closed(run_id));
            }
        }
    }
    Ok(())
}
