//! Secrets are used, and left nowhere.

use std::fs;

use ctutor_tests::client::Client;
use serde_json::{Value, json};

use crate::{
    course::Course,
    deployment::Deployment,
    runs::{Run, count, ended, start, try_start},
    watch::{Live, Record, Transport},
};

in_both_shapes!(a_secret_that_is_named_is_used_and_left_nowhere, a_url_with_a_password_is_refused);

const TOKEN: &str = "glpat-sample-7f3e9a51c2";

async fn a_secret_that_is_named_is_used_and_left_nowhere(deployment: &mut Deployment) {
    let secrets = deployment.data().join("secrets");
    fs::create_dir_all(&secrets).unwrap();
    let (course, root) = (Course::serve_to(Some(TOKEN)).unwrap(), deployment.root());
    fs::write(secrets.join("samples"), format!("{TOKEN}\n{}\n", course.address())).unwrap();
    fs::write(secrets.join("wrong"), format!("glpat-another-one\n{}\n", course.address())).unwrap();

    let run = start(&root, with_secret(course.test_of("right"), "samples")).await.unwrap();
    let mut record = Record::default();
    Live::open(&root, Transport::WebSocket, &run).await.unwrap().rest(&mut record).await.unwrap();
    let found = ended(&root, &run).await.unwrap();
    assert_eq!(found["status"], "COMPLETED", "{found:#}");
    assert_eq!(found["result"]["result"]["score"], 1.0);

    let mut told = format!("{record:?}{found}");
    for input in [
        course.test_of("right"),
        with_secret(course.test_of("right"), "wrong"),
        with_secret(course.test_of("right"), "missing"),
    ] {
        let run = start(&root, input).await.unwrap();
        let found = ended(&root, &run).await.unwrap();
        assert_eq!(found["status"], "FAILED", "{found:#}");
        told += &found.to_string();
        told += &rest_answers(&root, &run).await;
    }
    told += &rest_answers(&root, &run).await;
    // What is looked through does hold what may be told.
    assert!(told.contains("right.git") && deployment.keeps("right.git").unwrap());
    assert!(deployment.outputs().contains("started on task queues"));
    for secret in [TOKEN, "glpat-another-one"] {
        assert!(!told.contains(secret), "an answer has the secret");
        assert!(!deployment.outputs().contains(secret), "an output has the secret");
        assert!(!deployment.keeps(secret).unwrap(), "the secret is stored");
    }
}

async fn a_url_with_a_password_is_refused(deployment: &mut Deployment) {
    let (course, root) = (Course::serve().unwrap(), deployment.root());
    let password = "hunter2-in-a-url";
    for field in ["submission", "reference"] {
        let mut input = course.test_of("right");
        let url = format!("https://ada:{password}@git.example/right.git");
        input["input"][field]["url"] = json!(url);
        let payload = try_start(&root, input.clone()).await.unwrap();
        let error = &payload["userErrors"][0];
        assert_eq!(error["code"], "INVALID", "{payload:#}");
        assert_eq!(error["path"], json!(["input", "input", field, "url"]), "{payload:#}");
        assert!(!payload.to_string().contains(password), "{payload:#}");

        let submission = json!({ "task_name": "student_testing", "parameters": input["input"] });
        let answer = root.post("/tasks/submit", &submission).await.unwrap();
        assert_eq!(answer.status.as_u16(), 400, "{answer:?}");
        assert_eq!(answer.body["error"]["details"]["field"], format!("parameters.{field}.url"));
        assert!(!answer.body.to_string().contains(password), "{answer:?}");
    }
    assert_eq!(count(&root).await.unwrap(), 0);
    assert!(!deployment.keeps(password).unwrap());
    assert!(!deployment.outputs().contains(password));
}

fn with_secret(mut input: Value, name: &str) -> Value {
    for field in ["submission", "reference"] {
        input["input"][field]["credential"] = json!({ "secret": name });
    }
    input
}

async fn rest_answers(client: &Client, run: &Run) -> String {
    let mut told = String::new();
    for view in ["", "/status", "/result"] {
        let answer = client.get(&format!("/tasks/{}{view}", run.workflow_id)).await.unwrap();
        told += &answer.body.to_string();
    }
    told
}
