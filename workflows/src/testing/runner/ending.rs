//! How a program ended, in words for its author.

use ctutor_sandbox::{Captured, Cause, Exit, Limits, Outcome};

use crate::testing::paths::Hidden;

/// How much is shown of the end of an output.
const SHOWN_BYTES_MAX: usize = 1_000;
/// How much of it is looked at: paths become shorter when they are hidden.
const READ_BYTES_MAX: usize = 4 << 10;

/// No path of a worker is longer.
const PATH_BYTES_MAX: usize = 1 << 10;
/// What programs write when they meet a limit.
const OUT_OF_PROCESSES: [&str; 5] = [
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

/// The ends of both outputs; empty when there was none. Lines of standard output that begin with `own` are messages to
/// the worker and are left out.
pub(in crate::testing) fn last_output(outcome: &Outcome, hidden: &Hidden, own: Option<&str>) -> String {
    let stderr = last_of("standard error", &outcome.stderr, hidden);
    let stdout = shown("standard output", End::of(&outcome.stdout, hidden, own));
    stderr.into_iter().chain(stdout).collect::<Vec<_>>().join("\n")
}

/// The end of an output under its name, if there was any.
pub(super) fn last_of(name: &str, output: &Captured, hidden: &Hidden) -> Option<String> {
    shown(name, End::of(output, hidden, None))
}

fn shown(name: &str, End { text, is_cut }: End) -> Option<String> {
    let how = if is_cut { " ends with" } else { "" };
    (!text.is_empty()).then(|| format!("{name}{how}:\n{text}"))
}

struct End {
    text: String,
    is_cut: bool,
}

impl End {
    fn of(output: &Captured, hidden: &Hidden, own: Option<&str>) -> Self {
        let read = output.tail(READ_BYTES_MAX);
        let mut is_cut = output.truncated || read.len() < output.bytes.len();
        let read = match own {
            Some(own) => without_lines(&read, own, is_cut),
            None if is_cut => whole(&read).to_owned(),
            None => read,
        };
        let text = hidden.hide(&read);
        let text = text.trim();
        is_cut |= text.len() > SHOWN_BYTES_MAX;
        let start = text.ceil_char_boundary(text.len().saturating_sub(SHOWN_BYTES_MAX));
        Self { text: text[start..].to_owned(), is_cut }
    }
}

/// Leaves out the lines that begin so. The first line of what was cut may be the rest of such a line.
fn without_lines(text: &str, beginning: &str, is_cut: bool) -> String {
    let whole_lines = if is_cut { text.split_once('\n').map_or("", |(_, lines)| lines) } else { text };
    whole_lines.split_inclusive('\n').filter(|line| !line.starts_with(beginning)).collect()
}

/// What was cut may begin in the middle of a path of the worker, which would not be found: it is left out.
fn whole(cut: &str) -> &str {
    let beginning = &cut[..cut.floor_char_boundary(PATH_BYTES_MAX)];
    let start = beginning.find(char::is_whitespace).unwrap_or(beginning.len());
    cut[start..].trim_start()
}

/// A limit that a program may have met by what it wrote, in words.
pub(in crate::testing) fn suspected_limit(outcome: &Outcome, limits: &Limits) -> Option<String> {
    if !matches!(outcome.exit, Exit::Exited(_) | Exit::Signaled(_)) {
        return None;
    }
    let written = outcome.stderr.tail(READ_BYTES_MAX);
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
    Some(format!("a limit of the tests may be the reason: {limit}"))
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
    use super::*;

    #[test]
    fn messages_to_the_worker_are_not_shown() {
        let text = "a print\nnonce {\"event\": \"loading\"}\nanother";
        assert_eq!(without_lines(text, "nonce", false), "a print\nanother");
        assert_eq!(without_lines("\": \"loading\"}\nanother\n", "nonce", true), "another\n");
        assert_eq!(without_lines("the rest of one line", "nonce", true), "");
    }
}
