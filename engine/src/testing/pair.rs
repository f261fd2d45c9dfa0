//! A failover of PostgreSQL, with real servers.

use ctutor_tests::{postgres::Server, relay::Relay};
use futures_util::future::join_all;

use crate::{
    client::{Caller, WorkflowTarget},
    ids::{Namespace, RunId},
    store::{DatabaseOptions, Error, Store},
};

/// More than the connections for reading, so that all of them are used.
const READS: usize = 32;

/// A primary with its standby, and a store that reaches them by one address.
pub(crate) struct Pair {
    pub(crate) former: Server,
    pub(crate) next: Server,
    pub(crate) relay: Relay,
    pub(crate) store: Store,
}

impl Pair {
    pub(crate) async fn start() -> Self {
        let servers = tokio::task::spawn_blocking(|| {
            let former = Server::start().unwrap();
            let next = former.standby().unwrap();
            (former, next)
        });
        let (former, next) = servers.await.unwrap();
        let relay = Relay::to(&former).unwrap();
        let store = Store::connect(&DatabaseOptions::new(relay.url("postgres"))).await.unwrap();
        store.migrate().await.unwrap();
        // Whoever is led to the standby finds the tables there.
        let caught_up = tokio::task::spawn_blocking(move || {
            next.catch_up(&former).unwrap();
            (former, next)
        });
        let (former, next) = caught_up.await.unwrap();
        Self { former, next, relay, store }
    }

    /// Makes the standby a primary, to which the address leads then. Sessions stay where they lead.
    pub(crate) async fn fail_over(self) -> Self {
        tokio::task::spawn_blocking(move || {
            self.next.promote(&self.former).unwrap();
            self.relay.lead_to(&self.next);
            self
        })
        .await
        .unwrap()
    }

    pub(crate) async fn read_on_every_session(&self, run_id: RunId) -> Vec<Result<bool, Error>> {
        let (namespace, caller, target) =
            (Namespace::trusted("default"), Caller::engine(), WorkflowTarget::Run(run_id));
        let read = || async { Ok(self.store.execution(&namespace, &caller, &target).await?.is_some()) };
        join_all((0..READS).map(|_| read())).await
    }
}
