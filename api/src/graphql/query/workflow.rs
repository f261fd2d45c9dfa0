use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use ctutor_engine::{client::WorkflowTarget, ids::WorkflowId};

use crate::{
    Principal,
    app::App,
    graphql::{error::store_fault, id::NodeId, types::WorkflowExecution},
};

#[derive(Debug, Default)]
pub(super) struct WorkflowQuery;

#[Object]
impl WorkflowQuery {
    /// A run by workflow id: the latest one unless `runId` names another. Null when missing or not visible.
    async fn workflow(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The caller's workflow id.")] workflow_id: String,
        #[graphql(desc = "A certain run: its global id or its run id.")] run_id: Option<ID>,
    ) -> Option<Result<WorkflowExecution>> {
        let workflow_id = WorkflowId::parse(workflow_id).ok()?;
        let target = match run_id {
            Some(run_id) => WorkflowTarget::Run(NodeId::parse_run(&run_id).or_else(|| run_id.parse().ok())?),
            None => WorkflowTarget::Workflow(workflow_id.clone()),
        };
        let caller = ctx.data_unchecked::<Principal>().caller();
        match ctx.data_unchecked::<Arc<App>>().client.describe(&caller, &target).await {
            Ok(execution) => {
                execution.filter(|found| found.workflow_id == workflow_id).map(|found| Ok(found.into()))
            }
            Err(error) => Some(Err(store_fault(&error))),
        }
    }
}
