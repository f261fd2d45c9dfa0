//! Which ids of a socket are taken, and by what.
//!
//! A client may use an id again as soon as it has sent or received `complete` for it. Messages of the earlier
//! operation can still wait in the queue then. So each operation has a generation, and the writer lets a
//! message pass only while its generation holds the id.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;

/// The operations of one socket. Shared by its reader and its writer.
#[derive(Clone, Default)]
pub(super) struct Operations {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    last_generation: u64,
    by_id: HashMap<String, Entry>,
}

struct Entry {
    generation: u64,
    task: Option<AbortHandle>,
}

/// Why an operation cannot begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    IdTaken,
    TooMany,
}

impl Operations {
    /// Takes an id.
    pub(super) fn begin(&self, id: &str, operations_max: usize) -> Result<u64, Refused> {
        let mut inner = self.lock();
        if inner.by_id.contains_key(id) {
            return Err(Refused::IdTaken);
        }
        if inner.by_id.len() >= operations_max {
            return Err(Refused::TooMany);
        }
        inner.last_generation += 1;
        let generation = inner.last_generation;
        inner.by_id.insert(id.to_owned(), Entry { generation, task: None });
        Ok(generation)
    }

    /// Says which task to stop. Too late for one that has ended already, which is all right.
    pub(super) fn attach(&self, id: &str, generation: u64, task: AbortHandle) {
        if let Some(entry) = self.lock().by_id.get_mut(id)
            && entry.generation == generation
        {
            entry.task = Some(task);
        }
    }

    /// Stops an operation on the client's wish. Unknown ids are of operations that have just ended.
    pub(super) fn cancel(&self, id: &str) {
        let entry = self.lock().by_id.remove(id);
        if let Some(task) = entry.and_then(|entry| entry.task) {
            task.abort();
        }
    }

    /// Whether a message of this generation may still be written.
    pub(super) fn is_current(&self, id: &str, generation: u64) -> bool {
        self.lock().by_id.get(id).is_some_and(|entry| entry.generation == generation)
    }

    /// Gives the id back. The same answer as [`Self::is_current`], for the last message of an operation.
    pub(super) fn finish(&self, id: &str, generation: u64) -> bool {
        let mut inner = self.lock();
        let is_current = inner.by_id.get(id).is_some_and(|entry| entry.generation == generation);
        if is_current {
            inner.by_id.remove(id);
        }
        is_current
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_an_earlier_generation_do_not_pass() {
        let operations = Operations::default();
        let first = operations.begin("1", 2).expect("free");
        assert_eq!(operations.begin("1", 2), Err(Refused::IdTaken));
        operations.cancel("1");
        let second = operations.begin("1", 2).expect("free again");
        assert!(!operations.is_current("1", first));
        assert!(!operations.finish("1", first));
        assert!(operations.is_current("1", second));
        assert!(operations.finish("1", second));
        assert!(!operations.is_current("1", second));
    }

    #[test]
    fn places_are_counted() {
        let operations = Operations::default();
        operations.begin("1", 2).expect("free");
        operations.begin("2", 2).expect("free");
        assert_eq!(operations.begin("3", 2), Err(Refused::TooMany));
        operations.cancel("2");
        assert!(operations.begin("3", 2).is_ok());
    }
}
