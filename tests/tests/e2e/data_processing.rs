//! Data in chunks, each an activity.

use serde_json::{Value, json};

use crate::{
    deployment::Deployment,
    runs::{ended, event_types, events_of, start},
};

in_both_shapes!(chunks_are_processed_one_after_the_other);

async fn chunks_are_processed_one_after_the_other(deployment: &mut Deployment) {
    let root = deployment.root();
    let (sum, count, max, data, passed) = tokio::join!(
        process(&root, json!({ "data_size": 50, "chunk_size": 10, "operation": "sum" })),
        process(&root, json!({ "data_size": 30, "operation": "count" })),
        process(&root, json!({ "data_size": 20, "chunk_size": 7, "operation": "max" })),
        process(&root, json!({ "data": [3, 1, 2], "operation": "max" })),
        process(&root, json!({ "data_size": "3", "chunk_size": 2, "operation": "none" })),
    );

    let result = &sum["result"]["result"];
    assert_eq!(result["total_items"], 50);
    assert_eq!(result["chunks_processed"], 5);
    assert_eq!(result["final_result"], 1275);
    let chunks: Vec<&Value> =
        result["chunk_results"].as_array().unwrap().iter().map(|chunk| &chunk["result"]).collect();
    assert_eq!(chunks, [55, 155, 255, 355, 455]);
    check_history(&sum);

    assert_eq!(count["result"]["result"]["final_result"], 30);
    let max = &max["result"]["result"];
    assert_eq!((&max["final_result"], &max["chunks_processed"]), (&json!(20), &json!(3)));
    let data = &data["result"]["result"];
    assert_eq!((&data["final_result"], &data["total_items"]), (&json!(3), &json!(3)));
    let passed = &passed["result"]["result"]["final_result"];
    assert_eq!((&passed[0]["result"], &passed[1]["result"]), (&json!([1, 2]), &json!([3])));
}

async fn process(client: &ctutor_tests::client::Client, input: Value) -> Value {
    let run = start(client, json!({ "type": "example_data_processing", "input": input })).await.unwrap();
    let found = ended(client, &run).await.unwrap();
    assert_eq!(found["status"], "COMPLETED", "{found:#}");
    found
}

/// Exactly five activities, each after the one before.
fn check_history(found: &Value) {
    let mut expected = vec!["WORKFLOW_EXECUTION_STARTED"];
    for _ in 0..5 {
        expected.extend(["ACTIVITY_TASK_SCHEDULED", "ACTIVITY_TASK_STARTED", "ACTIVITY_TASK_COMPLETED"]);
    }
    expected.push("WORKFLOW_EXECUTION_COMPLETED");
    assert_eq!(event_types(found), expected);

    let scheduled = events_of(found, "ACTIVITY_TASK_SCHEDULED");
    let completed = events_of(found, "ACTIVITY_TASK_COMPLETED");
    for (at, (scheduled, completed)) in scheduled.iter().zip(&completed).enumerate() {
        assert_eq!(scheduled["attributes"]["activityType"], "process_data_chunk");
        assert_eq!(scheduled["attributes"]["input"]["processed_chunks"], at);
        assert_eq!(completed["attributes"]["scheduledEventId"], scheduled["sequence"]);
    }
    let activities = found["activities"]["nodes"].as_array().unwrap();
    assert_eq!(activities.len(), 5);
    assert!(
        activities.iter().all(|activity| activity["status"] == "COMPLETED" && activity["attempt"] == 1),
        "{activities:#?}"
    );
}
