use std::process::ExitCode;

use ctutor_engine::payload::Payload;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    input::Input,
    return_path::ReturnPath,
    submit::{Submission, Submitted},
    waiting,
    watch::{From, RetryArgs, Watch, watch},
};
use crate::{
    args::ClientArgs,
    client::{Client, StartInput, Workflow},
    config::{Length, Loaded},
    follow::Style,
    output::{self, Block},
    shutdown::Interrupt,
    values,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Registered workflow type; `ctutor types` lists them
    #[arg(value_name = "TYPE")]
    workflow_type: String,

    /// Workflow input: JSON, `@FILE` for a JSON file, or `-` for JSON from stdin [default: {}]
    #[arg(long, short, value_name = "JSON", allow_hyphen_values = true)]
    input: Option<String>,

    /// File that holds the input as JSON; the same as `--input @FILE`
    #[arg(long, value_name = "PATH", conflicts_with = "input")]
    input_file: Option<String>,

    /// Workflow ID; an ID that another run has or had is refused, unless `--on-conflict` or `--reuse` allows it
    /// [default: generated]
    #[arg(long, visible_alias = "workflow-id", value_name = "ID", allow_hyphen_values = true)]
    id: Option<String>,

    /// Task queue [default: that of the type, or that of the priority]
    #[arg(long, visible_alias = "task-queue", value_name = "NAME")]
    queue: Option<String>,

    /// Priority from -100 to 100; higher runs first [default: 0]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true,
          value_parser = values::integer::<-100, 100, i32>)]
    priority: Option<i32>,

    /// Start after this delay, such as `5s` or `1h30m` [default: at once]
    #[arg(long, value_name = "LENGTH")]
    delay: Option<Length>,

    /// Execution timeout, such as `10m` or `1h30m` [default: that of the type]
    #[arg(long, value_name = "LENGTH")]
    timeout: Option<Length>,

    /// What to do when an open run has the workflow ID [default: fail]
    #[arg(long, value_name = "POLICY")]
    on_conflict: Option<OnConflict>,

    /// What to do when only closed runs have the workflow ID [default: reject]
    #[arg(long, value_name = "POLICY")]
    reuse: Option<Reuse>,

    /// A repeated start with the same key and input returns the same run, for one day [default: generated]
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    idempotency_key: Option<String>,

    /// Watch the run until it ends, then print its result; Ctrl-C stops watching, not the run
    #[arg(long, conflicts_with = "wait")]
    follow: bool,

    /// Wait until the run ends, then print its result; Ctrl-C stops waiting, not the run
    #[arg(long)]
    wait: bool,

    /// Print JSON: the run that was started, or with `--follow` every item of the stream
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    retry: RetryArgs,

    #[command(flatten)]
    pub(super) client: ClientArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum OnConflict {
    /// Refuse to start
    Fail,
    /// Return the open run
    UseExisting,
    /// Terminate the open run, then start
    TerminateExisting,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Reuse {
    /// Refuse to start
    Reject,
    /// Start if the closed run did not complete
    FailedOnly,
    /// Start
    Allow,
}

#[derive(Debug, Deserialize)]
struct Started {
    workflow: Workflow,
}

impl Args {
    pub(super) async fn run(self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        let input = self.input()?;
        let mut interrupt = Interrupt::listen()?;
        let client = Client::new(loaded)?;
        let submission = self.submission(input.as_ref().map(|input| input.payload.clone()));
        let submitted = submission.send(&client, &mut interrupt).await;
        let submitted = submitted.map_err(|error| match &input {
            Some(input) => input.locate(error),
            None => error,
        });
        let (payload, is_ours) = match submitted? {
            Submitted::Answered { payload, is_ours } => (payload, is_ours),
            Submitted::Interrupted(code) => return Ok(code),
        };
        if let Some((from, style)) = self.watched() {
            let Started { workflow } = client.decode(&payload)?;
            output::note(accepted(&workflow, is_ours));
            let how = Watch { from, style, retry_for: self.retry.patience() };
            return watch(loaded, client, workflow, how, interrupt).await;
        }
        if self.json {
            output::json(&payload)?;
            return Ok(ExitCode::SUCCESS);
        }
        let Started { workflow } = client.decode(&payload)?;
        let waiting = tokio::select! {
            biased;
            waiting = waiting::reason(&client, &workflow) => waiting,
            code = interrupt.next() => {
                output::note(accepted(&workflow, is_ours));
                output::note(ReturnPath::new(loaded, &workflow.id).on_leaving(&workflow.workflow_id));
                return Ok(code);
            }
        };
        output::data(block(&workflow).maybe("waiting", waiting))?;
        if !is_ours {
            output::note("it existed before; nothing was started");
        }
        Ok(ExitCode::SUCCESS)
    }

    fn input(&self) -> anyhow::Result<Option<Input>> {
        match (&self.input, &self.input_file) {
            (Some(input), _) => Input::read(input).map(Some),
            (None, Some(path)) => Input::read_file(path).map(Some),
            (None, None) => Ok(None),
        }
    }

    fn submission(&self, input: Option<Payload>) -> Submission {
        let mut submission = Submission::new(self.start_input(input), self.idempotency_key.as_deref());
        submission.retry_for = self.retry.retry_for.map(|length| length.0);
        if self.watched().is_some() {
            submission.patience = self.retry.patience();
        }
        submission
    }

    /// How it is watched, if it is.
    fn watched(&self) -> Option<(From, Style)> {
        match (self.wait, self.follow, self.json) {
            (true, ..) => Some((From::Now, Style::Quiet)),
            (_, true, true) => Some((From::Now, Style::Json)),
            (_, true, false) => Some((From::Beginning, Style::Narrative)),
            _ => None,
        }
    }

    /// The start, with only the fields that were given; the server has defaults for the others.
    fn start_input(&self, input: Option<Payload>) -> StartInput {
        let mut fields = Map::new();
        fields.insert("type".to_owned(), json!(self.workflow_type));
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        };
        set("workflowId", self.id.as_ref().map(|id| json!(id)));
        set("taskQueue", self.queue.as_ref().map(|queue| json!(queue)));
        set("priority", self.priority.map(|priority| json!(priority)));
        set("delay", self.delay.map(|delay| json!(delay.to_iso8601())));
        set("timeout", self.timeout.map(|timeout| json!(timeout.to_iso8601())));
        set("onConflict", self.on_conflict.map(|policy| json!(policy.as_str())));
        set("reusePolicy", self.reuse.map(|policy| json!(policy.as_str())));
        StartInput { fields, input }
    }
}

