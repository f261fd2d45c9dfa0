//! Stopping and deleting workflow executions.

use super::{Caller, Client, StopError, Stopped, WorkflowExecution, WorkflowStatus, WorkflowTarget};
use crate::{
    hint::{self, WorkerHint},
    history::{WorkflowExecutionCancelRequested, WorkflowExecutionTerminated},
    ids::{EventId, RunId, WorkerId},
    store::{self, CancelOutput, CancelRun, CloseOutput, CloseRun, DeleteRun},
};

/// Maximum length of a reason in bytes.
const REASON_BYTES_MAX: usize = 1_000;

impl Client {
    /// Requests cancellation of a run, so that its code can clean up. A run that is closed, or whose cancellation was
    /// requested before, does not change.
    ///
    /// # Errors
    /// [`StopError::NotFound`], [`StopError::InvalidReason`] for a reason that is too long, [`StopError::Store`].
    pub async fn cancel_workflow(
        &self,
        caller: &Caller,
        target: &WorkflowTarget,
        reason: Option<String>,
    ) -> Result<Stopped, StopError> {
        let execution = self.open_target(caller, target, reason.as_deref()).await?;
        let run_id = execution.run_id;
        let request = WorkflowExecutionCancelRequested { reason, identity: Some(caller.subject.clone()) };
        let output = self.store.try_write(CancelRun { run_id, request, now: self.clock.now() }).await?;
        let changed = match output {
            CancelOutput::Requested(wake) => {
                hint::publish_wake(&*self.bus, &self.namespace, run_id, &wake, self.clock.now());
                true
            }
            CancelOutput::Closed { worker, last_event_id } => {
                self.closed(run_id, worker, last_event_id);
                true
            }
            CancelOutput::AlreadyRequested(wake) => {
                hint::publish_wake(&*self.bus, &self.namespace, run_id, &wake, self.clock.now());
                false
            }
            CancelOutput::NotOpen => false,
        };
        self.stopped(caller, execution, changed).await
    }

    /// Closes a run at once, without telling its code. A run that is closed does not change.
    ///
    /// # Errors
    /// [`StopError::NotFound`], [`StopError::InvalidReason`] for a reason that is too long, [`StopError::Store`].
    pub async fn terminate_workflow(
        &self,
        caller: &Caller,
        target: &WorkflowTarget,
        reason: Option<String>,
    ) -> Result<Stopped, StopError> {
        let execution = self.open_target(caller, target, reason.as_deref()).await?;
        let run_id = execution.run_id;
        let close = CloseRun {
            run_id,
            status: WorkflowStatus::Terminated.as_str(),
            event: WorkflowExecutionTerminated { reason, identity: Some(caller.subject.clone()) }.into(),
            failure: None,
            now: self.clock.now(),
        };
        let output = self.store.try_write(close).await?;
        let CloseOutput::Closed { worker, last_event_id } = output else {
            return self.stopped(caller, execution, false).await;
        };
        self.closed(run_id, worker, last_event_id);
        self.stopped(caller, execution, true).await
    }

    /// Notifies the watchers of a run, and the worker that held it, that it was closed from outside.
    pub(super) fn closed(&self, run_id: RunId, worker: Option<WorkerId>, last_event_id: EventId) {
        hint::publish_closed(&*self.bus, run_id, last_event_id);
        if let Some(worker) = worker {
            hint::publish_worker(&*self.bus, worker, &WorkerHint::Closed(run_id));
        }
    }

    /// Deletes a closed run with its history.
    ///
    /// # Errors
    /// [`StopError::NotFound`], [`StopError::StillOpen`], [`StopError::Store`].
    pub async fn delete_workflow(&self, caller: &Caller, target: &WorkflowTarget) -> Result<(), StopError> {
        let execution = self.target(caller, target).await?;
        if !execution.status.is_closed() {
            return Err(StopError::StillOpen);
        }
        let deleted = self.store.try_write(DeleteRun { run_id: execution.run_id }).await?;
        if deleted { Ok(()) } else { Err(StopError::NotFound) }
    }

    async fn open_target(
        &self,
        caller: &Caller,
        target: &WorkflowTarget,
        reason: Option<&str>,
    ) -> Result<WorkflowExecution, StopError> {
        if reason.is_some_and(|reason| reason.len() > REASON_BYTES_MAX || reason.contains('\0')) {
            let message = format!("a reason has at most {REASON_BYTES_MAX} bytes and no U+0000");
            return Err(StopError::InvalidReason { message });
        }
        self.target(caller, target).await
    }

    async fn target(&self, caller: &Caller, target: &WorkflowTarget) -> Result<WorkflowExecution, StopError> {
        let execution = self.describe(caller, target).await.map_err(store::Error::before_any_write)?;
        execution.ok_or(StopError::NotFound)
    }

    /// The run as it is now.
    async fn stopped(
        &self,
        caller: &Caller,
        before: WorkflowExecution,
        changed: bool,
    ) -> Result<Stopped, StopError> {
        let now = self.describe(caller, &WorkflowTarget::Run(before.run_id)).await?;
        Ok(Stopped { execution: now.unwrap_or(before), changed })
    }
}
