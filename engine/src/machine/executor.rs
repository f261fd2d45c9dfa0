//! Polling the workflow's future.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::future::BoxFuture;

use super::SharedCore;
use crate::{payload::Payload, workflow::WorkflowError};

pub(super) type WorkflowFuture = BoxFuture<'static, Result<Payload, WorkflowError>>;

/// What came of a poll.
pub(super) enum Polled {
    /// The code waits for something of ours.
    Waiting,
    /// The code waits, and for nothing of ours.
    ForeignAwait,
    /// The code returned.
    Done(Result<Payload, WorkflowError>),
    /// The code panicked.
    Panicked(String),
}

/// Polls until nothing moves any more.
pub(super) fn poll_until_idle(future: &mut WorkflowFuture, core: &SharedCore) -> Polled {
    let flag = Arc::new(Woken::default());
    let waker = Waker::from(flag.clone());
    loop {
        flag.0.store(false, Ordering::Relaxed);
        core.lock().waits = 0;
        let polled =
            catch_unwind(AssertUnwindSafe(|| Pin::new(&mut *future).poll(&mut Context::from_waker(&waker))));
        match polled {
            Err(panic) => return Polled::Panicked(words_of(panic.as_ref())),
            Ok(Poll::Ready(result)) => return Polled::Done(result),
            Ok(Poll::Pending) if flag.0.load(Ordering::Relaxed) => {}
            // Adapters such as `join_all` poll only those children that were woken, so a poll in which none of
            // our futures spoke proves something only when none of them is open at all.
            Ok(Poll::Pending) if core.lock().waits == 0 && !core.lock().has_open_waits() => {
                return Polled::ForeignAwait;
            }
            Ok(Poll::Pending) => return Polled::Waiting,
        }
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
