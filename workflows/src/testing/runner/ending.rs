//! How a program ended, in words for its author.

use ctutor_sandbox::{Captured, Cause, Exit, Limits, Outcome};

use super::frames::own_calls;
use crate::testing::paths::Hidden;

/// How much is shown of the beginning of an output, and of its end: the first error says more than those that follow
/// from it, and the last line of a Python traceback more than its first.
pub(super) const SHOWN_BYTES_MAX: usize = 700;
/// How much of each is looked at: paths become shorter when they are hidden.
pub(super) const READ_BYTES_MAX: usize = 4 << 10;
/// An output that is not longer is looked at as a whole.
const WHOLE_BYTES_MAX: usize = 4 * READ_BYTES_MAX;

/// No path of a worker is longer.
const PATH_BYTES_MAX: usize = 1 << 10;
/// How the hint at a limit begins.
pub(super) const SUSPECTED: &str = "a limit of the tests may be the reason";
/// What is told of tests for which the submission has left none.
pub(super) const NO_PROCESS_LEFT: &str = "no process or thread is left";
/// What programs write when they meet a limit.
const OUT_OF_PROCESSES: [&str; 6] = [
    NO_PROCESS_LEFT,
    "Cannot fork",
    "fork: retry",
    "Resource temporarily unavailable",
    "can't start new thread",
    "unable to create native thread",
];
const OUT_OF_MEMORY: [&str; 6] = [
    "MemoryError",
    "std::bad_alloc",
    "OutOfMemoryError",
    "Cannot allocate memory",
    "out of memory",
    "Could not reserve enough space",
];
const OUT_OF_ROOM: [&str; 3] = ["No space left on device", "File size limit exceeded", "File too large"];

/// How the program ended and why.
pub(super) fn ending(outcome: &Outcome) -> String {
    match &outcome.detail {
        Some(detail) => format!("{}: {detail}", describe(outcome.exit)),
        None => describe(outcome.exit),
    }
}

/// A reason and what the program wrote.
pub(super) fn told(reason: &str, output: &str) -> String {
    if output.is_empty() { format!("{reason}; it wrote nothing") } else { format!("{reason}\n{output}") }
}

/// How the program ended, without what only the sandbox knows.
pub(super) fn describe(exit: Exit) -> String {
    match exit {
        Exit::Exited(code) => format!("the program ended the tests with exit status {code}"),
        Exit::Signaled(signal) => {
            let name = exit.signal_name().unwrap_or_default();
            let name = if name.starts_with("SIG") { format!(" ({name})") } else { String::new() };
            let meaning = meaning(signal).map_or_else(String::new, |meaning| format!(": {meaning}"));
            format!("the program was ended by signal {signal}{name}{meaning}")
        }
        Exit::TimedOut => "it did not end in time".to_owned(),
        Exit::OutputLimit => "it wrote too much output".to_owned(),
        Exit::MemoryLimit => "it used too much memory".to_owned(),
        Exit::ProcessLimit => "it started too many processes or threads".to_owned(),
        Exit::DiskLimit => "it wrote too many or too large files".to_owned(),
        Exit::Canceled => "it was canceled".to_owned(),
    }
}

/// What a beginner does not know of a signal; numbers as on Linux.
fn meaning(signal: i32) -> Option<&'static str> {
    Some(match signal {
        2 => "it was interrupted",
        4 => "it came to an instruction that the processor does not know",
        6 => "it aborted, as after a failed assertion or an exception that nothing caught",
        7 => "it accessed memory that does not exist, as a wrong pointer does",
        8 => "an arithmetic error, such as an integer division by zero",
        9 => "something killed it, which may be the program itself",
        11 => "it accessed memory that it may not, as a null pointer or an index out of bounds does",
        13 => "it wrote to a pipe that nothing reads any more",
        14 => "its own alarm went off",
        15 => "something asked it to end, which may be the program itself",
        31 => "it made a system call that is forbidden where tests run",
        _ => return None,
    })
}

/// The limit that the program exceeded, with its value.
pub(in crate::testing) fn exceeded(exit: Exit, limits: &Limits) -> Option<String> {
    let mebibytes = |bytes: u64| format!("{} MiB", bytes >> 20);
    Some(match exit {
        Exit::TimedOut => format!("the limit is {} s", limits.wall.as_secs_f64()),
        Exit::OutputLimit => format!("the limit is {}", mebibytes(limits.output_bytes)),
        Exit::MemoryLimit => format!("the limit is {}", mebibytes(limits.memory_bytes)),
        Exit::ProcessLimit => format!("the limit is {}", limits.processes),
        Exit::DiskLimit => {
            format!("the limits are {} and {} files", mebibytes(limits.writable_bytes), limits.writable_files)
        }
        Exit::Exited(_) | Exit::Signaled(_) | Exit::Canceled => return None,
    })
}

