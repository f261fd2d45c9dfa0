use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, ready},
    time::Duration,
};

use uuid::Uuid;

use super::{ActivityFailure, ActivityFailureKind, WorkflowError};
use crate::{
    activity::{Activity, ActivityOptions},
    clock::{Timestamp, millis},
    failure::Failure,
    history::ActivityTaskScheduled,
    ids::{ActivityType, Namespace, RunId, TaskQueue, WorkflowId, WorkflowType},
    machine::{SharedCore, TimerOutcome},
    payload::{self, Payload},
    retry::RetryPolicy,
};

/// Information about a run.
#[derive(Debug, Clone)]
pub struct WorkflowInfo {
    /// Its namespace.
    pub namespace: Namespace,
    /// Workflow ID.
    pub workflow_id: WorkflowId,
    /// The run.
    pub run_id: RunId,
    /// Its type.
    pub workflow_type: WorkflowType,
    /// The queue of its tasks.
    pub task_queue: TaskQueue,
}

/// The only source of time, randomness and events for workflow code. All values are recorded, so replay returns the same.
///
/// `W` is the workflow's own type, which holds the state of this run.
pub struct Context<W> {
    core: SharedCore,
    info: Arc<WorkflowInfo>,
    state: Arc<Mutex<W>>,
}

impl<W> fmt::Debug for Context<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("info", &self.info).finish_non_exhaustive()
    }
}

impl<W> Context<W> {
    pub(crate) fn new(core: SharedCore, info: WorkflowInfo, state: W) -> Self {
        Self { core, info: Arc::new(info), state: Arc::new(Mutex::new(state)) }
    }

    /// Information about this run.
    #[must_use]
    pub fn info(&self) -> &WorkflowInfo {
        &self.info
    }

    /// The state of this run, to read and to change.
    ///
    /// The guard cannot be kept across an `await`: the compiler refuses, as the future must be `Send`.
    pub fn state(&self) -> MutexGuard<'_, W> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time of the event that is being processed.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.core.lock().now
    }

    /// A random number, the same in every replay.
    #[must_use]
    pub fn random_u64(&self) -> u64 {
        self.core.lock().random_u64()
    }

    /// A random UUID (version 4), the same in every replay.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        let mut core = self.core.lock();
        let bits = (u128::from(core.random_u64()) << 64) | u128::from(core.random_u64());
        uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
    }

    /// Calls an activity. It is scheduled when the call is first polled; dropping the call afterwards requests its
    /// cancellation.
    pub fn activity<A: Activity>(&self, _activity: A, input: A::Input) -> ActivityCall<A> {
        ActivityCall {
            core: self.core.clone(),
            task_queue: self.info.task_queue.clone(),
            state: CallState::Ready(input),
            options: A::options(),
            activity: PhantomData,
        }
    }

    /// Waits for a durable timer, which may take days.
    pub fn sleep(&self, length: Duration) -> Timer {
        Timer { core: self.core.clone(), state: TimerState::Ready(length) }
    }

    /// Whether cancellation of the run was requested.
    #[must_use]
    pub fn is_cancel_requested(&self) -> bool {
        self.core.lock().is_cancel_requested()
    }

    /// Returns when cancellation of the run is requested.
    pub async fn cancelled(&self) {
        Cancelled { core: self.core.clone(), waiter: None }.await;
    }
}

/// Waits for a cancel request.
struct Cancelled {
    core: SharedCore,
    waiter: Option<u64>,
}

impl Future for Cancelled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<()> {
        let Self { core, waiter } = &mut *self;
        let requested = core.lock().poll_cancellation(waiter, cx.waker());
        if requested { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Cancelled {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter {
            self.core.lock().leave_cancellation(waiter);
        }
    }
}

/// A call of an activity; await it to get the result.
#[must_use = "an activity runs only when its call is awaited"]
pub struct ActivityCall<A: Activity> {
    core: SharedCore,
    task_queue: TaskQueue,
    state: CallState<A::Input>,
    options: ActivityOptions,
    activity: PhantomData<fn(A)>,
}

enum CallState<I> {
    Ready(I),
    Open(u32),
    Done,
}

impl<A: Activity> fmt::Debug for ActivityCall<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivityCall").field("activity", &A::NAME).finish_non_exhaustive()
    }
}

impl<A: Activity> ActivityCall<A> {
    /// Sets the start-to-close timeout of this call: longest duration of one attempt.
    pub fn start_to_close(mut self, timeout: Duration) -> Self {
        self.options.start_to_close = Some(timeout);
        self
    }

