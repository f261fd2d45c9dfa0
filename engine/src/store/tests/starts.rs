use super::{NOW, claim, claimed, on_both, start, started, step};
use crate::{
    clock::Timestamp,
    history::WorkflowExecutionTerminated,
    ids::{RunId, WorkerId},
    store::{
        CancelOutput, CancelRun, ClaimWorkflowTasks, CloseOutput, CloseRun, DeleteRun, Replaces, StartOutput,
        StepOutput, Store,
    },
};

on_both! {
    an_open_run_is_an_obstacle_and_a_closed_one_as_the_policy_says,
    an_open_run_makes_room_for_one_that_replaces_it,
    an_idempotency_key_answers_for_its_first_use,
    claims_take_the_highest_priority_of_the_known_types_and_queues,
    a_run_can_be_held_from_its_start,
    a_run_that_came_to_nothing_is_canceled_at_once,
    a_start_that_is_repeated_after_a_lost_answer_was_accepted,
    a_start_is_not_refused_for_one_that_is_refused_itself,
    an_end_that_is_repeated_after_a_lost_answer_is_told_again,
}

const LATER: Timestamp = Timestamp(NOW.0 + 1);

async fn close_at(store: &Store, run_id: RunId, status: &'static str, now: Timestamp) -> CloseOutput {
    let event = WorkflowExecutionTerminated { reason: None, identity: None }.into();
    store.write(CloseRun { run_id, status, event, failure: None, now }).await.unwrap()
}

async fn close(store: &Store, run_id: RunId, status: &'static str) -> CloseOutput {
    close_at(store, run_id, status, NOW).await
}

async fn a_start_that_is_repeated_after_a_lost_answer_was_accepted(store: &Store) {
    let event = WorkflowExecutionTerminated { reason: None, identity: None };
    let replaces = || Some(Box::new(Replaces { of: None, event: event.clone() }));
    for (id, replaces) in [("a", None), ("b", replaces())] {
        let first = super::Start { replaces, reusable: Some(&[]), request_id: Some("1".into()), ..start(id) };
        let first = super::Start { caller: id.into(), ..first };
        let first_id = RunId(first.run_id);
        assert_eq!(store.write(first.clone()).await.unwrap(), StartOutput::Created);
        assert_eq!(store.write(first.clone()).await.unwrap(), StartOutput::Created, "while it is open");
        close(store, first_id, "COMPLETED").await;
        assert_eq!(store.write(first.clone()).await.unwrap(), StartOutput::Created, "after its end");
        let next = super::Start { reusable: Some(&["COMPLETED"]), created_at_ms: LATER, ..start(id) };
        let next_id = RunId(next.run_id);
        assert_eq!(store.write(next).await.unwrap(), StartOutput::Created);
        assert_eq!(store.write(first).await.unwrap(), StartOutput::Created, "beside a later run");
        let runs = store.load_runs(&super::namespace(), &[first_id, next_id]).await.unwrap();
        assert!(runs.contains_key(&first_id), "what was accepted is still there");
        assert!(runs[&next_id].execution.closed_at.is_none(), "nobody asked for the end of the later run");
        assert_eq!(super::event_ids(store, first_id).await, [1, 2]);
    }
}

async fn a_start_is_not_refused_for_one_that_is_refused_itself(store: &Store) {
    let before = started(store, "a").await;
    close(store, before, "COMPLETED").await;
    let refused = || super::Start { reusable: Some(&["FAILED"]), created_at_ms: LATER, ..start("a") };
    let allowed = super::Start { reusable: Some(&["COMPLETED"]), created_at_ms: LATER, ..start("a") };
    let allowed_id = RunId(allowed.run_id);
    let starts = [refused(), refused(), refused(), refused(), allowed];
    let closed = StartOutput::Closed { run_id: before, owner: Some("ada".into()) };
    let outputs = futures_util::future::join_all(starts.map(|start| store.write(start))).await;
    let outputs: Vec<StartOutput> = outputs.into_iter().map(Result::unwrap).collect();
    assert_eq!(outputs[..4], [closed.clone(), closed.clone(), closed.clone(), closed]);
    assert_eq!(outputs[4], StartOutput::Created);
    assert_eq!(claimed(store, WorkerId::new()).await[0].run_id, allowed_id);
}

