use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use super::user_error;
use crate::{
    Principal,
    app::App,
    graphql::{input::StartWorkflowInput, types::WorkflowPayload},
};

#[derive(Debug, Default)]
pub(super) struct StartWorkflowMutation;

#[Object]
impl StartWorkflowMutation {
    /// Start a workflow. Once this mutation has returned a run, the run continues to its end, even if servers or workers fail.
    #[graphql(complexity = "10 + child_complexity")]
    async fn start_workflow(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The workflow to start.")] input: StartWorkflowInput,
    ) -> Result<WorkflowPayload> {
        let app = ctx.data_unchecked::<Arc<App>>();
        let start = match input.into_engine() {
            Ok(start) => start,
            Err(error) => return Ok(refused(error)),
        };
        match app.start(ctx.data_unchecked::<Principal>(), start).await {
            Ok(started) => Ok(WorkflowPayload {
                workflow: Some(started.execution.into()),
                created: started.created,
                user_errors: Vec::new(),
            }),
            Err(refusal) => Ok(refused(user_error::of_start(refusal)?)),
        }
    }
}

fn refused(error: crate::graphql::types::UserError) -> WorkflowPayload {
    WorkflowPayload { user_errors: vec![error], ..WorkflowPayload::default() }
}
