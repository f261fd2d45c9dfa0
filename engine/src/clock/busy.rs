//! Counts the work in flight, so that a test moves its clock only when there is none.
//!
//! | what | counts from | until |
//! | --- | --- | --- |
//! | a task ([`Busy::track`]) | it is made, or whatever it waits for wakes it | it waits again, or is dropped |
//! | a read of the database | it is sent | its answer is taken |
//! | a write | it is queued | whoever asked has been woken with its outcome |
//!
//! A task that wakes another is at work itself meanwhile, so between the two the count is never zero. Messages on
//! channels and on the bus in this process need no count of their own: they wake whoever takes them.
//! A count of zero therefore stays zero until the clock moves or the outside acts: a caller, another process, a program
//! that an activity has started, a thread of its own.
//!
//! The clock of the machine counts nothing.

use std::{
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use tokio::sync::Notify;

/// The count of one clock. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub struct Busy(Option<Arc<Count>>);

#[derive(Debug, Default)]
struct Count {
    in_flight: AtomicUsize,
    is_zero: Notify,
}

/// Counts as work until it is dropped.
#[derive(Debug)]
pub(crate) struct Work {
    _count: Option<Counted>,
}

#[derive(Debug)]
struct Counted(Arc<Count>);

impl Counted {
    fn new(count: &Arc<Count>) -> Self {
        count.in_flight.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.0.in_flight.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.is_zero.notify_waiters();
        }
    }
}

impl Busy {
    /// A count that starts at zero.
    pub(super) fn counted() -> Self {
        Self(Some(Arc::default()))
    }

    /// Something begins whose end wakes a task.
    pub(crate) fn begin(&self) -> Work {
        Work { _count: self.0.as_ref().map(Counted::new) }
    }

    /// What is in flight; 0 if nothing is counted.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0.as_ref().map_or(0, |count| count.in_flight.load(Ordering::SeqCst))
    }

    /// Returns when nothing is in flight.
    pub async fn idle(&self) {
        let Some(count) = &self.0 else { return };
        loop {
            let mut zero = pin!(count.is_zero.notified());
            zero.as_mut().enable();
            if self.in_flight() == 0 {
                return;
            }
            zero.await;
        }
    }

    /// The same future, counted from now on whenever it does not wait.
    pub fn track<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let tracked = self.0.as_ref().map(Tracked::new);
        async move {
            let mut future = pin!(future);
            std::future::poll_fn(|cx| match &tracked {
                None => future.as_mut().poll(cx),
                Some(tracked) => tracked.poll(future.as_mut(), cx),
            })
            .await
        }
    }
}

/// A counted task; its wakers may live longer, and count nothing then.
struct Tracked(Arc<Task>);

struct Task {
    count: Arc<Count>,
    state: Mutex<State>,
}

struct State {
    /// While it has been woken and not polled yet.
    woken: Option<Counted>,
    /// Whom to wake.
    outer: Option<Waker>,
    is_gone: bool,
}

impl Tracked {
    fn new(count: &Arc<Count>) -> Self {
        let state = State { woken: Some(Counted::new(count)), outer: None, is_gone: false };
        Self(Arc::new(Task { count: count.clone(), state: Mutex::new(state) }))
    }

    fn poll<F: Future>(&self, future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let running = Counted::new(&self.0.count);
        let former = {
            let mut state = self.0.state();
            state.outer = Some(cx.waker().clone());
            state.woken.take()
        };
        drop(former);
        let output = future.poll(&mut Context::from_waker(&Waker::from(self.0.clone())));
        if output.is_ready() {
            // Until what it holds is dropped, which may wake others.
            self.0.state().woken = Some(running);
        }
        output
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        let left = {
            let mut state = self.0.state();
            state.is_gone = true;
            (state.woken.take(), state.outer.take())
        };
        drop(left);
    }
}

impl Task {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let outer = {
            let mut state = self.state();
            if !state.is_gone && state.woken.is_none() {
                state.woken = Some(Counted::new(&self.count));
            }
            state.outer.clone()
        };
        if let Some(outer) = outer {
            outer.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_task_counts_from_the_moment_in_which_it_is_woken() {
        let busy = Busy::counted();
        let (answer, answered) = oneshot::channel::<()>();
        let mut task = Box::pin(busy.track(answered));
        assert_eq!(busy.in_flight(), 1, "it has not begun to wait");
        assert!(task.as_mut().now_or_never().is_none());
        assert_eq!(busy.in_flight(), 0);
        answer.send(()).unwrap();
        assert_eq!(busy.in_flight(), 1);
        assert!(busy.idle().now_or_never().is_none());
        task.await.unwrap();
        busy.idle().now_or_never().expect("nothing is left");
    }

    #[tokio::test]
    async fn wakers_of_a_task_that_is_gone_count_nothing() {
        let busy = Busy::counted();
        let mut kept = None;
        let mut task = Box::pin(busy.track(std::future::poll_fn(|cx| {
            kept = Some(cx.waker().clone());
            Poll::<()>::Pending
        })));
        assert!(task.as_mut().now_or_never().is_none());
        drop(task);
        kept.unwrap().wake();
        assert_eq!(busy.in_flight(), 0);
    }

    #[tokio::test]
    async fn whoever_waits_for_the_end_of_work_is_woken() {
        let busy = Busy::counted();
        let work = busy.begin();
        let idle = tokio::spawn({
            let busy = busy.clone();
            async move { busy.idle().await }
        });
        tokio::task::yield_now().await;
        assert!(!idle.is_finished());
        drop(work);
        idle.await.unwrap();
    }
}
