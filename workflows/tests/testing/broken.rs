//! Environments that are at fault, and cancellation.

use std::{fs, os::unix::fs::PermissionsExt};

use ctutor_sandbox::{Options, Policy, Sandbox};
use ctutor_workflows::testing::Broken;
use tokio_util::sync::CancellationToken;

use crate::support::{PLAN, Place, counts};

const RIGHT: &str = "def find(): return 42\ndef text(): return 'x'\n";

#[tokio::test]
async fn a_reference_without_what_it_needs_is_told_as_such() {
    let mut place = Place::with_answer(RIGHT).await;
    let (reference, student, nowhere) =
        (place.path("reference"), place.path("student"), place.path("nowhere"));
    let cancel = CancellationToken::new();
    let error = place.test_folders(&nowhere, &student, &cancel).await.unwrap_err();
    assert!(matches!(error, Broken::ReferenceMissing { .. }), "{error:?}");
    let error = place.test_folders(&reference, &nowhere, &cancel).await.unwrap_err();
    assert!(matches!(error, Broken::SubmissionMissing { .. }), "{error:?}");

    place.write("reference/ctutor-test.toml", &format!("{PLAN}speed = 'fast'\n"));
    let error = place.test().await.unwrap_err();
    assert!(matches!(&error, Broken::Plan { message } if message.contains("speed")), "{error:?}");
    fs::remove_file(place.path("reference/ctutor-test.toml")).unwrap();
    let error = place.test().await.unwrap_err();
    assert!(matches!(error, Broken::PlanMissing { .. }) && !error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn a_reference_without_tests_or_with_faulty_ones_is_broken() {
    let mut place = Place::with_answer(RIGHT).await;
    place.write("reference/tests/test_answer.py", "import no_such_library_at_all\ndef test_a(): pass\n");
    place.write("reference/ctutor-test.toml", "runner = 'pytest'\nstudent_files = ['answer.py']\n");
    let error = place.test().await.unwrap_err();
    assert!(
        matches!(&error, Broken::Listing { message } if message.contains("no_such_library")),
        "{error:?}"
    );
    let patch = "import pytest\npytest.raises = None\ndef test_a(): pass\n";
    place.write("reference/tests/test_answer.py", patch);
    let error = place.test().await.unwrap_err();
    assert!(matches!(&error, Broken::Listing { message } if message.contains("pytest itself")), "{error:?}");
    place.write("reference/tests/test_answer.py", "number = 1\n");
    let error = place.test().await.unwrap_err();
    assert!(matches!(error, Broken::NoTests), "{error:?}");
    let told = |error: Broken, expected: &str| assert!(error.to_string().ends_with(expected), "{error}");
    fs::rename(place.path("reference/tests/test_answer.py"), place.path("reference/tests/answer.py"))
        .unwrap();
    let files =
        "no tests were found: the folder `tests` of the reference has no file `test_*.py` or `*_test.py`";
    told(place.test().await.unwrap_err(), files);
    fs::rename(place.path("reference/tests"), place.path("reference/Tests")).unwrap();
    let folder = "`tests` is `tests`, but the reference has no such folder";
    let case = "it has `Tests`, and upper and lower case in names must be the same";
    told(place.test().await.unwrap_err(), &format!("{folder}; {case}"));
    fs::remove_dir_all(place.path("reference/Tests")).unwrap();
    told(place.test().await.unwrap_err(), folder);
}

#[tokio::test]
async fn a_reference_without_a_file_that_its_plan_names_is_broken() {
    let mut place = Place::with_answer(RIGHT).await;
    place.write("reference/ctutor-test.toml", &format!("{PLAN}reference_files = ['tests', 'data/*.txt']\n"));
    let told = "`reference_files[1]` is `data/*.txt`, but the reference has no such file or folder";
    let error = place.test().await.unwrap_err();
    assert!(matches!(&error, Broken::Plan { message } if message == told), "{error}");
    place.write("reference/data/a.txt", "x");
    place.test().await.unwrap();
}

#[tokio::test]
async fn a_worker_without_python_or_pytest_is_broken() {
    let mut place = Place::with_answer(RIGHT).await;
    place.sandbox =
        Sandbox::detect(Options { path: "/nowhere".into(), ..Policy::Confined.into() }).await.unwrap();
    let error = place.test().await.unwrap_err();
    assert!(matches!(&error, Broken::RunnerMissing { program } if program == "python3"), "{error:?}");

    // Without its site packages, Python has no pytest.
    let tools = place.path("tools");
    place.write("tools/python3", "#!/bin/sh\nexec /usr/bin/python3 -S \"$@\"\n");
    fs::set_permissions(tools.join("python3"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin", tools.display());
    place.sandbox =
        Sandbox::detect(Options { path, read_only: vec![tools], ..Policy::Confined.into() }).await.unwrap();
    let error = place.test().await.unwrap_err();
    assert!(matches!(&error, Broken::RunnerMissing { program } if program == "pytest"), "{error:?}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_canceled_test_ends_without_a_report() {
    let mut place = Place::with_answer("def find():\n    while True: pass\n").await;
    let (reference, student) = (place.path("reference"), place.path("student"));
    let cancel = CancellationToken::new();
    cancel.cancel();
    let error = place.test_folders(&reference, &student, &cancel).await.unwrap_err();
    assert!(matches!(error, Broken::Canceled), "{error:?}");

    place.cancels = true;
    let error = place.test().await.unwrap_err();
    assert!(matches!(error, Broken::Canceled) && !error.is_retryable(), "{error:?}");
    assert!(place.progress.last().unwrap().current.is_some());
}

#[tokio::test]
async fn tests_are_listed_without_a_solution() {
    let mut place = Place::with_answer(RIGHT).await;
    place.write(
        "reference/tests/test_more.py",
        "from answer import find\nfrom src.deep import thing\nVALUE = find() + 1\n\ndef test_more(): assert thing == 1\n",
    );
    place.write("student/src/deep.py", "thing = 1\n");
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (3, 0, 0), "{report:#?}");
}

#[tokio::test]
async fn a_reference_that_does_not_pass_its_own_tests_is_broken() {
    let mut place = Place::with_answer("def find(): return 41\ndef text(): return 'x'\n").await;
    place.write("reference/ctutor-test.toml", &format!("{PLAN}solution = 'solution'\n"));
    place.write("reference/solution/answer.py", RIGHT);
    assert_eq!(counts(&place.test().await.unwrap()), (1, 1, 0));

    let tests = fs::read_to_string(place.path("reference/tests/test_answer.py")).unwrap();
    for (test, reason) in [
        ("def test_more(tmp_path): tmp_path.no_such_name", "no_such_name"),
        ("def test_more(): assert answer.find() == 43", "assert 42 == 43"),
    ] {
        place.write("reference/tests/test_answer.py", &format!("{tests}\n{test}\n"));
        let error = place.test().await.unwrap_err();
        let Broken::Solution { test, message } = &error else { panic!("{error:?}") };
        assert_eq!(test, "tests/test_answer.py::test_more");
        assert!(message.contains(reason) && !error.is_retryable(), "{message}");
    }

    // Without a solution nobody knows whose fault it is.
    place.write("reference/ctutor-test.toml", PLAN);
    assert_eq!(counts(&place.test().await.unwrap()), (1, 2, 0));
}

#[tokio::test]
async fn tests_whose_names_change_are_refused() {
    let mut place = Place::with_answer(RIGHT).await;
    place.write(
        "reference/tests/test_random.py",
        "import random, pytest, answer\n@pytest.mark.parametrize('x', [random.random(), 3])\ndef test_x(x): assert answer.find() == 42\n",
    );
    for (solution, plan) in [(None, PLAN.to_owned()), (Some(RIGHT), format!("{PLAN}solution = 'solution'\n"))]
    {
        place.write("reference/ctutor-test.toml", &plan);
        if let Some(solution) = solution {
            place.write("reference/solution/answer.py", solution);
        }
        let error = place.test().await.unwrap_err();
        let Broken::Listing { message } = &error else { panic!("{error:?}") };
        assert!(
            message.contains("`tests/test_random.py::test_x[0.") && !message.contains("[3]"),
            "{message}"
        );
    }
}
