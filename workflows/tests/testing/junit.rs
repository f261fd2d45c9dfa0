//! Commands that write JUnit XML.

use std::time::Duration;

use ctutor_workflows::testing::{
    Broken, Stage,
    report::{Report, Status, Verdict},
};

use crate::support::{Place, counts, message};

/// The real pytest, as a lecturer would call it.
const PYTEST: &str = "
runner = 'junit'
name = 'answers'
student_files = ['answer.py', 'report.xml', 'more']
reference_files = ['tests']
solution = 'solution'
[junit]
argv = ['python3', '-m', 'pytest', '--quiet', '--junitxml=report.xml', 'tests']
report = 'report.xml'
";

/// Shell scripts: the student's writes what the tests then make of it.
const SHELL: &str = "
runner = 'junit'
student_files = ['answer.sh', 'out']
reference_files = ['check.sh']
solution = 'solution'
[junit]
argv = ['sh', 'check.sh']
report = 'out/TEST-*.xml'
";

const CHECK: &str = r#"
mkdir -p out
answer=$(sh answer.sh)
{
    echo '<testsuites><testsuite name="answers">'
    echo '<testcase classname="answers" name="there"/>'
    if [ "$answer" = 42 ]; then
        echo '<testcase classname="answers" name="right" time="0.5"/>'
    else
        echo '<testcase classname="answers" name="right"><failure message="it is not 42"/></testcase>'
    fi
    echo '</testsuite></testsuites>'
} > out/TEST-answers.xml
[ "$answer" = 42 ]
"#;

const RIGHT: &str = "def find(): return 42\ndef text(): return 'x'\n";
const ALL: &str = r#"<testsuite><testcase classname="tests.test_answer" name="test_right"/><testcase classname="tests.test_answer" name="test_text"/></testsuite>"#;

async fn pytest(answer: &str) -> Place {
    let place = Place::with_answer(answer).await;
    place.write("reference/ctutor-test.toml", PYTEST);
    place.write("reference/solution/answer.py", RIGHT);
    place
}

async fn shell(answer: &str) -> Place {
    let place = Place::new().await;
    place.write("reference/ctutor-test.toml", SHELL);
    place.write("reference/check.sh", CHECK);
    place.write("reference/solution/answer.sh", "echo 42");
    place.write("student/answer.sh", answer);
    place
}

async fn report_of(mut place: Place) -> Report {
    place.test().await.unwrap()
}

/// Neither test may pass, and each says why.
async fn assert_nothing_passes(answer: &str, reason: &str) {
    let report = report_of(pytest(answer).await).await;
    assert_eq!(counts(&report), (0, 2, 0), "{answer}\n{report:#?}");
    for test in ["test_right", "test_text"] {
        assert!(message(&report, test).contains(reason), "{answer}\n{report:#?}");
    }
}

#[tokio::test]
async fn a_command_that_writes_junit_xml_is_tested_by_it() {
    let mut place = pytest(RIGHT).await;
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (2, 0, 0), "{report:#?}");
    assert_eq!((report.kind.as_str(), report.name.as_str()), ("junit", "answers"));
    assert_eq!(report.tests[0].name, "tests.test_answer::test_right");
    let steps: Vec<_> = place.progress.iter().map(|step| (step.stage, step.done, step.total)).collect();
    assert_eq!(steps, [(Stage::Preparing, 0, 0), (Stage::Running, 0, 2), (Stage::Running, 2, 2)]);

    let report = report_of(pytest("def find(): return 41\ndef text(): return 'x'\n").await).await;
    assert_eq!(counts(&report), (1, 1, 0), "{report:#?}");
    assert!(message(&report, "test_right").contains("assert 41 == 42"), "{report:#?}");

    let report = report_of(shell("echo 42").await).await;
    assert_eq!(counts(&report), (2, 0, 0), "{report:#?}");
    assert!((report.tests[1].duration - 0.5).abs() < f64::EPSILON);
    let report = report_of(shell("echo 41").await).await;
    assert_eq!(counts(&report), (1, 1, 0), "{report:#?}");
    assert_eq!(message(&report, "right"), "it is not 42");
}

