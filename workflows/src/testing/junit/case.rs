//! The tests of a report.

use super::{fault::Unknown, text::readable};
use crate::testing::report::{Verdict, cap};

/// One `testcase`.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::testing) struct Case {
    /// Class and name, which need not be unique.
    pub(in crate::testing) name: String,
    pub(in crate::testing) verdict: Verdict,
    pub(in crate::testing) message: Option<String>,
    pub(in crate::testing) seconds: f64,
    /// Whether it stands for a suite that failed, and is no test.
    pub(in crate::testing) of_suite: bool,
}

/// What a report says.
#[derive(Debug, PartialEq)]
pub(super) struct Reported {
    pub(super) cases: Vec<Case>,
    /// A failure that belongs to no test, in a report without tests.
    pub(super) untold: Option<String>,
    /// The first word or element that is not known. The test or the suite that has it has failed.
    pub(super) unknown: Option<Unknown>,
}

impl Case {
    /// Why it failed.
    pub(super) fn reason(&self) -> &str {
        self.message.as_deref().unwrap_or("it failed")
    }
}

/// Fails all tests for what none of them tells, and says whether there are any.
pub(super) fn fail_all(cases: &mut [Case], reason: &str) -> bool {
    let mut is_any = false;
    for case in cases.iter_mut().filter(|case| !case.of_suite) {
        is_any = true;
        if case.verdict == Verdict::Passed {
            case.verdict = Verdict::Failed;
            let reason =
                format!("{reason}\nthe report does not say which test it is, so none of them has passed");
            case.message = Some(cap(&readable(&reason)));
        }
    }
    is_any
}

/// Skips all tests that passed in a suite that was skipped, and says how many they are.
pub(super) fn skip_all(cases: &mut [Case], reason: &str) -> usize {
    let passed = cases.iter_mut().filter(|case| case.verdict == Verdict::Passed);
    passed
        .map(|case| {
            case.verdict = Verdict::Skipped;
            case.message = Some(cap(&readable(&format!("its suite was skipped: {reason}"))));
        })
        .count()
}
