//! Trying again while a server is away, and saying so.

use std::time::Duration;

use ctutor_engine::clock::{Clock, SystemClock};
use futures_util::pin_mut;

use super::Outage;
use crate::{client::Error, output};

/// Calls until there is an answer, or an error that another try cannot help, or no time left.
///
/// `retry_for` says for each failure how long to try again in all.
pub(crate) async fn retrying<T>(
    mut retry_for: impl FnMut(&Error) -> Duration,
    mut call: impl AsyncFnMut() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut outage: Option<Outage> = None;
    loop {
        let called = match &mut outage {
            None => call().await,
            Some(outage) => during(outage, call(), |line| output::note(line)).await,
        };
        let Err(error) = called else { return called };
        let Some(known) = error.downcast_ref::<Error>().filter(|error| error.is_passing()) else {
            return Err(error);
        };
        let retry_for = retry_for(known);
        if outage.is_none() && retry_for == Duration::ZERO {
            return Err(error);
        }
        let outage = failed(&mut outage, retry_for, &error, |line| output::note(line));
        if !pause(outage, |line| output::note(line)).await {
            return Err(outage.gave_up(SystemClock.now()));
        }
    }
}

/// Takes a failure in: the first one begins the outage, and is told.
pub(super) fn failed<'a>(
    outage: &'a mut Option<Outage>,
    retry_for: Duration,
    error: &anyhow::Error,
    tell: impl Fn(&str),
) -> &'a mut Outage {
    if let Some(outage) = outage.as_mut() {
        outage.failed_again(error);
    }
    outage.get_or_insert_with(|| {
        let begun = Outage::new(SystemClock.now(), retry_for, error);
        if retry_for > Duration::ZERO {
            tell(&begun.beginning());
        }
        begun
    })
}

/// Waits until the next try; false when it would come too late.
pub(super) async fn pause(outage: &mut Outage, tell: impl Fn(&str)) -> bool {
    let Some(at) = outage.next_try(SystemClock.now()) else { return false };
    during(outage, SystemClock.sleep_until(at), tell).await;
    true
}

/// Waits for a try, and says each ten seconds that the server is still away. A try that has begun ends by itself: cut
/// off with the time to try again, the last one could not succeed.
pub(super) async fn during<T>(outage: &mut Outage, work: impl Future<Output = T>, tell: impl Fn(&str)) -> T {
    pin_mut!(work);
    loop {
        tokio::select! {
            biased;
            result = &mut work => return result,
            () = SystemClock.sleep_until(outage.tell_at()) => {}
        }
        if let Some(line) = outage.told(SystemClock.now()) {
            tell(&line);
        }
    }
}
