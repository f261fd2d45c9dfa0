//! How the database goes about what is asked of it all the time: by keys, also before it has ever been analyzed.

use futures_util::future::try_join_all;
use sea_orm::{EntityTrait, QueryFilter, QueryTrait, Value};

use super::{NOW, activity, claimed, namespace, on_both, start, started, step};
use crate::{
    clock::Timestamp,
    ids::{RunId, WorkerId},
    model::{Caller, WorkflowTarget},
    store::{
        ForgetRequests, NewActivityTask, Start, Step, Store,
        read::{execution::named, task::expired},
        sql::{Dialect, json},
        write::{
            message::NewMessage,
            rescue::holders,
            start::{deciding, forgetting},
            step::consuming,
            stop::sweeping,
        },
    },
};

on_both! {
    writes_go_by_keys,
    reads_of_runs_go_by_their_ids,
    expired_activities_are_found_among_those_that_can_be,
    lost_workers_are_found_by_the_index_of_owners,
    old_requests_are_forgotten_in_parts,
}

/// What reads all of a table, or an index from its begin to its end.
const WALKS: &[&str] =
    &["Seq Scan", "SCAN m", "SCAN message", "SCAN start_request", "SCAN r", "SCAN e", "SCAN l", "AUTOMATIC"];

fn assert_no_walk(what: &str, plan: &str) {
    let mut lines = plan.lines().map(|line| line.trim_start_matches(['-', '>', ' '])).peekable();
    while let Some(line) = lines.next() {
        let is_walk = WALKS.iter().any(|walk| line.starts_with(walk));
        // PostgreSQL says in the next line what bounds the index; without it, all of it is read.
        let is_unbounded = (line.contains("Index Scan") || line.contains("Index Only Scan"))
            && !lines.peek().is_some_and(|next| next.starts_with("Index Cond"));
        assert!(!is_walk && !is_unbounded, "{what}: {line}\n{plan}");
    }
}

async fn fill(store: &Store) -> RunId {
    let run_id = started(store, "one of many").await;
    let starts = (0..500)
        .map(|number| Start { request_id: Some(number.to_string()), ..start(&format!("of many {number}")) });
    let starts: Vec<Start> = starts.collect();
    let runs: Vec<RunId> = starts.iter().map(|start| RunId(start.run_id)).collect();
    try_join_all(starts.into_iter().map(|start| store.write(start))).await.unwrap();
    let message = |run_id| NewMessage { run_id, kind: "Any", body: "{}".into(), now: NOW };
    try_join_all(runs.into_iter().map(|run_id| store.write(message(run_id)))).await.unwrap();
    run_id
}

async fn writes_go_by_keys(store: &Store) {
    let dialect = store.reader.dialect;
    let run_id = fill(store).await;
    let consumed = serde_json::json!([{ "run_id": run_id.0, "consumed": 1 }]).to_string();
    let starts = || vec![json(&[start("a")])];
    let writes: [(&str, String, Vec<Value>, &[&str]); 4] = [
        (
            "consuming",
            consuming(dialect),
            vec![consumed.into()],
            &["message_pkey", "sqlite_autoindex_message_1"],
        ),
        (
            "forgetting",
            forgetting(dialect),
            starts(),
            &["start_request_pkey", "sqlite_autoindex_start_request_1", "start_request_run"],
        ),
        ("sweeping", sweeping(dialect), vec![NOW.0.into()], &["start_request_age"]),
        ("deciding", deciding(dialect), [starts(), starts()].concat(), &["workflow_execution_by_id"]),
    ];
    for analyzed in [false, true] {
        if analyzed {
            store.execute("ANALYZE").await;
        }
        for (what, sql, values, indexes) in &writes {
            let plan = store.plan_of_write(sql, values.clone()).await;
            assert_no_walk(what, &plan);
            assert!(indexes.iter().any(|index| plan.contains(index)), "{what}:\n{plan}");
        }
    }
}

async fn reads_of_runs_go_by_their_ids(store: &Store) {
    use ctutor_entity::history_event;
    let run_id = started(store, "a").await;
    let backend = store.reader.dialect.backend();
    for filled in [false, true] {
        if filled {
            fill(store).await;
        }
        let one = named(&namespace(), &Caller::engine(), &WorkflowTarget::Run(run_id)).build(backend);
        let among = store.reader.dialect.among("history_event.run_id", &[run_id]);
        let some = history_event::Entity::find().filter(among).build(backend);
        for (statement, index) in [(one, "workflow_execution"), (some, "history_event")] {
            let plan = store.plan(&statement.sql, statement.values.unwrap().0).await;
            let (key, condition) = match store.reader.dialect {
                Dialect::Postgres => (format!("{index}_pkey"), "(run_id = "),
                Dialect::Sqlite => (format!("sqlite_autoindex_{index}_1"), "(run_id=?"),
            };
            assert!(plan.contains(&key) && plan.contains(condition), "{filled}:\n{plan}");
            assert!(!plan.contains("Seq Scan") && !plan.contains(&format!("SCAN {index}")), "{plan}");
        }
    }
}

