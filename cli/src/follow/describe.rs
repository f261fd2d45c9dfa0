//! Events and heartbeats in one line each.

use std::fmt::Write;

use ctutor_engine::{clock::Timestamp, payload::Payload};

use crate::{
    client::{Activity, HistoryEvent, Object},
    output::{clock_time, compact_json, in_one_line},
};

/// The most characters of a payload that are shown in a line.
const PAYLOAD_CHARACTERS_MAX: usize = 80;

/// An event in one line: time, number, type and summary.
pub(crate) fn event_line(event: &HistoryEvent) -> String {
    let at = happened_at(event);
    let mut line = format!("{}  {:>4}  {}", clock_time(&at), event.sequence, event.event_type);
    let summary = summary(&event.attributes);
    if !summary.is_empty() {
        line += "  ";
        line += &summary;
    }
    in_one_line(&line)
}

/// The start of an activity is recorded with its end, and says itself when it was.
fn happened_at(event: &HistoryEvent) -> String {
    let started_at = event.attributes.get("startedAtMs");
    started_at.map_or_else(|| event.at.clone(), |millis| Timestamp(millis).to_string())
}

/// The attributes that people look for, whatever the type of the event.
fn summary(attributes: &Object) -> String {
    let mut parts = Vec::new();
    let text = |name: &str| attributes.get::<String>(name);
    parts.extend(text("workflowType").or_else(|| text("activityType")));
    if let Some(id) = attributes.get::<i64>("scheduledEventId") {
        parts.push(format!("of event {id}"));
    }
    if let Some(attempt) = attributes.get::<u64>("attempt").filter(|attempt| *attempt > 1) {
        parts.push(format!("attempt {attempt}"));
    }
    if let Some(millis) = attributes.get::<u64>("startToFireTimeoutMs") {
        parts.push(format!("in {millis} ms"));
    }
    parts.extend(text("reason").map(|reason| format!("reason: {reason}")));
    parts.extend(text("timeoutType").map(|kind| format!("timeout {kind}")));
    if let Some(failure) = attributes.get::<Object>("failure") {
        let part = |name: &str| failure.get::<String>(name).unwrap_or_default();
        parts.push(format!("{} ({})", part("message"), part("type")));
    }
    for name in ["input", "result"] {
        let payload = attributes.get::<Payload>(name);
        parts.extend(payload.map(|payload| format!("{name} {}", shortened(&compact_json(payload.as_str())))));
    }
    parts.join("  ")
}

/// A heartbeat in one line: activity, progress and message.
pub(crate) fn progress_line(activity: &Activity) -> String {
    let mut line = activity.activity_type.clone();
    if activity.attempt > 1 {
        // Writing to a `String` cannot fail.
        let _ = write!(line, " (attempt {})", activity.attempt);
    }
    let Some(heartbeat) = &activity.heartbeat else { return in_one_line(&line) };
    // A total of 0 is an unknown one.
    match (heartbeat.completed, heartbeat.total.filter(|total| *total > 0.0)) {
        (Some(completed), Some(total)) => _ = write!(line, "  {completed}/{total}"),
        (Some(completed), None) if completed > 0.0 => _ = write!(line, "  {completed}"),
        _ => {}
    }
    if let Some(progress) = heartbeat.progress {
        let _ = write!(line, "  {:.0}%", progress * 100.0);
    }
    if let Some(message) = heartbeat.message.as_deref().filter(|message| !message.is_empty()) {
        let _ = write!(line, "  {message}");
    }
    in_one_line(&line)
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(PAYLOAD_CHARACTERS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(attributes: &Value) -> HistoryEvent {
        serde_json::from_value(json!({
            "sequence": 7, "type": "SOME_TYPE", "at": "2026-11-22T13:54:14.012Z", "attributes": attributes,
        }))
        .unwrap()
    }

    #[test]
    fn an_event_is_told_in_one_line() {
        let scheduled = json!({"activityId": "1", "activityType": "simulate", "input": {"a": [1, 2]}});
        assert_eq!(
            event_line(&event(&scheduled)),
            "13:54:14.012     7  SOME_TYPE  simulate  input {\"a\":[1,2]}"
        );
        assert_eq!(event_line(&event(&json!({}))), "13:54:14.012     7  SOME_TYPE");
        let hostile = json!({"reason": "enough\n\u{1b}]0;x\u{7}"});
        assert_eq!(
            event_line(&event(&hostile)),
            "13:54:14.012     7  SOME_TYPE  reason: enough \u{fffd}]0;x\u{fffd}"
        );
    }

    #[test]
    fn a_payload_is_shown_as_it_was_written() {
        for payload in [r#"{"data":[1E2,-0.0,1.10,7]}"#, r#""\u0000x""#, r#""\u0000number:1E2""#, "1e400"] {
            let attributes = serde_json::from_str(&format!(r#"{{"input": {payload}}}"#)).unwrap();
            assert_eq!(summary(&attributes), format!("input {payload}"));
        }
    }

    #[test]
    fn an_activity_started_when_it_says() {
        let started = json!({"scheduledEventId": 5, "attempt": 1, "startedAtMs": 1_795_355_653_250_i64});
        assert_eq!(event_line(&event(&started)), "13:54:13.250     7  SOME_TYPE  of event 5");
    }

    #[test]
    fn what_people_look_for_is_in_the_summary() {
        for (attributes, expected) in [
            (json!({"scheduledEventId": 5, "attempt": 2, "identity": "w"}), "of event 5  attempt 2"),
            (json!({"timerId": "1", "startToFireTimeoutMs": 2000}), "in 2000 ms"),
            (json!({"reason": "enough"}), "reason: enough"),
            (
                json!({"scheduledEventId": 5, "failure": {"message": "no", "type": "Io"}}),
                "of event 5  no (Io)",
            ),
            (json!({"result": "x".repeat(100)}), &format!("result \"{}…", "x".repeat(79))),
        ] {
            assert_eq!(summary(&event(&attributes).attributes), expected);
        }
    }

    #[test]
    fn a_heartbeat_tells_how_far_it_is() {
        let activity = |attempt: u32, heartbeat: Value| -> Activity {
            serde_json::from_value(json!({"type": "simulate", "attempt": attempt, "heartbeat": heartbeat}))
                .unwrap()
        };
        let full = json!({"progress": 0.6, "completed": 3.0, "total": 5.0, "message": "hello"});
        assert_eq!(progress_line(&activity(1, full)), "simulate  3/5  60%  hello");
        let unmeasured = json!({"progress": null, "completed": 0.0, "total": 0.0, "message": "a\n\u{1b}[1A"});
        assert_eq!(progress_line(&activity(1, unmeasured)), "simulate  a \u{fffd}[1A");
        let counted = json!({"progress": null, "completed": 7.0, "total": 0.0, "message": null});
        assert_eq!(progress_line(&activity(1, counted)), "simulate  7");
        let bare = json!({"progress": null, "completed": null, "total": null, "message": null});
        assert_eq!(progress_line(&activity(2, bare)), "simulate (attempt 2)");
        assert_eq!(progress_line(&activity(1, Value::Null)), "simulate");
    }
}
