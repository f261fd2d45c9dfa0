use std::{collections::BTreeMap, time::Duration};

use futures_util::future::try_join_all;
use sea_orm::QueryTrait;

use super::{NOW, activity, claimed, lease, namespace, on_both, start, started, step};
use crate::{
    clock::Timestamp,
    history::{WorkflowExecutionCancelRequested, WorkflowExecutionTerminated},
    ids::{RunId, WorkerId},
    model::{
        Caller, PageDirection, PageRequest, Visibility, Waiter, Waiting, WaitingFor, WorkflowFilter,
        WorkflowOrder, WorkflowOrderField, WorkflowTarget,
    },
    store::{
        ActivityReport, AfterStep, AttemptEnd, CancelRun, CloseRun, FailWorkflowTask, NewActivityTask,
        Reporter, Start, Step, Store, read::execution::listed, sql::Dialect,
    },
};

on_both! {
    pages_show_every_run_once_in_both_directions,
    a_prefix_tells_upper_from_lower_case_and_knows_no_wildcards,
    what_a_caller_may_not_see_is_not_there,
    an_open_run_waits_for_one_thing_and_its_filter_finds_it,
    pages_of_waiting_runs_show_each_once,
    waiting_runs_are_found_without_reading_those_that_have_ended,
}

fn everyone() -> Caller {
    Caller { subject: "root".into(), visibility: Visibility::All }
}

async fn pages_show_every_run_once_in_both_directions(store: &Store) {
    for number in 0..23_i32 {
        let mut start = start(&number.to_string());
        start.priority = number % 4;
        start.created_at_ms = Timestamp(NOW.0 + i64::from(number / 5));
        store.write(start).await.unwrap();
    }
    for field in [WorkflowOrderField::CreatedAt, WorkflowOrderField::ClosedAt, WorkflowOrderField::Priority] {
        for descending in [false, true] {
            let order = WorkflowOrder { field, descending };
            let forward = pages(store, order, PageDirection::Forward).await;
            let mut backward = pages(store, order, PageDirection::Backward).await;
            backward.reverse();
            assert_eq!(forward.len(), 23, "{order:?}");
            assert_eq!(forward, backward, "{order:?}");
        }
    }
}

async fn pages(store: &Store, order: WorkflowOrder, direction: PageDirection) -> Vec<RunId> {
    let mut seen = Vec::new();
    let mut page = PageRequest { items: 4, direction, cursor: None, offset: 0 };
    loop {
        let filter = WorkflowFilter::default();
        let found = store.list_executions(&namespace(), &everyone(), &filter, order, &page).await.unwrap();
        let (mut items, more) = match direction {
            PageDirection::Forward => (found.items, found.has_next),
            PageDirection::Backward => (found.items.into_iter().rev().collect(), found.has_previous),
        };
        let Some(last) = items.last() else { return seen };
        page.cursor = Some(last.cursor(order.field));
        seen.extend(items.drain(..).map(|execution| execution.run_id));
        if !more {
            return seen;
        }
    }
}

async fn a_prefix_tells_upper_from_lower_case_and_knows_no_wildcards(store: &Store) {
    for id in ["abc", "ABC", "a%c", "äbc"] {
        store.write(start(id)).await.unwrap();
    }
    for (prefix, expected) in [("ab", 1), ("AB", 1), ("a%", 1), ("a_", 0), ("äb", 1), ("", 4)] {
        let filter = WorkflowFilter { workflow_id_prefix: Some(prefix.into()), ..WorkflowFilter::default() };
        let found = store.count_executions(&namespace(), &everyone(), &filter, 100).await.unwrap();
        assert_eq!(found, expected, "{prefix}");
    }
}

async fn what_a_caller_may_not_see_is_not_there(store: &Store) {
    let start = start("a");
    let target = WorkflowTarget::Run(RunId(start.run_id));
    store.write(start).await.unwrap();
    for (subject, sees) in [("ada", true), ("bob", false)] {
        let caller = Caller { subject: subject.into(), visibility: Visibility::Own };
        let execution = store.execution(&namespace(), &caller, &target).await.unwrap();
        assert_eq!(execution.is_some(), sees);
        let filter = WorkflowFilter::default();
        let count = store.count_executions(&namespace(), &caller, &filter, 100).await.unwrap();
        assert_eq!(count > 0, sees);
    }
}

fn later(ms: u64) -> Timestamp {
    NOW + Duration::from_millis(ms)
}

