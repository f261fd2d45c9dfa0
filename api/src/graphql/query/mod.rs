//! Reading.

mod node;
mod task_queues;
mod viewer;
mod workers;
mod workflow;
mod workflow_types;
mod workflows;

use async_graphql::MergedObject;

/// Root of all queries.
#[derive(Debug, Default, MergedObject)]
pub struct Query(
    node::NodeQuery,
    viewer::ViewerQuery,
    workflow::WorkflowQuery,
    workflows::WorkflowsQuery,
    workflow_types::WorkflowTypesQuery,
    task_queues::TaskQueuesQuery,
    workers::WorkersQuery,
);
