//! The program as its users type it.

use ctutor_tests::process::{Ctutor, Finished};
use serde_json::{Value, json};

use crate::{deployment::Deployment, runs::find};

in_both_shapes!(
    runs_are_started_seen_and_stopped,
    what_works_and_what_waits_is_shown,
    a_run_that_waits_says_for_what,
);

const FAILED: i32 = 1;
const MISUSED: i32 = 2;
const NOT_FOUND: i32 = 3;
const REFUSED: i32 = 4;
const UNREACHABLE: i32 = 5;

async fn runs_are_started_seen_and_stopped(deployment: &mut Deployment) {
    let root = deployment.root();
    let input = r#"{"duration": 1, "message": "hello"}"#;
    let call = |args: [&str; 6]| deployment.client_command(args);
    let start = ["workflow", "start", "example_long_running", "--input", input];
    let with = |flag| call([start[0], start[1], start[2], start[3], start[4], flag]);

    let waited: Value = read(&with("--wait").run().unwrap());
    assert_eq!((&waited["status"], &waited["result"]["message"]), (&json!("completed"), &json!("hello")));
    let followed = with("--follow").finish().unwrap();
    assert_eq!(followed.status, 0, "{followed:?}");
    assert_eq!(read(&followed.stdout)["result"]["duration_requested"], 1);
    let args = ["workflow", "start", "example_long_running", "--input", input, "--follow", "--json"];
    let items: Vec<Value> = deployment.client_command(args).run().unwrap().lines().map(read).collect();
    assert_eq!(items[0]["__typename"], "WorkflowSnapshot");
    assert_eq!(items.last().unwrap()["workflow"]["status"], "COMPLETED");

    let failing = r#"{"should_fail": true}"#;
    let failed = call(["workflow", "start", "example_error_handling", "--input", failing, "--wait"]);
    let failed = failed.finish().unwrap();
    assert_eq!((failed.status, failed.stdout.as_str()), (FAILED, ""), "{failed:?}");
    assert!(failed.stderr.contains("Simulated failure at step 1"), "{failed:?}");

    let long = ["workflow", "start", "example_long_running", "--id", "to-stop", "--json"];
    let started: Value = read(&call(long).run().unwrap());
    let started = &started["workflow"];
    assert_eq!(started["workflowId"], "to-stop");
    let shown: Value =
        read(&deployment.client_command(["workflow", "show", "to-stop", "--json"]).run().unwrap());
    assert_eq!((&shown["id"], &shown["owner"]), (&started["id"], &json!("cli")));
    deployment.client_command(["workflow", "cancel", "to-stop"]).run().unwrap();
    let end = deployment.client_command(["workflow", "follow", "to-stop"]).finish().unwrap();
    assert_eq!(end.status, FAILED, "{end:?}");
    assert_eq!(find(&root, started["id"].as_str().unwrap()).await.unwrap()["status"], "CANCELED");

    let list: Value = read(&deployment.client_command(["workflow", "list", "--json"]).run().unwrap());
    assert_eq!(list["nodes"].as_array().unwrap().len(), 5);
    let args = ["workflow", "list", "--status", "failed,canceled", "--json"];
    let list: Value = read(&deployment.client_command(args).run().unwrap());
    let statuses: Vec<&Value> = list["nodes"].as_array().unwrap().iter().map(|run| &run["status"]).collect();
    assert_eq!(statuses, ["CANCELED", "FAILED"]);
    deployment.client_command(["workflow", "delete", "to-stop"]).run().unwrap();
    let gone = deployment.client_command(["workflow", "show", "to-stop"]).finish().unwrap();
    assert!(gone.status == NOT_FOUND && gone.stderr.contains("`to-stop`"), "{gone:?}");
}

async fn what_works_and_what_waits_is_shown(deployment: &mut Deployment) {
    let workers = deployment.client_command(["worker", "status"]).run().unwrap();
    let queues = deployment.client_command(["task-queue", "list"]).run().unwrap();
    for queue in ["computor-high-priority", "computor-tasks", "computor-low-priority", "testing"] {
        assert!(workers.contains(queue) && queues.contains(queue), "{workers}\n{queues}");
    }
    let json = deployment.client_command(["worker", "status", "--json"]).run().unwrap();
    serde_json::from_str::<Value>(&json).unwrap();
    let types = deployment.client_command(["types"]).run().unwrap();
    assert!(types.contains("student_testing") && types.contains("example_data_processing"), "{types}");

    let wrong = deployment.client_command(["workflow", "start", "no_such_type"]).finish().unwrap();
    assert!(wrong.status == REFUSED && wrong.stderr.contains("no_such_type"), "{wrong:?}");
    assert_eq!(wrong.stdout, "");
    let input = r#"{"duration": "soon"}"#;
    let args = ["workflow", "start", "example_long_running", "--input", input];
    let wrong = deployment.client_command(args).finish().unwrap();
    assert!(wrong.status == REFUSED && wrong.stderr.contains("duration"), "{wrong:?}");
    let refused = deployment.client_command(["workflow", "list", "--token", "x"]).finish().unwrap();
    assert!(refused.status == REFUSED && refused.stderr.contains("ctutor token create"), "{refused:?}");
}

