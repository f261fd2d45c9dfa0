//! Why a run has not started: one that no worker will take looks like one that is about to start.

use ctutor_engine::clock::{Clock, SystemClock};

use crate::{
    client::{Client, Workflow},
    output::date_and_time,
};

/// What a run waits for that no worker has begun, as far as it can be known. A command must not
/// fail because this cannot be asked.
pub(super) async fn reason(client: &Client, workflow: &Workflow) -> Option<String> {
    if !workflow.status.is_pending() {
        return None;
    }
    match client.is_served(&workflow.task_queue).await {
        Ok(false) => {
            let meant = client.task_queue_meant(&workflow.task_queue).await;
            Some(format!("no worker serves `{}`{}", workflow.task_queue, question(meant.as_deref())))
        }
        _ => not_before(workflow, &SystemClock.now().to_string()),
    }
}

/// The question whether another name was meant.
pub(super) fn question(meant: Option<&str>) -> String {
    meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"))
}

/// Instants of the API are in UTC and have one length, so they compare as strings.
fn not_before(workflow: &Workflow, now: &str) -> Option<String> {
    let start_at = workflow.start_at.as_deref().filter(|at| *at > now)?;
    Some(format!("not before {}", date_and_time(start_at)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_delayed_run_waits_until_its_time() {
        let workflow = serde_json::from_value(json!({
            "id": "wfr_1", "workflowId": "a", "status": "PENDING", "startAt": "2026-11-22T13:54:14.012Z",
        }))
        .unwrap();
        let expected = Some("not before 2026-11-22 13:54:14".to_owned());
        assert_eq!(not_before(&workflow, "2026-11-22T13:54:14.011Z"), expected);
        assert_eq!(not_before(&workflow, "2026-11-22T13:54:14.012Z"), None);
    }
}
