//! Waiting for conditions that nothing signals, such as another process becoming ready.

use std::{
    fmt::Display,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

/// How long anything may take that usually takes far less than a second. Only a hang reaches it.
pub const DEADLINE: Duration = Duration::from_secs(60);

const INTERVAL: Duration = Duration::from_millis(20);

/// Tries until there is a value; `what` completes the sentence "timed out waiting for …".
///
/// # Errors
/// The attempt failed, or [`DEADLINE`] has passed.
pub fn until<T>(what: impl Display, mut attempt: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = attempt()? {
            return Ok(value);
        }
        if Instant::now() > deadline {
            bail!("timed out waiting for {what}");
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "other processes do not signal us; this is the one place"
        )]
        thread::sleep(INTERVAL);
    }
}

/// [`until`] for attempts that are asynchronous.
///
/// # Errors
/// The attempt failed, or [`DEADLINE`] has passed.
#[expect(
    clippy::disallowed_methods,
    reason = "the pause between two attempts, which ends with the condition"
)]
pub async fn until_async<T>(
    what: impl Display,
    mut attempt: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let attempts = async {
        loop {
            if let Some(value) = attempt().await? {
                return Ok(value);
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    match tokio::time::timeout(DEADLINE, attempts).await {
        Ok(value) => value,
        Err(_elapsed) => bail!("timed out waiting for {what}"),
    }
}
