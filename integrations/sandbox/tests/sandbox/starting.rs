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
        // A shell ran these, or an interpreter with one more character in its argument.
        let by_shell = matches!(expected, Encoding { .. } | NoInterpreterLine)
            || content.starts_with(b"#!/usr/bin/python3 -u\r");
        assert_eq!(reason(&outcome), (!by_shell).then_some(("./run", expected)), "{outcome:?}");
        assert!(outcome.detail.as_ref().unwrap().contains("`./run`"), "{outcome:?}");
        // The same, started by a shell: the message of `env` names the interpreter and not the file.
        let by_env = content.starts_with(b"#!/usr/bin/env");
        let outcome = place.run(&place.command(&["sh", "-c", "./run; exit $?"])).await;
        assert_eq!(reason(&outcome), None, "the shell was started: {outcome:?}");
        if matches!(outcome.exit, Exit::Exited(126 | 127)) && !by_env && *expected != NoInterpreterLine {
            let told = StartFailure { program: "./run".into(), reason: expected.clone() }.to_string();
            assert_eq!(outcome.detail, Some(told), "{outcome:?}");
        }
    }
    fs::create_dir(place.work().join("folder")).unwrap();
    let outcome = place.run(&place.command(&["./folder"])).await;
    assert_eq!(reason(&outcome), Some(("./folder", &Folder)));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told() {
    let place = Place::new().await;
    for (argv, program) in [(vec!["no-such-program"], "no-such-program"), (vec!["./missing"], "./missing")] {
        let outcome = place.run(&place.command(&argv)).await;
        assert_eq!(reason(&outcome), Some((program, &StartReason::NotFound)), "{outcome:?}");
        assert_eq!(
            outcome.stderr.text(),
            "",
            "the words of the sandbox's own programs are not the program's"
        );
    }
    let mut command = place.command(&["true"]);
    command.cwd = place.work().join("missing");
    let outcome = place.run(&command).await;
    assert!(outcome.detail.as_ref().unwrap().contains("a folder that does not exist"), "{outcome:?}");
    assert_eq!(outcome.stderr.text(), "");
}

#[tokio::test]
async fn a_program_that_ran_is_not_one_that_could_not_start() {
    let place = Place::new().await;
    write(&place, "run", b"#!/bin/sh\necho './run: not found' >&2\nexit 127\n", 0o755);
    write(&place, "vanishing", b"#!/bin/sh\nrm vanishing\nexit 127\n", 0o755);
    let says = |words: &str| format!("echo '{words}' >&2; exit 127");
    let python = "import sys; print(sys.argv[1], file=sys.stderr); sys.exit(127)";
    let library = "python3: error while loading shared libraries: libx.so: cannot open shared object file";
    for argv in [
        vec!["./run"],
        vec!["./vanishing"],
        vec!["sh", "-c", "exit 127"],
        vec!["sh", "run"],
        vec!["sh", "-c", &says("sh: 1: foo: not found")],
        vec!["sh", "-c", &says("prlimit: failed to execute foo: No such file or directory")],
        vec!["sh", "-c", &says("sh: 1: exec: foo: not found"), "failed"],
        vec!["sh", "-c", "no-such-program"],
        vec!["env", "no-such-program"],
        vec!["/usr/bin/python3", "-c", python, library],
        vec!["/usr/bin/python3", "-c", python, "bwrap: execvp python3: No such file or directory"],
    ] {
        let outcome = place.run(&place.command(&argv)).await;
        assert_eq!(
            (outcome.exit, outcome.cause, outcome.detail),
            (Exit::Exited(127), None, None),
            "{argv:?}"
        );
    }
}

/// The program cannot say in the place of the sandbox that it was not started, or has a descriptor too many.
#[tokio::test]
async fn a_program_has_only_the_descriptors_of_a_program() {
    // What started the worker may have left it this one.
    let inherited = fs::File::open("/").unwrap();
    rustix::io::fcntl_setfd(&inherited, rustix::io::FdFlags::empty()).unwrap();
    let place = Place::new().await;
    let script = "
import os
print(sorted(int(name) for name in os.listdir('/proc/self/fd'))[:-1], flush=True)
for number in range(3, 256):
    try: os.write(number, b'failed')
    except OSError: pass
os._exit(127)";
    let outcome = place.run(&place.python(script)).await;
    assert_eq!((outcome.stdout.text().trim(), outcome.exit), ("[0, 1, 2]", Exit::Exited(127)));
    assert_eq!(outcome.cause, None);
}

/// Shell programs write to the names of the descriptors, and read from them.
#[tokio::test]
async fn a_program_opens_its_streams_by_name() {
    let place = Place::new().await;
    let script = "echo one >/dev/stdout; echo two | tee /dev/stderr; echo three >/proc/self/fd/2; \
                  cat /dev/stdin; cat </dev/fd/0";
    let mut command = place.command(&["/bin/sh", "-c", script]);
    command.stdin = b"four\n".to_vec();
    let outcome = place.run(&command).await;
    assert_eq!(outcome.exit, Exit::Exited(0), "{}", outcome.stderr.text());
    assert_eq!((&*outcome.stdout.text(), &*outcome.stderr.text()), ("one\ntwo\nfour\n", "two\nthree\n"));
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
