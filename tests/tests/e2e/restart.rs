//! A process that goes, well or not, and comes back on the same data.

use std::time::{Duration, Instant};

use ctutor_tests::{guard::Signal, wait};
use serde_json::json;

use crate::{
    deployment::Deployment,
    runs::{Run, ended, find, start},
    watch::{Live, Record, has_done},
};

const INTERRUPTED_AFTER: f64 = 4.0;

#[tokio::test]
async fn a_run_goes_on_from_its_checkpoint_after_a_crash() {
    let mut deployment = Deployment::sqlite().await.unwrap();
    let (run, mut live, mut record) = begin(&deployment).await;
    let dev = deployment.take_dev();
    dev.kill9().unwrap();
    deployment.start_dev().await.unwrap();
    // The attempt of a killed process is lost.
    finish(deployment, &run, &mut live, &mut record, 2).await;
}

#[tokio::test]
async fn a_run_goes_on_after_an_orderly_stop() {
    let mut deployment = Deployment::sqlite().await.unwrap();
    deployment.set("CTUTOR_WORKER_GRACE_PERIOD", "500ms");
    // Again, so that the grace period holds.
    let first = deployment.take_dev();
    first.interrupt().unwrap();
    assert_eq!(first.wait().unwrap(), 0);
    deployment.start_dev().await.unwrap();

    let (run, mut live, mut record) = begin(&deployment).await;
    let dev = deployment.take_dev();
    dev.interrupt().unwrap();
    assert_eq!(dev.wait().unwrap(), 0, "{}", dev.stderr());
    deployment.start_dev().await.unwrap();
    // An activity that its worker gives back has not failed.
    finish(deployment, &run, &mut live, &mut record, 1).await;
}

/// As when the lid of a laptop is closed: no other process can have taken anything meanwhile.
#[tokio::test]
async fn a_process_that_stands_still_for_longer_than_its_lease_loses_nothing() {
    // A lease lasts for 8 s, and the activity may be silent for 10 s.
    const STILL: Duration = Duration::from_secs(9);
    let mut deployment = Deployment::sqlite().await.unwrap();
    let root = deployment.root();
    let (run, ..) = begin(&deployment).await;
    let dev = deployment.take_dev();
    dev.signal(Signal::Stop).unwrap();
    let stopped = Instant::now();
    wait::until("the end of the pause", || Ok((stopped.elapsed() >= STILL).then_some(()))).unwrap();
    dev.signal(Signal::Continue).unwrap();
    let found = ended(&root, &run).await.unwrap();
    assert_eq!(found["status"], "COMPLETED", "{found:#}");
    assert_eq!(found["activities"]["nodes"][0]["attempt"], 1, "{found:#}");
    assert!(!dev.stderr().contains("was lost"), "{}", dev.stderr());
    assert!(dev.stderr().contains("it lost nothing"), "{}", dev.stderr());
    dev.interrupt().unwrap();
    assert_eq!(dev.wait().unwrap(), 0, "{}", dev.stderr());
    deployment.finish().unwrap();
}

/// A run that is some seconds old, and who watches it.
async fn begin(deployment: &Deployment) -> (Run, Live, Record) {
    let root = deployment.root();
    let input = json!({ "type": "example_long_running", "input": { "duration": 8, "message": "again" } });
    let run = start(&root, input).await.unwrap();
    let mut live = Live::follow(&root, &run);
    let mut record = Record::default();
    live.until(&mut record, |item| has_done(item, INTERRUPTED_AFTER)).await.unwrap();
    (run, live, record)
}

async fn finish(deployment: Deployment, run: &Run, live: &mut Live, record: &mut Record, attempt: u32) {
    let root = deployment.root();
    // A port that the system chose is another one now.
    live.move_to(root.base());
    let before = record.items.len();
    live.rest(record).await.unwrap();

    let found = ended(&root, run).await.unwrap();
    assert_eq!(found["status"], "COMPLETED", "{found:#}");
    assert_eq!(found["result"]["result"]["message"], "again");
    assert_eq!(found["activities"]["nodes"][0]["attempt"], attempt, "{found:#}");
    assert_eq!(record.last()["workflow"]["status"], "COMPLETED");
    let resumed: Vec<f64> = record.items[before..]
        .iter()
        .filter_map(|(_, item)| item["activity"]["heartbeat"]["completed"].as_f64())
        .collect();
    // A checkpoint is stored within a second.
    assert!(resumed[0] >= INTERRUPTED_AFTER - 1.0 && resumed.is_sorted(), "{resumed:?}");

    // The snapshot told the first events; every other one came once, and in order.
    let known = record.items[0].1["workflow"]["historyLength"].as_i64().unwrap();
    let last = find(&root, &run.id).await.unwrap()["history"]["nodes"].as_array().unwrap().len();
    let expected: Vec<i64> = (known + 1..=i64::try_from(last).unwrap()).collect();
    assert_eq!(record.sequences(), expected, "{record:#?}");
    let snapshots = record.kinds().iter().filter(|kind| **kind == "WorkflowSnapshot").count();
    assert_eq!(snapshots, 1, "{record:#?}");
    deployment.finish().unwrap();
}