    /// Sets the schedule-to-close timeout of this call: longest duration of all attempts together.
    pub fn schedule_to_close(mut self, timeout: Duration) -> Self {
        self.options.schedule_to_close = Some(timeout);
        self
    }

    /// Sets the schedule-to-start timeout of this call: longest wait for a worker.
    pub fn schedule_to_start(mut self, timeout: Duration) -> Self {
        self.options.schedule_to_start = Some(timeout);
        self
    }

    /// Sets the heartbeat timeout of this call: longest time between two heartbeats.
    pub fn heartbeat(mut self, timeout: Duration) -> Self {
        self.options.heartbeat = Some(timeout);
        self
    }

    /// Sets the retry policy of this call.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.options.retry = policy;
        self
    }

    /// Sets the task queue of this call.
    pub fn task_queue(mut self, queue: TaskQueue) -> Self {
        self.options.task_queue = Some(queue);
        self
    }

    fn request(&self, input: &A::Input) -> Result<ActivityTaskScheduled, ActivityFailure> {
        let input = Payload::encode(input).map_err(|error| {
            unusable::<A>(String::new(), "Payload", format!("the input of the activity: {error}"))
        })?;
        input
            .check_size("the input of the activity")
            .map_err(|error| unusable::<A>(String::new(), payload::TOO_LARGE, error.to_string()))?;
        let options = &self.options;
        Ok(ActivityTaskScheduled {
            activity_id: String::new(),
            activity_type: ActivityType::trusted(A::NAME),
            task_queue: options.task_queue.clone().unwrap_or_else(|| self.task_queue.clone()),
            input,
            schedule_to_start_timeout_ms: options.schedule_to_start.map(millis),
            start_to_close_timeout_ms: options.start_to_close.map(millis),
            schedule_to_close_timeout_ms: options.schedule_to_close.map(millis),
            heartbeat_timeout_ms: options.heartbeat.map(millis),
            retry_policy: options.retry.clone(),
            build_id: None,
        })
    }
}

// Nothing in a call is ever pinned: the input is moved out at the first poll.
impl<A: Activity> Unpin for ActivityCall<A> {}

impl<A: Activity> Future for ActivityCall<A> {
    type Output = Result<A::Output, ActivityFailure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        if let CallState::Ready(input) = &self.state {
            let request = self.request(input)?;
            let sequence = self.core.lock().schedule_activity(request);
            self.state = CallState::Open(sequence);
        }
        let CallState::Open(sequence) = self.state else { return Poll::Pending };
        let polled = self.core.lock().poll_activity(sequence, cx.waker());
        let outcome = ready!(polled.map_or(Poll::Pending, Poll::Ready));
        self.state = CallState::Done;
        Poll::Ready(outcome.and_then(|result| {
            result.decode().map_err(|error| {
                let message = format!("the result of the activity: {error}");
                unusable::<A>(sequence.to_string(), "Payload", message)
            })
        }))
    }
}

impl<A: Activity> Drop for ActivityCall<A> {
    fn drop(&mut self) {
        if let CallState::Open(sequence) = self.state {
            self.core.lock().cancel_activity(sequence);
        }
    }
}

fn unusable<A: Activity>(activity_id: String, kind: &str, message: String) -> ActivityFailure {
    ActivityFailure {
        activity_type: ActivityType::trusted(A::NAME),
        activity_id,
        kind: ActivityFailureKind::Failed,
        failure: Box::new(Failure::new(kind, message).non_retryable()),
    }
}

/// A durable timer; await it to wait.
#[must_use = "a timer runs only when it is awaited"]
pub struct Timer {
    core: SharedCore,
    state: TimerState,
}

enum TimerState {
    Ready(Duration),
    Open(u32),
    Done,
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Timer")
    }
}

impl Future for Timer {
    type Output = Result<(), WorkflowError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        if let TimerState::Ready(length) = self.state {
            let sequence = self.core.lock().start_timer(length);
            self.state = TimerState::Open(sequence);
        }
        let TimerState::Open(sequence) = self.state else { return Poll::Pending };
        let polled = self.core.lock().poll_timer(sequence, cx.waker());
        let outcome = ready!(polled.map_or(Poll::Pending, Poll::Ready));
        self.state = TimerState::Done;
        Poll::Ready(match outcome {
            TimerOutcome::Fired => Ok(()),
            TimerOutcome::Canceled => Err(WorkflowError::Canceled),
        })
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let TimerState::Open(sequence) = self.state {
            self.core.lock().cancel_timer(sequence);
        }
    }
}
