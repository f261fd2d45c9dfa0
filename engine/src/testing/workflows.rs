//! Workflows and activities that tests run.

use std::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{Either, join_all, select},
};

use crate::{
    activity,
    activity::{ActivityContext, ActivityError},
    registry::Registry,
    workflow,
    workflow::{Context, WorkflowError},
};

/// Counts what activities did.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) begun: AtomicU32,
    pub(crate) ended: AtomicU32,
}

/// Doubles a number.
#[activity]
pub(crate) async fn double(_ctx: &ActivityContext, input: u32) -> Result<u32, ActivityError> {
    Ok(input * 2)
}

/// Fails as long as the attempt is not this one.
#[activity(retry(initial = "1s", backoff = 2.0, max_interval = "10s"))]
pub(crate) async fn succeed_at(ctx: &ActivityContext, input: u32) -> Result<u32, ActivityError> {
    match ctx.info().attempt {
        attempt if attempt >= input => Ok(attempt),
        attempt => Err(ActivityError::retryable("Early", format!("attempt {attempt}"))),
    }
}

/// Works for as many seconds as it is told, keeping what it has done.
#[activity(start_to_close = "1h", heartbeat = "10s", retry(initial = "1s", max_attempts = 5))]
pub(crate) async fn count_seconds(ctx: &ActivityContext<u32>, input: u32) -> Result<u32, ActivityError> {
    let first = ctx.resume().unwrap_or(0);
    for second in first..input {
        ctx.sleep(Duration::from_secs(1)).await?;
        ctx.checkpoint(&(second + 1));
        if second + 1 == 3 && ctx.info().attempt == 1 && input > 100 {
            return Err(ActivityError::retryable("Interrupted", "at three"));
        }
    }
    Ok(first)
}

