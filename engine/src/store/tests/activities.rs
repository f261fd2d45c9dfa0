use super::{NOW, activity, claim, claimed, lease, on_both, started, step};
use crate::{
    clock::Timestamp,
    ids::{RunId, WorkerId},
    store::{
        ACTIVITY_CLOSED, ActivityReport, AttemptEnd, ClaimActivityTasks, ClaimedActivityTask,
        HeartbeatOutput, ReportOutput, Reporter, Step, Store, StoredHeartbeat,
    },
};

on_both! {
    an_attempt_has_one_end,
    a_retry_is_a_new_attempt_with_its_own_time_to_start,
    a_heartbeat_of_a_lost_attempt_is_refused,
    a_canceled_activity_that_waits_is_due_at_once,
}

async fn scheduled(store: &Store, worker: WorkerId, taken: Option<WorkerId>) -> (RunId, Step) {
    let run = started(store, "a").await;
    let task = claimed(store, worker).await.remove(0);
    let schedule = Step { scheduled: vec![activity(2, taken)], ..step(worker, &task, 2) };
    store.write(schedule).await.unwrap();
    (run, step(worker, &task, 3))
}

async fn take(store: &Store, worker: WorkerId, now: Timestamp) -> Vec<ClaimedActivityTask> {
    store.write(ClaimActivityTasks(super::Claim { now, ..claim(worker) })).await.unwrap()
}

async fn an_attempt_has_one_end(store: &Store) {
    let worker = WorkerId::new();
    let (run, _) = scheduled(store, worker, Some(worker)).await;
    let report = |owner| ActivityReport {
        lease: lease(run, 2, Some(owner)),
        end: AttemptEnd::Close { kind: ACTIVITY_CLOSED, body: "{}".into() },
        now: NOW,
        reporter: Reporter::Owner,
    };
    assert_eq!(store.write(report(WorkerId::new())).await.unwrap(), ReportOutput::Refused);
    let (one, two) = tokio::join!(store.write(report(worker)), store.write(report(worker)));
    let accepted = |output: &ReportOutput| matches!(output, ReportOutput::Accepted(_));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!([&one, &two].into_iter().filter(|output| accepted(output)).count(), 1);
    assert_eq!(store.inboxes(&[run]).await.unwrap().len(), 1);
    assert_eq!(store.write(report(worker)).await.unwrap(), ReportOutput::Refused);
}

async fn a_retry_is_a_new_attempt_with_its_own_time_to_start(store: &Store) {
    let worker = WorkerId::new();
    let (run, _) = scheduled(store, worker, Some(worker)).await;
    let due = Timestamp(NOW.0 + 1_000);
    let expires_at = Some(Timestamp(NOW.0 + 2_000));
    let end =
        AttemptEnd::Retry { visible_at: due, failure: "{}".into(), checkpoint: Some("7".into()), expires_at };
    let report =
        ActivityReport { lease: lease(run, 2, Some(worker)), end, now: NOW, reporter: Reporter::Owner };
    assert!(matches!(store.write(report).await.unwrap(), ReportOutput::Accepted(Some(_))));
    assert!(take(store, worker, NOW).await.is_empty());
    assert!(take(store, worker, Timestamp(NOW.0 + 2_000)).await.is_empty(), "it has timed out");
    let taken = take(store, worker, due).await.remove(0);
    assert_eq!((taken.attempt, taken.checkpoint.as_deref()), (2, Some("7")));
}

async fn a_heartbeat_of_a_lost_attempt_is_refused(store: &Store) {
    let (old, new) = (WorkerId::new(), WorkerId::new());
    let (run, _) = scheduled(store, old, Some(old)).await;
    let beat = |owner, attempt, sequence| {
        store.write(StoredHeartbeat {
            lease: crate::store::ActivityLease { attempt, ..lease(run, 2, Some(owner)) },
            sequence,
            checkpoint: Some(sequence.to_string()),
            progress: None,
            at: NOW,
        })
    };
    assert_eq!(beat(old, 1, 1).await.unwrap(), HeartbeatOutput::Alive);
    let end = AttemptEnd::Retry { visible_at: NOW, failure: "{}".into(), checkpoint: None, expires_at: None };
    store
        .write(ActivityReport { lease: lease(run, 2, Some(old)), end, now: NOW, reporter: Reporter::Owner })
        .await
        .unwrap();
    take(store, new, NOW).await;
    let (late, alive) = tokio::join!(beat(old, 1, 9), beat(new, 2, 2));
    assert_eq!((late.unwrap(), alive.unwrap()), (HeartbeatOutput::Lost, HeartbeatOutput::Alive));
}

async fn a_canceled_activity_that_waits_is_due_at_once(store: &Store) {
    let worker = WorkerId::new();
    let (run, next) = scheduled(store, worker, Some(worker)).await;
    let later = Timestamp(NOW.0 + 60_000);
    let end =
        AttemptEnd::Retry { visible_at: later, failure: "{}".into(), checkpoint: None, expires_at: None };
    store
        .write(ActivityReport {
            lease: lease(run, 2, Some(worker)),
            end,
            now: NOW,
            reporter: Reporter::Owner,
        })
        .await
        .unwrap();
    store.write(Step { cancel_requested: vec![2], ..next }).await.unwrap();
    assert!(take(store, worker, NOW).await.remove(0).cancel_requested);
}
