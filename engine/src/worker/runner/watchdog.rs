//! Reports workflow code that runs too long without waiting.

use std::time::{Duration, Instant};

use crate::{model::WorkflowExecution, worker::shared::Shared};

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
                duration_ms,
                "code of workflow type `{}` blocked its worker for {duration_ms} ms; move long work to an activity",
                self.workflow_type
            );
        }
    }
}
