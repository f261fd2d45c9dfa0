//! Execution with panics caught.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use async_graphql::parser::types::OperationType;
use async_graphql::{Executor, Request};
use futures_util::stream::{self, BoxStream, Fuse};
use futures_util::{FutureExt, StreamExt};

use super::document::Prepared;
use super::reply::Reply;

/// Executes a query or mutation.
pub(super) async fn once<E: Executor>(executor: &E, request: Request) -> Reply {
    // The executor keeps no state between requests that a panic could leave half changed.
    match AssertUnwindSafe(executor.execute(request)).catch_unwind().await {
        Ok(response) => Reply::new(response),
        Err(panic) => Reply::panicked(&*panic),
    }
}

/// Executes any operation, giving its replies as they come.
///
/// A subscription that cannot be opened gives a single request error.
pub(super) fn stream<E: Executor>(executor: &E, prepared: Prepared) -> BoxStream<'static, Reply> {
    let Prepared { request, operation_type } = prepared;
    let replies = AssertUnwindSafe(executor.execute_stream(request, None)).catch_unwind().map(reply).boxed();
    if operation_type != OperationType::Subscription {
        return replies;
    }
    let opening = Opening { replies: replies.fuse(), next: None, is_open: false };
    stream::unfold(opening, Opening::advance).boxed()
}

fn reply(result: Result<async_graphql::Response, Box<dyn Any + Send>>) -> Reply {
    match result {
        Ok(response) => Reply::new(response),
        // A subscription ends with the panic, so no further event can make good for it.
        Err(panic) => Reply::panicked(&*panic).into_request_error(),
    }
}

/// Tells a failure to subscribe from a failing event: only after the former does the stream end at once.
struct Opening {
    replies: Fuse<BoxStream<'static, Reply>>,
    next: Option<Reply>,
    is_open: bool,
}

impl Opening {
    async fn advance(mut self) -> Option<(Reply, Self)> {
        if let Some(reply) = self.next.take() {
            return Some((reply, self));
        }
        let mut reply = self.replies.next().await?;
        if !self.is_open && reply.is_failure() {
            match self.replies.next().now_or_never() {
                Some(None) => reply = reply.into_request_error(),
                Some(next) => self.next = next,
                None => {}
            }
        }
        self.is_open = true;
        Some((reply, self))
    }
}
