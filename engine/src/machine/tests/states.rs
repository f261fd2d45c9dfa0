//! Each state with each event, legal and illegal.

use std::collections::HashSet;

use super::{begin, cancel_requested, completed, fired, first, histories, started};
use crate::{
    clock::Timestamp,
    failure::{Failure, TimeoutType},
    history::{
        ActivityTaskCanceled, ActivityTaskFailed, ActivityTaskTimedOut, EventAttributes, EventRole,
        EventType, HistoryEvent, RetryState,
    },
    machine::Run,
};

/// A run in a state, by what has happened to it; its last event is given back.
fn run_after(workflow_type: &str, outside: &[EventAttributes]) -> Run {
    let input = if workflow_type == "days" { 1.into() } else { serde_json::Value::Null };
    let mut run = begin(&first(workflow_type, &input)).unwrap();
    run.record_commands(Timestamp(1_000));
    for attributes in outside {
        assert_eq!(happens(&mut run, attributes), Ok(()), "{attributes:?}");
        run.record_commands(Timestamp(2_000));
    }
    run
}

fn happens(run: &mut Run, attributes: &EventAttributes) -> Result<(), String> {
    let event_id = run.last_event_id() + 1;
    let event = HistoryEvent { event_id, time: Timestamp(2_000), attributes: attributes.clone() };
    run.apply(&event).map_err(|error| error.to_string())
}

/// Every event that ends the activity of event 2.
fn ends() -> Vec<EventAttributes> {
    let failure = || Failure::new("Io", "disk");
    let retry_state = RetryState::NonRetryableFailure;
    let (scheduled_event_id, started_event_id) = (2, 2);
    vec![
        completed(2, 2, "null"),
        ActivityTaskFailed { scheduled_event_id, started_event_id, failure: failure(), retry_state }.into(),
        ActivityTaskTimedOut {
            scheduled_event_id,
            started_event_id: None,
            timeout_type: TimeoutType::Heartbeat,
            failure: failure(),
            retry_state,
        }
        .into(),
        ActivityTaskCanceled { scheduled_event_id, started_event_id: None }.into(),
    ]
}

#[test]
fn an_activity_ends_once_and_only_while_it_is_open() {
    for end in ends() {
        let mut scheduled = run_after("once", &[]);
        assert_eq!(happens(&mut scheduled, &started(2)), Ok(()));
        assert_eq!(happens(&mut scheduled, &end), Ok(()), "scheduled: {end:?}");
        assert_eq!(scheduled.pending_commands().len(), 1, "the code goes on: {end:?}");
        assert!(happens(&mut scheduled, &end).is_err(), "closed: {end:?}");
    }
    for end in ends() {
        let mut none = run_after("days", &[]);
        let error = happens(&mut none, &end).unwrap_err();
        assert!(error.contains("no open activity was scheduled by event 2"), "{error}");
    }
}

#[test]
fn an_activity_that_was_asked_to_stop_may_still_end() {
    for end in ends() {
        let mut run = run_after("impatient", &[]);
        assert_eq!(happens(&mut run, &fired(3)), Ok(()));
        let asked: Vec<_> = run.pending_commands().iter().map(ToString::to_string).collect();
        assert_eq!(asked, ["RequestCancelActivityTask of event 2", "ScheduleActivityTask `double` (3)"]);
        run.record_commands(Timestamp(2_000));
        assert!(run.has_activity_tasks());

        assert_eq!(happens(&mut run, &end), Ok(()), "{end:?}");
        assert!(run.pending_commands().is_empty(), "nobody waits for it: {end:?}");
        let error = happens(&mut run, &end).unwrap_err();
        assert!(error.contains("no open activity was scheduled by event 2"), "{error}");
    }
}

#[test]
fn nothing_reaches_an_activity_before_its_cancel_request_is_recorded() {
    for end in ends() {
        let mut run = run_after("impatient", &[]);
        assert_eq!(happens(&mut run, &fired(3)), Ok(()));
        let error = happens(&mut run, &end).unwrap_err();
        assert!(error.contains("asks for RequestCancelActivityTask of event 2"), "{error}");
    }
}

