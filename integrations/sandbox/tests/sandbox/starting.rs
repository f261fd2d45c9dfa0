//! Programs that cannot be started, and why.

use std::{fs, os::unix::fs::PermissionsExt};

use ctutor_sandbox::{Cause, Exit, Outcome, StartFailure, StartReason};

use crate::support::Place;

fn reason(outcome: &Outcome) -> Option<(&str, &StartReason)> {
    match &outcome.cause {
        Some(Cause::NotStarted(StartFailure { program, reason })) => Some((program, reason)),
        _ => None,
    }
}

fn write(place: &Place, name: &str, content: &[u8], mode: u32) {
    let path = place.work().join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_file_tells_why_it_was_not_started() {
    use StartReason::{
        CarriageReturn, Encoding, Folder, InterpreterNotFound, NoInterpreterLine, NotExecutable, OtherFormat,
    };

    let cr = |interpreter: &str| CarriageReturn { interpreter: interpreter.into() };
    let missing = |interpreter: &str| InterpreterNotFound { interpreter: interpreter.into() };
    let mut foreign = fs::read("/usr/bin/true").unwrap();
    foreign[18..20].copy_from_slice(&[0xF3, 0]);
    let mut unlinked_loader = fs::read("/usr/bin/true").unwrap();
    let at = unlinked_loader.windows(4).position(|bytes| bytes == b"/lib").unwrap();
    unlinked_loader[at..at + 4].copy_from_slice(b"/nol");
    let loader: Vec<u8> = unlinked_loader[at..].split(|byte| *byte == 0).next().unwrap().to_vec();
    let loader = String::from_utf8(loader).unwrap();

    let cases: Vec<(&[u8], u32, StartReason)> = vec![
        (b"#!/bin/sh\r\necho hello\r\n", 0o755, cr("/bin/sh")),
        (b"#!/usr/bin/env python3\r\nprint()\r\n", 0o755, cr("/usr/bin/env python3")),
        (b"#!/usr/bin/python3 -u\r\nprint()\r\n", 0o755, cr("/usr/bin/python3 -u")),
        (b"#!/bin/sh\r\n", 0o644, cr("/bin/sh")),
        (b"#!/usr/bin/python4\nprint()\n", 0o755, missing("/usr/bin/python4")),
        (b"#!/usr/bin/env python4\nprint()\n", 0o755, missing("python4")),
        (b"#!/bin/sh\n", 0o644, NotExecutable),
        (
            b"\xEF\xBB\xBF#!/usr/bin/python3\nprint()\n",
            0o755,
            Encoding { encoding: "UTF-8 with a byte-order mark" },
        ),
        (b"import sys\nprint(sys.argv)\n", 0o755, NoInterpreterLine),
        (b"MZ\x90\x00 and so on", 0o755, OtherFormat { format: "a program for Windows" }),
        (&foreign, 0o755, OtherFormat { format: "a program for another processor" }),
        (&unlinked_loader, 0o755, missing(&loader)),
    ];
    let place = Place::new().await;
    for (content, mode, expected) in &cases {
        write(&place, "run", content, *mode);
        let outcome = place.run(&place.command(&["./run"])).await;
        assert_eq!(reason(&outcome), Some(("./run", expected)), "{outcome:?}");
        assert!(outcome.detail.as_ref().unwrap().contains("`./run`"), "{outcome:?}");
        // The same, started by a shell: the message of `env` names the interpreter and not the file.
        let by_env = content.starts_with(b"#!/usr/bin/env");
        let outcome = place.run(&place.command(&["sh", "-c", "./run; exit $?"])).await;
        if matches!(outcome.exit, Exit::Exited(126 | 127)) && !by_env {
            let found = reason(&outcome).map(|(_, reason)| reason);
            assert!(found == Some(expected) || *expected == NoInterpreterLine, "{outcome:?}");
        }
    }
    fs::create_dir(place.work().join("folder")).unwrap();
    let outcome = place.run(&place.command(&["./folder"])).await;
    assert_eq!(reason(&outcome), Some(("./folder", &Folder)));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told() {
    let place = Place::new().await;
    for (argv, program) in [
        (vec!["no-such-program"], "no-such-program"),
        (vec!["./missing"], "./missing"),
        (vec!["sh", "-c", "./missing"], "./missing"),
        (vec!["sh", "-c", "no-such-program"], "no-such-program"),
        (vec!["env", "no-such-program"], "no-such-program"),
    ] {
        let outcome = place.run(&place.command(&argv)).await;
        assert_eq!(reason(&outcome), Some((program, &StartReason::NotFound)), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_program_that_ran_is_not_one_that_could_not_start() {
    let place = Place::new().await;
    write(&place, "run", b"#!/bin/sh\necho './run: not found' >&2\nexit 127\n", 0o755);
    for argv in [vec!["./run"], vec!["sh", "-c", "exit 127"], vec!["sh", "run"]] {
        let outcome = place.run(&place.command(&argv)).await;
        assert_eq!((outcome.exit, outcome.cause), (Exit::Exited(127), None));
    }
}

#[tokio::test]
async fn a_missing_library_is_told() {
    let place = Place::new().await;
    let build = "echo 'int f(void) { return 0; }' > f.c && cc -shared -fPIC f.c -o libf.so && \
                 echo 'int f(void); int main(void) { return f(); }' > m.c && cc m.c -L. -lf -o main && rm libf.so";
    let outcome = place.run(&place.command(&["sh", "-c", build])).await;
    assert_eq!(outcome.exit, Exit::Exited(0), "{outcome:?}");
    let outcome = place.run(&place.command(&["./main"])).await;
    let expected = StartReason::LibraryNotFound { library: "libf.so".into() };
    assert_eq!(reason(&outcome), Some(("./main", &expected)), "{outcome:?}");
}