#[tokio::test]
async fn a_submission_cannot_make_the_tests_fewer_or_more() {
    let skipping = "import pytest\ndef find(): pytest.skip('no')\ndef text(): return 'x'\n";
    let report = report_of(pytest(skipping).await).await;
    assert_eq!(counts(&report), (1, 1, 0), "{report:#?}");
    assert!(
        message(&report, "test_right").starts_with("it was skipped with the submission: no"),
        "{report:#?}"
    );

    // Tests that cannot be loaded are in the report under another name.
    let place = pytest("def find(:").await;
    let report = report_of(place).await;
    assert_eq!(counts(&report), (0, 2, 0), "{report:#?}");
    assert!(message(&report, "test_text").contains("SyntaxError"), "{report:#?}");

    let own = CHECK.replace("echo '<testcase classname=\"answers\" name=\"there\"/>'", "cat more.xml");
    let mut place = shell("echo '<testcase classname=\"answers\" name=\"own\"/>' > more.xml; echo 42").await;
    place.write("reference/check.sh", &own);
    place.write(
        "reference/solution/answer.sh",
        "echo '<testcase classname=\"answers\" name=\"there\"/>' > more.xml; echo 42",
    );
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (1, 1, 0), "{report:#?}");
    assert!(message(&report, "there").starts_with("it is not in the report"), "{report:#?}");
}

#[tokio::test]
async fn a_failure_that_belongs_to_no_test_fails_those_of_its_suite_but_tests_of_the_student_fail_none() {
    // The submission's script prints what follows the two tests of the reference.
    let check = r#"
mkdir -p out
{
    echo '<testsuites><testsuite name="answers"><testcase name="there"/><testcase name="right"/>'
    sh answer.sh
    echo '</testsuites>'
} > out/TEST-answers.xml
"#;
    for (rest, passed) in [
        ("</testsuite>", 2),
        ("<error message=\"no database\"/></testsuite>", 0),
        ("<testcase><failure message=\"no database\"/></testcase></testsuite>", 0),
        ("</testsuite><testsuite name=\"set-up\" errors=\"1\"/>", 0),
        ("<testcase name=\"own\"><failure/></testcase></testsuite>", 2),
        ("</testsuite><testsuite name=\"own\" failures=\"1\"><testcase name=\"a\"/></testsuite>", 2),
    ] {
        let mut place = shell(&format!("echo '{rest}'")).await;
        place.write("reference/check.sh", check);
        place.write("reference/solution/answer.sh", "echo '</testsuite>'");
        let report = place.test().await.unwrap();
        assert_eq!(counts(&report), (passed, 2 - passed, 0), "{rest}\n{report:#?}");
        let reason = "the report does not say which test it is";
        assert!(passed == 2 || message(&report, "right").contains(reason), "{rest}\n{report:#?}");
    }
}

#[tokio::test]
async fn a_state_that_only_the_submission_brings_about_fails_its_own_test() {
    let check = CHECK.replace("<failure message=\"it is not 42\"/>", "<wonder/>");
    let mut place = shell("echo 41").await;
    place.write("reference/check.sh", &check);
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (1, 1, 0), "{report:#?}");
    let start = "unknown element `wonder` in the test `answers::right` at line 3; expected";
    assert!(message(&report, "right").starts_with(start), "{report:#?}");

    place.write("reference/solution/answer.sh", "echo 41");
    let error = place.test().await.unwrap_err();
    let Broken::Listing { message } = &error else { panic!("{error:?}") };
    let start = "with the solution, `out/TEST-answers.xml`: unknown element `wonder` in the test";
    assert!(message.starts_with(start) && message.ends_with("; it wrote nothing"), "{message}");
}

#[tokio::test]
async fn a_report_of_some_tests_says_how_the_program_ended() {
    let check = CHECK.replace("    echo '</testsuite>", "    [ -z \"$answer\" ] && echo '</testsuite></testsuites>' && echo over >&2 && exit 0\n    echo '</testsuite>")
        .replace("    if [", "    [ -z \"$answer\" ] || if [");
    let mut place = shell("true").await;
    place.write("reference/check.sh", &check);
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (1, 1, 0), "{report:#?}");
    let expected = "it is not in the report, which has 1 of 2 tests; the program ended by itself with exit status 0 \
        before all tests were through; a call of `exit` or `System.exit` in it may be why\nstandard error:\nover";
    assert_eq!(message(&report, "right"), expected);
}

