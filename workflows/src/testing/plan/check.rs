//! What the types of a plan do not say. Each refusal names the place in the plan.

use std::{collections::HashMap, path::Path};

use super::{CommandTest, JunitCommand, LimitOverrides, RunnerKind, TestPlan};
use crate::testing::{
    Broken,
    files::{fault_of, is_named},
};

/// What systems keep of an exit status.
const EXIT_CODE_MAX: i32 = 255;
const COMMANDS_MAX: usize = 500;
const PATTERNS_MAX: usize = 200;
/// With less, no interpreter starts, and every student would fail.
const MEMORY_BYTES_MIN: u64 = 16 << 20;

type Checked = Result<(), Broken>;

impl TestPlan {
    /// Checks what the types do not say.
    ///
    /// # Errors
    ///
    /// [`Broken::Plan`], which names the key at fault, what was found and what was expected.
    pub fn check(&self) -> Checked {
        if self.student_files.is_empty() {
            return refuse("`student_files` is empty; name at least one file or folder of the student");
        }
        for (key, patterns) in
            [("student_files", &self.student_files), ("reference_files", &self.reference_files)]
        {
            if patterns.len() > PATTERNS_MAX {
                return refuse(format!(
                    "`{key}` has {} entries; at most {PATTERNS_MAX} are allowed",
                    patterns.len()
                ));
            }
            for (index, pattern) in patterns.iter().enumerate() {
                check_path(&format!("{key}[{index}]"), pattern)?;
            }
        }
        check_path("tests", &self.tests)?;
        if let Some(solution) = &self.solution {
            check_path("solution", solution)?;
        }
        check_limits(&self.limits)?;
        self.check_runner()
    }

    fn check_runner(&self) -> Checked {
        if self.runner != RunnerKind::Command {
            if !self.commands.is_empty() {
                return refuse("`commands` is for the runner `command` only");
            }
            if self.ignore.is_some() || self.ignore_case.is_some() {
                return refuse("`ignore` and `ignore_case` are for the runner `command` only");
            }
        }
        if self.runner != RunnerKind::Junit && self.junit.is_some() {
            return refuse("`junit` is for the runner `junit` only");
        }
        match (self.runner, &self.junit) {
            (RunnerKind::Command, _) => self.check_commands(),
            (RunnerKind::Junit, None) => refuse("`junit` is missing; it needs `argv` and `report`"),
            (RunnerKind::Junit, Some(junit)) => self.check_junit(junit),
            (RunnerKind::Pytest, _) => Ok(()),
        }
    }

    fn check_commands(&self) -> Checked {
        match self.commands.len() {
            0 => return refuse("`commands` is empty; the runner `command` needs at least one"),
            1..=COMMANDS_MAX => {}
            count => {
                return refuse(format!("`commands` has {count} entries; at most {COMMANDS_MAX} are allowed"));
            }
        }
        let mut names = HashMap::new();
        for (index, test) in self.commands.iter().enumerate() {
            check_command(index, test)?;
            if let Some(first) = names.insert(test.name.as_str(), index) {
                return refuse(format!(
                    "`commands[{index}].name` is `{}`, which is the name of `commands[{first}]`; each test needs a \
                     name of its own",
                    test.name
                ));
            }
        }
        Ok(())
    }

    fn check_junit(&self, junit: &JunitCommand) -> Checked {
        check_argv("junit.argv", &junit.argv)?;
        check_path("junit.report", &junit.report)?;
        if is_named(Path::new(&junit.report), &self.reference_files) {
            return refuse("`junit.report` lies in `reference_files`, where no program can write");
        }
        if self.solution.is_none() {
            return refuse("`solution` is missing; the runner `junit` lists the tests with it");
        }
        Ok(())
    }
}

