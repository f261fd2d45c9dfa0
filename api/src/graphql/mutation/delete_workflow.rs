use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use ctutor_engine::client::{StopError, WorkflowTarget};

use super::user_error;
use crate::{
    Principal,
    app::{App, DeleteRefusal},
    graphql::{
        id::NodeId,
        input::DeleteWorkflowInput,
        types::{DeleteWorkflowPayload, UserError},
    },
};

#[derive(Debug, Default)]
pub(super) struct DeleteWorkflowMutation;

#[Object]
impl DeleteWorkflowMutation {
    /// Delete a run that has ended, including its history. Only administrators may do this.
    #[graphql(complexity = "10 + child_complexity")]
    async fn delete_workflow(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run to delete.")] input: DeleteWorkflowInput,
    ) -> Result<DeleteWorkflowPayload> {
        let workflow = &input.workflow;
        let Some(target) = workflow.target() else { return Ok(refused(user_error::not_found(workflow))) };
        match delete(ctx, &target).await {
            Ok(id) => Ok(DeleteWorkflowPayload { deleted_id: Some(id), user_errors: Vec::new() }),
            Err(refusal) => Ok(refused(user_error::of_delete(refusal, workflow)?)),
        }
    }
}

/// Deletes the very run that is found first: by its workflow id alone, a second call would delete the one before.
async fn delete(ctx: &Context<'_>, target: &WorkflowTarget) -> Result<ID, DeleteRefusal> {
    let app = ctx.data_unchecked::<Arc<App>>();
    let principal = ctx.data_unchecked::<Principal>();
    let found = app.client.describe(&principal.caller(), target).await.map_err(StopError::from)?;
    let run_id = found.ok_or(StopError::NotFound)?.run_id;
    app.delete(principal, &WorkflowTarget::Run(run_id)).await?;
    Ok(NodeId::WorkflowExecution(run_id).into())
}

fn refused(error: UserError) -> DeleteWorkflowPayload {
    DeleteWorkflowPayload { user_errors: vec![error], ..DeleteWorkflowPayload::default() }
}