async fn an_end_that_is_repeated_after_a_lost_answer_is_told_again(store: &Store) {
    let run = started(store, "a").await;
    let closed = CloseOutput::Closed { worker: None, last_event_id: 2 };
    assert_eq!(close(store, run, "TERMINATED").await, closed);
    assert_eq!(close(store, run, "TERMINATED").await, closed);
    assert_eq!(close_at(store, run, "TERMINATED", LATER).await, CloseOutput::NotOpen);
    assert_eq!(super::event_ids(store, run).await, [1, 2]);

    let cancel = |run_id, now| {
        let request = crate::history::WorkflowExecutionCancelRequested { reason: None, identity: None };
        store.write(CancelRun { run_id, request, now })
    };
    let run = started(store, "b").await;
    let closed = CancelOutput::Closed { worker: None, last_event_id: 3 };
    assert_eq!(cancel(run, NOW).await.unwrap(), closed);
    assert_eq!(cancel(run, NOW).await.unwrap(), closed);
    assert_eq!(cancel(run, LATER).await.unwrap(), CancelOutput::NotOpen);

    let worker = WorkerId::new();
    let run = started(store, "c").await;
    let task = claimed(store, worker).await.remove(0);
    store.write(step(worker, &task, 2)).await.unwrap();
    let wake = crate::store::Wake::Worker(worker);
    assert_eq!(cancel(run, NOW).await.unwrap(), CancelOutput::Requested(wake.clone()));
    assert_eq!(cancel(run, NOW).await.unwrap(), CancelOutput::AlreadyRequested(wake));
    assert_eq!(store.inboxes(&[run]).await.unwrap().len(), 1);
}

async fn an_open_run_is_an_obstacle_and_a_closed_one_as_the_policy_says(store: &Store) {
    let (first, second) = (start("a"), start("a"));
    let first_id = RunId(first.run_id);
    // Both in one batch, or one after the other: the first one wins.
    let (one, two) = tokio::join!(store.write(first), store.write(second));
    assert_eq!(one.unwrap(), StartOutput::Created);
    assert_eq!(two.unwrap(), StartOutput::Open { run_id: first_id, owner: Some("ada".into()) });
    assert!(matches!(close(store, first_id, "FAILED").await, CloseOutput::Closed { last_event_id: 2, .. }));
    assert_eq!(close_at(store, first_id, "FAILED", LATER).await, CloseOutput::NotOpen);
    let refused = store.write(start("a")).await.unwrap();
    assert_eq!(refused, StartOutput::Closed { run_id: first_id, owner: Some("ada".into()) });
    let again = super::Start { reusable: Some(&["FAILED"]), ..start("a") };
    let again_id = RunId(again.run_id);
    assert_eq!(store.write(again).await.unwrap(), StartOutput::Created);
    close(store, again_id, "COMPLETED").await;
    let after = super::Start { reusable: Some(&["FAILED"]), ..start("a") };
    assert!(
        matches!(store.write(after).await.unwrap(), StartOutput::Closed { run_id, .. } if run_id == again_id)
    );
    assert!(store.write(DeleteRun { run_id: first_id }).await.unwrap());
    assert!(!store.write(DeleteRun { run_id: first_id }).await.unwrap());
    assert!(super::event_ids(store, first_id).await.is_empty());
}

async fn an_open_run_makes_room_for_one_that_replaces_it(store: &Store) {
    let replacing = |of: &str| {
        let event = WorkflowExecutionTerminated { reason: None, identity: None };
        super::Start { replaces: Some(Box::new(Replaces { of: Some(of.to_owned()), event })), ..start("a") }
    };
    let first = started(store, "a").await;
    let open = StartOutput::Open { run_id: first, owner: Some("ada".into()) };
    assert_eq!(store.write(replacing("bob")).await.unwrap(), open, "it is not his to terminate");
    let worker = WorkerId::new();
    let task = claimed(store, worker).await.remove(0);
    let second = replacing("ada");
    let second_id = RunId(second.run_id);
    let replaced = StartOutput::Replaced { run_id: first, worker: Some(worker), last_event_id: 2 };
    assert_eq!(store.write(second).await.unwrap(), replaced);
    assert_eq!(super::event_ids(store, first).await, [1, 2]);
    assert_eq!(store.write(step(worker, &task, 2)).await.unwrap(), StepOutput::Stale);
    assert_eq!(claimed(store, worker).await[0].run_id, second_id);
    // Several of one batch, or one after the other: one is left.
    let (one, two) = tokio::join!(store.write(replacing("ada")), store.write(replacing("ada")));
    assert!(one.unwrap().is_new() && two.unwrap().is_new());
    assert_eq!(claimed(store, worker).await.len(), 1);
    // The policy for ended runs holds for all but the one that made room.
    let policy = store.write(start("a")).await.unwrap();
    assert!(matches!(policy, StartOutput::Open { .. }), "{policy:?}");
}

