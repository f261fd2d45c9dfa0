//! What is added to the message of a failed test, whichever runner ran it: what its author cannot know of the place where
//! it ran. A hint changes no verdict.

use std::cell::LazyCell;

use ctutor_sandbox::Limits;

use super::ending::{SUSPECTED, limit_behind, shortened};
use crate::testing::report::{MESSAGE_BYTES_MAX, TestReport, Verdict};

/// What pytest says of `input()` and the like.
const NO_INPUT: &str = "reading from stdin while output is captured";
const NO_INPUT_HINT: &str = "the tests give no input: `input()` and the like must not run when the file is imported or \
                             one of its functions is called";

/// What Python says of a source in UTF-16 or in an encoding of one byte.
const NOT_UTF_8: [&str; 3] = [
    "cannot contain null bytes",
    "(unicode error) 'utf-8' codec can't decode",
    "Non-UTF-8 code starting with",
];
const SAVE_AS_UTF_8: &str = "save it with the encoding UTF-8";
const NAMES_SHOWN_MAX: usize = 3;

/// Adds hints to the messages of the tests that failed. `not_utf_8` gives the sources of the submission that Python
/// cannot read.
pub(super) fn add_hints(reports: &mut [TestReport], limits: &Limits, not_utf_8: impl Fn() -> Vec<String>) {
    let not_utf_8 = LazyCell::new(|| encoding_hint(&not_utf_8()));
    for report in reports.iter_mut().filter(|report| report.result == Verdict::Failed) {
        let Some(message) = &report.result_message else { continue };
        let Some(hint) = hint(message, limits, &not_utf_8) else { continue };
        // The sign for what is left out takes some of the room.
        let room = MESSAGE_BYTES_MAX.saturating_sub(hint.len() + 60);
        let message = if message.len() > room { shortened(message, room / 2) } else { message.clone() };
        report.result_message = Some(format!("{message}\n({hint})"));
    }
}

fn hint(
    message: &str,
    limits: &Limits,
    not_utf_8: &LazyCell<Option<String>, impl FnOnce() -> Option<String>>,
) -> Option<String> {
    if message.contains(SUSPECTED) || message.contains(NO_INPUT_HINT) || message.contains(SAVE_AS_UTF_8) {
        return None;
    }
    if NOT_UTF_8.iter().any(|words| message.contains(words)) {
        return (**not_utf_8).clone();
    }
    if message.contains(NO_INPUT) { Some(NO_INPUT_HINT.to_owned()) } else { limit_behind(message, limits) }
}

fn encoding_hint(files: &[String]) -> Option<String> {
    let shown = files[..files.len().min(NAMES_SHOWN_MAX)].join("`, `");
    let verb = if files.len() == 1 { "is" } else { "are" };
    (!files.is_empty()).then(|| format!("`{shown}` {verb} not saved as UTF-8: {SAVE_AS_UTF_8}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::report::Status;

    fn told(message: &str, verdict: Verdict) -> String {
        let mut reports = [TestReport::new("t", Status::Completed, verdict, Some(message))];
        add_hints(&mut reports, &Limits { processes: 64, ..Limits::default() }, Vec::new);
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
