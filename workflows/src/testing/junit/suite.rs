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
    failures: usize,
    errors: usize,
    /// Other ways to fail, which the failures may include.
    others: usize,
    /// The smallest number of tests that passed, and the attribute with its value.
    passes: Option<(usize, String)>,
    /// The largest number of skipped tests, and the attribute with its value.
    skips: Option<(usize, String)>,
    /// The smallest number of tests.
    tests: Option<usize>,
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
    /// Skips, those of tests that failed all the same included.
    pub(super) skipped: usize,
    pub(super) passed: usize,
    /// Those that passed after they had failed.
    pub(super) flaky: usize,
    /// Tests with an element of their own.
    pub(super) listed: usize,
    /// Tests that a suite counts and that have no element.
    pub(super) unlisted: usize,
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
        self.failures = self.failures.max(std::mem::take(&mut aside.failures));
        self.errors = self.errors.max(std::mem::take(&mut aside.errors));
        self.others = self.others.max(std::mem::take(&mut aside.others));
        self.passes = self.passes.take().into_iter().chain(aside.passes.take()).min();
        self.skips = self.skips.take().into_iter().chain(aside.skips.take()).max();
        self.tests = self.tests.into_iter().chain(aside.tests.take()).min();
    }

    /// Takes what an attribute says; `false` if its word is not known.
    pub(super) fn hear(&mut self, attribute: &str, value: &str) -> bool {
        let says = || Some(format!("`{attribute}` is `{value}`"));
        match of_suite(attribute, value) {
            OfSuite::Nothing => {}
            OfSuite::Failed => self.failed = self.failed.take().or_else(says),
            OfSuite::Skipped => self.skipped = self.skipped.take().or_else(says),
            // The same number may stand there under two names.
            OfSuite::Failures(count) => self.failures = self.failures.max(count),
            OfSuite::Errors(count) => self.errors = self.errors.max(count),
            OfSuite::Others(count) => self.others = self.others.max(count),
            OfSuite::Passes(count) => {
                self.passes = self.passes.take().into_iter().chain(says().map(|says| (count, says))).min();
            }
            OfSuite::Skips(count) => {
                self.skips = self.skips.take().into_iter().chain(says().map(|says| (count, says))).max();
            }
            OfSuite::Tests(count) => self.tests = Some(self.tests.map_or(count, |tests| tests.min(count))),
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

    /// What was told when it began.
    pub(super) fn start(&self) -> Told {
        self.before
    }

    /// The number of its first test.
    pub(super) fn first_case(&self) -> usize {
        self.before.cases
    }

    /// What falls on its tests now that all is told.
    pub(super) fn close(mut self, told: &mut Told) -> Falls {
        let failures = told.failures - self.before.failures;
        let is_told = failures > 0 || told.skipped > self.before.skipped;
        let contradiction = self.contradiction(told);
        let counted = self.failures.saturating_add(self.errors).max(self.others);
        if counted > failures {
            let reason = format!(
                "the suite counts {counted} failures and errors, and {failures} are told by its tests"
            );
            return Falls::Untold { reason, failures: counted - failures };
        }
        if let Some(said) = self.failed.take().filter(|_| failures == 0) {
            let reason = format!("the suite failed ({said}), but none of its tests did");
            return Falls::Untold { reason, failures: 1 };
        }
        match (self.blame, self.skipped, contradiction) {
            (Some(blame), ..) => Falls::Failed(blame),
            (None, Some(said), _) if !is_told => Falls::Skipped(said),
            (None, _, Some(reason)) => Falls::Untold { reason, failures: 0 },
            (None, _, None) => Falls::Nothing,
        }
    }

    /// How what it counts contradicts the tests that passed in it.
    fn contradiction(&self, told: &mut Told) -> Option<String> {
        let before = self.before;
        let passed = told.passed - before.passed;
        // Around it, a suite that was skipped may count as one test.
        told.skipped = told.skipped.max(before.skipped + usize::from(self.skipped.is_some()));
        let few = self.passes.as_ref().and_then(|(count, said)| {
            // Whether one that failed before it passed is counted is open.
            let sure = if *count == 0 { passed } else { passed - (told.flaky - before.flaky) };
            let reason =
                || format!("the suite counts fewer tests ({said}) than the {passed} that passed in it");
            (*count < sure).then(reason)
        });
        few.or(self.skips_untold(told))
    }

    /// Skips that it counts and that neither its tests tell nor those without an element explain: some frameworks
    /// count skipped tests, and have no element for them.
    fn skips_untold(&self, told: &mut Told) -> Option<String> {
        let before = self.before;
        let unlisted = self.tests.unwrap_or_default().saturating_sub(told.listed - before.listed);
        told.unlisted = told.unlisted.max(before.unlisted + unlisted);
        let (count, said) = self.skips.as_ref()?;
        let skipped = told.skipped - before.skipped;
        let untold = count.saturating_sub(skipped);
        if told.passed > before.passed && untold > told.unlisted - before.unlisted {
            told.skipped += untold;
            return Some(format!(
                "the suite counts more skipped tests ({said}) than the {skipped} that its tests tell"
            ));
        }
        // Those around it count what no test in it tells.
        told.unlisted = told.unlisted.max(before.unlisted + untold);
        None
    }
}

impl Told {
    /// After the tests of a suite that began with `start` have failed or were skipped.
    pub(super) fn forget_passes(&mut self, start: Self) {
        self.passed = start.passed;
        self.flaky = start.flaky;
    }
}