async fn an_idempotency_key_answers_for_its_first_use(store: &Store) {
    let keyed = |id: &str, hash: &str| super::Start {
        request_id: Some("key".into()),
        input_hash: hash.into(),
        ..start(id)
    };
    let first = keyed("a", "h");
    let first_id = RunId(first.run_id);
    assert_eq!(store.write(first.clone()).await.unwrap(), StartOutput::Created);
    assert_eq!(store.write(keyed("b", "h")).await.unwrap(), StartOutput::Replayed(first_id));
    assert_eq!(store.write(keyed("b", "other")).await.unwrap(), StartOutput::IdempotencyMismatch);
    // A process that could not confirm its commit asks again with the same run, even after that has ended.
    assert_eq!(store.write(first.clone()).await.unwrap(), StartOutput::Created);
    close(store, first_id, "FAILED").await;
    assert_eq!(store.write(first).await.unwrap(), StartOutput::Created);
    assert!(claimed(store, WorkerId::new()).await.is_empty(), "no task of a run that has ended");
    // Refused together: the second use of a key must not point at a run that never was.
    let other = |id: &str| super::Start { request_id: Some("other".into()), ..start(id) };
    let open = started(store, "open").await;
    let (one, two) = tokio::join!(store.write(other("open")), store.write(other("open")));
    for output in [one, two] {
        assert!(matches!(output.unwrap(), StartOutput::Open { run_id, .. } if run_id == open));
    }
}

async fn claims_take_the_highest_priority_of_the_known_types_and_queues(store: &Store) {
    let mut expected = Vec::new();
    for (priority, task_queue, workflow_type) in [(1, "q", "t"), (5, "q", "t"), (9, "q", "u"), (9, "p", "t")]
    {
        let start = super::Start {
            priority,
            task_queue: task_queue.into(),
            workflow_type: workflow_type.into(),
            ..start(&format!("{priority}{task_queue}{workflow_type}"))
        };
        expected.push(RunId(start.run_id));
        store.write(start).await.unwrap();
    }
    let one = || ClaimWorkflowTasks(super::Claim { at_most: 1, ..claim(WorkerId::new()) });
    assert_eq!(store.write(one()).await.unwrap()[0].run_id, expected[1]);
    assert_eq!(store.write(one()).await.unwrap()[0].run_id, expected[0]);
    assert!(store.write(one()).await.unwrap().is_empty());
    let both = super::Claim { task_queues: vec!["q".into(), "p".into()], ..claim(WorkerId::new()) };
    assert_eq!(store.write(ClaimWorkflowTasks(both)).await.unwrap()[0].run_id, expected[3]);
}

async fn a_run_can_be_held_from_its_start(store: &Store) {
    let worker = WorkerId::new();
    let held = start("a").held_by(worker);
    let task = held.first_task();
    store.write(held).await.unwrap();
    assert!(claimed(store, WorkerId::new()).await.is_empty());
    let first = store.write(step(worker, &task, 2)).await.unwrap();
    assert_eq!(first, StepOutput::Committed { visible_at: Timestamp::NEVER });
    assert_eq!(super::event_ids(store, task.run_id).await, [1, 2]);
}

async fn a_run_that_came_to_nothing_is_canceled_at_once(store: &Store) {
    let cancel = |run_id| {
        let request = crate::history::WorkflowExecutionCancelRequested { reason: None, identity: None };
        store.write(CancelRun { run_id, request, now: NOW })
    };
    let run = started(store, "a").await;
    assert_eq!(cancel(run).await.unwrap(), CancelOutput::Closed { worker: None, last_event_id: 3 });
    assert_eq!(super::event_ids(store, run).await, [1, 2, 3]);
    let worker = WorkerId::new();
    let held = started(store, "b").await;
    let task = claimed(store, worker).await.remove(0);
    assert_eq!(cancel(held).await.unwrap(), CancelOutput::Closed { worker: Some(worker), last_event_id: 3 });
    assert_eq!(store.write(step(worker, &task, 2)).await.unwrap(), StepOutput::Stale);
    let begun = started(store, "c").await;
    let task = claimed(store, worker).await.remove(0);
    store.write(step(worker, &task, 2)).await.unwrap();
    assert!(matches!(cancel(begun).await.unwrap(), CancelOutput::Requested(_)));
    assert!(matches!(cancel(begun).await.unwrap(), CancelOutput::AlreadyRequested(_)));
}
