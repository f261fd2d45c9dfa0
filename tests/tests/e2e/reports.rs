//! Tests by a command that writes JUnit XML, and the reports that the command line prints of them.

use std::fs;

use serde_json::{Value, json};

use crate::{
    course::Course,
    deployment::Deployment,
    runs::{ended, start},
    watch::{Live, Record, Transport},
};

in_both_shapes!(
    a_command_tests_and_its_report_is_printed,
    a_command_that_hangs_is_told_while_it_lasts,
    runs_without_a_report_say_why,
);

const FAILED: i32 = 1;
const NOT_FOUND: i32 = 3;

/// The tests of the sample course, run by a command.
fn test_of(course: &Course, submission: &str, total_timeout_ms: u32) -> Value {
    let mut start = course.test_of(submission);
    start["input"]["plan"] = json!({
        "name": "triangle",
        "runner": "junit",
        "student_files": ["triangle.py"],
        "reference_files": ["tests"],
        "solution": "solution",
        "junit": {
            "argv": ["python3", "-m", "pytest", "--quiet", "--junitxml=report.xml", "tests"],
            "report": "report.xml",
        },
        "limits": { "total_timeout_ms": total_timeout_ms },
    });
    start
}

async fn a_command_tests_and_its_report_is_printed(deployment: &mut Deployment) {
    let (course, root) = (Course::serve().unwrap(), deployment.root());
    let run = start(&root, test_of(&course, "partly_wrong", 60_000)).await.unwrap();
    let found = ended(&root, &run).await.unwrap();
    let result = &found["result"]["result"];
    assert_eq!((&result["passed"], &result["score"]), (&json!(6), &json!(0.75)), "{found:#}");

    let id = run.workflow_id.as_str();
    let text = deployment.client_command(["workflow", "report", id]).run().unwrap();
    assert!(text.contains("passed  6 of 8\n") && text.contains("Area is 13.5"), "{text}");
    let stored = deployment.client_command(["workflow", "report", &run.id, "--json"]).run().unwrap();
    assert_eq!(serde_json::from_str::<Value>(&stored).unwrap(), result["report"]);

    let file = deployment.data().join("report.xml");
    let args = ["workflow", "report", id, "--format", "junit", "--output", file.to_str().unwrap()];
    assert_eq!(deployment.client_command(args).run().unwrap(), "");
    let written = fs::read_to_string(&file).unwrap();
    let suite = r#"<testsuite name="triangle" tests="8" failures="2" errors="0" skipped="0" "#;
    assert!(written.contains(suite), "{written}");
    let failed = r#"<testcase classname="tests.test_triangle" name="test_prints_the_area" "#;
    assert!(written.contains(failed) && written.ends_with("</testsuites>\n"), "{written}");
}

async fn a_command_that_hangs_is_told_while_it_lasts(deployment: &mut Deployment) {
    let (course, ada) = (Course::serve().unwrap(), deployment.user("ada"));
    let run = start(&ada, test_of(&course, "endless_loop", 15_000)).await.unwrap();
    let mut record = Record::default();
    Live::open(&ada, Transport::WebSocket, &run).await.unwrap().rest(&mut record).await.unwrap();
    let running = |heartbeat: &Value| {
        heartbeat["details"]["stage"] == "running"
            && heartbeat["total"] == 8.0
            && heartbeat["completed"] == 0.0
    };
    assert!(record.heartbeats().iter().any(|(_, heartbeat)| running(heartbeat)), "{record:#?}");

    // The framework writes at its end, so that one test costs all.
    let found = ended(&ada, &run).await.unwrap();
    let result = &found["result"]["result"];
    assert_eq!((&result["passed"], &result["total"]), (&json!(0), &json!(8)), "{found:#}");
    let tests = result["report"]["tests"].as_array().unwrap();
    assert!(tests.iter().all(|test| test["status"] == "TIMEDOUT"), "{tests:#?}");
}

async fn runs_without_a_report_say_why(deployment: &mut Deployment) {
    let (course, root) = (Course::serve().unwrap(), deployment.root());
    let told = |id: &str, status: i32| {
        let told = deployment.client_command(["workflow", "report", id]).finish().unwrap();
        assert_eq!((told.status, told.stdout.as_str()), (status, ""), "{told:?}");
        told.stderr
    };
    let refused = |id: &str| told(id, FAILED);
    let long =
        start(&root, json!({"type": "example_long_running", "input": {"duration": 60}})).await.unwrap();
    assert!(refused(&long.workflow_id).contains("`example_long_running`"));
    assert!(told("nobody", NOT_FOUND).contains("`nobody`"));

    let mut later = course.test_of("right");
    later["delay"] = json!("PT1H");
    let later = start(&root, later).await.unwrap();
    let told = refused(&later.workflow_id);
    assert!(told.contains("no report yet") && told.contains("ctutor workflow follow"), "{told}");

    let mut broken = test_of(&course, "right", 60_000);
    broken["input"]["plan"]["junit"]["report"] = json!("elsewhere.xml");
    let broken = start(&root, broken).await.unwrap();
    let found = ended(&root, &broken).await.unwrap();
    assert_eq!(found["status"], "FAILED", "{found:#}");
    let told = refused(&broken.workflow_id);
    assert!(told.contains("FAILED") && told.contains("no report `elsewhere.xml` was written"), "{told}");

    for run in [&long, &later] {
        deployment.client_command(["workflow", "terminate", &run.workflow_id]).run().unwrap();
    }
}
