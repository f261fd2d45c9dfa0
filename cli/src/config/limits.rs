use ctutor_engine::client;
use serde::Deserialize;

use super::Between;

/// `[limits]`: bounds on what callers may send and ask for, and on what a run may grow to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// Largest input, memo and set of search attributes.
    pub(crate) payload_size_bytes_max: Between<1_024, 67_108_864>,
    /// Most items of a page.
    pub(crate) page_items_max: Between<20, 10_000>,
    /// Most history events of a page.
    pub(crate) history_page_items_max: Between<1, 10_000>,
    /// Most events of a run.
    pub(crate) history_events_max: Between<100, 1_000_000>,
    /// Most that the events of a run may take.
    pub(crate) history_size_bytes_max: Between<65_536, 536_870_912>,
}

impl From<&Limits> for client::Limits {
    fn from(limits: &Limits) -> Self {
        Self {
            payload_size_bytes_max: limits.payload_size_bytes_max.as_usize(),
            page_items_max: limits.page_items_max.get(),
            history_page_items_max: limits.history_page_items_max.get(),
            ..Self::default()
        }
    }
}
