use std::{collections::BTreeMap, sync::atomic::Ordering};

use super::{NOW, activity, claimed, event_ids, lease, namespace, on_both, start, started, step};
use crate::{
    clock::Timestamp,
    history::WorkflowExecutionCancelRequested,
    ids::WorkerId,
    store::{
        AfterStep, CancelRun, FailWorkflowTask, Rescue, RescueWorkflowTasks, Start, Step, StepOutput, Store,
        batch::Submit,
    },
};

/// What becomes of a step whose sender keeps the run, and of one that waits for a message.
const KEPT: StepOutput = StepOutput::Committed { visible_at: Timestamp::NEVER };

on_both! {
    a_stale_step_changes_nothing,
    steps_of_one_batch_are_judged_each_by_its_own_lease,
    an_activity_that_begins_and_ends_in_one_batch_leaves_only_events,
    a_message_beside_a_release_makes_the_run_due,
    a_run_that_had_messages_can_be_let_go_later,
    a_run_does_not_end_beside_a_message_that_nobody_read,
    a_run_that_ends_leaves_only_its_history,
    one_bad_item_fails_alone,
    a_failed_task_waits_and_a_rescue_makes_due,
}

/// Writes two items, and makes sure that they were committed together.
async fn in_one_transaction<A: Submit, B: Submit>(
    store: &Store,
    first: A,
    second: B,
) -> (A::Output, B::Output) {
    let committed = || store.counters().transactions.load(Ordering::SeqCst);
    let before = committed();
    let (first, second) = store.try_enqueue_both(first, second).unwrap();
    let outputs = (first.await.unwrap(), second.await.unwrap());
    assert_eq!(committed(), before + 1, "the two came into one transaction");
    outputs
}

async fn a_stale_step_changes_nothing(store: &Store) {
    let worker = WorkerId::new();
    let run = started(store, "a").await;
    let task = claimed(store, worker).await.remove(0);
    let good = step(worker, &task, 2);
    let stale = [
        Step { epoch: task.epoch + 1, ..good.clone() },
        Step { owner: WorkerId::new(), ..good.clone() },
        step(worker, &task, 3),
        Step { closed: vec![lease(run, 7, Some(worker))], ..good.clone() },
    ];
    for step in stale {
        assert_eq!(store.write(step).await.unwrap(), StepOutput::Stale);
    }
    assert_eq!(event_ids(store, run).await, [1]);
    assert_eq!(store.write(good.clone()).await.unwrap(), KEPT);
    assert_eq!(store.write(good).await.unwrap(), StepOutput::Stale);
    assert_eq!(event_ids(store, run).await, [1, 2]);
}

async fn steps_of_one_batch_are_judged_each_by_its_own_lease(store: &Store) {
    let worker = WorkerId::new();
    let run = started(store, "a").await;
    let task = claimed(store, worker).await.remove(0);
    let old = |next| Step { epoch: task.epoch - 1, ..step(worker, &task, next) };
    let release =
        Step { after: AfterStep::Release { visible_at: Timestamp::NEVER }, ..step(worker, &task, 3) };
    let outputs = in_one_transaction(store, old(2), step(worker, &task, 2)).await;
    assert_eq!(outputs, (StepOutput::Stale, KEPT));
    let outputs = in_one_transaction(store, release, step(worker, &task, 4)).await;
    assert_eq!(outputs, (KEPT, StepOutput::Stale), "the run was let go");
    assert_eq!(event_ids(store, run).await, [1, 2, 3]);
}

async fn an_activity_that_begins_and_ends_in_one_batch_leaves_only_events(store: &Store) {
    let worker = WorkerId::new();
    let run = started(store, "a").await;
    let task = claimed(store, worker).await.remove(0);
    let begins = Step { scheduled: vec![activity(2, Some(worker))], ..step(worker, &task, 2) };
    let ends = Step { closed: vec![lease(run, 2, Some(worker))], ..step(worker, &task, 3) };
    assert_eq!(in_one_transaction(store, begins, ends).await, (KEPT, KEPT));
    assert_eq!(event_ids(store, run).await, [1, 2, 3]);
    assert!(store.pending_activities(&[run]).await.unwrap().is_empty());
}

fn cancel(run_id: crate::ids::RunId) -> CancelRun {
    CancelRun { run_id, request: WorkflowExecutionCancelRequested { reason: None, identity: None }, now: NOW }
}

async fn a_message_beside_a_release_makes_the_run_due(store: &Store) {
    let worker = WorkerId::new();
    let run = started(store, "a").await;
    let task = claimed(store, worker).await.remove(0);
    store.write(step(worker, &task, 2)).await.unwrap();
    let release =
        Step { after: AfterStep::Release { visible_at: Timestamp::NEVER }, ..step(worker, &task, 3) };
    let (_, released) = in_one_transaction(store, cancel(run), release).await;
    assert_eq!(released, StepOutput::Committed { visible_at: NOW });
    assert_eq!(claimed(store, worker).await.len(), 1);
    assert_eq!(store.inboxes(&[run]).await.unwrap().len(), 1);
}