/// The beginnings and ends of both outputs; empty when there was none. Lines of standard output that begin with `own`
/// are messages to the worker and are left out.
pub(in crate::testing) fn last_output(outcome: &Outcome, hidden: &Hidden, own: Option<&str>) -> String {
    let stderr = last_of("standard error", &outcome.stderr, hidden);
    let stdout = named("standard output", &excerpt(&outcome.stdout, hidden, own));
    stderr.into_iter().chain(stdout).collect::<Vec<_>>().join("\n")
}

/// The beginning and the end of an output under its name, if there was any.
pub(super) fn last_of(name: &str, output: &Captured, hidden: &Hidden) -> Option<String> {
    named(name, &excerpt(output, hidden, None))
}

fn named(name: &str, text: &str) -> Option<String> {
    (!text.is_empty()).then(|| format!("{name}:\n{text}"))
}

/// An output without what is too much of its middle.
fn excerpt(output: &Captured, hidden: &Hidden, own: Option<&str>) -> String {
    let filtered = |text: &str| match own {
        Some(own) => without_lines(text, own),
        None => text.to_owned(),
    };
    if !output.truncated && output.bytes.len() <= WHOLE_BYTES_MAX {
        return shortened(&own_calls(&hidden.hide(&filtered(&output.text()))), SHOWN_BYTES_MAX);
    }
    // What was cut may be a part of a message to the worker, or of a path, which would not be found.
    let read = String::from_utf8_lossy(&output.bytes[..output.bytes.len().min(READ_BYTES_MAX)]).into_owned();
    let head = match own {
        Some(_) => read.rsplit_once('\n').map_or("", |(lines, _)| lines),
        None => whole_at_end(&read),
    };
    let read = output.tail(READ_BYTES_MAX);
    let tail = match own {
        Some(_) => read.split_once('\n').map_or("", |(_, lines)| lines),
        None => whole_at_start(&read),
    };
    let own_calls = |text: &str| own_calls(&hidden.hide(&filtered(text)));
    let (head, tail) = (own_calls(head), own_calls(tail));
    let (head, tail) = (beginning(head.trim(), SHOWN_BYTES_MAX), end(tail.trim(), SHOWN_BYTES_MAX));
    let is_counted = !output.truncated && own.is_none();
    joined(head, tail, is_counted.then(|| output.bytes.len().saturating_sub(head.len() + tail.len())))
}

/// At most so many bytes of the beginning of a text, and of its end.
pub(super) fn shortened(text: &str, bytes_max: usize) -> String {
    let text = text.trim();
    if text.len() <= 2 * bytes_max {
        return text.to_owned();
    }
    let (head, tail) = (beginning(text, bytes_max), end(text, bytes_max));
    joined(head, tail, Some(text.len() - head.len() - tail.len()))
}

/// A text that may have lost its middle, without what is too much of the rest.
pub(super) fn excerpt_of(text: &str, after: Option<&str>, hidden: &Hidden, bytes_max: usize) -> String {
    let own = |text: &str| own_calls(&hidden.hide(text));
    let Some(after) = after else { return shortened(&own(text), bytes_max) };
    let (head, tail) = (own(whole_at_end(text)), own(whole_at_start(after)));
    joined(beginning(head.trim(), bytes_max), end(tail.trim(), bytes_max), None)
}

fn joined(head: &str, tail: &str, left_out: Option<usize>) -> String {
    let mark = left_out.map_or_else(|| "[…]".to_owned(), |bytes| format!("[… about {bytes} bytes …]"));
    let parts = [head.trim_end(), &mark, tail.trim_start()];
    if head.is_empty() && tail.is_empty() {
        return String::new();
    }
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

/// What is shown of the beginning: whole lines, unless the last one is long.
pub(super) fn beginning(text: &str, bytes_max: usize) -> &str {
    let start = &text[..text.floor_char_boundary(bytes_max)];
    if start.len() == text.len() {
        return start;
    }
    start.rfind('\n').filter(|at| *at >= bytes_max / 2).map_or(start, |at| &start[..at])
}

/// What is shown of the end: whole lines, unless the first one is long.
fn end(text: &str, bytes_max: usize) -> &str {
    let cut = text.len().saturating_sub(bytes_max);
    let rest = &text[text.ceil_char_boundary(cut)..];
    if cut == 0 {
        return rest;
    }
    rest.find('\n').filter(|at| *at <= bytes_max / 2).map_or(rest, |at| &rest[at + 1..])
}

/// Leaves out the lines that begin so.
fn without_lines(text: &str, beginning: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.starts_with(beginning)).collect()
}

/// What was cut may begin in the middle of a path of the worker, which would not be found: it is left out.
fn whole_at_start(cut: &str) -> &str {
    let beginning = &cut[..cut.floor_char_boundary(PATH_BYTES_MAX)];
    let start = beginning.find(char::is_whitespace).unwrap_or(beginning.len());
    cut[start..].trim_start()
}

