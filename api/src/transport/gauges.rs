//! What is open now.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

/// Numbers of open sockets, operations and streams. A cheap handle: clones show the same numbers.
#[derive(Clone, Default)]
pub struct Gauges {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    sockets: watch::Sender<usize>,
    operations: watch::Sender<usize>,
    event_streams: watch::Sender<usize>,
}

impl Gauges {
    /// Open WebSockets, initialised or not.
    pub fn sockets(&self) -> usize {
        *self.inner.sockets.borrow()
    }

    /// Operations that run over WebSockets.
    pub fn operations(&self) -> usize {
        *self.inner.operations.borrow()
    }

    /// Open event streams.
    pub fn event_streams(&self) -> usize {
        *self.inner.event_streams.borrow()
    }

    /// Waits until nothing is open, as a server does after it has stopped to listen.
    ///
    /// Sockets outlive the HTTP connection they came from, so the server itself does not wait for them.
    pub async fn idle(&self) {
        for gauge in [&self.inner.sockets, &self.inner.operations, &self.inner.event_streams] {
            // The sender lives as long as `self`, so the wait cannot fail.
            let _ = gauge.subscribe().wait_for(|count| *count == 0).await;
        }
    }

    pub(super) fn open_socket(&self) -> Open {
        Open::new(self, |inner| &inner.sockets)
    }

    pub(super) fn open_operation(&self) -> Open {
        Open::new(self, |inner| &inner.operations)
    }

    pub(super) fn open_event_stream(&self) -> Open {
        Open::new(self, |inner| &inner.event_streams)
    }
}

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gauges")
            .field("sockets", &self.sockets())
            .field("operations", &self.operations())
            .field("event_streams", &self.event_streams())
            .finish()
    }
}

/// Counts one for as long as it lives.
pub(super) struct Open {
    inner: Arc<Inner>,
    gauge: fn(&Inner) -> &watch::Sender<usize>,
}

impl Open {
    fn new(gauges: &Gauges, gauge: fn(&Inner) -> &watch::Sender<usize>) -> Self {
        let inner = gauges.inner.clone();
        gauge(&inner).send_modify(|count| *count += 1);
        Self { inner, gauge }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        (self.gauge)(&self.inner).send_modify(|count| *count -= 1);
    }
}
