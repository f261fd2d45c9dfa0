//! Reports workflow code that runs too long without waiting: when it is through, and also before, from a thread of its
//! own, because code that never returns is never through, and every thread of the runtime may be such code's.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tracing::Span;

use crate::{chain, ids::WorkflowType};

/// Watches the activations of workflow code in a worker.
#[derive(Debug)]
pub(in crate::worker) struct Watchdog(Arc<State>);

#[derive(Debug)]
struct State {
    limit: Duration,
    activations: Mutex<Activations>,
    stopped: Condvar,
}

#[derive(Debug, Default)]
struct Activations {
    last: u64,
    running: HashMap<u64, Running>,
    is_stopped: bool,
}

#[derive(Debug)]
struct Running {
    begun: Instant,
    /// Duration at which it is reported next.
    report_at: Duration,
    workflow_type: WorkflowType,
    /// Has the identity of the run.
    span: Span,
}

/// One activation. It ends when this is dropped.
pub(in crate::worker) struct Activation<'a> {
    state: &'a State,
    number: u64,
}

impl Watchdog {
    /// A watchdog for activations that take longer than `limit`.
    pub(in crate::worker) fn new(limit: Duration) -> Self {
        let state = Arc::new(State { limit, activations: Mutex::default(), stopped: Condvar::default() });
        let watched = state.clone();
        let thread = std::thread::Builder::new().name("ctutor-watchdog".to_owned());
        if let Err(error) = thread.spawn(move || watched.watch()) {
            tracing::warn!(
                error = %chain(&error),
                "no thread for the watchdog; workflow code that blocks is reported only when it is through"
            );
        }
        Self(state)
    }

    /// An activation of this thread begins.
    pub(in crate::worker) fn begin(&self, workflow_type: &WorkflowType) -> Activation<'_> {
        let running = Running {
            begun: Instant::now(),
            report_at: self.0.limit,
            workflow_type: workflow_type.clone(),
            span: Span::current(),
        };
        let mut activations = self.0.activations();
        activations.last += 1;
        let number = activations.last;
        activations.running.insert(number, running);
        Activation { state: &self.0, number }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.activations().is_stopped = true;
        self.0.stopped.notify_all();
    }
}

impl State {
    fn activations(&self) -> MutexGuard<'_, Activations> {
        self.activations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self) {
        let mut activations = self.activations();
        while !activations.is_stopped {
            activations =
                self.stopped.wait_timeout(activations, self.limit).unwrap_or_else(PoisonError::into_inner).0;
            activations.running.values_mut().for_each(Running::report_if_due);
        }
    }
}

impl Running {
    /// Reports it, and again each time that it has lasted twice as long.
    fn report_if_due(&mut self) {
        let lasted = self.begun.elapsed();
        if lasted < self.report_at {
            return;
        }
        self.report_at = lasted * 2;
        let duration_ms = millis(lasted);
        self.span.in_scope(|| {
            tracing::error!(
                duration_ms,
                "code of workflow type `{}` has blocked a thread of its worker for {duration_ms} ms and still runs; \
                 move long work to an activity, and restart the worker if the code never returns",
                self.workflow_type
            );
        });
    }
}

impl Drop for Activation<'_> {
    fn drop(&mut self) {
        let Some(ended) = self.state.activations().running.remove(&self.number) else { return };
        let took = ended.begun.elapsed();
        if took > self.state.limit {
            let duration_ms = millis(took);
            tracing::error!(
                duration_ms,
                "code of workflow type `{}` blocked its worker for {duration_ms} ms; move long work to an activity",
                ended.workflow_type
            );
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