impl OnConflict {
    fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "FAIL",
            Self::UseExisting => "USE_EXISTING",
            Self::TerminateExisting => "TERMINATE_EXISTING",
        }
    }
}

impl Reuse {
    fn as_str(self) -> &'static str {
        match self {
            Self::Reject => "REJECT_DUPLICATE",
            Self::FailedOnly => "ALLOW_DUPLICATE_FAILED_ONLY",
            Self::Allow => "ALLOW_DUPLICATE",
        }
    }
}

/// The first line of a command that watches: with the ID in it, a user who loses the terminal can come back.
fn accepted(workflow: &Workflow, is_ours: bool) -> String {
    let Workflow { workflow_id, id, .. } = workflow;
    if is_ours {
        return format!("started {workflow_id} as {id}");
    }
    format!("{workflow_id} existed before as {id}; nothing was started")
}

fn block(workflow: &Workflow) -> Block {
    Block::default()
        .line("workflow", &workflow.workflow_id)
        .line("run", &workflow.id)
        .line("type", &workflow.workflow_type)
        .line("task queue", &workflow.task_queue)
        .line("priority", workflow.priority)
        .line("status", &workflow.status)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn start_input(line: &str) -> Value {
        let args = Line::parse_from(line.split_whitespace()).args;
        let input = args.input.as_deref().map(|input| Input::read(input).unwrap().payload);
        serde_json::to_value(args.start_input(input)).unwrap()
    }

    #[test]
    fn only_what_was_said_is_sent() {
        assert_eq!(start_input("x example"), json!({"type": "example"}));
        let full = r#"x example -i {"a":1} --id b --queue q --priority -5 --delay 5s --timeout 1m500ms
                    --on-conflict use-existing --reuse failed-only --idempotency-key k"#;
        assert_eq!(
            start_input(full),
            json!({
                "type": "example", "input": {"a": 1}, "workflowId": "b", "taskQueue": "q", "priority": -5,
                "delay": "PT5S", "timeout": "PT60.5S", "onConflict": "USE_EXISTING",
                "reusePolicy": "ALLOW_DUPLICATE_FAILED_ONLY",
            })
        );
    }
}
