//! A disk that takes no more, which a limit on the size of files stands for.

use ctutor_tests::{
    client::Client,
    process::{Ctutor, binary},
    sqlite,
};
use serde_json::json;
use tempfile::TempDir;

/// Of the files of the process, in KiB: room for the tables and for some runs.
const FILE_KIB_MAX: u32 = 700;
const SUBMISSIONS: usize = 40;

#[tokio::test]
async fn what_is_acknowledged_on_a_full_disk_is_kept() {
    let data = TempDir::new().unwrap();
    // A write beyond the limit fails then, instead of ending the process.
    let limited = format!("trap '' XFSZ; ulimit -S -f {FILE_KIB_MAX}; exec \"$0\" \"$@\"");
    let program = binary().unwrap();
    let args = ["-c", &limited, program.to_str().unwrap(), "dev", "--port", "0"];
    let dev = Ctutor::new(args).program("/bin/bash").env("CTUTOR_DATA", data.path()).start().unwrap();
    let base = dev.ready().await.unwrap();
    let token = Ctutor::new(["token", "create", "--role", "admin"]).env("CTUTOR_DATA", data.path());
    let root = Client::new(base).with_token(token.run().unwrap().trim());

    let mut acknowledged = Vec::new();
    let mut refused = 0;
    for number in 0..SUBMISSIONS {
        let parameters = json!({ "duration": 0, "message": "x".repeat(3_000) });
        let submission = json!({
            "task_name": "example_long_running", "parameters": parameters,
            "workflow_id": format!("run-{number}"), "delay": 3_600,
        });
        match root.post("/tasks/submit", &submission).await.unwrap().status.as_u16() {
            200 => acknowledged.push(format!("run-{number}")),
            503 => refused += 1,
            status => panic!("status {status}"),
        }
    }
    assert!(refused > 0 && !acknowledged.is_empty(), "{refused} refused, {acknowledged:?}");
    dev.kill9().unwrap();
    let kept =
        sqlite::sql(&data.path().join("ctutor.db"), "SELECT workflow_id FROM workflow_execution").unwrap();
    let lost: Vec<&String> =
        acknowledged.iter().filter(|id| !kept.lines().any(|kept| kept == **id)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}
