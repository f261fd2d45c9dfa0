//! The clock of a server, read over a connection.

use std::sync::Arc;

use crate::{
    clock::{Clock, ManualClock, ServerClock, SystemClock, Timestamp, millis},
    testing::TestStore,
};

/// The server runs on this machine, so the offset is 0 and only the uncertainty can hide that.
#[tokio::test]
async fn the_clock_of_a_server_is_read_as_exactly_as_told() {
    let database = TestStore::postgres().await;
    let clock = ServerClock::new(Arc::new(SystemClock));
    database.store.measure(&clock).await.unwrap();
    let offset = clock.offset().unwrap();
    assert!(offset.ahead_ms.abs() <= millis(offset.uncertainty) + 1, "{offset:?}");
}

#[tokio::test]
async fn a_machine_with_any_time_of_day_shows_the_time_of_the_server() {
    let database = TestStore::postgres().await;
    let machine = ManualClock::new(Timestamp(1_000_000_000_000));
    let clock = ServerClock::new(Arc::new(machine));
    let before = SystemClock.now();
    database.store.measure(&clock).await.unwrap();
    let (shown, after) = (clock.now(), SystemClock.now());
    assert!((before.0 - 1..=after.0 + 1).contains(&shown.0), "{before} {shown} {after}");
}
