//! How much is asked.

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Rounds; of each figure the median counts.
    pub(crate) rounds: u32,
    /// Workflows of each load.
    pub(crate) workflows: u32,
    /// Workflows one at a time.
    pub(crate) singles: u32,
}
