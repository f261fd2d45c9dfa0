//! Changing.

mod cancel_workflow;
mod delete_workflow;
mod start_workflow;
mod stop;
mod terminate_workflow;
mod user_error;

use async_graphql::MergedObject;

/// Root of all mutations.
#[derive(Debug, Default, MergedObject)]
pub struct Mutation(
    start_workflow::StartWorkflowMutation,
    cancel_workflow::CancelWorkflowMutation,
    terminate_workflow::TerminateWorkflowMutation,
    delete_workflow::DeleteWorkflowMutation,
);
