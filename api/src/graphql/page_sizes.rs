//! How many items pages may have.

/// The sizes that the configuration allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageSizes {
    pub(super) items_max: u32,
    pub(super) history_items_max: u32,
}

/// The lists whose pages have a bound of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    /// Histories of runs.
    History,
    /// All others.
    Items,
}

tokio::task_local! {
    static SIZES: PageSizes;
}

impl PageSizes {
    pub(super) fn max(self, list: List) -> u32 {
        match list {
            List::History => self.history_items_max,
            List::Items => self.items_max,
        }
    }

    /// Runs a validation that knows these sizes. The expressions for the cost of a field are given no data.
    pub(super) async fn within<F: Future>(self, validation: F) -> F::Output {
        SIZES.scope(self, validation).await
    }

    /// The largest page in the validation that is running.
    pub(super) fn of_validation(list: List) -> u32 {
        SIZES.try_with(|sizes| sizes.max(list)).unwrap_or(u32::MAX)
    }
}
