//! Watching.

mod workflow_stream;

use async_graphql::MergedSubscription;

/// Root of all subscriptions.
#[derive(Debug, Default, MergedSubscription)]
pub struct Subscription(workflow_stream::WorkflowStreamSubscription);
