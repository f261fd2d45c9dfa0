//! What is said of programs that fail to start, are killed or fail, and whose fault it is.

use std::{fmt::Write as _, fs, os::unix::fs::PermissionsExt, path::Path};

use ctutor_workflows::testing::{Broken, report::Report};

use crate::support::{Place, counts, message};

/// A plan with these commands, each named after its number.
fn plan(commands: &[&[&str]]) -> String {
    let mut plan =
        "runner = 'command'\nstudent_files = ['bin', '*.sh']\nreference_files = ['check']\n".to_owned();
    for (number, argv) in commands.iter().enumerate() {
        let _ = write!(plan, "[[commands]]\nname = '#{number}'\nargv = {argv:?}\ntimeout_ms = 5000\n");
    }
    plan
}

async fn place(commands: &[&[&str]]) -> Place {
    let place = Place::new().await;
    place.write("reference/check/README", "programs of the reference");
    place.write("reference/ctutor-test.toml", &plan(commands));
    place
}

fn write_program(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Every test has failed, with a message that holds all of these words and no path of the worker.
fn assert_told(place: &Place, report: &Report, expected: &[&[&str]]) {
    let total = u32::try_from(expected.len()).unwrap();
    assert_eq!(counts(report), (0, total, 0), "{report:#?}");
    let scratch = place.path("").display().to_string();
    for (number, words) in expected.iter().enumerate() {
        let message = message(report, &format!("#{number}"));
        assert!(words.iter().all(|word| message.contains(word)), "{words:?} in {message:?}");
        assert!(message.len() < 4_096 && !message.contains(scratch.trim_end_matches('/')), "{message:?}");
    }
}

#[tokio::test]
async fn a_program_of_the_student_that_cannot_be_started_is_told_why() {
    let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xf3\0".to_vec();
    elf.resize(64, 0);
    let programs: [(&str, &[u8], &[&str]); 6] = [
        ("./bin/cr", b"#!/bin/sh\r\necho hi\r\n", &["carriage return", "Unix line ends"]),
        (
            "./bin/lost",
            b"#!/usr/bin/python9\nprint(1)\n",
            &["interpreter", "`/usr/bin/python9`", "not installed"],
        ),
        ("./bin/env", b"#!/usr/bin/env python9\nprint(1)\n", &["interpreter", "`python9`", "not installed"]),
        ("./bin/windows", b"MZ\x90\0\x03\0\0\0", &["a program for Windows"]),
        ("./bin/other", &elf, &["a program for another processor"]),
        ("./bin/bom", b"\xef\xbb\xbf#!/bin/sh\nexit 3\n", &["byte-order mark"]),
    ];
    let mut commands: Vec<Vec<&str>> = programs.iter().map(|(path, ..)| vec![*path]).collect();
    commands.extend([vec!["./bin/plain"], vec!["./bin"], vec!["./bin/none"]]);
    let commands: Vec<&[&str]> = commands.iter().map(Vec::as_slice).collect();
    let mut place = place(&commands).await;
    for (path, content, _) in programs {
        write_program(&place.path("student").join(path), content);
    }
    place.write("student/bin/plain", "#!/bin/sh\n");
    let report = place.test().await.unwrap();
    let mut expected: Vec<&[&str]> = programs.iter().map(|(.., words)| *words).collect();
    expected.extend([
        &["`./bin/plain` is not executable", "chmod +x"][..],
        &["`./bin` is a folder"],
        &["`./bin/none` does not exist"],
    ]);
    assert_told(&place, &report, &expected);
}

#[tokio::test]
async fn a_program_that_fails_is_told_with_the_ends_of_both_outputs() {
    let commands: [&[&str]; 8] = [
        &["sh", "-c", "echo out; echo err >&2; exit 3"],
        &["sh", "-c", "kill -SEGV $$"],
        &["sh", "-c", "exit 127"],
        &["sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; echo last; exit 1"],
        &["sh", "-c", "echo hier; while :; do :; done"],
        &["sh", "-c", "printf 'Fl\\344che'; exit 1"],
        &["sh", "lines.sh"],
        &["sh", "-c", "pwd; pwd >&2; echo \"$PWD/lines.sh\"; exit 1"],
    ];
    let mut place = place(&commands).await;
    place.write("student/lines.sh", "if true; then\r\n  echo hi\r\nfi\r\n");
    let report = place.test().await.unwrap();
    let expected: [&[&str]; 8] = [
        &["exit status 3 instead of 0\nstandard error:\nerr\nstandard output:\nout"],
        &["signal 11 (SIGSEGV)", "memory that it may not", "it wrote nothing"],
        &["exit status 127 instead of 0; it wrote nothing"],
        &["standard output:\n", "x\n[…]\nx", "last"],
        &["did not end in time: the limit is 5 s", "hier"],
        &["Fl\u{fffd}che"],
        &["`lines.sh` has line endings of Windows (CR LF)"],
        &["standard error:\n.\nstandard output:\n.\n./lines.sh"],
    ];
    assert_told(&place, &report, &expected);
}

#[tokio::test]
async fn the_limit_that_a_program_exceeded_is_told_with_its_value() {
    let commands: [&[&str]; 4] = [
        &["sh", "-c", "tr '\\0' x < /dev/zero"],
        &["sh", "-c", "for n in $(seq 99); do sleep 9 & done; wait"],
        &["sh", "-c", "head -c 99M /dev/zero > large"],
        &["sh", "-c", "head -c 40M /dev/zero > /tmp/a; head -c 40M /dev/zero > /tmp/b"],
    ];
    let mut place = place(&commands).await;
    let report = place.test().await.unwrap();
    let expected: [&[&str]; 4] = [
        &["it wrote too much output: the limit is 64 MiB", "standard output:\nxxx", "x\n[…]\nx"],
        &["Cannot fork", "a limit of the tests may be the reason: at most 64 processes and threads"],
        &["it wrote too many or too large files: it wrote a file larger than 64 MiB"],
        &["No space left on device", "and 64 MiB in `/tmp`"],
    ];
    assert_told(&place, &report, &expected);
}

#[tokio::test]
async fn a_program_that_no_submission_brings_along_is_the_environments_fault() {
    for program in ["/usr/bin/no-such-program", "no-such-program", "cd"] {
        let error = place(&[&[program]]).await.test().await.unwrap_err();
        assert!(matches!(&error, Broken::RunnerMissing { program: found } if found == program), "{error:?}");
    }
    let mut place = place(&[&["./check/run.sh"]]).await;
    write_program(&place.path("reference/check/run.sh"), b"#!/bin/sh\r\nexit 0\r\n");
    let error = place.test().await.unwrap_err();
    assert!(
        matches!(&error, Broken::NotStarted { test, .. } if test == "#0") && error.is_retryable(),
        "{error:?}"
    );
    assert!(error.to_string().contains("carriage return"), "{error}");
}

#[tokio::test]
async fn commands_that_the_solution_does_not_pass_are_the_references_fault() {
    let plan = format!("solution = 'solution'\n{}", plan(&[&["sh", "answer.sh"]]));
    let mut place = place(&[]).await;
    place.write("reference/ctutor-test.toml", &plan);
    place.write("reference/solution/answer.sh", "exit 0");
    place.write("student/answer.sh", "exit 1");
    assert_eq!(counts(&place.test().await.unwrap()), (0, 1, 0));

    place.write("reference/solution/answer.sh", "echo no such compiler >&2; exit 2");
    let error = place.test().await.unwrap_err();
    let Broken::Solution { test, message } = &error else { panic!("{error:?}") };
    assert!(test == "#0" && message.contains("no such compiler") && !error.is_retryable(), "{message}");

    place.write("student/answer.sh", "exit 0");
    assert_eq!(counts(&place.test().await.unwrap()), (1, 0, 0));
}

#[tokio::test]
async fn a_command_for_junit_that_cannot_be_started_is_the_references_fault() {
    let mut place = place(&[]).await;
    place.write(
        "reference/ctutor-test.toml",
        "runner = 'junit'\nstudent_files = ['*.sh']\nreference_files = ['check']\nsolution = 'solution'\n\
         [junit]\nargv = ['./check/run.sh']\nreport = 'report.xml'\n",
    );
    place.write("reference/solution/answer.sh", "");
    write_program(&place.path("reference/check/run.sh"), b"#!/bin/sh\r\nexit 0\r\n");
    let error = place.test().await.unwrap_err();
    assert!(
        matches!(&error, Broken::Listing { message } if message.contains("carriage return")),
        "{error:?}"
    );
}