/// A run whose first step has left it so; what comes back is its next step.
async fn begun(store: &Store, id: &str, after: AfterStep, scheduled: Vec<NewActivityTask>) -> Step {
    let worker = WorkerId::new();
    started(store, id).await;
    let task = claimed(store, worker).await.remove(0);
    let started = Some(NOW);
    store.write(Step { after, scheduled, started, ..step(worker, &task, 2) }).await.unwrap();
    step(worker, &task, 3)
}

fn release(visible_at: Timestamp) -> AfterStep {
    AfterStep::Release { visible_at }
}

/// The activity of event 2 fails, to be tried again at this time.
async fn back_off(store: &Store, run: Step, worker: WorkerId, visible_at: Timestamp) {
    let end = AttemptEnd::Retry { visible_at, failure: "{}".into(), checkpoint: None, expires_at: None };
    let lease = lease(run.run_id, 2, Some(worker));
    store.write(ActivityReport { lease, end, now: NOW, reporter: Reporter::Owner }).await.unwrap();
}

/// One run of each kind.
async fn one_of_each(store: &Store) {
    let (worker, never) = (WorkerId::new(), Timestamp::NEVER);
    let taken = || vec![activity(2, Some(worker))];
    begun(store, "closed", close(), Vec::new()).await;
    begun(store, "in hand", AfterStep::Keep, Vec::new()).await;
    begun(store, "timer", release(later(1_000)), Vec::new()).await;
    begun(store, "message", release(never), Vec::new()).await;
    begun(store, "activity in hand", release(never), taken()).await;
    let run = begun(store, "backoff", release(never), taken()).await;
    back_off(store, run, worker, later(1_000)).await;
    let run = begun(store, "timer before backoff", release(later(1_000)), taken()).await;
    back_off(store, run, worker, later(5_000)).await;
    let run = begun(
        store,
        "one of two in hand",
        release(later(1_000)),
        vec![activity(2, Some(worker)), activity(3, Some(worker))],
    )
    .await;
    back_off(store, run, worker, later(1_000)).await;
    begun(store, "activity due", release(never), vec![activity(2, None)]).await;

    let Step { run_id, .. } = begun(store, "canceling", release(never), Vec::new()).await;
    let request = WorkflowExecutionCancelRequested { reason: None, identity: None };
    store.write(CancelRun { run_id, request, now: later(1_000) }).await.unwrap();
    let Step { run_id, owner, epoch, .. } = begun(store, "blocked", AfterStep::Keep, Vec::new()).await;
    let (failure, visible_at) = ("{}".into(), later(1_000));
    store.write(FailWorkflowTask { run_id, owner, epoch, failure, visible_at }).await.unwrap();

    started(store, "claimed").await;
    claimed(store, worker).await;
    started(store, "due").await;
    let (start_at_ms, visible_at_ms) = (Some(later(1_000)), later(1_000));
    store.write(Start { start_at_ms, visible_at_ms, ..start("delayed") }).await.unwrap();
}

fn close() -> AfterStep {
    AfterStep::Close {
        status: "COMPLETED",
        at: NOW,
        result: Some("null".into()),
        failure: None,
        open_activities: false,
    }
}

async fn waiters(store: &Store, filter: &WorkflowFilter) -> Vec<Waiter> {
    let page = PageRequest { items: 100, direction: PageDirection::Forward, cursor: None, offset: 0 };
    let order = WorkflowOrder::default();
    store.list_waiters(&namespace(), &everyone(), filter, order, &page).await.unwrap().items
}

fn waiting(what: WaitingFor, now: Timestamp) -> WorkflowFilter {
    WorkflowFilter { waiting: Some(Waiting { what, now }), ..WorkflowFilter::default() }
}