/// May begin once only, and then works for a minute.
#[activity(start_to_close = "2h", retry(max_attempts = 1))]
pub(crate) async fn once(ctx: &ActivityContext) -> Result<(), ActivityError> {
    let counted = ctx.resource::<Counted>()?;
    counted.begun.fetch_add(1, Ordering::SeqCst);
    ctx.sleep(Duration::from_secs(60)).await?;
    counted.ended.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

/// Counts that it began; may be repeated.
#[activity]
pub(crate) async fn mark(ctx: &ActivityContext) -> Result<(), ActivityError> {
    ctx.resource::<Counted>()?.begun.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

/// As `mark`, while its scheduling is being committed.
#[activity(early)]
pub(crate) async fn mark_early(ctx: &ActivityContext) -> Result<(), ActivityError> {
    ctx.resource::<Counted>()?.begun.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

/// Says nothing for an hour.
#[activity(retry(max_attempts = 1))]
pub(crate) async fn silent(ctx: &ActivityContext) -> Result<(), ActivityError> {
    ctx.sleep(Duration::from_secs(3600)).await?;
    Ok(())
}

/// Returns more than is allowed.
#[activity]
pub(crate) async fn large(_ctx: &ActivityContext) -> Result<String, ActivityError> {
    Ok("x".repeat(crate::payload::SIZE_BYTES_MAX + 1))
}

/// Whether the blocking workflow may go on.
static BLOCKED: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

/// Lets the blocking workflow go on.
pub(crate) fn unblock() {
    *BLOCKED.0.lock().unwrap() = true;
    BLOCKED.1.notify_all();
}

struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("dropped on purpose");
    }
}

macro_rules! workflows {
    ($($(#[$doc:meta])* $name:ident($ctx:ident, $input:ident: $in:ty) -> $out:ty $body:block)*) => {
        $(
            #[derive(Default)]
            pub(crate) struct $name;

            $(#[$doc])*
            #[workflow(queue = "q", execution_timeout = "100d")]
            impl $name {
                #[run]
                async fn run($ctx: &Context<Self>, $input: $in) -> Result<$out, WorkflowError> $body
            }
        )*
    };
}

workflows! {
    /// Doubles twice.
    Twice(ctx, input: u32) -> u32 {
        let doubled = ctx.activity(double, input).await?;
        Ok(ctx.activity(double, doubled).await?)
    }

    /// Many at once.
    Fan(ctx, input: u32) -> u32 {
        let calls = (0..input).map(|number| ctx.activity(double, number));
        let mut sum = 0;
        for result in join_all(calls).await {
            sum += result?;
        }
        Ok(sum)
    }

    /// Many at once, in the order of a hash map, which is another one each time.
    Unordered(ctx, input: std::collections::HashMap<u32, u32>) -> u32 {
        let calls = input.into_keys().map(|number| ctx.activity(double, number));
        let mut sum = 0;
        for result in join_all(calls).await {
            sum += result?;
        }
        Ok(sum)
    }

    /// Sleeps for so many days.
    Days(ctx, input: u64) -> u64 {
        ctx.sleep(Duration::from_secs(input * 86_400)).await?;
        Ok(input)
    }

    /// Is retried until it works.
    Retried(ctx, input: u32) -> u32 { Ok(ctx.activity(succeed_at, input).await?) }

    /// Is retried, and then sleeps long.
    RetriedThenSleeps(ctx, input: u32) -> u32 {
        let attempt = ctx.activity(succeed_at, input).await?;
        ctx.sleep(Duration::from_secs(86_400)).await?;
        Ok(attempt)
    }

    /// Resumes from a checkpoint.
    Counting(ctx, input: u32) -> u32 { Ok(ctx.activity(count_seconds, input).await?) }

    /// Two that take their time, one after the other.
    CountingTwice(ctx, input: u32) -> u32 {
        ctx.activity(count_seconds, input).await?;
        Ok(ctx.activity(count_seconds, input).await?)
    }

    /// Leaves marks.
    Marking(ctx, _input: ()) -> () {
        ctx.activity(mark_early, ()).await?;
        Ok(ctx.activity(mark, ()).await?)
    }

    /// At most once.
    Once(ctx, _input: ()) -> () { Ok(ctx.activity(once, ()).await?) }

    /// Silence under a timeout: 0 start-to-close, 1 heartbeat, 2 schedule-to-close, 3 schedule-to-start.
    Silence(ctx, input: u32) -> () {
        let call = ctx.activity(silent, ());
        let limit = Duration::from_secs(5);
        Ok(match input {
            0 => call.start_to_close(limit),
            1 => call.heartbeat(limit),
            2 => call.schedule_to_close(limit),
            _ => call.schedule_to_start(limit).task_queue(crate::ids::TaskQueue::trusted("nobody")),
        }
        .await?)
    }

    /// An activity result that is too large.
    Large(ctx, _input: ()) -> () { ctx.activity(large, ()).await?; Ok(()) }

    /// A result that is too large.
    LargeResult(_ctx, _input: ()) -> String { Ok("x".repeat(crate::payload::SIZE_BYTES_MAX + 1)) }

    /// Awaits the runtime's timer.
    Foreign(_ctx, _input: ()) -> () { runtime_timer().await; Ok(()) }

    /// Puts a time limit of the runtime on an activity.
    Impure(ctx, _input: ()) -> () {
        let call = ctx.activity(count_seconds, 600);
        let _ = tokio::time::timeout(Duration::from_millis(1), call).await;
        Ok(())
    }

    /// Waits for an activity and a task of the runtime.
    Spawning(ctx, _input: ()) -> () {
        let spawned = tokio::spawn(std::future::ready(()));
        ctx.activity(double, 1).await?;
        let _ = spawned.await;
        Ok(())
    }

    /// Waits for an activity, and is woken by a thread.
    Threaded(ctx, _input: ()) -> () {
        let woken = std::future::poll_fn(|cx| {
            let waker = cx.waker().clone();
            std::thread::spawn(move || waker.wake());
            std::task::Poll::<()>::Pending
        });
        let _ = select(ctx.activity(count_seconds, 600), woken).await;
        Ok(())
    }

    /// Wakes itself for ever.
    Restless(_ctx, _input: ()) -> () {
        std::future::poll_fn(|cx| { cx.waker().wake_by_ref(); std::task::Poll::<()>::Pending }).await;
        Ok(())
    }

    /// Blocks its thread until it is told.
    Blocking(_ctx, _input: ()) -> () {
        let (told, changed) = &BLOCKED;
        let told = told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        drop(changed.wait_while(told, |told| !*told));
        Ok(())
    }

    /// Panics.
    Panicking(_ctx, _input: ()) -> () { panic!("on purpose") }

    /// Waits a second for an activity, and then goes on without it.
    Impatient(ctx, _input: ()) -> u32 {
        match select(ctx.activity(double, 1), ctx.sleep(Duration::from_secs(1))).await {
            Either::Left((doubled, _)) => return Ok(doubled?),
            Either::Right((slept, _)) => slept?,
        }
        Ok(ctx.activity(double, 2).await?)
    }

    /// Gives an activity up in the moment in which it asks for it.
    Fickle(ctx, _input: ()) -> () {
        // Polled once, and dropped.
        let given_up = ctx.activity(double, 1).now_or_never();
        assert!(given_up.is_none(), "an activity ends later");
        ctx.sleep(Duration::from_secs(1)).await?;
        Ok(())
    }

    /// Panics when it is dropped while it sleeps.
    Brittle(ctx, _input: ()) -> () {
        let brittle = PanicsWhenDropped;
        ctx.sleep(Duration::from_secs(1)).await?;
        std::mem::forget(brittle);
        Ok(())
    }

    /// Time, chance and ids.
    Chance(ctx, _input: ()) -> (i64, u64, String, i64) {
        let (now, random, uuid) = (ctx.now().0, ctx.random_u64(), ctx.uuid().to_string());
        ctx.sleep(Duration::from_secs(1)).await?;
        Ok((now, random, uuid, ctx.now().0))
    }

    /// Waits to be canceled, and cleans up.
    Cleaning(ctx, _input: ()) -> u32 {
        ctx.cancelled().await;
        Ok(ctx.activity(double, 21).await?)
    }
}

pub(crate) fn registry(counted: &Arc<Counted>) -> Registry {
    Registry::new()
        .workflow::<Twice>()
        .workflow::<Fan>()
        .workflow::<Unordered>()
        .workflow::<Days>()
        .workflow::<Retried>()
        .workflow::<RetriedThenSleeps>()
        .workflow::<Counting>()
        .workflow::<CountingTwice>()
        .workflow::<Marking>()
        .workflow::<Once>()
        .workflow::<Silence>()
        .workflow::<Large>()
        .workflow::<LargeResult>()
        .workflow::<Foreign>()
        .workflow::<Impure>()
        .workflow::<Spawning>()
        .workflow::<Threaded>()
        .workflow::<Restless>()
        .workflow::<Blocking>()
        .workflow::<Panicking>()
        .workflow::<Impatient>()
        .workflow::<Fickle>()
        .workflow::<Brittle>()
        .workflow::<Chance>()
        .workflow::<Cleaning>()
        .activity(double)
        .activity(succeed_at)
        .activity(count_seconds)
        .activity(mark)
        .activity(mark_early)
        .activity(once)
        .activity(silent)
        .activity(large)
        .resource(counted.clone())
}

#[expect(
    clippy::disallowed_methods,
    reason = "workflow code must not do this, which is what the test is about"
)]
async fn runtime_timer() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}
