//! Counts what each subject has open, so that one subject cannot use up everything.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many sockets or streams each subject has open.
#[derive(Debug, Clone, Default)]
pub(super) struct Subjects {
    counts: Arc<Mutex<HashMap<String, usize>>>,
}

/// A place taken, given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    subjects: Subjects,
    subject: String,
}

impl Subjects {
    /// Takes a place, if the subject has one left.
    pub(super) fn take(&self, subject: &str, allowed: usize) -> Option<Seat> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(subject.to_owned()).or_default();
        if *count >= allowed {
            return None;
        }
        *count += 1;
        Some(Seat { subjects: self.clone(), subject: subject.to_owned() })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.subjects.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = counts.get_mut(&self.subject) else { return };
        *count -= 1;
        if *count == 0 {
            counts.remove(&self.subject);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_and_leaves_nothing_behind() {
        let subjects = Subjects::default();
        let first = subjects.take("a", 1);
        assert!(first.is_some());
        assert!(subjects.take("a", 1).is_none());
        assert!(subjects.take("b", 1).is_some());
        drop(first);
        assert!(subjects.take("a", 1).is_some());
        assert!(subjects.counts.lock().expect("not poisoned").is_empty());
    }
}
