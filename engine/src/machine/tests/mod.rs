//! The machines: histories in, commands out.

mod states;

use std::sync::Arc;

use super::{ChangedInput, Run, WorkflowTaskError};
use crate::{
    clock::Timestamp,
    history::{
        ActivityTaskCompleted, ActivityTaskStarted, EventAttributes, HistoryEvent, TimerFired,
        WorkflowExecutionCancelRequested, WorkflowExecutionStarted,
    },
    ids::{ActivityType, EventId, Namespace, RunId, TaskQueue, WorkflowId, WorkflowType},
    payload::Payload,
    testing::workflows::registry,
    workflow::WorkflowInfo,
};

fn first(workflow_type: &str, input: &serde_json::Value) -> HistoryEvent {
    let attributes = WorkflowExecutionStarted {
        workflow_type: WorkflowType::trusted(workflow_type),
        task_queue: TaskQueue::trusted("q"),
        input: Payload::from(input),
        workflow_execution_timeout_ms: None,
        start_at_ms: None,
        identity: None,
        random_seed: 7,
    };
    HistoryEvent { event_id: 1, time: Timestamp(1_000), attributes: attributes.into() }
}

fn begin(first: &HistoryEvent) -> Result<Run, WorkflowTaskError> {
    begin_as(Some("build"), first)
}

fn begin_as(build: Option<&str>, first: &HistoryEvent) -> Result<Run, WorkflowTaskError> {
    let EventAttributes::WorkflowExecutionStarted(started) = &first.attributes else { panic!("no start") };
    let definition = registry(&Arc::default()).find_workflow(&started.workflow_type).expect("a known type");
    let info = WorkflowInfo {
        namespace: Namespace::trusted("default"),
        workflow_id: WorkflowId::trusted("w"),
        run_id: RunId(uuid::Uuid::nil()),
        workflow_type: started.workflow_type.clone(),
        task_queue: started.task_queue.clone(),
    };
    Run::begin(&definition, info, build.map(str::to_owned), first)
}

fn completed(scheduled_event_id: EventId, started_event_id: EventId, result: &str) -> EventAttributes {
    let result = Payload::parse(result).unwrap();
    ActivityTaskCompleted { scheduled_event_id, started_event_id, result }.into()
}

fn started(scheduled_event_id: EventId) -> EventAttributes {
    let (attempt, started_at_ms, identity) = (1, Timestamp(1_000), "w".to_owned());
    ActivityTaskStarted { scheduled_event_id, attempt, started_at_ms, identity, last_failure: None }.into()
}

fn fired(started_event_id: EventId) -> EventAttributes {
    TimerFired { timer_id: "1".into(), started_event_id }.into()
}

fn cancel_requested() -> EventAttributes {
    WorkflowExecutionCancelRequested { reason: None, identity: None }.into()
}

/// Records a history by letting these things happen from outside, each after the commands before it.
fn recorded(
    workflow_type: &str,
    input: &serde_json::Value,
    outside: &[EventAttributes],
) -> Vec<HistoryEvent> {
    let mut history = vec![first(workflow_type, input)];
    let mut run = begin(&history[0]).unwrap();
    history.extend(run.record_commands(Timestamp(1_000)));
    for attributes in outside {
        let event_id = run.last_event_id() + 1;
        let event =
            HistoryEvent { event_id, time: Timestamp(1_000 * event_id), attributes: attributes.clone() };
        run.apply(&event).unwrap();
        history.push(event.clone());
        history.extend(run.record_commands(event.time));
    }
    history
}

fn replay(history: &[HistoryEvent]) -> Result<Run, WorkflowTaskError> {
    let mut run = begin(&history[0])?;
    history[1..].iter().try_for_each(|event| run.apply(event))?;
    Ok(run)
}

fn histories() -> Vec<Vec<HistoryEvent>> {
    let null = serde_json::Value::Null;
    vec![
        recorded("twice", &5.into(), &[started(2), completed(2, 3, "10"), started(5), completed(5, 6, "20")]),
        recorded("days", &1.into(), &[fired(2)]),
        recorded("days", &1.into(), &[cancel_requested()]),
        recorded("chance", &null, &[fired(2)]),
        recorded("once", &null, &[cancel_requested()]),
        recorded("cleaning", &null, &[cancel_requested(), completed(3, 3, "42")]),
        recorded("fan", &40.into(), &[completed(9, 9, "1"), completed(2, 2, "0")]),
    ]
}

#[test]
fn every_prefix_of_a_history_gives_the_commands_that_were_recorded() {
    for history in histories() {
        for length in 1..=history.len() {
            let run = replay(&history[..length]).unwrap();
            for (command, event) in run.pending_commands().iter().zip(&history[length..]) {
                assert!(command.matches(&event.attributes), "{command} against {event:?}");
                assert_eq!(command.to_attributes().to_json(), event.attributes.to_json());
            }
        }
    }
}

