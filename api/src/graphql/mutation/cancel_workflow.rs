use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use super::{stop, user_error};
use crate::{
    Principal,
    app::App,
    graphql::{input::StopWorkflowInput, types::StopWorkflowPayload},
};

#[derive(Debug, Default)]
pub(super) struct CancelWorkflowMutation;

#[Object]
impl CancelWorkflowMutation {
    /// Request the cancellation of a run. Its code may clean up before it ends. A run that has ended does not change.
    #[graphql(complexity = "10 + child_complexity")]
    async fn cancel_workflow(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run to cancel.")] input: StopWorkflowInput,
    ) -> Result<StopWorkflowPayload> {
        let Some(target) = input.workflow.target() else {
            return Ok(stop::refused(user_error::not_found(&input.workflow)));
        };
        let caller = ctx.data_unchecked::<Principal>().caller();
        let client = &ctx.data_unchecked::<Arc<App>>().client;
        stop::payload(client.cancel_workflow(&caller, &target, input.reason).await, &input.workflow)
    }
}
