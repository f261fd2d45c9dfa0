//! Reports code that does not come to a wait.

use std::time::{Duration, Instant};

use crate::{client::WorkflowExecution, worker::shared::Shared};

/// Measures one activation.
pub(super) struct Watchdog {
    begun: Instant,
    limit: Duration,
    workflow_type: String,
}

impl Watchdog {
    pub(super) fn begin(shared: &Shared, execution: &WorkflowExecution) -> Self {
        Self {
            begun: Instant::now(),
            limit: shared.options.deadlock_timeout,
            workflow_type: execution.workflow_type.to_string(),
        }
    }

    pub(super) fn end(self) {
        let took = self.begun.elapsed();
        if took > self.limit {
            let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            tracing::error!(
                workflow.r#type = self.workflow_type,
                duration_ms,
                "workflow `{}` blocked its worker for {duration_ms} ms; long work belongs into an activity",
                self.workflow_type
            );
        }
    }
}
