use ctutor_engine::{
    history::{EventAttributes, EventType, HistoryEvent},
    ids::RunId,
};

use super::{Twin, error::Error};

/// What the history of a run records about ended activities, which have no rows any more.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// Failed attempts of the activity that had most of them.
    pub(super) retries: u32,
    /// The worker of the last attempt.
    pub(super) worker: Option<String>,
}

impl Attempts {
    /// Reads the starts of attempts from the history, one page at a time.
    pub(super) async fn read(twin: &Twin, run_id: RunId) -> Result<Self, Error> {
        let client = &twin.app.client;
        let items = client.limits().history_page_items_max;
        let mut attempts = Self::default();
        let mut after = 0;
        loop {
            let events = client.history(run_id, after, items, &[EventType::ActivityTaskStarted]).await;
            let events = events.map_err(|error| Error::store(&error))?;
            let is_last = events.len() < items as usize;
            for event in events {
                after = event.event_id;
                attempts.add(event);
            }
            if is_last {
                return Ok(attempts);
            }
        }
    }

    fn add(&mut self, event: HistoryEvent) {
        if let EventAttributes::ActivityTaskStarted(started) = event.attributes {
            self.retries = self.retries.max(started.attempt.saturating_sub(1));
            self.worker = Some(started.identity);
        }
    }
}
