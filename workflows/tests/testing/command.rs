//! The runner of plain commands.

use std::time::Duration;

use ctutor_workflows::testing::{Broken, report::Status};

use crate::support::{Place, counts, message};

const PLAN: &str = r#"
runner = "command"
student_files = ["*.sh", "*.py"]
reference_files = ["data"]

[[commands]]
name = "builds"
argv = ["sh", "build.sh"]

[[commands]]
name = "exact"
argv = ["./built"]
stdin = "6 4.5"
stdout = { exact = "area=13.50" }

[[commands]]
name = "contains"
argv = ["cat", "data/points.csv"]
stdout = { contains = "1,2" }

[[commands]]
name = "status"
argv = ["sh", "-c", "exit 3"]
exit_code = 3
"#;

async fn place(plan: &str, build: &str) -> Place {
    let place = Place::new().await;
    place.write("reference/ctutor-test.toml", plan);
    place.write("reference/data/points.csv", "0,1\n1,2\n");
    place.write("student/build.sh", build);
    place
}

#[tokio::test]
async fn commands_share_a_folder_and_are_judged_by_status_and_output() {
    let build = "printf '#!/bin/sh\\nread base height\\n[ \"$base $height\" = \"6 4.5\" ] && echo area=13.50\\n' > built; chmod +x built; echo x > data/points.csv; true";
    let mut place = place(PLAN, build).await;
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (4, 0, 0), "{report:#?}");
    assert_eq!(report.kind, "command");
    let current: Vec<_> = place.progress.iter().filter_map(|step| step.current.as_deref()).collect();
    assert_eq!(current, ["builds", "exact", "contains", "status"]);
}

#[tokio::test]
async fn what_is_wrong_is_told() {
    let build = "printf '#!/bin/sh\\necho area=13.5\\n' > built; chmod +x built; echo no >&2; exit 1";
    let report = place(PLAN, build).await.test().await.unwrap();
    assert_eq!(counts(&report), (2, 2, 0), "{report:#?}");
    assert_eq!(message(&report, "builds"), "exit status 1 instead of 0\nstandard error:\nno");
    assert_eq!(
        message(&report, "exact"),
        "the output differs from the expected one in line 1, column 10: expected `0`, found the end of the output\n\
         expected: area=13.50\nfound:    area=13.5"
    );
}

#[tokio::test]
async fn outputs_that_look_alike_are_told_apart_unless_the_plan_ignores_the_difference() {
    let command = |name, ignore| {
        let start = format!("[[commands]]\nname = '{name}'\nargv = ['sh', 'print.sh']\n");
        format!("{start}stdout = {{ exact = \"a\\nb\" }}\n{ignore}\n")
    };
    let plan = [
        "runner = 'command'\nstudent_files = ['print.sh']\n".to_owned(),
        command("default", ""),
        command("lines", "ignore = 'line_endings'"),
        command("blanks", "ignore = 'trailing_whitespace'"),
    ];
    let mut place = place(&plan.concat(), "").await;
    place.write("student/print.sh", "printf 'a \\r\\nb\\r\\n'");
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (1, 2, 0), "{report:#?}");
    let found = message(&report, "default");
    assert!(
        found.contains("(only whitespace at the ends of lines differs)")
            && found.contains("expected: a␊\nfound:    a·␍␊"),
        "{found}"
    );
    assert!(message(&report, "lines").contains("found a space"), "{report:#?}");
}

#[tokio::test]
async fn a_command_that_hangs_costs_its_time_only() {
    let plan = "runner = 'command'\nstudent_files = ['build.sh']
[[commands]]\nname = 'hangs'\nargv = ['sh', 'build.sh']\ntimeout_ms = 300
[[commands]]\nname = 'kills'\nargv = ['sh', '-c', 'kill -9 $$']
[[commands]]\nname = 'works'\nargv = ['true']\n";
    let report = place(plan, "while :; do :; done").await.test().await.unwrap();
    assert_eq!(counts(&report), (1, 2, 0), "{report:#?}");
    assert_eq!(report.tests[0].status, Status::TimedOut);
    assert_eq!(report.tests[1].status, Status::Crashed);
}

#[tokio::test]
async fn when_the_time_is_up_the_rest_has_not_passed() {
    let mut place = place(PLAN, "while :; do :; done").await;
    place.maxima.total_timeout = Duration::from_secs(1);
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (0, 4, 0), "{report:#?}");
}

