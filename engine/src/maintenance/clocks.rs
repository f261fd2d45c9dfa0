//! Compares the clock of this machine with that of the database, and tells when they disagree.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{
    chain,
    clock::{Clock, ClockOffset, ClockState, ServerClock},
    host,
    log::clocks::{clock_is_off, clock_is_right},
    store::Store,
};

/// A sleep that took so much longer than it should was one of the machine: sleep does not go on while it is suspended.
const OVERSLEPT: Duration = Duration::from_secs(1);

/// Compares until `stop`. A server that does not answer is told of by the other duties.
pub(super) async fn compare(
    store: &Store,
    clock: &ServerClock,
    interval: Duration,
    stop: &CancellationToken,
) {
    let host = host::name();
    let mut told = ClockState::Synchronized;
    loop {
        if let Err(error) = store.measure(clock).await {
            tracing::debug!(error = %chain(&error), "the clock of the database could not be read; time goes on from what was read last");
        }
        if let Some(offset) = clock.offset()
            && let Some(state) = change(told, offset)
        {
            match state {
                ClockState::Synchronized => clock_is_right(&host, offset),
                ClockState::Ahead | ClockState::Behind => clock_is_off(&host, offset),
            }
            told = state;
        }
        let asleep_since = clock.uptime();
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep(interval) => {}
        }
        if clock.uptime().saturating_sub(asleep_since) > interval + OVERSLEPT {
            clock.look_again();
        }
    }
}

/// What is to be told after `told`. All is well again at half of what is too much, so that an offset about there does
/// not fill the log.
fn change(told: ClockState, offset: ClockOffset) -> Option<ClockState> {
    match offset.state() {
        state if state == told => None,
        ClockState::Synchronized => {
            let is_well = Duration::from_millis(offset.ahead_ms.unsigned_abs()) <= ClockOffset::TOLD_FROM / 2;
            is_well.then_some(ClockState::Synchronized)
        }
        state => Some(state),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_told_once_and_so_is_its_return() {
        use ClockState::{Ahead, Behind, Synchronized};
        let mut told = Synchronized;
        let mut look = |ahead_ms, uncertainty_ms| {
            let uncertainty = Duration::from_millis(uncertainty_ms);
            let change = change(told, ClockOffset { ahead_ms, uncertainty });
            told = change.unwrap_or(told);
            change
        };
        assert_eq!(look(1_000, 0), None);
        assert_eq!(look(-1_300, 400), None, "perhaps it is only 900 ms behind");
        assert_eq!(look(1_002, 1), Some(Ahead));
        assert_eq!(look(30_000, 1), None);
        assert_eq!(look(900, 1), None);
        assert_eq!(look(1_100, 1), None);
        assert_eq!(look(-30_000, 1), Some(Behind));
        assert_eq!(look(-500, 1), Some(Synchronized));
        assert_eq!(look(3, 1), None);
    }
}
