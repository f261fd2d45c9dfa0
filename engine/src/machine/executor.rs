//! Polls the workflow's future.
//!
//! The code finds a runtime without timers and sockets, so that those of tokio refuse it at once. The waker knows on which
//! thread, and when, the machine works on the run. A wake-up from anywhere else comes from outside the workflow: a timer
//! of another library, a thread, or a channel whose other end is outside.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
    thread::ThreadId,
};

use futures_util::future::BoxFuture;
use tokio::runtime::Runtime;

use super::core::SharedCore;
use crate::{payload::Payload, workflow::WorkflowError};

/// Maximum number of polls of one activation; code that wakes itself more often would never stop.
const POLLS_MAX: u32 = 10_000;

/// How the panics of tokio's timers and sockets begin in a runtime that has none.
const REFUSED_BY_TOKIO: &str = "A Tokio 1.x context was found, but";

/// The runtime that workflow code finds. It drives nothing: a task that is spawned on it never runs.
static INERT: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime without drivers needs nothing of the system")
});

type WorkflowFuture = BoxFuture<'static, Result<Payload, WorkflowError>>;

/// Result of an activation.
pub(super) enum Polled {
    /// The code waits for an activity, a timer or a cancel request.
    Waiting,
    /// The code waits for something that is not from its context, or was woken by it.
    ForeignAwait,
    /// The code returned a result or an error.
    Done(Result<Payload, WorkflowError>),
    /// The code panicked, with this message.
    Panicked(String),
}

/// The code of a run, until it has ended. It is polled and dropped here only, because its destructors may panic as
/// well as the rest of it.
pub(super) struct Code(Option<WorkflowFuture>);

impl Code {
    pub(super) fn new(future: impl Future<Output = Result<Payload, WorkflowError>> + Send + 'static) -> Self {
        // The runtime's budget would make some of its futures wait for a wake-up that does not come here.
        Self(Some(Box::pin(tokio::task::unconstrained(future))))
    }

    /// A future that has returned must not be polled again, so it is dropped then.
    fn poll(&mut self, cx: &mut Context<'_>) -> Result<Poll<Result<Payload, WorkflowError>>, String> {
        let Some(future) = &mut self.0 else { return Ok(Poll::Pending) };
        let inert = INERT.enter();
        let polled = caught(|| future.as_mut().poll(cx))?;
        drop(inert);
        if polled.is_ready() {
            self.end()?;
        }
        Ok(polled)
    }

    fn end(&mut self) -> Result<(), String> {
        let future = self.0.take();
        caught(|| drop(future))
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        // The panic hook has told it, and the run has no use for it any more.
        let _ = self.end();
    }
}

fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| message_of(panic.as_ref()))
}

/// Polls until the code waits or ends.
pub(super) fn poll_until_idle(code: &mut Code, core: &SharedCore, wakes: &Wakes) -> Polled {
    let waker = wakes.waker();
    for _ in 0..POLLS_MAX {
        wakes.state().woken = false;
        let polled = code.poll(&mut Context::from_waker(&waker));
        let Wakened { woken, foreign, .. } = *wakes.state();
        match polled {
            Err(message) if message.starts_with(REFUSED_BY_TOKIO) => return Polled::ForeignAwait,
            Err(message) => return Polled::Panicked(message),
            Ok(_) if foreign => return Polled::ForeignAwait,
            Ok(Poll::Ready(result)) => return Polled::Done(result),
            Ok(Poll::Pending) if woken => {}
            // Adapters such as `join_all` poll only children that were woken, so the test is whether any of our
            // futures is open, not whether one was polled this time.
            Ok(Poll::Pending) if core.lock().has_open_waits() => return Polled::Waiting,
            Ok(Poll::Pending) => return Polled::ForeignAwait,
        }
    }
    Polled::ForeignAwait
}

/// Records wake-ups of the code of a run.
#[derive(Clone, Default)]
pub(super) struct Wakes(Arc<WakeState>);

#[derive(Default)]
struct WakeState(Mutex<Wakened>);

#[derive(Default)]
struct Wakened {
    /// The thread that processes the run now.
    at_work: Option<ThreadId>,
    woken: bool,
    foreign: bool,
    /// Who wants to know of a foreign wake-up between two events.
    waiting: Option<Waker>,
}

/// Marks this thread as the one that processes the run, until it is dropped.
pub(super) struct AtWork(Wakes);

impl Wakes {
    /// Allows this thread to wake the code from now on.
    pub(super) fn at_work(&self) -> AtWork {
        self.state().at_work = Some(std::thread::current().id());
        AtWork(self.clone())
    }

    fn waker(&self) -> Waker {
        Waker::from(self.0.clone())
    }

    /// Ready as soon as something from outside the workflow has woken the code.
    pub(super) fn poll_foreign(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.foreign {
            return Poll::Ready(());
        }
        state.waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    fn state(&self) -> MutexGuard<'_, Wakened> {
        self.0.state()
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.state().at_work = None;
    }
}

impl WakeState {
    fn state(&self) -> MutexGuard<'_, Wakened> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for WakeState {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.state();
        state.woken = true;
        if state.at_work == Some(std::thread::current().id()) {
            return;
        }
        state.foreign = true;
        let waiting = state.waiting.take();
        drop(state);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
