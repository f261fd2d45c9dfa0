//! `ctutor worker check`, with the languages that `make test` brings.

use ctutor_tests::process::{Ctutor, Finished};
use serde_json::Value;

fn check(args: &[&str]) -> Finished {
    Ctutor::new(["worker", "check"].iter().chain(args)).finish().unwrap()
}

#[test]
fn the_languages_of_this_machine_work() {
    let chosen = "java,python,python-pytest,c,c-*,cpp,cpp-*,node";
    let finished = check(&["--json", "--language", chosen]);
    let found: Value = serde_json::from_str(&finished.stdout).unwrap();
    let checks = found["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 14);
    for one in checks {
        assert!(one["status"] == "works" && !one["version"].is_null(), "{one:#}");
    }
    assert_eq!(finished.status, 0);
}

#[test]
fn too_little_memory_is_told_with_what_to_set() {
    let finished = check(&["--language", "java", "--memory", "16MiB"]);
    let row = finished.stdout.lines().nth(1).unwrap();
    assert!(row.contains("fails") && row.contains("`memory_bytes`"), "{finished:?}");
    assert_eq!(finished.status, 1);
}

#[test]
fn an_unknown_language_or_size_is_refused() {
    let finished = check(&["--language", "jawa"]);
    assert!(finished.stderr.contains("`jawa`") && finished.stderr.contains("java, "), "{finished:?}");
    assert_eq!((finished.status, finished.stdout.as_str()), (2, ""));
    let finished = check(&["--memory", "512"]);
    assert!(finished.stderr.contains("`512MiB`"), "{finished:?}");
    assert_eq!(finished.status, 2);
}

#[test]
fn a_machine_without_a_sandbox_is_told() {
    let empty = tempfile::tempdir().unwrap();
    let control_group = empty.path().display().to_string();
    let command =
        || Ctutor::new(["worker", "check", "--json"]).env("CTUTOR_TESTING_CONTROL_GROUP", &control_group);
    let finished = command().finish().unwrap();
    let found: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert!(found["reason"].as_str().unwrap().contains("control group"), "{found:#}");
    assert!(found["remedy"].as_str().unwrap().contains("Delegate"), "{found:#}");
    assert_eq!(finished.status, 1);
}
