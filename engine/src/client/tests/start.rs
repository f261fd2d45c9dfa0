//! What a start refuses, and which field it names.

use std::{collections::HashSet, time::Duration};

use serde_json::{Value, json};

use crate::{
    client::{StartError, StartField, StartTime, StartWorkflow},
    clock::Timestamp,
    testing::{App, caller},
};

const ELEVEN_YEARS: Duration = Duration::from_secs(11 * 366 * 24 * 3600);

fn start(change: impl FnOnce(&mut StartWorkflow)) -> StartWorkflow {
    let mut start = StartWorkflow::new("twice", json!(1));
    change(&mut start);
    start
}

async fn refused(app: &App, start: StartWorkflow) -> StartError {
    app.engine.client().start_workflow(&caller(), start).await.expect_err("a wrong start is refused")
}

#[tokio::test]
async fn each_wrong_value_is_refused_with_the_field_that_holds_it() {
    let app = App::new().await;
    app.worker().await.stop(&app.clock).await;
    app.engine
        .client()
        .start_workflow(
            &caller(),
            start(|start| {
                start.workflow_id = Some("taken".to_owned());
                start.idempotency_key = Some("key".to_owned());
            }),
        )
        .await
        .unwrap();
    let too_large = || json!({ "text": "x".repeat(crate::payload::SIZE_BYTES_MAX) });
    let now = Timestamp(1_700_000_000_000);
    let cases = [
        (StartField::WorkflowType, start(|start| start.workflow_type = "nope".to_owned())),
        (StartField::Input, start(|start| start.input = json!("one").into())),
        (StartField::WorkflowId, start(|start| start.workflow_id = Some(String::new()))),
        (StartField::WorkflowId, start(|start| start.workflow_id = Some("taken".to_owned()))),
        (StartField::TaskQueue, start(|start| start.task_queue = Some("\0".to_owned()))),
        (StartField::Priority, start(|start| start.priority = 101)),
        (StartField::StartAt, start(|start| start.start = Some(StartTime::At(now + ELEVEN_YEARS)))),
        (StartField::Delay, start(|start| start.start = Some(StartTime::After(ELEVEN_YEARS)))),
        (StartField::ExecutionTimeout, start(|start| start.execution_timeout = Some(Duration::ZERO))),
        (StartField::ExecutionTimeout, start(|start| start.execution_timeout = Some(ELEVEN_YEARS))),
        (StartField::Memo, start(|start| start.memo = Value::Null.into())),
        (StartField::Memo, start(|start| start.memo = too_large().into())),
        (StartField::SearchAttributes, start(|start| start.search_attributes = json!([]).into())),
        (StartField::SearchAttributes, start(|start| start.search_attributes = too_large().into())),
        (StartField::IdempotencyKey, start(|start| start.idempotency_key = Some(" ".to_owned()))),
        (StartField::IdempotencyKey, start(|start| start.idempotency_key = Some("key".to_owned()))),
    ];
    let mut reached = HashSet::new();
    for (field, start) in cases {
        let error = refused(&app, start).await;
        assert_eq!(error.field(), Some(field), "{error}");
        reached.insert(field);
    }
    assert_eq!(reached, StartField::ALL.iter().copied().collect(), "a case for every field");
}

#[tokio::test]
async fn a_wrong_idempotency_key_is_told_by_what_is_wrong_with_it() {
    let app = App::new().await;
    app.worker().await.stop(&app.clock).await;
    for (key, expected) in [
        ("", "idempotency key is blank"),
        (" \n", "idempotency key is blank"),
        ("a\0", "idempotency key has a control character at byte 1"),
        ("\u{7f}a", "idempotency key has a control character at byte 0"),
        (&"ä".repeat(101), "idempotency key has 202 bytes, at most 200 are allowed"),
    ] {
        let error = refused(&app, start(|start| start.idempotency_key = Some(key.to_owned()))).await;
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.field(), Some(StartField::IdempotencyKey));
    }
}
