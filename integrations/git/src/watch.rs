use std::{fmt, sync::Arc};

use tokio_util::sync::CancellationToken;

/// How a caller follows a checkout and cancels it.
#[derive(Clone, Default)]
pub struct Watch {
    /// Cancels the checkout.
    pub cancel: CancellationToken,
    /// Called often, and from another thread; it must return quickly.
    pub progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
}

/// The progress of a checkout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Receiving { objects: u64, objects_total: u64, received_bytes: u64 },
    Writing { files: u64, bytes: u64 },
}

impl Watch {
    pub fn new(cancel: CancellationToken) -> Self {
        Self { cancel, progress: None }
    }

    #[must_use]
    pub fn on_progress(mut self, progress: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }

    pub(crate) fn tell(&self, progress: Progress) {
        if let Some(listener) = &self.progress {
            listener(progress);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("canceled", &self.cancel.is_cancelled()).finish_non_exhaustive()
    }
}
