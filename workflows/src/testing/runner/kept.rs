//! What a process of pytest wrote, in files that outlive it.
//!
//! Pytest captures the output of tests in files of its own, which are lost when a process ends at once. Here it captures
//! in files of the worker (`pytest_output.py`). They are opened before the process starts and read when it is gone: what
//! a program puts in their place is not read. The files are the program's to write to, so that they decide nothing.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::PathBuf,
};

use serde::Deserialize;

use super::{
    ending::{READ_BYTES_MAX, SHOWN_BYTES_MAX, excerpt_of, shortened},
    frames::own_calls,
};
use crate::testing::{
    Broken,
    bench::Place,
    files::{make_folders, set_mode},
    paths::Hidden,
    report::MESSAGE_BYTES_MAX,
};

/// How much of a message is for what a failed test wrote.
const OUTPUTS_BYTES_MAX: usize = 2 << 10;
/// How many outputs are shown; pytest makes up to nine.
const OUTPUTS_MAX: usize = 9;
const FRAMES_MAX: usize = 5;
/// faulthandler writes at most a hundred calls of each of a hundred threads.
const STACK_BYTES_MAX: usize = 64 << 10;
const FILES: [&str; 3] = ["stdout", "stderr", "stack"];

/// The files of one process.
pub(super) struct Kept {
    pub(super) folder: PathBuf,
    stdout: File,
    stderr: File,
    stack: File,
}

/// What a test wrote, as the probe tells it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Output {
    /// Pytest's name for it, such as `Captured stdout call`.
    title: String,
    /// All of it, or its beginning.
    start: String,
    /// Its end, if something between is left out.
    end: Option<String>,
}

impl Kept {
    /// Makes empty files beside the folder of the process.
    pub(super) fn new(place: &Place) -> Result<Self, Broken> {
        let name = place.path.file_name().unwrap_or_default().to_string_lossy();
        let folder = place.path.with_file_name(format!("{name}-output"));
        let make = || {
            let parent = folder.parent().unwrap_or(&folder);
            make_folders(parent, folder.strip_prefix(parent).unwrap_or(&folder))?;
            let make_file = |name: &str| {
                let path = folder.join(name);
                let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
                set_mode(&path, 0o600)?;
                io::Result::Ok(file)
            };
            let [stdout, stderr, stack] = FILES.map(make_file);
            Ok((stdout?, stderr?, stack?))
        };
        let (stdout, stderr, stack) =
            make().map_err(Broken::files("making files for the output of tests"))?;
        Ok(Self { folder, stdout, stderr, stack })
    }

    /// Where the process was when it ended or its time was nearly over, and the ends of both outputs. `more` is what it
    /// wrote past the files.
    pub(super) fn words(&self, hidden: &Hidden, more: &str) -> String {
        let place = frames(&read(&self.stack, 0, STACK_BYTES_MAX), hidden);
        let streams = [("standard error", &self.stderr), ("standard output", &self.stdout)];
        let outputs = streams.into_iter().filter_map(|(name, file)| {
            let (start, end) = excerpt(file)?;
            named(name, &excerpt_of(&start, end.as_deref(), hidden, SHOWN_BYTES_MAX))
        });
        let more = (!more.is_empty()).then(|| more.to_owned());
        place.into_iter().chain(outputs).chain(more).collect::<Vec<_>>().join("\n")
    }

    /// Frees the disk for the next process.
    pub(super) fn remove(self) {
        for name in FILES {
            // What the process put in its place goes with the folder of the tests.
            let _ = fs::remove_file(self.folder.join(name));
        }
    }
}

fn named(name: &str, text: &str) -> Option<String> {
    (!text.is_empty()).then(|| format!("{name}:\n{text}"))
}

/// A file as far as it is looked at: all of it, or its beginning and its end.
fn excerpt(file: &File) -> Option<(String, Option<String>)> {
    let length = file.metadata().ok()?.len();
    let start = read(file, 0, READ_BYTES_MAX);
    let rest = length.saturating_sub(READ_BYTES_MAX as u64);
    if rest == 0 {
        return Some((start, None));
    }
    Some((start, Some(read(file, rest, READ_BYTES_MAX))))
}