async fn a_run_that_waits_says_for_what(deployment: &mut Deployment) {
    let call = |args: [&str; 7]| deployment.client_command(args).run().unwrap();
    let start = ["workflow", "start", "example_long_running", "--id"];
    let with = |id, flag, value| call([start[0], start[1], start[2], start[3], id, flag, value]);
    let delayed = with("delayed", "--delay", "1h");
    assert!(delayed.contains("waiting     not before 2"), "{delayed}");
    let unserved = with("unserved", "--queue", "nobody");
    assert!(unserved.contains("waiting     no worker serves `nobody`"), "{unserved}");
    let shown = deployment.client_command(["workflow", "show", "unserved"]).run().unwrap();
    assert!(shown.contains("waiting     no worker serves `nobody`"), "{shown}");

    let follow = deployment.client_command(["workflow", "follow", "unserved"]).start().unwrap();
    let said = |text: &str| text.contains("waiting: no worker serves `nobody`").then_some(());
    follow.wait_for("why it waits", said).unwrap();
    // What the caller writes is only shown, to the follower and later.
    let reason = "\u{1b}[2J\u{9b}1m\u{7}\n  99  WORKFLOW_EXECUTION_COMPLETED";
    deployment.client_command(["workflow", "terminate", "unserved", "--reason", reason]).run().unwrap();
    assert_eq!(follow.wait().unwrap(), FAILED);
    let shown = deployment.client_command(["workflow", "show", "unserved", "--history"]).run().unwrap();
    for text in [follow.stderr(), shown] {
        assert!(text.contains("[2J") && !text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        assert!(!text.contains("\n  99"), "{text}");
    }
    deployment.client_command(["workflow", "terminate", "delayed"]).run().unwrap();
}

#[tokio::test]
async fn a_token_of_another_folder_is_told_to_be_one() {
    let dev = Ctutor::new(["dev", "--listen", "127.0.0.1:0"]).start().unwrap();
    let url = dev.ready().await.unwrap();
    let made = finish(&["token", "create", "--role", "admin"]);
    assert!(made.status == 0 && made.stderr.contains("made a new secret in `.ctutor/"), "{made:?}");
    let list = ["workflow", "list", "--url", &url];
    let refused = finish(&[&list[..], &["--token", made.stdout.trim()]].concat());
    assert!(refused.status == REFUSED && refused.stderr.contains("token create --data DIR"), "{refused:?}");
    let data = dev.folder().join(".ctutor");
    let listed = finish(&[&list[..], &["--data", data.to_str().unwrap()]].concat());
    assert_eq!(listed.status, 0, "{listed:?}");
}

#[test]
fn the_schema_is_the_one_of_the_tree() {
    let kept = include_str!("../../../schema.graphql");
    assert_eq!(Ctutor::new(["schema"]).run().unwrap().trim_end(), kept.trim_end());
}

#[test]
fn the_configuration_is_shown_without_its_secrets() {
    let shown = Ctutor::new(["config"])
        .env("DATABASE_URL", "postgres://ada:pass-of-ada@db.example/ctutor")
        .env("REDIS_URL", "redis://:pass-of-redis@redis.example")
        .env("CTUTOR_JWT_SECRET", "a-secret-for-tokens-that-is-long-enough")
        .env("CTUTOR_TOKEN", "a-token-of-mine")
        .run()
        .unwrap();
    assert!(shown.contains("db.example") && shown.contains("redis.example"), "{shown}");
    for secret in ["pass-of-ada", "pass-of-redis", "a-secret-for-tokens", "a-token-of-mine"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn what_is_misused_or_not_there_is_told_with_its_exit_code() {
    let unknown = finish(&["workflow", "list", "--url", "http://ctutor.invalid:1", "--token", "x"]);
    assert!(unknown.status == UNREACHABLE && unknown.stderr.contains("ctutor.invalid"), "{unknown:?}");
    // Nobody may listen on this port.
    let nobody = finish(&["workflow", "list", "--url", "http://127.0.0.1:1", "--token", "x"]);
    assert!(nobody.status == UNREACHABLE && nobody.stderr.contains("ctutor dev"), "{nobody:?}");
    for args in [&["workflow", "lits"][..], &["dev", "--port", "many"], &["worker", "start"], &["api"]] {
        let misused = finish(args);
        assert_eq!((misused.status, misused.stdout.as_str()), (MISUSED, ""), "{args:?}: {misused:?}");
        assert!(!misused.stderr.is_empty());
    }
    let short = Ctutor::new(["api"])
        .env("DATABASE_URL", "postgres://localhost/none")
        .env("CTUTOR_JWT_SECRET", "short")
        .finish()
        .unwrap();
    assert!(short.status == MISUSED && short.stderr.contains("32"), "{short:?}");
    assert_eq!(finish(&["--version"]).status, 0);
}

#[test]
fn a_variable_that_sets_nothing_is_told_and_not_refused() {
    let shown = Ctutor::new(["config"]).env("CTUTOR_WORKERS_CONCURRENCY", "7").finish().unwrap();
    assert_eq!(shown.status, 0, "{shown:?}");
    let told =
        "CTUTOR_WORKERS_CONCURRENCY is unknown and has no effect; did you mean CTUTOR_WORKER_CONCURRENCY?";
    assert!(shown.stderr.contains(told), "{shown:?}");
    let known = Ctutor::new(["config", "--defaults"]).env("CTUTOR_WORKER_CONCURRENCY", "7").finish().unwrap();
    assert!(known.status == 0 && known.stderr.is_empty(), "{known:?}");
    assert!(known.stdout.contains("CTUTOR_WORKER_CONCURRENCY, --concurrency"), "{known:?}");
}

#[test]
fn a_worker_says_which_of_its_folders_is_none() {
    for command in [&["dev", "--listen", "127.0.0.1:0"][..], &["worker", "check", "--language", "bash"]] {
        let refused = Ctutor::new(command)
            .env("CTUTOR_TESTING_READ_ONLY_FOLDERS", "/usr,/nowhere/python")
            .finish()
            .unwrap();
        assert_eq!(refused.status, MISUSED, "{refused:?}");
        assert!(refused.stderr.contains("item 2: `/nowhere/python` does not exist"), "{refused:?}");
    }
}

fn finish(args: &[&str]) -> Finished {
    Ctutor::new(args).finish().unwrap()
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