#[test]
fn an_activity_that_is_given_up_before_it_is_scheduled_never_is() {
    let run = begin(&first("fickle", &serde_json::Value::Null)).unwrap();
    let asked: Vec<_> = run.pending_commands().iter().map(ToString::to_string).collect();
    assert_eq!(asked, ["StartTimer (2)"]);
}

#[test]
fn a_timer_fires_once_and_only_while_it_runs() {
    let mut running = run_after("days", &[]);
    assert_eq!(running.next_timer(), Some(Timestamp(1_000 + 86_400_000)));
    assert!(running.due_timer(Timestamp(86_400_999)).is_none());
    let due = running.due_timer(Timestamp(86_401_000)).expect("it is due");
    assert_eq!(happens(&mut running, &due.into()), Ok(()));
    assert!(happens(&mut running, &fired(2)).is_err(), "it has fired");
    let mut canceled = run_after("days", &[]);
    assert_eq!(happens(&mut canceled, &cancel_requested()), Ok(()));
    assert!(happens(&mut canceled, &fired(2)).is_err(), "it was taken back");
    let mut none = run_after("once", &[]);
    let error = happens(&mut none, &fired(2)).unwrap_err();
    assert!(error.contains("no running timer was started by event 2"), "{error}");
}

#[test]
fn a_recorded_length_of_a_timer_counts_whatever_the_code_says_today() {
    let mut run = begin(&first("days", &1.into())).unwrap();
    let attributes =
        crate::history::TimerStarted { timer_id: "1".into(), start_to_fire_timeout_ms: 5 }.into();
    run.apply(&HistoryEvent { event_id: 2, time: Timestamp(1_000), attributes }).unwrap();
    assert_eq!(run.next_timer(), Some(Timestamp(1_005)));
}

#[test]
fn cancellation_is_heard_once_and_ends_what_is_awaited() {
    for (workflow, commands) in [
        ("once", ["RequestCancelActivityTask of event 2", "CancelWorkflowExecution"].as_slice()),
        ("days", ["CancelTimer (1)", "CancelWorkflowExecution"].as_slice()),
        ("cleaning", ["ScheduleActivityTask `double` (1)"].as_slice()),
    ] {
        let mut run = run_after(workflow, &[]);
        assert_eq!(happens(&mut run, &cancel_requested()), Ok(()));
        let asked: Vec<_> = run.pending_commands().iter().map(ToString::to_string).collect();
        assert_eq!(asked, commands, "{workflow}");
        run.record_commands(Timestamp(3_000));
        let again = happens(&mut run, &cancel_requested());
        assert_eq!(again.is_ok(), workflow == "cleaning", "only an open run hears it again: {again:?}");
        assert!(run.pending_commands().is_empty());
    }
}

#[test]
fn only_events_with_the_role_of_a_command_record_one() {
    let mut recorded = HashSet::new();
    for history in histories() {
        let mut run = begin(&history[0]).unwrap();
        for event in &history[1..] {
            let pending = run.pending_commands();
            assert_eq!(pending.is_empty(), event.event_type().role() != EventRole::Command, "{event:?}");
            if let Some(command) = pending.first() {
                assert_eq!(command.to_attributes().event_type(), event.event_type());
                recorded.insert(event.event_type());
            }
            run.apply(event).unwrap();
        }
    }
    let commands = EventType::ALL.iter().filter(|event_type| event_type.role() == EventRole::Command);
    for event_type in commands.filter(|event_type| **event_type != EventType::WorkflowExecutionFailed) {
        assert!(recorded.contains(event_type), "no history records `{event_type}`");
    }
}

#[test]
fn nothing_follows_the_end_of_a_run() {
    let mut run = run_after("days", &[fired(2)]);
    assert!(run.close().is_some());
    for event in [started(2), fired(2), cancel_requested(), completed(2, 2, "1")] {
        let error = happens(&mut run, &event).unwrap_err();
        assert!(error.contains("follows the end of the run"), "{error}");
        run = run_after("days", &[fired(2)]);
    }
}

#[test]
fn code_that_panics_while_it_is_dropped_takes_nobody_along() {
    drop(run_after("brittle", &[]));
    assert!(run_after("brittle", &[fired(2)]).close().is_some());
}