async fn expired_activities_are_found_among_those_that_can_be(store: &Store) {
    const QUEUED: i64 = 2_000;
    started(store, "a").await;
    let worker = WorkerId::new();
    let task = claimed(store, worker).await.remove(0);
    let at = |ms| Timestamp(NOW.0 + ms);
    let mut scheduled: Vec<NewActivityTask> = (10..QUEUED).map(|number| activity(number, None)).collect();
    scheduled.push(NewActivityTask { expires_at: Some(at(5)), ..activity(2, None) });
    scheduled.push(NewActivityTask { expires_at: Some(at(9_000)), ..activity(3, None) });
    scheduled.push(activity(4, Some(worker)));
    store.write(Step { scheduled, ..step(worker, &task, 2) }).await.unwrap();
    for analyzed in [false, true] {
        if analyzed {
            store.execute("ANALYZE").await;
        }
        let mut values = vec![json(&[worker]), NOW.0.into()];
        let clock = store.reader.dialect.lease_clock(NOW, &mut values);
        let sql = expired(store.reader.dialect, 500, Some(&clock));
        let plan = store.plan(&sql, values).await;
        for index in ["activity_task_owner", "activity_task_expiry"] {
            assert!(plan.contains(index), "{analyzed}:\n{plan}");
        }
        assert!(
            !plan.contains("Seq Scan on activity_task") && !plan.contains("SCAN activity_task\n"),
            "{plan}"
        );
    }
    let found = async |lost: &[WorkerId], now| {
        let expired = store.expired_activities(lost, now, 500).await.unwrap();
        assert_eq!(expired.activities.len(), 0, "their events are timers");
        let sql = expired_sql(store);
        let rows = store.reader.rows(sql, vec![json(lost), Value::from(now.0)]).await.unwrap();
        let mut events: Vec<i64> =
            rows.iter().map(|row| row.try_get("", "scheduled_event_id").unwrap()).collect();
        events.sort_unstable();
        events
    };
    assert_eq!(found(&[], NOW).await, [] as [i64; 0]);
    assert_eq!(found(&[], at(5)).await, [2]);
    assert_eq!(found(&[worker], at(5)).await, [2, 4]);
    assert_eq!(found(&[WorkerId::new()], at(9_000)).await, [2, 3]);
}

fn expired_sql(store: &Store) -> String {
    expired(store.reader.dialect, 500, None)
}

async fn lost_workers_are_found_by_the_index_of_owners(store: &Store) {
    fill(store).await;
    let dialect = store.reader.dialect;
    for analyzed in [false, true] {
        if analyzed {
            store.execute("ANALYZE").await;
        }
        for table in ["workflow_task", "activity_task"] {
            let alive: &[WorkerId] = &[];
            let mut values = vec![json(alive)];
            let clock = dialect.lease_clock(NOW, &mut values);
            let plan = store.plan(&holders(dialect, table, Some(&clock)), values).await;
            assert!(plan.contains(&format!("{table}_owner")), "{analyzed}:\n{plan}");
            assert!(!plan.contains(&format!("Seq Scan on {table}")), "{plan}");
            assert!(!plan.contains("SCAN t\n") && !plan.ends_with("SCAN t"), "{plan}");
        }
    }
}

async fn old_requests_are_forgotten_in_parts(store: &Store) {
    const REQUESTS: usize = 1_001;
    let starts = (0..REQUESTS)
        .map(|number| Start { request_id: Some(number.to_string()), ..start(&number.to_string()) });
    try_join_all(starts.map(|start| store.write(start))).await.unwrap();
    let forget = |created_before| store.write(ForgetRequests { created_before });
    assert!(!forget(NOW).await.unwrap(), "none is so old");
    let later = Timestamp(NOW.0 + 1);
    assert!(forget(later).await.unwrap(), "one is left");
    assert!(!forget(later).await.unwrap());
    let left = store
        .reader
        .rows("SELECT COUNT(*) AS left_over FROM start_request".into(), Vec::new())
        .await
        .unwrap();
    assert_eq!(left[0].try_get::<i64>("", "left_over").unwrap(), 0);
}
