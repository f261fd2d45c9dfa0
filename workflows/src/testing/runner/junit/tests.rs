use Verdict::{Failed, Passed, Skipped};

use super::*;

/// The only thread of this runtime has time for others.
#[tokio::test]
async fn a_large_report_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let report = format!("<testsuite><testcase name='a'/><a x='{}'/></testsuite>", "&".repeat(4 << 20));
    std::fs::write(folder.path().join("r.xml"), report).unwrap();
    let other = tokio::spawn(async {});
    let read = collect_hidden(folder.path().to_owned(), Hidden::default(), "r.xml".to_owned());
    assert_eq!(read.await.unwrap().cases.len(), 1);
    assert!(other.is_finished());
}

fn case(name: &str, verdict: Verdict) -> Case {
    Case { name: name.to_owned(), verdict, message: None, seconds: 0.5, of_suite: false }
}

fn ran(exit: Exit, cases: &[(&str, Verdict)]) -> Ran {
    let cases = cases.iter().map(|(name, verdict)| case(name, *verdict)).collect();
    let collected = Collected { cases, ..Collected::default() };
    let time = Duration::from_secs(3);
    Ran { collected, exit, not_started: None, detail: None, time, output: "words".to_owned() }
}

fn judge(exit: Exit, cases: &[(&str, Verdict)]) -> Vec<(Status, Verdict, String)> {
    let tests = ["a", "a [2]", "b"].map(|name| Test::new(name.to_owned()));
    let reports = judged(&tests, &ran(exit, cases));
    assert!(reports.iter().map(|report| &report.name).eq(tests.iter().map(|test| &test.name)));
    let told = |report: TestReport| (report.status, report.result, report.result_message.unwrap_or_default());
    reports.into_iter().map(told).collect()
}

#[test]
fn the_tests_are_those_that_the_solution_passes() {
    let good = ran(Exit::Exited(0), &[("a", Passed), ("b", Passed), ("a", Passed)]);
    assert_eq!(listed(&good).unwrap(), ["a", "b", "a [2]"].map(|name| Test::new(name.to_owned())));
    let error = listed(&ran(Exit::Exited(0), &[("a", Passed), ("b", Failed)])).unwrap_err();
    assert!(matches!(&error, Broken::Solution { test, .. } if test == "b"), "{error}");
    for exit in [Exit::Exited(1), Exit::TimedOut] {
        let error = listed(&ran(exit, &[("a", Passed)])).unwrap_err();
        assert!(matches!(&error, Broken::Listing { message } if message.contains("words")), "{error}");
    }
}

#[test]
fn what_is_missing_has_failed_and_what_is_new_does_not_count() {
    let reports = judge(Exit::Exited(1), &[("new", Failed), ("a", Passed), ("b", Skipped), ("new", Passed)]);
    assert_eq!(reports[0], (Status::Completed, Passed, String::new()));
    let message = "it is not in the report, which has 2 of 3 tests; \
        the program ended the tests with exit status 1\nnew: it failed\nwords";
    assert_eq!(reports[1], (Status::Crashed, Failed, message.to_owned()));
    assert_eq!(reports[2], (Status::Skipped, Failed, "it was skipped with the submission".to_owned()));
}

#[test]
fn what_the_solution_skips_is_left_out_whatever_the_submission_does() {
    let tests = listed(&ran(Exit::Exited(0), &[("a", Passed), ("a", Skipped), ("b", Skipped)])).unwrap();
    let expected = [Passed, Skipped, Skipped];
    for b in [Passed, Failed, Skipped] {
        let reports = judged(&tests, &ran(Exit::Exited(0), &[("a", Passed), ("a", Failed), ("b", b)]));
        assert!(reports.iter().map(|report| report.result).eq(expected), "{reports:?}");
        let told = "left out of the count: it is skipped with the solution";
        assert_eq!(reports[2].result_message.as_deref(), Some(told));
    }
    // A report that only leaves out what does not count is as doubtful as one in which everything passed.
    let fled = judged(&tests, &ran(Exit::Exited(1), &[("a", Passed), ("b", Skipped)]));
    assert!(fled.iter().map(|report| report.result).eq([Failed, Skipped, Skipped]), "{fled:?}");
}

