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
    /// The latest run with a workflow ID, or the one that `runId` names. Null if it does not exist or the caller may not see it.
    async fn workflow(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Workflow ID of the run.")] workflow_id: String,
        #[graphql(desc = "Run ID or global ID, to select an earlier run.")] run_id: Option<ID>,
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