#[tokio::test]
async fn files_that_were_not_taken_are_told() {
    let mut place = shell("echo 42").await;
    std::fs::rename(place.path("student/answer.sh"), place.path("student/Answer.sh")).unwrap();
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (1, 1, 0), "{report:#?}");
    let start = "`answer.sh` is not in the submission, which has `Answer.sh`; upper and lower case";
    assert!(message(&report, "right").starts_with(start), "{report:#?}");

    place.write("reference/ctutor-test.toml", &SHELL.replace("reference_files = ['check.sh']\n", ""));
    let error = place.test().await.unwrap_err();
    let Broken::Listing { message } = &error else { panic!("{error:?}") };
    let end = "\nthe reference has `check.sh`, but only what `reference_files` names is taken from it";
    assert!(message.ends_with(end), "{message}");
}

#[tokio::test]
async fn a_hang_costs_every_test_that_is_not_in_the_report() {
    let mut place = pytest("def find():\n    while True: pass\ndef text(): return 'x'\n").await;
    place.maxima.total_timeout = Duration::from_secs(8);
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (0, 2, 0), "{report:#?}");
    assert!(report.tests.iter().all(|test| test.status == Status::TimedOut), "{report:#?}");
    let start =
        "it is not in the report; the command did not end within 4 s; no report `report.xml` was written";
    assert!(message(&report, "test_text").starts_with(start), "{report:#?}");
    assert!(!message(&report, "test_text").contains("limit"), "{report:#?}");

    let mut place = shell("echo 41; cp early.xml out/TEST-early.xml; while :; do :; done").await;
    place.write("reference/solution/answer.sh", "cp early.xml out/TEST-early.xml; echo 42");
    place.write("reference/early.xml", r#"<testsuite><testcase name="early"/></testsuite>"#);
    place.write(
        "reference/ctutor-test.toml",
        &SHELL.replace("'check.sh']\nsol", "'check.sh', 'early.xml']\nsol"),
    );
    place.maxima.total_timeout = Duration::from_secs(4);
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (1, 2, 0), "{report:#?}");
}

#[tokio::test]
async fn leaving_early_is_no_success() {
    assert_nothing_passes("import os; os._exit(0)", "no report `report.xml` was written").await;
    let told =
        "; the program ended by itself with exit status 0 before all tests were through; a call of `exit`";
    assert_nothing_passes("import os; os._exit(0)", told).await;
    assert_nothing_passes("import os\ndef find(): os._exit(3)\n", "exit status 3").await;
    assert_nothing_passes("import os; os.kill(os.getpid(), 9)", "signal 9").await;
}

#[tokio::test]
async fn a_report_in_the_submission_is_not_read() {
    let mut place = pytest("import os; os._exit(0)").await;
    place.write("student/report.xml", ALL);
    assert_eq!(counts(&place.test().await.unwrap()), (0, 2, 0));

    let mut place = shell("exit 1").await;
    place.write("reference/check.sh", &format!("sh answer.sh && {{\n{CHECK}\n}}"));
    for name in ["TEST-answers.xml", "TEST-more.xml"] {
        place.write(&format!("student/out/{name}"), &ALL.replace("tests.test_answer", "answers"));
    }
    assert_eq!(counts(&place.test().await.unwrap()), (0, 2, 0));
}

#[tokio::test]
async fn a_report_that_the_submission_writes_does_not_outlast_the_true_one() {
    let forge = format!("open('report.xml', 'w').write({ALL:?})\n");
    let report = report_of(pytest(&forge).await).await;
    assert_eq!(counts(&report), (0, 2, 0), "{report:#?}");
    assert!(message(&report, "test_right").contains("AttributeError"), "{report:#?}");
    // Whoever leaves in a hurry has to leave well.
    let flee = format!("import os\n{forge}os._exit(1)\n");
    assert_nothing_passes(&flee, "the report says that every test passed, but").await;

    // A copy of a test in a second report is one too many.
    let forge = r#"mkdir -p out; echo '<testsuite><testcase classname="answers" name="right"/></testsuite>' > out/TEST-a.xml; echo 41"#;
    let report = report_of(shell(forge).await).await;
    assert_eq!(counts(&report), (1, 1, 0), "{report:#?}");
    assert!(message(&report, "right").contains("more often"), "{report:#?}");
}