fn check_command(index: usize, test: &CommandTest) -> Checked {
    let at = |key: &str| format!("commands[{index}].{key}");
    if test.name.trim().is_empty() {
        return refuse(format!("`{}` is empty", at("name")));
    }
    let named = |fault: Broken| match fault {
        Broken::Plan { message } => Broken::Plan { message: format!("{message} (command `{}`)", test.name) },
        fault => fault,
    };
    check_argv(&at("argv"), &test.argv).map_err(named)?;
    check_positive(&at("timeout_ms"), test.timeout_ms).map_err(named)?;
    check_exit_code(&at("exit_code"), test.exit_code).map_err(named)?;
    if test.stdout.is_none() && (test.ignore.is_some() || test.ignore_case.is_some()) {
        return refuse(format!(
            "`commands[{index}]` has `ignore` or `ignore_case` but no `stdout` to compare (command `{}`)",
            test.name
        ));
    }
    Ok(())
}

fn check_argv(place: &str, argv: &[String]) -> Checked {
    if argv.first().is_none_or(String::is_empty) {
        return refuse(format!("`{place}` names no program"));
    }
    if let [line] = argv
        && let Some((program, _)) = line.split_once(char::is_whitespace)
        && !program.contains('/')
    {
        let parts: Vec<&str> = line.split_whitespace().collect();
        return refuse(format!(
            "`{place}` has the one element `{}`, which is no program: no shell is involved, so that the program and \
             each argument need an element of their own, such as `{parts:?}`",
            line.escape_debug()
        ));
    }
    match argv.iter().position(|argument| argument.contains('\0')) {
        Some(index) => refuse(format!("`{place}[{index}]` has a NUL character")),
        None => Ok(()),
    }
}

fn check_exit_code(place: &str, code: i32) -> Checked {
    if (0..=EXIT_CODE_MAX).contains(&code) {
        return Ok(());
    }
    // A system keeps only the lowest byte of what a program says.
    let seen = code.rem_euclid(EXIT_CODE_MAX + 1);
    refuse(format!(
        "`{place}` is {code}; it must be 0 to {EXIT_CODE_MAX}: no program ends with another exit status \
         (one that says {code} ends with {seen})"
    ))
}

fn check_limits(limits: &LimitOverrides) -> Checked {
    check_positive("limits.test_timeout_ms", limits.test_timeout_ms)?;
    check_positive("limits.total_timeout_ms", limits.total_timeout_ms)?;
    check_positive("limits.processes", limits.processes)?;
    match limits.memory_bytes {
        Some(bytes) if bytes < MEMORY_BYTES_MIN => refuse(format!(
            "`limits.memory_bytes` is {bytes}; at least {MEMORY_BYTES_MIN} (16 MiB) are needed"
        )),
        _ => Ok(()),
    }
}

fn check_positive(place: &str, number: Option<u64>) -> Checked {
    if number == Some(0) { refuse(format!("`{place}` is 0; it must be at least 1")) } else { Ok(()) }
}

fn check_path(place: &str, path: &str) -> Checked {
    if let Some(fault) = fault_of(path) {
        return refuse(format!("`{place}` {fault}"));
    }
    if path.contains("**") {
        return refuse(format!(
            "`{place}` is `{}`; `**` is not supported: a folder stands for all that is below it, and `*` for any part \
             of one name",
            shown(path)
        ));
    }
    if is_inner(path) {
        return Ok(());
    }
    let other = path.replace('\\', "/");
    if other != path && is_inner(&other) {
        return refuse(format!("`{place}` is `{}`; use `/`: `{}`", shown(path), shown(&other)));
    }
    refuse(format!(
        "`{place}` is `{}`; expected a relative path with `/`, without `.`, `..` and empty parts",
        shown(path)
    ))
}

/// The text in one line. A backslash stays as it is.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() }).collect()
}

fn refuse(message: impl Into<String>) -> Checked {
    Err(Broken::Plan { message: message.into() })
}

fn is_inner(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\\', '\0'])
        && !path.starts_with('/')
        && path.trim_end_matches('/').split('/').all(|part| !matches!(part, "" | "." | ".."))
}