async fn a_run_that_had_messages_can_be_let_go_later(store: &Store) {
    let worker = WorkerId::new();
    let run = started(store, "a").await;
    let task = claimed(store, worker).await.remove(0);
    store.write(step(worker, &task, 2)).await.unwrap();
    store.write(cancel(run)).await.unwrap();
    let release = |step: Step, consumed_messages| Step {
        consumed_messages,
        after: AfterStep::Release { visible_at: NOW },
        ..step
    };
    store.write(release(step(worker, &task, 3), 1)).await.unwrap();
    assert!(store.inboxes(&[run]).await.unwrap().is_empty());
    let task = claimed(store, worker).await.remove(0);
    assert_eq!(task.inbox_sequence, 1);
    let never = AfterStep::Release { visible_at: Timestamp::NEVER };
    let idle = Step { after: never, ..release(step(worker, &task, 4), task.inbox_sequence) };
    assert_eq!(store.write(idle).await.unwrap(), KEPT);
    assert!(claimed(store, worker).await.is_empty(), "nothing is new, so nobody is needed");
}

fn closing(step: Step, consumed_messages: i64, open_activities: bool) -> Step {
    let (status, result) = ("COMPLETED", Some("null".to_owned()));
    let after = AfterStep::Close { status, at: NOW, result, failure: None, open_activities };
    Step { consumed_messages, after, ..step }
}

async fn a_run_does_not_end_beside_a_message_that_nobody_read(store: &Store) {
    let worker = WorkerId::new();
    let run = started(store, "a").await;
    let task = claimed(store, worker).await.remove(0);
    store.write(step(worker, &task, 2)).await.unwrap();
    store.write(cancel(run)).await.unwrap();
    let end = closing(step(worker, &task, 3), 0, false);
    assert_eq!(store.write(end.clone()).await.unwrap(), StepOutput::Unread);
    assert_eq!(event_ids(store, run).await, [1, 2]);
    assert_eq!(store.write(end).await.unwrap(), StepOutput::Stale, "the run was let go");
    let task = claimed(store, worker).await.remove(0);
    assert_eq!((task.run_id, task.next_event_id, task.inbox_sequence), (run, 3, 1));
    assert_eq!(store.write(closing(step(worker, &task, 3), 1, false)).await.unwrap(), KEPT);
    assert_eq!(store.open_rows().await, 0);
}

async fn a_run_that_ends_leaves_only_its_history(store: &Store) {
    let worker = WorkerId::new();
    started(store, "a").await;
    let task = claimed(store, worker).await.remove(0);
    let begins = Step { scheduled: vec![activity(2, None)], ..step(worker, &task, 2) };
    store.write(begins).await.unwrap();
    store.write(closing(step(worker, &task, 3), 0, true)).await.unwrap();
    assert_eq!(store.open_rows().await, 0);
}

async fn one_bad_item_fails_alone(store: &Store) {
    let worker = WorkerId::new();
    let (good, bad) = (started(store, "a").await, started(store, "b").await);
    let tasks = claimed(store, worker).await;
    let of = |run| tasks.iter().find(|task| task.run_id == run).unwrap();
    // Two events in one place: the database refuses the second.
    let mut broken = step(worker, of(bad), 2);
    broken.events.push(super::timer(2));
    let begun = || store.counters().begun.load(Ordering::SeqCst);
    let before = begun();
    let (one, two) = store.try_enqueue_both(broken, step(worker, of(good), 2)).unwrap();
    assert!(one.await.is_err());
    assert_eq!(two.await.unwrap(), KEPT);
    assert!(begun() >= before + 3, "both together, and then each alone");
    assert_eq!((event_ids(store, bad).await, event_ids(store, good).await), (vec![1], vec![1, 2]));
}

async fn a_failed_task_waits_and_a_rescue_makes_due(store: &Store) {
    let worker = WorkerId::new();
    let run = started(store, "a").await;
    let task = claimed(store, worker).await.remove(0);
    let fail = |epoch, visible_at| FailWorkflowTask {
        run_id: run,
        owner: worker,
        epoch,
        failure: r#"{"message":"m","type":"T"}"#.into(),
        visible_at,
    };
    assert!(!store.write(fail(task.epoch + 1, NOW)).await.unwrap());
    assert!(store.write(fail(task.epoch, Timestamp(NOW.0 + 1))).await.unwrap());
    assert!(claimed(store, worker).await.is_empty());
    assert_eq!(store.blocked_workflow_task(run).await.unwrap().unwrap().attempt, 1);
    let other = started(store, "b").await;
    assert_eq!(claimed(store, worker).await[0].run_id, other);
    let rescue = |which| store.write(RescueWorkflowTasks { now: NOW, which });
    let delayed = Start { visible_at_ms: Timestamp(NOW.0 + 1), ..start("c") };
    store.write(delayed).await.unwrap();
    let rescued = rescue(Rescue::Dead(vec![worker])).await.unwrap();
    assert_eq!(rescued.runs, BTreeMap::from([(worker, 1)]));
    let again = claimed(store, worker).await;
    assert_eq!(again.len(), 1, "what nobody held is due when it was due before");
    assert_eq!((again[0].run_id, again[0].epoch), (other, 2));
    let loaded = store.load_runs(&namespace(), &[run, other]).await.unwrap();
    assert_eq!(loaded[&other].events.len(), 1);
}
