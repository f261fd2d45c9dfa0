use std::time::Duration;

use axum::{Json, body::Body, extract::State};
use ctutor_engine::{
    client::{StartTime, StartWorkflow},
    payload::{Payload, strict, syntax},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    Twin,
    body::{self, Fields},
    caller::Caller,
    error::Error,
    query::NoParameters,
};

/// Fields of a submission.
pub(super) const FIELDS: &[&str] = &["task_name", "parameters", "queue", "workflow_id", "delay", "priority"];

/// Longest delay in seconds. A longer one is probably in another unit.
const DELAY_SECONDS_MAX: f64 = 10.0 * 366.0 * 86_400.0;

/// An accepted task.
#[derive(Debug, Serialize)]
pub(super) struct Submitted {
    task_id: String,
    status: &'static str,
    message: &'static str,
}

pub(super) async fn submit(
    State(twin): State<Twin>,
    Caller(principal): Caller,
    _: NoParameters,
    body: Body,
) -> Result<Json<Submitted>, Error> {
    let bounds = body::Bounds { bytes_max: twin.body_bytes_max, timeout: twin.body_timeout };
    let fields = body::object(body, bounds, FIELDS).await?;
    let start = read(fields)?;
    let started = twin.app.start(&principal, start).await?;
    Ok(Json(Submitted {
        task_id: started.execution.workflow_id.as_str().to_owned(),
        status: "submitted",
        message: "the task was accepted",
    }))
}

/// The request for the engine. A null field counts as omitted.
fn read(mut fields: Fields) -> Result<StartWorkflow, Error> {
    fields.retain(|_, value| value.as_str().trim() != "null");
    let task_name = text(&mut fields, "task_name")?.ok_or_else(|| {
        Error::invalid("task_name", "`task_name` is missing, expected the name of a workflow type")
    })?;
    let parameters = match fields.remove("parameters") {
        None => Payload::empty_object(),
        Some(parameters) if parameters.is_object() => parameters,
        Some(other) => return Err(misfit("parameters", &other, "a JSON object")),
    };
    Ok(StartWorkflow {
        task_queue: text(&mut fields, "queue")?,
        workflow_id: text(&mut fields, "workflow_id")?,
        start: delay(&mut fields)?.map(StartTime::After),
        priority: priority(&mut fields)?,
        ..StartWorkflow::new(task_name, parameters)
    })
}

fn text(fields: &mut Fields, name: &str) -> Result<Option<String>, Error> {
    let Some(value) = fields.remove(name) else { return Ok(None) };
    match value.to_value() {
        Ok(Value::String(text)) => Ok(Some(text)),
        _ => Err(misfit(name, &value, "a string")),
    }
}

fn delay(fields: &mut Fields) -> Result<Option<Duration>, Error> {
    let Some(value) = fields.remove("delay") else { return Ok(None) };
    let seconds = value.to_value().ok().and_then(|value| value.as_f64());
    let seconds = seconds.filter(|seconds| (0.0..=DELAY_SECONDS_MAX).contains(seconds));
    let expected = || format!("a number of seconds from 0 to {DELAY_SECONDS_MAX}, such as `1.5`");
    let seconds = seconds.ok_or_else(|| misfit("delay", &value, &expected()))?;
    Ok(Some(Duration::from_secs_f64(seconds)).filter(|delay| !delay.is_zero()))
}

fn priority(fields: &mut Fields) -> Result<i32, Error> {
    let Some(value) = fields.remove("priority") else { return Ok(0) };
    let number = value.to_value().ok().and_then(|value| value.as_i64());
    let number = number.and_then(|number| i32::try_from(number).ok());
    number.ok_or_else(|| misfit("priority", &value, "an integer from -100 to 100"))
}

/// The error for a value that a field does not take. Of a number it says which, of others the kind.
fn misfit(field: &str, found: &Payload, expected: &str) -> Error {
    let text = found.as_str().trim();
    let found = match syntax::kind(text) {
        "a number" => format!("`{}`", strict::shown(text)),
        kind => kind.to_owned(),
    };
    Error::invalid(field, format!("`{field}` is {found}, expected {expected}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn submission(value: Value) -> Result<StartWorkflow, String> {
        let fields = Payload::from(value).decode().unwrap();
        read(fields).map_err(|error| match error {
            Error::Invalid { message, .. } => message,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn what_is_left_out_has_its_documented_default() {
        let start = submission(json!({ "task_name": "t", "queue": null, "delay": 0 })).unwrap();
        assert_eq!(start.workflow_type, "t");
        assert_eq!(start.input.as_str(), "{}");
        assert_eq!((start.task_queue, start.workflow_id, start.start, start.priority), (None, None, None, 0));
    }

    #[test]
    fn a_delay_is_counted_from_the_start() {
        let start = submission(json!({ "task_name": "t", "delay": 1.5 })).unwrap();
        assert_eq!(start.start, Some(StartTime::After(Duration::from_millis(1_500))));
    }

    #[test]
    fn wrong_values_are_refused_by_name() {
        for (value, name) in [
            (json!({}), "task_name"),
            (json!({ "task_name": 5 }), "task_name"),
            (json!({ "task_name": "t", "parameters": [] }), "parameters"),
            (json!({ "task_name": "t", "parameters": "x" }), "parameters"),
            (json!({ "task_name": "t", "delay": -1 }), "delay"),
            (json!({ "task_name": "t", "delay": "1" }), "delay"),
            (json!({ "task_name": "t", "delay": 1e300 }), "delay"),
            (json!({ "task_name": "t", "priority": 1.5 }), "priority"),
            (json!({ "task_name": "t", "priority": 99_999_999_999_i64 }), "priority"),
            (json!({ "task_name": "t", "queue": {} }), "queue"),
        ] {
            let message = submission(value.clone()).unwrap_err();
            assert!(message.contains(&format!("`{name}`")), "{value}: {message}");
        }
    }
}
