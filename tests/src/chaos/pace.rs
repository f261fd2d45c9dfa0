//! The waits between blows. They are what a session is made of, so they come from the seed and from nowhere else.

use std::time::Duration;

/// Lets the system run undisturbed for a while.
#[expect(clippy::disallowed_methods, reason = "the length of a wait is part of the session")]
pub(super) async fn let_run(while_: Duration) {
    tokio::time::sleep(while_).await;
}
