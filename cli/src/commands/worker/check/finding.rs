//! What the check of a language found, in words for an operator.

use std::fmt;

use ctutor_sandbox::{Cause, Exit, Outcome, StartReason};
use serde_json::{Value, json};

use super::{language::Language, memory::Memory};

const TAIL_BYTES_MAX: usize = 2_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Works,
    Fails,
    Missing,
}

/// The result of one check.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) name: &'static str,
    pub(super) title: String,
    pub(super) memory: Memory,
    pub(super) status: Status,
    pub(super) seconds: Option<f64>,
    pub(super) version: String,
    pub(super) reason: Option<String>,
    pub(super) remedy: Option<String>,
    stdout_end: String,
    stderr_end: String,
}

impl Finding {
    pub(super) fn missing(language: &Language, memory: Memory, program: &str) -> Self {
        let outside = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .map(|folder| folder.join(program))
            .find(|path| path.is_file());
        let reason = match outside {
            Some(path) => format!("`{}` is not visible to tests, which see `/usr` only", path.display()),
            None => format!("`{program}` is not installed"),
        };
        Self {
            reason: Some(reason),
            remedy: Some(format!("apt-get install {}", language.packages)),
            ..Self::new(language, memory, Status::Missing)
        }
    }

    pub(super) fn of(language: &Language, memory: Memory, version: String, outcome: &Outcome) -> Self {
        let (stdout_end, stderr_end) =
            (outcome.stdout.tail(TAIL_BYTES_MAX), outcome.stderr.tail(TAIL_BYTES_MAX));
        let works = outcome.exit.is_success() && stdout_end.lines().last() == Some("ok");
        let status = if works { Status::Works } else { Status::Fails };
        let reason = (!works).then(|| reason(outcome, &stdout_end, &stderr_end));
        let remedy = (!works).then(|| remedy(language, memory, outcome)).flatten();
        Self {
            seconds: Some(outcome.wall.as_secs_f64()),
            version,
            reason,
            remedy,
            stdout_end,
            stderr_end,
            ..Self::new(language, memory, status)
        }
    }

    fn new(language: &Language, memory: Memory, status: Status) -> Self {
        Self {
            name: language.name,
            title: language.title.clone(),
            memory,
            status,
            seconds: None,
            version: String::new(),
            reason: None,
            remedy: None,
            stdout_end: String::new(),
            stderr_end: String::new(),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "language": self.name,
            "title": self.title,
            "memoryMiB": self.memory.mebibytes(),
            "status": self.status.to_string(),
            "seconds": self.seconds.map(|seconds| (seconds * 1_000.0).round() / 1_000.0),
            "version": Some(&self.version).filter(|version| !version.is_empty()),
            "reason": self.reason,
            "remedy": self.remedy,
            "stdoutEnd": self.stdout_end,
            "stderrEnd": self.stderr_end,
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Works => "works",
            Self::Fails => "fails",
            Self::Missing => "not installed",
        })
    }
}

fn reason(outcome: &Outcome, stdout_end: &str, stderr_end: &str) -> String {
    let end = match outcome.exit {
        Exit::Exited(0) => "it did not print `ok`".to_owned(),
        Exit::Exited(code) => format!("exit status {code}"),
        Exit::Signaled(_) => format!("ended by {}", outcome.exit.signal_name().unwrap_or_default()),
        Exit::TimedOut => "it did not end in time".to_owned(),
        Exit::OutputLimit => "too much output".to_owned(),
        Exit::MemoryLimit => "too little memory".to_owned(),
        Exit::ProcessLimit => "too few processes and threads".to_owned(),
        Exit::DiskLimit => "too little disk space".to_owned(),
        Exit::Canceled => "canceled".to_owned(),
    };
    let last_line = |text: &str| text.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned);
    let detail = outcome.detail.clone().or_else(|| last_line(stderr_end)).or_else(|| last_line(stdout_end));
    match detail {
        Some(detail) => format!("{end}: {}", detail.trim()),
        None => end,
    }
}

/// What can be installed or set so that it works.
fn remedy(language: &Language, memory: Memory, outcome: &Outcome) -> Option<String> {
    let output = format!("{}\n{}", outcome.stdout.text(), outcome.stderr.text());
    let hint = language.hints.iter().find(|hint| hint.output.split('|').any(|words| output.contains(words)));
    if let Some(hint) = hint {
        return Some(hint.remedy.clone());
    }
    if let Some(Cause::NotStarted(failure)) = &outcome.cause {
        return Some(match failure.reason {
            StartReason::NotExecutableHere => {
                "choose another folder with CTUTOR_TESTING_CACHE_FOLDER, or mount it without `noexec`"
                    .to_owned()
            }
            _ => format!("apt-get install {}", language.packages),
        });
    }
    match outcome.exit {
        Exit::MemoryLimit => Some(format!(
            "it needs more than {memory}: set `memory_bytes` in the test plan, at most `testing.memory_mib_max`"
        )),
        Exit::TimedOut => {
            Some("set `test_timeout_ms` in the test plan, at most `testing.test_timeout_max`".to_owned())
        }
        Exit::ProcessLimit => {
            Some("set `processes` in the test plan, at most `testing.processes_max`".to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::worker::check::language;

    #[test]
    fn a_program_outside_of_the_sandbox_is_named() {
        let mut languages = language::chosen(&["rust".to_owned()]).unwrap();
        let memory: Memory = "512MiB".parse().unwrap();
        let found = Finding::missing(&languages[0], memory, "no-such-program");
        assert_eq!(found.reason.as_deref(), Some("`no-such-program` is not installed"));
        // The shell is there on every machine.
        languages[0].packages = "dash".into();
        let found = Finding::missing(&languages[0], memory, "sh");
        assert!(found.reason.unwrap().ends_with("is not visible to tests, which see `/usr` only"));
        assert_eq!(found.remedy.as_deref(), Some("apt-get install dash"));
    }
}
