//! Waiting for the end of a run, and what a command says of it.

use std::process::ExitCode;

use super::waiting;
use crate::{
    client::{Client, Workflow},
    follow::{Follower, Style},
    output,
};

/// Where to begin.
#[derive(Debug)]
pub(super) enum From {
    /// With what happened so far.
    Beginning,
    /// With the state now.
    Now,
    /// After the item with this cursor.
    Cursor(String),
}

/// Watches a run to its end. Its result goes to stdout, its failure to stderr.
pub(super) async fn watch(
    client: Client,
    workflow: Workflow,
    from: From,
    style: Style,
) -> anyhow::Result<ExitCode> {
    let (from_beginning, cursor) = match from {
        From::Beginning => (true, None),
        From::Now => (false, None),
        From::Cursor(cursor) => (false, Some(cursor)),
    };
    let waiting = if style == Style::Json { None } else { waiting::reason(&client, &workflow).await };
    let mut follower = Follower::new(client, workflow.id, cursor, style);
    if from_beginning {
        follower.show_past().await?;
    }
    if let Some(reason) = waiting {
        output::note(format_args!("waiting: {reason}"));
    }
    let ended = follower.run().await?;
    if style != Style::Json {
        print_end(&ended, style)?;
    }
    Ok(exit_code(&ended))
}

fn print_end(ended: &Workflow, style: Style) -> std::io::Result<()> {
    if !ended.status.is_completed() {
        output::note(outcome(ended));
        return Ok(());
    }
    if style == Style::Narrative {
        output::note(outcome(ended));
    }
    output::json(ended.result.as_ref().unwrap_or_default())
}

/// How it ended, in a sentence.
fn outcome(ended: &Workflow) -> String {
    let Workflow { workflow_id, status, failure, .. } = ended;
    match failure {
        Some(failure) => format!("{workflow_id} ended as {status}: {failure}"),
        None => format!("{workflow_id} ended as {status}"),
    }
}

fn exit_code(ended: &Workflow) -> ExitCode {
    if ended.status.is_completed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_completed_run_is_a_success() {
        for (status, expected) in [
            ("COMPLETED", ExitCode::SUCCESS),
            ("FAILED", ExitCode::FAILURE),
            ("CANCELED", ExitCode::FAILURE),
            ("TERMINATED", ExitCode::FAILURE),
            ("TIMED_OUT", ExitCode::FAILURE),
        ] {
            let ended =
                serde_json::from_value(json!({"id": "wfr_1", "workflowId": "a", "status": status})).unwrap();
            assert_eq!(exit_code(&ended), expected, "{status}");
        }
    }

    #[test]
    fn the_end_is_told_with_its_failure() {
        let ended = serde_json::from_value(json!({
            "id": "wfr_1", "workflowId": "a", "status": "FAILED", "failure": {"message": "no", "type": "Io"},
        }))
        .unwrap();
        assert_eq!(outcome(&ended), "a ended as FAILED: no (Io)");
    }
}