async fn an_open_run_waits_for_one_thing_and_its_filter_finds_it(store: &Store) {
    use WaitingFor::{Nothing, Time, Worker};
    one_of_each(store).await;
    let expected = [
        ("closed", None, None),
        ("in hand", Some(Nothing), Some(Nothing)),
        ("timer", Some(Time), Some(Nothing)),
        ("message", Some(Nothing), Some(Nothing)),
        ("activity in hand", Some(Nothing), Some(Nothing)),
        ("backoff", Some(Time), Some(Nothing)),
        ("timer before backoff", Some(Time), Some(Nothing)),
        ("one of two in hand", Some(Nothing), Some(Nothing)),
        ("activity due", Some(Nothing), Some(Nothing)),
        ("canceling", Some(Nothing), Some(Nothing)),
        ("blocked", Some(Time), Some(Nothing)),
        ("claimed", Some(Worker), Some(Worker)),
        ("due", Some(Worker), Some(Worker)),
        ("delayed", Some(Time), Some(Worker)),
    ];
    for (now, column) in [(NOW, 0), (later(999), 0), (later(1_000), 1), (later(9_000), 1)] {
        let expected: BTreeMap<&str, Option<WaitingFor>> = expected
            .iter()
            .map(|&(id, before, after)| (id, if column == 0 { before } else { after }))
            .collect();
        let all = waiters(store, &WorkflowFilter::default()).await;
        let told = all.iter().map(|run| (run.execution.workflow_id.as_str(), run.waiting_for(now)));
        assert_eq!(told.collect::<BTreeMap<_, _>>(), expected, "{now}");
        for what in WaitingFor::ALL {
            let filter = waiting(what, now);
            let mut found = waiters(store, &filter).await;
            assert!(found.iter().all(|run| run.waiting_for(now) == Some(what)), "{found:#?}");
            found.sort_by(|a, b| a.execution.workflow_id.as_str().cmp(b.execution.workflow_id.as_str()));
            let found: Vec<_> = found.iter().map(|run| run.execution.workflow_id.as_str()).collect();
            let wanted = expected.iter().filter(|(_, told)| **told == Some(what)).map(|(id, _)| *id);
            assert_eq!(found, wanted.collect::<Vec<_>>(), "{what:?} at {now}");
            let count = store.count_executions(&namespace(), &everyone(), &filter, 100).await.unwrap();
            assert_eq!(count as usize, found.len(), "{what:?} at {now}");
        }
    }
    for run in waiters(store, &WorkflowFilter::default()).await {
        let target = WorkflowTarget::Run(run.execution.run_id);
        assert_eq!(store.waiter(&namespace(), &everyone(), &target).await.unwrap(), Some(run));
    }
}

async fn pages_of_waiting_runs_show_each_once(store: &Store) {
    for number in 0..7 {
        begun(store, &format!("timer {number}"), release(later(1_000)), Vec::new()).await;
        begun(store, &format!("in hand {number}"), AfterStep::Keep, Vec::new()).await;
    }
    let filter = waiting(WaitingFor::Time, NOW);
    let everything = waiters(store, &filter).await;
    assert_eq!(everything.len(), 7);
    let mut seen = Vec::new();
    for offset in [0, 3, 6] {
        let page = PageRequest { items: 3, direction: PageDirection::Forward, cursor: None, offset };
        let order = WorkflowOrder::default();
        let found = store.list_waiters(&namespace(), &everyone(), &filter, order, &page).await.unwrap();
        assert_eq!((found.has_previous, found.has_next), (offset > 0, offset < 6));
        seen.extend(found.items);
    }
    assert_eq!(seen, everything);
}

async fn waiting_runs_are_found_without_reading_those_that_have_ended(store: &Store) {
    const ENDED: usize = 2_000;
    let ended: Vec<Start> = (0..ENDED).map(|number| start(&format!("ended {number}"))).collect();
    let run_ids: Vec<RunId> = ended.iter().map(|start| RunId(start.run_id)).collect();
    try_join_all(ended.into_iter().map(|start| store.write(start))).await.unwrap();
    let close = |run_id| CloseRun {
        run_id,
        status: "TERMINATED",
        event: WorkflowExecutionTerminated { reason: None, identity: None }.into(),
        failure: None,
        now: NOW,
    };
    try_join_all(run_ids.into_iter().map(|run_id| store.write(close(run_id)))).await.unwrap();
    one_of_each(store).await;
    let dialect = store.reader.dialect;
    if dialect == Dialect::Postgres {
        store.execute("ANALYZE workflow_execution").await;
    }
    for what in WaitingFor::ALL {
        let page = PageRequest { items: 100, direction: PageDirection::Forward, cursor: None, offset: 0 };
        let filter = waiting(what, NOW);
        let select = listed(&namespace(), &everyone(), &filter, WorkflowOrder::default(), &page);
        let statement = select.build(dialect.backend());
        let values = statement.values.unwrap().0;
        let plan = store.plan(&statement.sql, values).await;
        let narrow = ["workflow_execution_by_status", "workflow_execution_open"];
        assert!(narrow.iter().any(|index| plan.contains(index)), "{what:?}:\n{plan}");
        let wide =
            ["workflow_execution_by_time", "Seq Scan on workflow_execution", "SCAN workflow_execution"];
        assert!(!wide.iter().any(|wide| plan.contains(wide)), "{what:?}:\n{plan}");
    }
}
