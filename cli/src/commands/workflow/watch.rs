//! Waiting for the end of a run, and what a command says of it.

use std::{io, process::ExitCode, time::Duration};

use super::{return_path::ReturnPath, waiting};
use crate::{
    client::{Client, Error, Workflow},
    config::{Length, Loaded},
    exit,
    follow::{Follower, Style, retrying},
    output,
    shutdown::Interrupt,
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

/// Flags of the commands that wait for a server that is away.
#[derive(Debug, clap::Args)]
pub(super) struct RetryArgs {
    /// How long to try again when the server cannot be reached, such as `5m`; 0 does not try again [default: 5m]
    #[arg(long, value_name = "LENGTH", value_parser = parse_retry_for)]
    pub(super) retry_for: Option<Length>,
}

/// What `start` says of the flag instead.
pub(super) const START_RETRY_HELP: &str = "How long to try again when the server is away, such as `5m`; 0 does not try \
     again [default: 5m with `--wait` or `--follow`, but 0 as long as no call has reached the server]";

/// How long a lost server is waited for.
const RETRY_FOR: Duration = Duration::from_secs(5 * 60);

/// A length of time, or 0.
fn parse_retry_for(text: &str) -> Result<Length, String> {
    match text.trim() {
        "0" => Ok(Length(Duration::ZERO)),
        text => text.parse().map_err(|error: <Length as std::str::FromStr>::Err| error.to_string()),
    }
}

impl RetryArgs {
    /// How long to wait for a server that is away.
    pub(super) fn patience(&self) -> Duration {
        self.retry_for.map_or(RETRY_FOR, |length| length.0)
    }
}

/// How a run is watched.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) from: From,
    pub(super) style: Style,
    pub(super) retry_for: Duration,
}

/// Watches a run to its end. Its result goes to stdout, its failure to stderr. A signal ends the command and not the
/// run, and so does a server that is away for too long: both are told with the command that comes back.
pub(super) async fn watch(
    loaded: &Loaded,
    client: Client,
    workflow: Workflow,
    how: Watch,
    mut interrupt: Interrupt,
) -> anyhow::Result<ExitCode> {
    let is_closed = workflow.status.is_closed();
    let return_path = ReturnPath::new(loaded, &workflow.id);
    let workflow_id = workflow.workflow_id.clone();
    let style = how.style;
    let ended = tokio::select! {
        biased;
        code = interrupt.next() => {
            if !is_closed {
                output::note(return_path.on_leaving(&workflow_id));
            }
            return Ok(code);
        }
        ended = followed(client, workflow, how) => ended,
    };
    let ended = match ended {
        Ok(ended) => ended,
        Err(error) if is_closed || is_final(&error) => return Err(error),
        Err(error) => return Err(exit::with_advice(&error, return_path.after_error())),
    };
    if style != Style::Json {
        print_end(&ended, style)?;
    }
    Ok(exit_code(&ended))
}

/// Whether there is nothing to come back to, or nobody to tell.
fn is_final(error: &anyhow::Error) -> bool {
    error.is::<io::Error>() || error.downcast_ref().is_some_and(Error::is_not_found)
}

async fn followed(client: Client, workflow: Workflow, how: Watch) -> anyhow::Result<Workflow> {
    let Watch { from, style, retry_for } = how;
    let (from_beginning, cursor) = match from {
        From::Beginning => (true, None),
        From::Now => (false, None),
        From::Cursor(cursor) => (false, Some(cursor)),
    };
    let waiting = if style == Style::Json { None } else { waiting::reason(&client, &workflow).await };
    let mut follower = Follower::new(client, workflow.id, cursor, style, retry_for);
    if from_beginning {
        retrying(|_| retry_for, async || follower.show_past().await).await?;
    }
    if let Some(reason) = waiting {
        output::note(format_args!("waiting: {reason}"));
    }
    follower.run().await
}

fn print_end(ended: &Workflow, style: Style) -> io::Result<()> {
    if !ended.status.is_completed() {
        output::note(outcome(ended));
        return Ok(());
    }
    if style == Style::Narrative {
        output::note(outcome(ended));
    }
    output::json(&ended.result)
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
    fn no_patience_needs_no_unit() {
        let parse = |text| parse_retry_for(text).map(|length| length.0);
        assert_eq!(parse("0"), Ok(Duration::ZERO));
        assert_eq!(parse("5m"), Ok(RETRY_FOR));
        assert!(parse("5").unwrap_err().contains("unit"));
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