#[test]
fn a_test_that_is_reported_too_often_has_failed() {
    let cases = [("b", Passed), ("a", Passed), ("b", Failed), ("a", Failed)];
    let reports = judge(Exit::Exited(1), &cases);
    let verdicts: Vec<Verdict> = reports.iter().map(|(_, one, _)| *one).collect();
    assert_eq!(verdicts, [Passed, Failed, Failed]);
    let expected =
        "it is in the report more often than with the solution: 2 times (passed, failed) instead of 1";
    assert_eq!(reports[2].2, expected);
}

#[test]
fn a_report_without_failures_is_believed_of_a_command_that_succeeded() {
    let praise = [("a", Passed), ("a", Passed), ("b", Passed)];
    for (exit, expected) in [
        (Exit::Exited(0), Passed),
        (Exit::TimedOut, Passed),
        (Exit::Exited(1), Failed),
        (Exit::Signaled(9), Failed),
        (Exit::MemoryLimit, Failed),
    ] {
        assert!(judge(exit, &praise).iter().all(|(_, verdict, _)| *verdict == expected), "{exit:?}");
    }
    // A test of the student's own may fail.
    let own = [&praise[..], &[("own", Failed)]].concat();
    assert!(judge(Exit::Exited(1), &own).iter().all(|(_, verdict, _)| *verdict == Passed));
}

#[test]
fn a_program_that_ends_before_its_tests_says_so() {
    let start =
        "it is not in the report, which has 1 of 3 tests; the program ended by itself with exit status";
    for (exit, expected) in [
        (
            Exit::Exited(0),
            "0 before all tests were through; a call of `exit` or `System.exit` in it may be why\nwords",
        ),
        (Exit::Exited(3), "3 before all tests were through\nwords"),
    ] {
        let reports = judge(exit, &[("a", Passed)]);
        assert_eq!(reports[0].1, Passed);
        assert_eq!(reports[2], (Status::Crashed, Failed, format!("{start} {expected}")));
    }
    let silent = Ran { output: String::new(), ..ran(Exit::Exited(0), &[]) };
    let message = judged(&[Test::new("a".to_owned())], &silent).remove(0).result_message.unwrap();
    assert!(message.ends_with("may be why; it wrote nothing"), "{message}");
}

#[test]
fn why_a_command_ended_is_told_once() {
    let over = |detail: &str| Ran { detail: Some(detail.to_owned()), ..ran(Exit::TimedOut, &[]) };
    let ending = over("a process used more than 3 s of processor time").ending();
    assert_eq!(ending, "it did not end in time: a process used more than 3 s of processor time");
    assert_eq!(ran(Exit::TimedOut, &[]).ending(), "the command did not end within 3 s");
}

#[test]
fn an_unknown_state_breaks_the_tests_only_with_the_solution() {
    let mut ran = ran(Exit::Exited(0), &[("a", Passed), ("b", Failed)]);
    ran.collected.unknown = Some("`r.xml`: unknown state `shrug`".to_owned());
    let error = listed(&ran).unwrap_err().to_string();
    assert!(error.contains("with the solution, `r.xml`: unknown state `shrug`"), "{error}");
    let tests = ["a", "b"].map(|name| Test::new(name.to_owned()));
    let verdicts: Vec<Verdict> = judged(&tests, &ran).iter().map(|report| report.result).collect();
    assert_eq!(verdicts, [Passed, Failed]);
}

#[test]
fn a_failure_without_a_message_is_told_with_the_output() {
    let reports = judge(Exit::Exited(1), &[("a", Failed)]);
    assert_eq!(reports[0].2, "it failed, and the report does not say why\nwords");
}

#[test]
fn a_command_that_hangs_costs_what_is_not_reported() {
    let reports = judge(Exit::TimedOut, &[("b", Passed)]);
    let message =
        "it is not in the report, which has 1 of 3 tests; the command did not end within 3 s\nwords";
    assert_eq!(reports[0], (Status::TimedOut, Failed, message.to_owned()));
    assert_eq!(reports[2].1, Passed);
    let told = |exit| {
        let mut cut = ran(exit, &[]);
        cut.collected.faults.push("cut off".to_owned());
        why_missing(&[], &Found::default(), &cut).1
    };
    assert!(told(Exit::TimedOut).contains("report; the command did not end within 3 s; cut off"));
    assert!(told(Exit::Exited(1)).contains("report; cut off; the program ended by itself"));
}
