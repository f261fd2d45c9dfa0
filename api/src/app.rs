//! What GraphQL and REST share: the engine, and the rules that come before it.

use ctutor_engine::{
    client::{Client, StartError, StartWorkflow, Started, StopError, WorkflowTarget},
    store,
};

use crate::{Policy, Principal, metrics::Metrics, queues};

/// State that GraphQL and REST share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) client: Client,
    pub(crate) policy: Policy,
    pub(crate) metrics: Metrics,
}

/// Why a start was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartRefusal {
    #[error("only administrators may start `{workflow_type}`{meant}")]
    Forbidden { workflow_type: String, meant: String },
    #[error(
        "only administrators may use the secrets, keys and files of a worker; use the `https` URL of a public repository, \
         without a credential"
    )]
    TooFar { path: Vec<String> },
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Why a deletion was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeleteRefusal {
    #[error("only administrators may delete workflow executions")]
    Forbidden,
    #[error(transparent)]
    Stop(#[from] StopError),
}

impl App {
    /// Starts a run, if the caller may, on the queue that the rules of the course system choose.
    pub(crate) async fn start(
        &self,
        principal: &Principal,
        mut start: StartWorkflow,
    ) -> Result<Started, StartRefusal> {
        if !self.policy.may_start(principal, &start.workflow_type) {
            let meant = self.policy.meant(&start.workflow_type);
            let meant = meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
            return Err(StartRefusal::Forbidden { workflow_type: start.workflow_type, meant });
        }
        if let Some(path) = self.policy.reaches_too_far(principal, &start.input) {
            return Err(StartRefusal::TooFar { path });
        }
        self.choose_queue(&mut start).await.map_err(StartError::from)?;
        let workflow_type = start.workflow_type.clone();
        let started = self.client.start_workflow(&principal.caller(), start).await?;
        if started.created {
            // Counted under the name only once the engine knows it: callers must not make up labels.
            self.metrics.count_start(&workflow_type);
        }
        Ok(started)
    }

    /// Deletes an ended run, if the caller may. A caller who cannot see the run gets the same error as for an unknown one.
    pub(crate) async fn delete(
        &self,
        principal: &Principal,
        target: &WorkflowTarget,
    ) -> Result<(), DeleteRefusal> {
        let caller = principal.caller();
        if self.policy.may_delete(principal) {
            return Ok(self.client.delete_workflow(&caller, target).await?);
        }
        match self.client.describe(&caller, target).await.map_err(StopError::from)? {
            Some(_) => Err(DeleteRefusal::Forbidden),
            None => Err(StopError::NotFound.into()),
        }
    }

    /// Without a queue and with an ordinary priority, the engine uses the type's own queue, so types
    /// are only looked up for other priorities.
    async fn choose_queue(&self, start: &mut StartWorkflow) -> Result<(), store::Error> {
        if start.task_queue.is_some() || queues::of_priority(start.priority) == queues::ORDINARY {
            return Ok(());
        }
        let types = self.client.workflow_types().await?;
        let known = types.iter().find(|known| known.name.as_str() == start.workflow_type);
        if let Some(known) = known {
            start.task_queue =
                Some(queues::choose(None, known.task_queue.as_str(), start.priority).to_owned());
        }
        Ok(())
    }
}