#[test]
fn code_and_history_that_disagree_are_named_with_the_event() {
    let mut history = histories().remove(0);
    history[1].attributes = histories()[1][1].attributes.clone();
    let error = replay(&history).unwrap_err().to_string();
    assert_eq!(
        error,
        "nondeterminism in workflow `twice`: the workflow code asks for ScheduleActivityTask `double` (1), but \
         event 2 is TimerStarted (1)"
    );
    let days = &histories()[1];
    let surplus = HistoryEvent { event_id: 3, ..days[1].clone() };
    let error = replay(&[days[0].clone(), days[1].clone(), surplus]).unwrap_err().to_string();
    assert!(error.ends_with("asks for nothing, but event 3 is TimerStarted (1)"), "{error}");
    let error = replay(&[days[0].clone(), HistoryEvent { event_id: 2, ..days[2].clone() }]).unwrap_err();
    assert!(error.to_string().ends_with("asks for StartTimer (1), but event 2 is TimerFired"), "{error}");
}

#[test]
fn one_build_gives_the_same_inputs_again() {
    let numbers: serde_json::Map<_, _> = (0..40).map(|number| (number.to_string(), 0.into())).collect();
    let error = replay(&recorded("unordered", &numbers.into(), &[])).unwrap_err().to_string();
    assert!(
        error.starts_with(
            "nondeterminism in workflow `unordered`: the workflow code asks for ScheduleActivityTask `double` ("
        ) && error.contains(") with another input, which differs at the value, but event ")
            && error.ends_with("and keep it in an order, as in a `BTreeMap`"),
        "{error}"
    );
}

#[test]
fn another_build_may_change_an_input_and_the_recorded_one_counts() {
    for build in [None, Some("earlier")] {
        let mut history = histories().remove(0);
        for event in &mut history {
            if let EventAttributes::ActivityTaskScheduled(scheduled) = &mut event.attributes {
                assert_eq!(scheduled.build_id.as_deref(), Some("build"));
                scheduled.build_id = build.map(str::to_owned);
                scheduled.input = Payload::parse("[1]").unwrap();
            }
        }
        let mut run = replay(&history).unwrap();
        run.end_replay().unwrap();
        let changed = ChangedInput {
            activity_type: ActivityType::trusted("double"),
            place: "the value".to_owned(),
            event_id: 2,
            recorded_by: build.map(str::to_owned),
        };
        assert_eq!(run.take_changed_inputs(), [changed]);
        assert_eq!(run.take_changed_inputs(), []);
    }
    // Who gives the build no name does not say that it is the same one.
    let mut history = histories().remove(0);
    if let EventAttributes::ActivityTaskScheduled(scheduled) = &mut history[1].attributes {
        (scheduled.build_id, scheduled.input) = (None, Payload::null());
    }
    let mut run = begin_as(None, &history[0]).unwrap();
    history[1..3].iter().for_each(|event| run.apply(event).unwrap());
    assert_eq!(run.take_changed_inputs().len(), 1);
}

#[test]
fn a_history_that_ends_before_what_the_code_asks_for_is_nondeterminism() {
    let history = &histories()[0];
    assert!(replay(&history[..1]).unwrap().end_replay().is_ok());
    assert!(replay(&history[..2]).unwrap().end_replay().is_ok());
    let error = replay(&history[..4]).unwrap().end_replay().unwrap_err().to_string();
    assert!(error.contains("but event 5 is missing"), "{error}");
}

#[test]
fn a_gap_is_refused() {
    let history = &histories()[0];
    let error = replay(&[history[0].clone(), history[2].clone()]).unwrap_err().to_string();
    assert!(error.contains("event 3 follows event 1"), "{error}");
}

#[tokio::test]
async fn foreign_awaits_and_panics_are_told_apart() {
    let null = serde_json::Value::Null;
    for workflow in ["foreign", "impure", "restless"] {
        let error = begin(&first(workflow, &null)).unwrap_err();
        assert!(matches!(error, WorkflowTaskError::ForeignAwait { event_id: 1, .. }), "{workflow}: {error}");
    }
    let error = begin(&first("panicking", &null)).unwrap_err();
    assert!(matches!(&error, WorkflowTaskError::Panic { message, .. } if message == "on purpose"), "{error}");
}

#[test]
fn time_chance_and_ids_are_those_of_the_history() {
    let null = serde_json::Value::Null;
    let of = |history: &[HistoryEvent]| history.last().unwrap().attributes.to_json();
    let once = of(&recorded("chance", &null, &[fired(2)]));
    assert_eq!(once, of(&recorded("chance", &null, &[fired(2)])));
    assert!(once.contains("[1000,") && once.contains(",3000]"), "{once}");
}
