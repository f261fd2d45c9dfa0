use std::{fmt::Display, io::Read, process::ExitCode};

use anyhow::Context;
use ctutor_engine::payload::{Payload, strict, syntax};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    return_path::ReturnPath,
    submit::{Submission, Submitted},
    waiting,
    watch::{From, RetryArgs, Watch, watch},
};
use crate::{
    args::ClientArgs,
    client::{Client, StartInput, Workflow},
    config::{self, Length, Loaded},
    follow::Style,
    output::{self, Block},
    shutdown::Interrupt,
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
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
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
        let (payload, is_ours) = match self.submission(input).send(&client, &mut interrupt).await? {
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

    fn input(&self) -> anyhow::Result<Option<Payload>> {
        match (&self.input, &self.input_file) {
            (Some(input), _) => read_input(input).map(Some),
            (None, Some(path)) => read_input(&format!("@{path}")).map(Some),
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

fn read_input(argument: &str) -> anyhow::Result<Payload> {
    match argument.strip_prefix('@') {
        Some(path) => {
            let bytes = std::fs::read(path).map_err(|error| {
                config::Error::one(format!("the input file `{path}` cannot be read: {error}"))
            })?;
            parse_input(&bytes, &format!("`{path}`"))
        }
        None if argument == "-" => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).context("stdin cannot be read")?;
            parse_input(&bytes, "stdin")
        }
        None => parse_input(argument.as_bytes(), "`--input`"),
    }
}

/// What editors and shells of Windows write in front of a text.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads the input that was found at a place, which is named if it cannot be sent.
fn parse_input(bytes: &[u8], place: &str) -> anyhow::Result<Payload> {
    let not_valid = |error: &dyn Display| config::Error::one(format!("{place} is not valid JSON: {error}"));
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let text = syntax::text(bytes).map_err(|error| not_valid(&error))?;
    if let Some(error) = syntax::find(text) {
        return Err(not_valid(&error).into());
    }
    strict::check(text).map_err(|fault| {
        let path = fault.place();
        let at = if path.is_empty() { String::new() } else { format!("at `{path}`: ") };
        config::Error::one(format!("{place} cannot be kept as it is: {at}{fault}"))
    })?;
    Payload::parse(text).map_err(|error| not_valid(&error).into())
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
        let input = args.input.as_deref().map(|input| read_input(input).unwrap());
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

    #[test]
    fn an_input_may_come_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("input.json");
        std::fs::write(&path, "[1, 2]\n").unwrap();
        assert_eq!(read_input(&format!("@{}", path.display())).unwrap().to_value().unwrap(), json!([1, 2]));
    }

    #[test]
    fn an_input_is_sent_as_it_is_written_or_refused_with_the_place() {
        let text = r#"{"a":[1E2,-0,2.50,18446744073709551615],"b":"\u0000x"}"#;
        let input = Some(read_input(text).unwrap());
        let sent = serde_json::to_string(&StartInput { fields: Map::new(), input }).unwrap();
        assert_eq!(sent, format!(r#"{{"input":{text}}}"#));
        for (text, place) in [
            (r#"{"data":[1e400]}"#, "at `data.0`: the number `1e400` fits neither"),
            (r#"{"a":"\ud800"}"#, "at `a`: the string has an escape"),
            (r#"{"a":[0,1e-400]}"#, "at `a.1`: the number `1e-400` fits neither"),
            (r#"{"a":1,"a":2}"#, "at `a`: the key `a` appears twice"),
            ("1e400", "the number"),
        ] {
            let error = read_input(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`--input` cannot be kept as it is: {place}")), "{error}");
        }
    }

    #[test]
    fn a_file_may_begin_with_a_byte_order_mark() {
        assert_eq!(parse_input(b"\xef\xbb\xbf[1E2]\r\n", "`a`").unwrap().as_str().trim(), "[1E2]");
        let error = parse_input(b"\xff\xfe[\0]\0", "`a`").unwrap_err().to_string();
        assert!(error.contains("found the byte order mark of UTF-16"), "{error}");
    }

    #[test]
    fn a_wrong_input_is_named() {
        for (text, expected) in [
            ("{", "expected a key in double quotes or `}`, found the end of the text"),
            ("{'a': 1}", "found `'` at line 1, column 2; JSON has strings in double quotes"),
            ("--1", "expected "),
        ] {
            let error = read_input(text).unwrap_err().to_string();
            assert!(error.starts_with("`--input` is not valid JSON: expected "), "{error}");
            assert!(error.contains(expected), "{error}");
        }
        let error = read_input("@/nowhere/input.json").unwrap_err().to_string();
        assert!(error.starts_with("the input file `/nowhere/input.json` cannot be read: "), "{error}");
    }
}