fn read(file: &File, from: u64, bytes_max: usize) -> String {
    let mut bytes = vec![0; bytes_max];
    let length = file.read_at(&mut bytes, from).unwrap_or_default();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

/// The frames of the student's files and of the tests in what Python's faulthandler wrote, innermost first: those of the
/// thread in which a fault happened, or else of the main thread, which comes last.
fn frames(stack: &str, hidden: &Hidden) -> Option<String> {
    let stack = hidden.hide(stack);
    let own = |line: &&str| line.trim_start().starts_with("File \"./");
    let mut threads: Vec<Vec<&str>> = Vec::new();
    let mut has_fault = false;
    for line in stack.lines() {
        if line.ends_with("(most recent call first):") {
            if has_fault {
                break;
            }
            has_fault = line.starts_with("Current thread ");
            threads.push(Vec::new());
        } else if let (true, Some(thread)) = (own(&line), threads.last_mut()) {
            thread.push(line);
        }
    }
    let mut frames = threads.pop().filter(|frames| !frames.is_empty())?;
    frames.truncate(FRAMES_MAX);
    Some(format!("it was here, the innermost call first:\n{}", frames.join("\n")))
}

/// A message of a test, followed by what it wrote.
pub(super) fn with_outputs(message: &str, outputs: &[Output], hidden: &Hidden) -> String {
    let outputs: Vec<&Output> = outputs.iter().filter(|output| !output.start.trim().is_empty()).collect();
    let shown = &outputs[..outputs.len().min(OUTPUTS_MAX)];
    let bytes_max = SHOWN_BYTES_MAX.min(OUTPUTS_BYTES_MAX / (2 * shown.len().max(1)));
    let texts: Vec<String> = shown
        .iter()
        .filter_map(|output| {
            let text = excerpt_of(&output.start, output.end.as_deref(), hidden, bytes_max);
            named(&name(&output.title), &text)
        })
        .collect();
    let written = texts.join("\n");
    // The sign for what is left out takes some of the room.
    let room = MESSAGE_BYTES_MAX.saturating_sub(written.len() + 50);
    let message = &own_calls(message);
    let message = if message.len() > room { shortened(message, room / 2) } else { message.to_owned() };
    [message, written].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

/// What students read in place of pytest's titles.
fn name(title: &str) -> String {
    let mut words = title.strip_prefix("Captured ").unwrap_or(title).split(' ');
    let stream = match words.next() {
        Some("stdout") => "standard output",
        Some("stderr") => "standard error",
        Some("log") => "log",
        _ => return title.to_owned(),
    };
    match words.next() {
        None | Some("call") => stream.to_owned(),
        Some(phase) => format!("{stream} of the {phase}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn output(title: &str, text: &str, end: Option<&str>) -> Output {
        Output { title: title.to_owned(), start: text.to_owned(), end: end.map(str::to_owned) }
    }

    #[test]
    fn a_failure_is_followed_by_what_the_test_wrote() {
        let hidden = Hidden::default().and(Path::new("/srv/work"), ".");
        let outputs = [
            output("Captured stdout setup", "prepared\n", None),
            output("Captured stdout call", "in /srv/work/a.py\n", None),
            output("Captured stderr call", " \n", None),
            output("Captured log teardown", "WARNING  late", None),
            output("Of a plugin", "more", None),
        ];
        assert_eq!(
            with_outputs("assert 1 == 2", &outputs, &hidden),
            "assert 1 == 2\nstandard output of the setup:\nprepared\nstandard output:\nin ./a.py\n\
             log of the teardown:\nWARNING  late\nOf a plugin:\nmore"
        );
        assert_eq!(with_outputs("assert 1 == 2", &[], &hidden), "assert 1 == 2");
    }

    #[test]
    fn long_outputs_keep_both_ends_and_leave_room_for_the_message() {
        let hidden = Hidden::default();
        let message = format!("first{}the error", "m".repeat(9_999));
        for (text, end) in [("a".repeat(9_999) + " last", None), ("a ".repeat(2_000), Some("a a last"))] {
            for count in [1, 2, 9, 99] {
                let outputs = vec![output("Captured stdout call", &text, end); count];
                let told = with_outputs(&message, &outputs, &hidden);
                assert!(told.len() <= MESSAGE_BYTES_MAX, "{} bytes", told.len());
                assert!(
                    told.starts_with("firstmm") && told.contains("mmthe error\n") && told.ends_with("last"),
                    "{told}"
                );
                assert_eq!(told.matches("[…").count(), count.min(OUTPUTS_MAX) + 1, "{told}");
            }
        }
    }

    #[test]
    fn frames_of_pytest_and_of_python_are_left_out() {
        let hidden = Hidden::default().and(Path::new("/srv/work"), ".");
        let stack = "Fatal Python error: Segmentation fault\n\nCurrent thread 0x1 (most recent call first):\n  \
                     File \"/usr/lib/python3.11/ctypes/__init__.py\", line 4 in cast\n  \
                     File \"/srv/work/a.py\", line 2 in find\n  File \"/srv/work/tests/test_a.py\", line 5 in test_a\n  \
                     File \"/usr/lib/python3/dist-packages/_pytest/python.py\", line 195 in runtest\n";
        assert_eq!(
            frames(stack, &hidden).unwrap(),
            "it was here, the innermost call first:\n  File \"./a.py\", line 2 in find\n  \
             File \"./tests/test_a.py\", line 5 in test_a"
        );
        assert_eq!(frames("", &hidden), None);
    }

    #[test]
    fn the_thread_of_a_fault_is_shown_or_else_the_main_thread() {
        let hidden = Hidden::default().and(Path::new("/srv/work"), ".");
        let thread = |name: &str| {
            format!("{name} (most recent call first):\n  File \"/srv/work/{name}.py\", line 1 in f\n\n")
        };
        for (stack, shown) in [
            (format!("{}{}", thread("Thread 0x1"), thread("Thread 0x2")), "./Thread 0x2.py"),
            (
                format!("{}{}{}", thread("Thread 0x1"), thread("Current thread 0x3"), thread("Thread 0x2")),
                "./Current thread 0x3.py",
            ),
        ] {
            let told = frames(&stack, &hidden).unwrap();
            assert!(told.contains(shown) && told.lines().count() == 2, "{told}");
        }
    }
}
