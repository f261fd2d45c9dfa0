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
    assert!(matches!(error, Broken::Plan { .. }) && !error.is_retryable(), "{error:?}");
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
    place.write("reference/tests/test_answer.py", "number = 1\n");
    let error = place.test().await.unwrap_err();
    assert!(matches!(error, Broken::NoTests), "{error:?}");
    fs::remove_dir_all(place.path("reference/tests")).unwrap();
    let error = place.test().await.unwrap_err();
    assert!(matches!(error, Broken::NoTests), "{error:?}");
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
