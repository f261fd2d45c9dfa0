//! Waiting for the end of a run, for callers who want only its result.

use std::pin::pin;

use super::{Caller, Client, WorkflowExecution, WorkflowTarget};
use crate::{
    hint::RunHint,
    ids::RunId,
    notify::{Delivery, Subscription, Topic},
    store,
};

impl Client {
    /// Waits until a run has closed or `enough` ends, and returns the run as it is then.
    /// `None` if there is no such run or the caller may not see it.
    ///
    /// # Errors
    /// [`store::Error`] when the database cannot be read.
    pub async fn wait_for_end(
        &self,
        caller: &Caller,
        run_id: RunId,
        enough: impl Future<Output = ()>,
    ) -> Result<Option<WorkflowExecution>, store::Error> {
        // The bus is joined before the run is read, so that an end in between is not missed.
        let mut subscription = self.bus.subscribe(&Topic::Run(run_id)).await;
        let target = WorkflowTarget::Run(run_id);
        let mut enough = pin!(enough);
        let mut waits = true;
        loop {
            let execution = self.describe(caller, &target).await?;
            if !waits || execution.as_ref().is_none_or(|execution| execution.status.is_closed()) {
                return Ok(execution);
            }
            tokio::select! {
                () = self.may_have_ended(&mut subscription) => {}
                () = &mut enough => waits = false,
            }
        }
    }

    /// Returns at a hint that the run has ended, or when hints may have been lost.
    async fn may_have_ended(&self, subscription: &mut Subscription) {
        let hinted = async {
            while let Delivery::Message(message) = subscription.recv().await {
                // A hint that cannot be read is replaced by the next look.
                if let Ok(RunHint::Closed(_)) = serde_json::from_slice(&message) {
                    break;
                }
            }
        };
        tokio::select! {
            () = hinted => {}
            () = self.clock.sleep(self.limits.watch_interval) => {}
        }
    }
}
