//! The attributes, compiled against the least of an engine and run.
//!
//! The modules below stand in for the engine's of the same names, so that this crate needs none of its dependencies.

extern crate self as ctutor_engine;

use std::{
    cell::Cell,
    pin::pin,
    rc::Rc,
    task::{Poll, Waker},
    time::Duration,
};

use ctutor_engine::{
    activity::{Activity, ActivityContext, ActivityError, ActivityOptions, RetryPolicy},
    ids::TaskQueue,
    workflow::{Context, Workflow, WorkflowError, WorkflowOptions},
};
use ctutor_macros::{activity, workflow};

pub mod ids {
    #[derive(Debug, PartialEq)]
    pub struct TaskQueue(pub String);

    impl TaskQueue {
        pub fn trusted(text: impl AsRef<str>) -> Self {
            Self(text.as_ref().to_owned())
        }
    }
}

pub mod activity {
    use std::{future::Future, marker::PhantomData, time::Duration};

    use crate::ids::TaskQueue;

    #[derive(Debug)]
    pub struct ActivityContext<C = ()>(pub u32, pub PhantomData<fn(C)>);

    #[derive(Debug, PartialEq)]
    pub struct ActivityError(pub String);

    impl<E: std::error::Error> From<E> for ActivityError {
        fn from(error: E) -> Self {
            Self(error.to_string())
        }
    }

    #[derive(Debug, Default, PartialEq)]
    pub struct ActivityOptions {
        pub task_queue: Option<TaskQueue>,
        pub schedule_to_start: Option<Duration>,
        pub start_to_close: Option<Duration>,
        pub schedule_to_close: Option<Duration>,
        pub heartbeat: Option<Duration>,
        pub retry: RetryPolicy,
    }

    #[derive(Debug, Default, PartialEq)]
    pub struct RetryPolicy {
        pub initial: Duration,
        pub backoff: f64,
        pub maximum: Duration,
        pub attempts: u32,
        pub non_retryable: Vec<String>,
    }

    impl RetryPolicy {
        pub fn initial_interval(self, initial: Duration) -> Self {
            Self { initial, ..self }
        }

        pub fn maximum_interval(self, maximum: Duration) -> Self {
            Self { maximum, ..self }
        }

        pub fn backoff_coefficient(self, backoff: f64) -> Self {
            Self { backoff, ..self }
        }

        pub fn maximum_attempts(self, attempts: u32) -> Self {
            Self { attempts, ..self }
        }

        pub fn non_retryable_error_types<T: Into<String>>(self, types: impl IntoIterator<Item = T>) -> Self {
            Self { non_retryable: types.into_iter().map(Into::into).collect(), ..self }
        }
    }

    pub trait Activity: Send + Sync + 'static {
        type Input: Send + 'static;
        type Output: Send + 'static;
        type Checkpoint: Send + Sync + 'static;

        const NAME: &'static str;

        fn options() -> ActivityOptions;

        fn execute(
            ctx: ActivityContext<Self::Checkpoint>,
            input: Self::Input,
        ) -> impl Future<Output = Result<Self::Output, ActivityError>> + Send;
    }
}

pub mod workflow {
    use std::{future::Future, marker::PhantomData, time::Duration};

    use crate::ids::TaskQueue;

    #[derive(Debug)]
    pub struct Context<W>(pub u32, pub PhantomData<fn(W)>);

    #[derive(Debug, PartialEq)]
    pub struct WorkflowError(pub String);

    #[derive(Debug, PartialEq)]
    pub struct WorkflowOptions {
        pub task_queue: TaskQueue,
        pub execution_timeout: Option<Duration>,
    }

    impl Default for WorkflowOptions {
        fn default() -> Self {
            Self { task_queue: TaskQueue::trusted("default"), execution_timeout: None }
        }
    }

    pub trait Workflow: Default + Send + Sync + 'static {
        type Input: Send + 'static;
        type Output: Send + 'static;

        const NAME: &'static str;
        const DESCRIPTION: &'static str;

        fn options() -> WorkflowOptions;

        fn run(
            ctx: Context<Self>,
            input: Self::Input,
        ) -> impl Future<Output = Result<Self::Output, WorkflowError>> + Send;
    }
}

/// Repeats a text.
#[activity(
    name = "repeat-text",
    queue = "slow",
    schedule_to_start = "1m",
    start_to_close = "10m",
    schedule_to_close = "1h 30m",
    heartbeat = "500ms",
    retry(initial = "1s", backoff = 1.5, max_interval = "10s", max_attempts = 3, non_retryable("A", "B"))
)]
pub async fn repeat(ctx: &ActivityContext<u64>, text: String) -> Result<String, ActivityError> {
    std::future::ready(()).await;
    let times = "3".parse::<usize>()?;
    Ok(format!("{} by {}", text.repeat(times), ctx.0))
}

// The name of the parameter is that of the activity, and the one of the activity is a keyword.
#[activity]
async fn r#try(_: &ActivityContext, r#try: u8) -> Result<u8, ActivityError> {
    "x".parse::<u8>()?;
    Ok(r#try)
}

#[activity]
#[expect(clippy::unused_async, reason = "lints are about the code of the function")]
async fn without_input(ctx: &ActivityContext) -> Result<u32, ActivityError> {
    Ok(ctx.0)
}

