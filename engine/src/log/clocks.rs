//! The lines about the time of day of this machine.

use crate::clock::{ClockOffset, millis};

/// The time of day of this machine is not that of the database.
pub(crate) fn clock_is_off(host: &str, offset: ClockOffset) {
    let (direction, size) = size(offset);
    tracing::warn!(
        parent: None,
        host,
        offset_ms = offset.ahead_ms,
        uncertainty_ms = millis(offset.uncertainty),
        "the clock of this machine (`{host}`) is {size} s {direction} the clock of the database, to within {} ms; \
         timers and leases go by the database, but log lines and tokens by the machine: let NTP set the clocks of both \
         (`timedatectl set-ntp true`, chrony)",
        millis(offset.uncertainty) + 1
    );
}

/// It is again.
pub(crate) fn clock_is_right(host: &str, offset: ClockOffset) {
    let (direction, size) = size(offset);
    tracing::info!(
        parent: None,
        host,
        offset_ms = offset.ahead_ms,
        uncertainty_ms = millis(offset.uncertainty),
        "the clock of this machine (`{host}`) agrees with the clock of the database again: it is {size} s {direction} it"
    );
}

fn size(offset: ClockOffset) -> (&'static str, String) {
    let direction = if offset.ahead_ms < 0 { "behind" } else { "ahead of" };
    (direction, format!("{:.3}", offset.seconds().abs()))
}
