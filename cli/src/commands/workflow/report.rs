use std::{fmt::Write, fs, path::PathBuf, process::ExitCode};

use anyhow::{Context, bail};
use ctutor_engine::payload::Payload;
use ctutor_workflows::testing::{
    junit,
    report::{Report, Verdict},
};

use crate::{
    args::{ClientArgs, TargetArgs},
    client::{Client, Object, Workflow},
    config::Loaded,
    output::{self, Block, Table, in_one_line, visible},
};

/// The workflow type that makes reports.
const TYPE: &str = "student_testing";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: TargetArgs,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Short for `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Write the report to this file instead of stdout
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table
    Text,
    /// JUnit XML, for CI systems
    Junit,
    /// JSON, as the report is stored in the result of the run
    Json,
}

impl Args {
    pub(super) async fn run(self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        let client = Client::new(loaded)?;
        let workflow: Workflow = client.decode(&client.find_workflow(&self.target.target()).await?)?;
        let stored = stored_report(&workflow)?;
        let report: Report = client.decode(&stored)?;
        let text = match self.format() {
            Format::Text => text(&report, if self.output.is_none() { output::width() } else { None }),
            Format::Junit => output::visible_xml(&junit::to_xml(&report)),
            Format::Json => output::pretty_json(stored.as_str()),
        };
        match self.output {
            Some(path) => fs::write(&path, text + "\n")
                .with_context(|| format!("`{}` cannot be written", path.display()))?,
            None => output::data(text)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

/// The report in the result of a run, or why there is none.
fn stored_report(workflow: &Workflow) -> anyhow::Result<Payload> {
    let Workflow { workflow_id, workflow_type, status, closed_at, result, failure, .. } = workflow;
    if workflow_type != TYPE {
        bail!("`{workflow_id}` is of type `{workflow_type}`, and only `{TYPE}` makes reports");
    }
    if status.is_completed() {
        let result = result.as_ref().and_then(|result| result.decode::<Object>().ok());
        let report = result.and_then(|result| result.get::<Object>("result")?.get("report"));
        return report.with_context(|| format!("the result of `{workflow_id}` has no report"));
    }
    match (closed_at, failure) {
        (None, _) => bail!(
            "`{workflow_id}` is {status} and has no report yet; wait for its end with `ctutor workflow follow {workflow_id}`"
        ),
        (Some(_), Some(failure)) => bail!("`{workflow_id}` ended as {status}, without a report: {failure}"),
        (Some(_), None) => bail!("`{workflow_id}` ended as {status}, without a report"),
    }
}

/// The score, a table of the tests, and the messages of those that did not pass or do not count.
fn text(report: &Report, width: Option<usize>) -> String {
    let summary = report.summary;
    let head = Block::default()
        .line("name", &report.name)
        .line("runner", &report.kind)
        .line("passed", format_args!("{} of {}", summary.passed, summary.total))
        .maybe(
            "skipped",
            (summary.skipped > 0).then(|| format!("{}, left out of the count", summary.skipped)),
        )
        .line("score", report.score())
        .maybe("message", report.status_message.as_deref());
    let mut table = Table::new(["RESULT", "STATUS", "SECONDS", "TEST"]);
    for test in &report.tests {
        let seconds = format!("{:.3}", test.duration);
        table.row([name_of(test.result), name_of(test.status), seconds, test.name.clone()]);
    }
    let mut text = format!("{head}\n\n{}", table.within(width));
    for test in report.tests.iter().filter(|test| test.result != Verdict::Passed) {
        let message = visible(test.result_message.as_deref().unwrap_or("-"));
        let message = message.trim_end().replace('\n', "\n    ");
        // Writing to a string cannot fail.
        let _ = write!(text, "\n\n{}\n    {message}", in_one_line(&test.name));
    }
    text
}

/// The name that JSON has for it.
fn name_of(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn workflow(fields: &Value) -> Workflow {
        let mut workflow = json!({"id": "wfr_1", "workflowId": "a", "type": "student_testing"});
        workflow.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(workflow).unwrap()
    }

    fn report() -> Value {
        let test = |name: &str, status: &str, result: &str, message: Option<&str>| json!({"name": name, "status": status, "result": result, "resultMessage": message, "duration": 0.25});
        json!({
            "type": "pytest", "version": "1.0", "name": "triangle", "status": "COMPLETED", "result": "FAILED",
            "summary": {"total": 3, "passed": 1, "failed": 2, "skipped": 1}, "duration": 1.5,
            "tests": [
                test("t.py::base", "COMPLETED", "PASSED", None),
                test("t.py::area\n", "COMPLETED", "FAILED", Some("1 is not 2\n\u{1b}[2Jat line 3\n")),
                test("t.py::loop", "TIMEDOUT", "FAILED", Some("it did not end within 4 s")),
                test("t.py::rest", "SKIPPED", "SKIPPED", None),
            ],
        })
    }

    #[test]
    fn people_see_a_table_and_then_what_went_wrong() {
        let expected = "\
name     triangle
runner   pytest
passed   1 of 3
skipped  1, left out of the count
score    0.3333333333333333

RESULT   STATUS     SECONDS  TEST
PASSED   COMPLETED  0.250    t.py::base
FAILED   COMPLETED  0.250    t.py::area
FAILED   TIMEDOUT   0.250    t.py::loop
SKIPPED  SKIPPED    0.250    t.py::rest

t.py::area
    1 is not 2
    \u{fffd}[2Jat line 3

t.py::loop
    it did not end within 4 s

t.py::rest
    -";
        let report: Report = serde_json::from_value(report()).unwrap();
        assert_eq!(text(&report, None), expected);
    }

    #[test]
    fn the_report_is_in_the_result() {
        let result = json!({"status": "completed", "result": {"report": report()}});
        let completed = workflow(&json!({"status": "COMPLETED", "closedAt": "now", "result": result}));
        assert_eq!(stored_report(&completed).unwrap().to_value().unwrap(), report());
    }

    #[test]
    fn without_a_report_the_reason_is_told() {
        for (fields, expected) in [
            (json!({"status": "COMPLETED", "type": "order"}), "of type `order`"),
            (
                json!({"status": "RUNNING"}),
                "`a` is RUNNING and has no report yet; wait for its end with `ctutor workflow follow a`",
            ),
            (json!({"status": "COMPLETED", "closedAt": "now"}), "the result of `a` has no report"),
            (json!({"status": "TERMINATED", "closedAt": "now"}), "ended as TERMINATED, without a report"),
            (
                json!({"status": "FAILED", "closedAt": "now", "failure": {"message": "no tests", "type": "T"}}),
                "ended as FAILED, without a report: no tests (T)",
            ),
        ] {
            let error = stored_report(&workflow(&fields)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
