//! What is added to the message of a failed test, whichever runner ran it: what its author cannot know of the place where
//! it ran. A hint changes no verdict.

use ctutor_sandbox::Limits;

use super::ending::{SUSPECTED, limit_behind, shortened};
use crate::testing::report::{MESSAGE_BYTES_MAX, TestReport, Verdict};

/// What pytest says of `input()` and the like.
const NO_INPUT: &str = "reading from stdin while output is captured";
const NO_INPUT_HINT: &str = "the tests give no input: `input()` and the like must not run when the file is imported or \
                             one of its functions is called";

/// Adds hints to the messages of the tests that failed.
pub(super) fn add_hints(reports: &mut [TestReport], limits: &Limits) {
    for report in reports.iter_mut().filter(|report| report.result == Verdict::Failed) {
        let Some(message) = &report.result_message else { continue };
        let Some(hint) = hint(message, limits) else { continue };
        // The sign for what is left out takes some of the room.
        let room = MESSAGE_BYTES_MAX.saturating_sub(hint.len() + 60);
        let message = if message.len() > room { shortened(message, room / 2) } else { message.clone() };
        report.result_message = Some(format!("{message}\n({hint})"));
    }
}

fn hint(message: &str, limits: &Limits) -> Option<String> {
    if message.contains(SUSPECTED) || message.contains(NO_INPUT_HINT) {
        return None;
    }
    if message.contains(NO_INPUT) { Some(NO_INPUT_HINT.to_owned()) } else { limit_behind(message, limits) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::report::Status;

    fn told(message: &str, verdict: Verdict) -> String {
        let mut reports = [TestReport::new("t", Status::Completed, verdict, Some(message))];
        add_hints(&mut reports, &Limits { processes: 64, ..Limits::default() });
        reports[0].result_message.clone().unwrap()
    }

    #[test]
    fn a_failed_test_that_met_a_limit_or_wanted_input_says_so() {
        for (message, expected) in [
            ("RuntimeError: can't start new thread", "at most 64 processes and threads)"),
            (
                "BlockingIOError: [Errno 11] Resource temporarily unavailable",
                "at most 64 processes and threads)",
            ),
            ("OSError: [Errno 27] File too large", "MiB in `/tmp`)"),
            ("MemoryError", "MiB of memory)"),
            (
                "OSError: pytest: reading from stdin while output is captured! Consider using `-s`.",
                "\n(the tests give no input: `input()` and the like must not run when the file is imported or one of \
                 its functions is called)",
            ),
        ] {
            let long = format!("{}{message}", "m".repeat(3_950));
            for message in [message, &long] {
                let hinted = told(message, Verdict::Failed);
                assert!(hinted.ends_with(expected) && hinted.len() <= MESSAGE_BYTES_MAX, "{hinted}");
                assert_eq!(told(&hinted, Verdict::Failed).matches("\n(").count(), 1);
            }
            assert_eq!(told(message, Verdict::Skipped), message);
        }
        assert_eq!(told("assert 1 == 2", Verdict::Failed), "assert 1 == 2");
    }
}
