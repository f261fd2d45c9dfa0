//! What a suite says of its tests, and whether they say it too.
//!
//! A verdict is never better than the report says. What a suite says and no test in it tells, falls on all of them.

use super::meaning::{OfSuite, of_suite};

/// `testsuites`, `testsuite`, or an unknown element that may hold some.
#[derive(Debug, Default)]
pub(super) struct Suite {
    pub(super) name: String,
    /// What it says of itself: the attribute with its value.
    failed: Option<String>,
    skipped: Option<String>,
    none_passed: Option<String>,
    failures: usize,
    errors: usize,
    /// A failure in it that belongs to no test.
    blame: Option<Blame>,
    /// Whether it is an element of an unknown name.
    is_unknown: bool,
    /// What was told when it began.
    before: Told,
}

/// A failure that belongs to no test.
#[derive(Clone, Debug)]
pub(super) struct Blame {
    pub(super) reason: String,
    /// Whether it falls on the tests around the suite if the suite has none.
    pub(super) spreads: bool,
}

/// How much of a report was told by tests and by suites.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    pub(super) cases: usize,
    /// Failures, expected ones included.
    pub(super) failures: usize,
    pub(super) skipped: usize,
    pub(super) passed: usize,
}

/// What falls on the tests of a suite.
#[derive(Debug)]
pub(super) enum Falls {
    /// Nothing that its tests do not say.
    Nothing,
    Skipped(String),
    Failed(Blame),
    /// What it says itself, so many failures that nobody told.
    Untold {
        reason: String,
        failures: usize,
    },
}

impl Suite {
    pub(super) fn new(name: String, before: Told) -> Self {
        Self { name, before, ..Self::default() }
    }

    pub(super) fn unknown(name: String, before: Told) -> Self {
        Self { is_unknown: true, ..Self::new(name, before) }
    }

    /// Whether it has no tests, so that it speaks of those around it.
    pub(super) fn is_aside(&self, told: Told) -> bool {
        self.is_unknown && told.cases == self.before.cases
    }

    /// Takes what an element in it says of the tests around that element.
    pub(super) fn absorb(&mut self, aside: &mut Self) {
        self.failed = self.failed.take().or_else(|| aside.failed.take());
        self.skipped = self.skipped.take().or_else(|| aside.skipped.take());
        self.none_passed = self.none_passed.take().or_else(|| aside.none_passed.take());
        self.failures = self.failures.max(std::mem::take(&mut aside.failures));
        self.errors = self.errors.max(std::mem::take(&mut aside.errors));
    }

    /// Takes what an attribute says; `false` if its word is not known.
    pub(super) fn hear(&mut self, attribute: &str, value: &str) -> bool {
        let says = || Some(format!("`{attribute}` is `{value}`"));
        match of_suite(attribute, value) {
            OfSuite::Nothing => {}
            OfSuite::Failed => self.failed = self.failed.take().or_else(says),
            OfSuite::Skipped => self.skipped = self.skipped.take().or_else(says),
            OfSuite::NonePassed => self.none_passed = self.none_passed.take().or_else(says),
            // The same number may stand there under two names.
            OfSuite::Failures(count) => self.failures = self.failures.max(count),
            OfSuite::Errors(count) => self.errors = self.errors.max(count),
            OfSuite::Unknown => return false,
        }
        true
    }

    /// Takes what attributes of an element in it say, as far as it is known.
    pub(super) fn hear_known(&mut self, said: &[(String, String)]) {
        for (attribute, value) in said {
            self.hear(attribute, value);
        }
    }

    /// Takes a failure that belongs to no test.
    pub(super) fn blame(&mut self, blame: Blame) {
        self.blame.get_or_insert(blame);
    }

    /// Takes an element that says that the suite was skipped.
    pub(super) fn skip(&mut self, reason: String) {
        self.skipped.get_or_insert(reason);
    }

    /// The number of its first test.
    pub(super) fn first_case(&self) -> usize {
        self.before.cases
    }

    /// What falls on its tests now that all is told.
    pub(super) fn close(mut self, told: Told) -> Falls {
        let failures = told.failures - self.before.failures;
        let counted = self.failures.saturating_add(self.errors);
        let passed = told.passed - self.before.passed;
        let said = match (self.failed.take(), self.none_passed.take()) {
            (Some(said), _) if failures == 0 => Some(said),
            (_, Some(said)) if failures == 0 && passed > 0 => Some(said),
            _ => None,
        };
        if counted > failures {
            let reason = format!(
                "the suite counts {counted} failures and errors, and {failures} are told by its tests"
            );
            return Falls::Untold { reason, failures: counted - failures };
        }
        if let Some(said) = said {
            let reason = format!("the suite failed ({said}), but none of its tests did");
            return Falls::Untold { reason, failures: 1 };
        }
        match (self.blame, self.skipped) {
            (Some(blame), _) => Falls::Failed(blame),
            (None, Some(said)) if failures == 0 && told.skipped == self.before.skipped => {
                Falls::Skipped(said)
            }
            _ => Falls::Nothing,
        }
    }
}