#[activity]
#[deprecated = "the attribute of the struct, whose implementation does not warn"]
pub async fn old(_ctx: &ActivityContext, _input: ()) -> Result<(), ActivityError> {
    Ok(())
}

#[activity]
#[cfg(any())]
async fn left_out(ctx: &ActivityContext, input: Missing) -> Result<(), ActivityError> {
    Ok(())
}

#[derive(Debug, Default)]
struct ExampleLongRunning;

/// Runs long.
///
/// And longer.
#[workflow(name = "example", queue = "slow", execution_timeout = "5m")]
impl ExampleLongRunning {
    const FACTOR: u32 = 2;

    #[run]
    async fn run(ctx: &Context<Self>, input: u32) -> Result<u32, WorkflowError> {
        std::future::ready(()).await;
        Self::double(ctx.0 + input).ok_or_else(|| WorkflowError("too much".to_owned()))
    }

    fn double(number: u32) -> Option<u32> {
        number.checked_mul(Self::FACTOR)
    }
}

mod nested {
    use super::{Context, WorkflowError, workflow};

    #[derive(Debug, Default)]
    pub(crate) struct HTTPCheck;

    #[workflow]
    impl HTTPCheck {
        /// Checks.
        #[run]
        pub(crate) async fn check(ctx: &Context<Self>) -> Result<(), WorkflowError> {
            Err(WorkflowError(format!("run {}", ctx.0)))
        }
    }
}

/// The result of a future that never waits.
fn now<T>(future: impl Future<Output = T> + Send) -> T {
    match pin!(future).poll(&mut std::task::Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits"),
    }
}

fn execute<A: Activity>(_: A, input: A::Input) -> Result<A::Output, ActivityError> {
    now(A::execute(ActivityContext(7, std::marker::PhantomData), input))
}

fn run<W: Workflow>(input: W::Input) -> Result<W::Output, WorkflowError> {
    now(W::run(Context(7, std::marker::PhantomData), input))
}

#[test]
fn an_activity_runs_the_function() {
    assert_eq!(execute(repeat, "ab".to_owned()), Ok("ababab by 7".to_owned()));
    assert_eq!(execute(r#try, 1), Err(ActivityError("invalid digit found in string".to_owned())));
    assert_eq!(execute(without_input, ()), Ok(7));
}

#[test]
fn an_activity_has_the_name_and_options_given() {
    assert_eq!(repeat::NAME, "repeat-text");
    assert_eq!(
        repeat::options(),
        ActivityOptions {
            task_queue: Some(TaskQueue::trusted("slow")),
            schedule_to_start: Some(Duration::from_secs(60)),
            start_to_close: Some(Duration::from_secs(600)),
            schedule_to_close: Some(Duration::from_secs(5_400)),
            heartbeat: Some(Duration::from_millis(500)),
            retry: RetryPolicy {
                initial: Duration::from_secs(1),
                backoff: 1.5,
                maximum: Duration::from_secs(10),
                attempts: 3,
                non_retryable: vec!["A".to_owned(), "B".to_owned()],
            },
        }
    );
}

#[test]
fn an_activity_that_says_nothing_has_the_name_of_its_function_and_the_default_options() {
    assert_eq!(r#try::NAME, "try");
    assert_eq!(without_input::NAME, "without_input");
    assert_eq!(without_input::options(), ActivityOptions::default());
}

#[test]
fn a_workflow_runs_the_method() {
    assert_eq!(run::<ExampleLongRunning>(3), Ok(20));
    assert_eq!(run::<nested::HTTPCheck>(()), Err(WorkflowError("run 7".to_owned())));
}

#[test]
fn a_workflow_has_the_name_description_and_options_given() {
    assert_eq!(ExampleLongRunning::NAME, "example");
    assert_eq!(ExampleLongRunning::DESCRIPTION, "Runs long.\n\nAnd longer.");
    let options = WorkflowOptions {
        task_queue: TaskQueue::trusted("slow"),
        execution_timeout: Some(Duration::from_secs(300)),
    };
    assert_eq!(ExampleLongRunning::options(), options);
}

#[test]
fn a_workflow_that_says_nothing_is_named_after_its_type_and_described_by_its_method() {
    assert_eq!(nested::HTTPCheck::NAME, "http_check");
    assert_eq!(nested::HTTPCheck::DESCRIPTION, "Checks.");
    assert_eq!(nested::HTTPCheck::options(), WorkflowOptions::default());
}

#[test]
fn what_is_not_send_may_live_between_two_waits() {
    #[activity]
    async fn count(_ctx: &ActivityContext) -> Result<u8, ActivityError> {
        std::future::ready(()).await;
        let count = {
            let counter = Rc::new(Cell::new(1));
            counter.set(counter.get() + 1);
            counter.get()
        };
        std::future::ready(()).await;
        Ok(count)
    }
    assert_eq!(execute(count, ()), Ok(2));
}

macro_rules! echo_activity {
    ($name:ident, $type:ty) => {
        #[activity]
        async fn $name(_ctx: &ActivityContext<$type>, input: $type) -> Result<$type, ActivityError> {
            Ok(input)
        }
    };
}

#[test]
fn activities_may_be_written_by_other_macros() {
    echo_activity!(echo, u8);
    assert_eq!(execute(echo, 3), Ok(3));
}