/// The same of what may end in the middle of one.
fn whole_at_end(cut: &str) -> &str {
    let start = cut.ceil_char_boundary(cut.len().saturating_sub(PATH_BYTES_MAX));
    let end = cut[start..].rfind(char::is_whitespace).map_or(start, |at| start + at);
    cut[..end].trim_end()
}

/// A limit that a program may have met by what it wrote, in words.
pub(in crate::testing) fn suspected_limit(outcome: &Outcome, limits: &Limits) -> Option<String> {
    // A program that waits for a thread that could not be started does not end.
    if !matches!(outcome.exit, Exit::Exited(_) | Exit::Signaled(_) | Exit::TimedOut) {
        return None;
    }
    let first = &outcome.stderr.bytes[..outcome.stderr.bytes.len().min(READ_BYTES_MAX)];
    let written = format!("{}\n{}", String::from_utf8_lossy(first), outcome.stderr.tail(READ_BYTES_MAX));
    limit_behind(&written, limits)
}

/// The limit that a program may have met if this is what it, or the test, has said of it.
pub(super) fn limit_behind(written: &str, limits: &Limits) -> Option<String> {
    let has = |phrases: &[&str]| phrases.iter().any(|phrase| written.contains(phrase));
    let limit = if has(&OUT_OF_PROCESSES) {
        format!("at most {} processes and threads", limits.processes)
    } else if has(&OUT_OF_MEMORY) {
        format!("at most {} MiB of memory", limits.memory_bytes >> 20)
    } else if has(&OUT_OF_ROOM) {
        format!(
            "at most {} MiB in the folder of the test and {} MiB in `/tmp`",
            limits.writable_bytes >> 20,
            limits.scratch_bytes >> 20
        )
    } else {
        return None;
    };
    Some(format!("{SUSPECTED}: {limit}"))
}

/// Whether the program could not even be started.
pub(super) fn not_started(outcome: &Outcome) -> Option<&ctutor_sandbox::StartFailure> {
    match &outcome.cause {
        Some(Cause::NotStarted(failure)) => Some(failure),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn output(text: &str) -> Captured {
        let mut output = Captured::default();
        output.bytes = text.as_bytes().to_vec();
        output
    }

    fn shown(text: &str, own: Option<&str>) -> String {
        excerpt(&output(text), &Hidden::default().and(Path::new("/srv/cache"), "…"), own)
    }

    #[test]
    fn messages_to_the_worker_are_not_shown() {
        let text = "a print\nnonce {\"event\": \"loading\"}\nanother";
        assert_eq!(shown(text, Some("nonce")), "a print\nanother");
        let many = "nonce {\"event\": \"loading\"}\n".repeat(9_999);
        assert_eq!(shown(&many, Some("nonce")), "");
        assert_eq!(shown(&format!("{many}end"), Some("nonce")), "[…]\nend");
        assert_eq!(shown(&format!("start\n{many}"), Some("nonce")), "start\n[…]");
    }

    #[test]
    fn the_first_and_the_last_lines_of_a_long_output_are_shown() {
        for lines in [30, 200, 2_000, 200_000] {
            let middle = "m.c:9: note: what follows from the first error, in ä long line\n".repeat(lines);
            let text = shown(&format!("m.c:3: error: the first\n{middle}2 errors"), None);
            assert!(text.starts_with("m.c:3: error: the first\nm.c:9: note"), "{text}");
            assert!(text.ends_with("long line\n2 errors"), "{text}");
            assert!(text.len() <= 2 * SHOWN_BYTES_MAX + 50, "{} bytes", text.len());
            let (head, tail) = text.split_once("long line\n[… about ").unwrap();
            assert!(tail.contains(" bytes …]\nm.c:9: note"), "{head}{tail}");
        }
        assert_eq!(shown(" short\n", None), "short");
        let line = "ä".repeat(9_999);
        assert_eq!(shown(&line, None).matches('ä').count(), 700);
    }

    #[test]
    fn a_path_that_is_cut_is_not_shown() {
        for length in 1..60 {
            let text = format!("{} {}", "x".repeat(length), "/srv/cache/scratch/test ".repeat(9_999));
            let text = shown(&text, None);
            assert!(!text.contains("srv") && !text.contains("ache"), "{text}");
        }
    }

    #[test]
    fn a_limit_is_suspected_in_a_program_that_hangs_or_fails() {
        let failing = |exit| Outcome {
            stderr: output(&format!("unable to create native thread\n{}", "at a.b.C\n".repeat(9_999))),
            exit,
            cause: None,
            detail: None,
            stdout: Captured::default(),
            wall: std::time::Duration::ZERO,
        };
        for (exit, expected) in [
            (Exit::Exited(1), true),
            (Exit::Signaled(9), true),
            (Exit::TimedOut, true),
            (Exit::ProcessLimit, false),
        ] {
            let limit = suspected_limit(&failing(exit), &Limits::default());
            assert_eq!(
                limit.is_some_and(|limit| limit.contains("processes and threads")),
                expected,
                "{exit:?}"
            );
        }
    }
}
