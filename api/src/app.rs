//! What GraphQL and REST share: the engine, and the rules that come before it.

use ctutor_engine::{
    client::{Client, StartError, StartField, StartWorkflow, Started, StopError, WorkflowTarget},
    store,
};

use crate::{Policy, Principal, metrics::Metrics, policy::InputRefusal, queues};

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
    #[error("only administrators may start `{workflow_type}`")]
    Forbidden { workflow_type: String },
    #[error(
        "only administrators may use the secrets, keys and files of a worker; use the `https` URL of a public repository, \
         without a credential"
    )]
    TooFar { path: Vec<String> },
    #[error(transparent)]
    Start(#[from] StartError),
}

impl From<InputRefusal> for StartRefusal {
    fn from(refusal: InputRefusal) -> Self {
        match refusal {
            InputRefusal::Forbidden { path } => Self::TooFar { path },
            InputRefusal::Malformed { path, message } => {
                Self::Start(StartError::Invalid { field: StartField::Input, path, message })
            }
        }
    }
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
            // Everybody sees the registered types, and nobody may start another one.
            self.client.check_workflow_type(&start.workflow_type).await?;
            return Err(StartRefusal::Forbidden { workflow_type: start.workflow_type });
        }
        self.policy.check_input(principal, &start.input)?;
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