#[tokio::test]
async fn a_program_that_the_worker_lacks_is_not_the_students_fault() {
    let plan = PLAN.replace("\"cat\"", "\"no-such-compiler\"");
    let error = place(&plan, "true").await.test().await.unwrap_err();
    assert!(
        matches!(&error, Broken::RunnerMissing { program } if program == "no-such-compiler"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_file_that_was_not_taken_is_told_with_what_is_there_instead() {
    let plan = "runner = 'command'\nstudent_files = ['p.py', 'link.py', 'src']
[[commands]]\nname = 'runs'\nargv = ['cat', 'p.py']
[[commands]]\nname = 'right'\nargv = ['true']\n";
    let mut place = place(plan, "").await;
    place.write("student/P.py", "print(1)");
    place.write("student/src/a.py", "print(1)");
    std::os::unix::fs::symlink("P.py", place.path("student/link.py")).unwrap();
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (1, 1, 0), "{report:#?}");
    let start = "`p.py` is not in the submission, which has `P.py`; upper and lower case in names must be the same\n\
        `link.py` is a symbolic link in the submission, and links are not followed: submit the file itself\n\
        exit status 1 instead of 0";
    assert!(message(&report, "runs").starts_with(start), "{report:#?}");
    assert_eq!(message(&report, "right"), "");
}

#[tokio::test]
async fn a_solution_that_fails_for_want_of_a_file_of_the_reference_says_so() {
    let plan = "runner = 'command'\nstudent_files = ['p.sh']\nsolution = 'solution'
[[commands]]\nname = 'runs'\nargv = ['sh', './check.sh', 'data']\n";
    let mut place = place(plan, "").await;
    place.write("reference/check.sh", "sh p.sh");
    place.write("reference/solution/p.sh", "true");
    place.write("student/p.sh", "true");
    let error = place.test().await.unwrap_err();
    let Broken::Solution { message, .. } = &error else { panic!("{error:?}") };
    let end =
        "\nthe reference has `./check.sh`, `data`, but only what `reference_files` names is taken from it";
    assert!(message.ends_with(end), "{message}");
    place.write("reference/ctutor-test.toml", &format!("reference_files = ['check.sh', 'data']\n{plan}"));
    assert_eq!(counts(&place.test().await.unwrap()), (1, 0, 0));
}

#[tokio::test]
async fn a_program_that_says_that_something_is_missing_has_failed() {
    let plan = "runner = 'command'\nstudent_files = ['answer.py']\n\
                [[commands]]\nname = 'answers'\nargv = ['python3', 'answer.py']\n";
    for words in [
        "python3: error while loading shared libraries: libx.so: cannot open shared object file",
        "sh: 1: python3: not found",
        "prlimit: failed to execute python3: No such file or directory",
    ] {
        let place = &mut place(plan, "").await;
        place.write(
            "student/answer.py",
            &format!("import sys\nprint({words:?}, file=sys.stderr)\nsys.exit(127)"),
        );
        let report = place.test().await.unwrap();
        assert_eq!(
            message(&report, "answers"),
            format!("exit status 127 instead of 0\nstandard error:\n{words}")
        );
    }
}

/// A program that is killed by signal 9 ends with 137, and so does one that the worker stops, which is another end.
#[tokio::test]
async fn an_exit_status_above_128_can_be_expected() {
    let command = |name: &str, script: &str, status: u8| {
        format!(
            "[[commands]]\nname = '{name}'\nargv = ['sh', '-c', '{script}']\nexit_code = {status}\ntimeout_ms = 2000\n"
        )
    };
    let plan = [
        "runner = 'command'\nstudent_files = ['*.sh']\n".to_owned(),
        command("by itself", "exit 130", 130),
        command("by a signal", "kill -SEGV $$", 139),
        command("another", "exit 131", 130),
        command("too late", "while :; do :; done", 137),
    ];
    let report = place(&plan.concat(), "").await.test().await.unwrap();
    assert_eq!(counts(&report), (2, 2, 0), "{report:#?}");
    assert!(message(&report, "another").starts_with("the program was ended by signal 3"), "{report:#?}");
    assert_eq!(report.tests[3].status, Status::TimedOut);
}

#[tokio::test]
async fn a_program_that_is_not_there_passes_no_test() {
    let plan = "runner = 'command'\nstudent_files = ['*.sh']\n\
                [[commands]]\nname = 'refuses'\nargv = ['./answer.sh']\nexit_code = 127\n";
    let report = place(plan, "").await.test().await.unwrap();
    assert_eq!(message(&report, "refuses"), "the file `./answer.sh` does not exist; it wrote nothing");
}

#[tokio::test]
async fn commands_after_one_that_failed_to_prepare_say_so() {
    let mut place = Place::new().await;
    place.write(
        "reference/ctutor-test.toml",
        "runner = 'command'
student_files = ['*.sh']
[[commands]]
name = 'compile'
argv = ['sh', 'compile.sh']
[[commands]]
name = 'run'
argv = ['./program']
stdout = { exact = '42' }
[[commands]]
name = 'run by a shell'
argv = ['sh', './program']
stdout = { exact = '42' }
[[commands]]
name = 'echo'
argv = ['echo', '42']
stdout = { contains = '42' }
",
    );
    place.write("student/compile.sh", "echo 'error: expected `;`' >&2\nexit 1\n");
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (1, 3, 0), "{report:#?}");
    assert!(message(&report, "compile").starts_with("exit status 1 instead of 0\n"), "{report:#?}");
    let told = message(&report, "run");
    assert!(told.starts_with("not run, because `compile` failed before it: "), "{told}");
    assert_eq!(report.tests[1].status, Status::Skipped);
    let told = message(&report, "run by a shell");
    assert!(told.starts_with("exit status "), "{told}");
    assert!(told.ends_with("\n(`compile` failed before it, which may be the reason)"), "{told}");
}