#[tokio::test]
async fn reports_that_cannot_be_read_are_the_submissions_fault() {
    let bomb =
        r#"echo '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><testsuite>&b;</testsuite>' > $R"#;
    let long = "(echo '<testsuite>'; head -c 20000000 /dev/zero | tr '\\0' ' '; echo '</testsuite>') > $R";
    let many = "(echo '<testsuite>'; yes '<testcase/>' | head -n 30000; echo '</testsuite>') > $R";
    for (spoil, reason) in [
        ("rm $R", "no report `out/TEST-*.xml` was written"),
        ("> $R", "`out/TEST-answers.xml`: the report is empty"),
        (
            "echo '{\"tests\": []}' > $R",
            "it has no element, expected `testsuites` or `testsuite`; it begins with `{\"tests\": []}`",
        ),
        ("gzip -c check.sh > $R", "it is a file that was compressed with gzip"),
        ("echo '<testsuite><testcase ' > $R", "it is not well-formed XML at line 1"),
        ("echo '<testsuite>' > $R", "it is cut off"),
        ("echo '<html></html>' > $R", "the root element is `html`"),
        ("yes '<testsuite>' | head -n 1000 > $R", "nested deeper than 64"),
        (many, "more than 20000 tests"),
        (long, "larger than 16 MiB; tests that print less"),
        (bomb, "it is not in the report"),
        ("mv $R good.xml; ln -s ../good.xml $R", "it is a symbolic link"),
        ("mv out good; ln -s good out", "it is a symbolic link"),
        ("rm $R; mkfifo $R", "it is not a file"),
        ("rm $R; mkdir $R", "no report"),
    ] {
        // It comes after the report, as what a student's program leaves running can.
        let mut place = shell(&format!("R=out/TEST-answers.xml; {spoil}")).await;
        place.write(
            "reference/check.sh",
            &format!("{}\nsh answer.sh", CHECK.replace("$(sh answer.sh)", "42")),
        );
        place.write("reference/solution/answer.sh", "true");
        let report = place.test().await.unwrap();
        assert_eq!(counts(&report), (0, 2, 0), "{spoil}\n{report:#?}");
        assert!(report.tests.iter().all(|test| test.result == Verdict::Failed));
        assert!(message(&report, "right").contains(reason), "{spoil}\n{report:#?}");
    }
}

#[tokio::test]
async fn a_reference_that_does_not_pass_its_own_tests_is_broken() {
    let mut place = pytest(RIGHT).await;
    place.write("reference/solution/answer.py", "def find(): return 42\ndef text(): return 'y'\n");
    let error = place.test().await.unwrap_err();
    let Broken::Solution { test, message } = &error else { panic!("{error:?}") };
    assert_eq!(test, "tests.test_answer::test_text");
    assert!(message.contains("assert 'y' == 'x'") && !error.is_retryable(), "{message}");

    let mut place = shell("echo 42").await;
    for (check, reason) in [
        ("exit 0", "no report `out/TEST-*.xml` was written"),
        ("mkdir out; echo '<testsuite>' > out/TEST-a.xml", "it is cut off"),
        ("mkdir out; ln -s ../check.sh out/TEST-a.xml", "it is a symbolic link"),
        (
            "mkdir out; echo '<testsuite><testcase name=\"a\"/></testsuite>' > out/TEST-a.xml; echo oh >&2; exit 7",
            "oh",
        ),
    ] {
        place.write("reference/check.sh", check);
        let error = place.test().await.unwrap_err();
        assert!(
            matches!(&error, Broken::Listing { message } if message.contains(reason)),
            "{check}: {error}"
        );
    }
    place.write("reference/check.sh", "mkdir out; echo '<testsuite/>' > out/TEST-a.xml");
    let error = place.test().await.unwrap_err();
    let expected =
        "with the solution, the report has no test; the program ended the tests with exit status 0";
    assert!(matches!(&error, Broken::Listing { message } if message.starts_with(expected)), "{error:?}");
    place.write("reference/check.sh", CHECK);
    place.maxima.tests = 1;
    let error = place.test().await.unwrap_err();
    assert!(matches!(error, Broken::TooLarge { limit: "tests", .. }), "{error:?}");

    place.write("reference/ctutor-test.toml", &SHELL.replace("'sh', 'check.sh'", "'no-such-framework'"));
    let error = place.test().await.unwrap_err();
    assert!(
        matches!(&error, Broken::RunnerMissing { program } if program == "no-such-framework"),
        "{error:?}"
    );
}
