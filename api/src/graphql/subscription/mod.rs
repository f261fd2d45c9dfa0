//! Watching.

mod workflow_stream;

use async_graphql::MergedSubscription;

/// Watching.
#[derive(Debug, Default, MergedSubscription)]
pub struct Subscription(workflow_stream::WorkflowStreamSubscription);
