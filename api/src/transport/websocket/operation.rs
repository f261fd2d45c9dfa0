//! One operation of a socket, in a task of its own.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_graphql::Executor;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;

use super::super::auth::Authenticate;
use super::super::params::Params;
use super::super::reply::Reply;
use super::super::{Service, execute};
use super::message::FromServer;
use super::writer::{Item, Place};

/// Where the messages of an operation go.
#[derive(Clone)]
pub(super) struct Outlet {
    pub(super) id: Arc<str>,
    pub(super) generation: u64,
    pub(super) queue: mpsc::Sender<Item>,
}

/// Runs an operation to its end, or until its task is aborted.
///
/// The client hears of a panic anywhere in it, and its id becomes free.
pub(super) async fn run<E: Executor, A: Authenticate>(
    service: Arc<Service<E, A>>,
    caller: A::Caller,
    params: Params,
    outlet: Outlet,
) {
    let running = execute_all(service, caller, params, outlet.clone());
    if let Err(panic) = AssertUnwindSafe(running).catch_unwind().await {
        outlet.fail(&Reply::panicked(&*panic)).await;
    }
}

/// A request error is an `error`, which ends the operation; no `complete` follows it.
async fn execute_all<E: Executor, A: Authenticate>(
    service: Arc<Service<E, A>>,
    caller: A::Caller,
    params: Params,
    outlet: Outlet,
) {
    let _open = service.gauges.open_operation();
    let prepared = match service.prepare(&caller, params) {
        Ok(prepared) => prepared,
        Err(error) => return outlet.fail(&Reply::refused(error)).await,
    };
    let mut replies = execute::stream(&service.executor, prepared);
    while let Some(reply) = replies.next().await {
        if reply.is_request_error() {
            return outlet.fail(&reply).await;
        }
        let next = FromServer::Next { id: &outlet.id, payload: &reply };
        // While the queue is full the subscription is not asked for more.
        outlet.send(&next, Place::Between).await;
    }
    // What the operation holds is let go before the client hears of its end.
    drop(replies);
    outlet.send(&FromServer::Complete { id: &outlet.id }, Place::Last).await;
}

impl Outlet {
    async fn fail(&self, reply: &Reply) {
        self.send(&FromServer::Error { id: &self.id, payload: reply.errors() }, Place::Last).await;
    }

    async fn send(&self, message: &FromServer<'_>, place: Place) {
        let item = Item { id: self.id.clone(), generation: self.generation, place, text: message.to_text() };
        // It fails when the socket is gone, and then this task is being aborted.
        let _ = self.queue.send(item).await;
    }
}
