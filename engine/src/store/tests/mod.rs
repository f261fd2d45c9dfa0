//! The store suite: written once, run on SQLite and on PostgreSQL.

mod activities;
mod connections;
mod deadlocks;
mod failover;
mod files;
mod later_version;
mod leases;
mod lists;
mod locked;
mod outages;
mod plans;
mod reaching;
mod rights;
mod server_time;
mod standby;
mod starts;
mod steps;
mod waiting;

use std::time::Duration;

use super::{
    ActivityLease, AfterStep, Claim, ClaimWorkflowTasks, ClaimedWorkflowTask, NewActivityTask,
    RegisterWorker, Start, StartOutput, Step, Store, TakenActivity,
    sql::{Dialect, on_a_primary},
};
use crate::{
    clock::Timestamp,
    history::{EncodedEvent, EventAttributes, HistoryEvent, TimerStarted, WorkflowExecutionStarted},
    ids::{EventId, Namespace, RunId, TaskQueue, WorkerId, WorkflowType},
    payload::Payload,
};

/// Runs each test on both databases.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                let database = crate::testing::TestStore::sqlite().await;
                super::$name(&database.store).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                let database = crate::testing::TestStore::postgres().await;
                super::$name(&database.store).await;
            })*
        }
    };
}
pub(super) use on_both;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn namespace() -> Namespace {
    Namespace::trusted("default")
}

fn start(workflow_id: &str) -> Start {
    let attributes = EventAttributes::from(WorkflowExecutionStarted {
        workflow_type: WorkflowType::trusted("t"),
        task_queue: TaskQueue::trusted("q"),
        input: Payload::null(),
        workflow_execution_timeout_ms: None,
        start_at_ms: None,
        identity: None,
        random_seed: u64::MAX,
    });
    Start {
        run_id: RunId::new().0,
        namespace: "default".into(),
        workflow_id: workflow_id.into(),
        workflow_type: "t".into(),
        task_queue: "q".into(),
        priority: 0,
        owner: Some("ada".into()),
        input: "null".into(),
        memo: "{}".into(),
        search_attributes: "{}".into(),
        created_at_ms: NOW,
        start_at_ms: None,
        visible_at_ms: NOW,
        holder: None,
        is_fresh: false,
        execution_timeout_ms: None,
        deadline_at_ms: None,
        attributes: attributes.to_json(),
        caller: "ada".into(),
        request_id: None,
        input_hash: String::new(),
        replaces: None,
        reusable: None,
    }
}

async fn started(store: &Store, workflow_id: &str) -> RunId {
    let start = start(workflow_id);
    let run_id = RunId(start.run_id);
    assert_eq!(store.write(start).await.unwrap(), StartOutput::Created);
    run_id
}

fn claim(worker_id: WorkerId) -> Claim {
    Claim {
        worker_id,
        worker_identity: "w".into(),
        namespace: "default".into(),
        task_queues: vec!["q".into()],
        types: vec!["t".into()],
        at_most: 10,
        now: NOW,
    }
}

/// A worker comes, with a lease of this length from [`NOW`] on, or from now on where a server has the clock.
async fn registered(store: &Store, worker_id: WorkerId, lasts: Duration) {
    let worker = ctutor_entity::worker::Model {
        worker_id: worker_id.0,
        namespace: "default".into(),
        identity: "w".into(),
        build_id: String::new(),
        task_queues: "[]".into(),
        workflow_types: "[]".into(),
        activity_types: "[]".into(),
        slots: 1,
        slots_used: 0,
        draining: false,
        started_at_ms: NOW.0,
        last_seen_at_ms: NOW.0,
        lease_expires_at_ms: None,
        takeover_ends_at_ms: None,
        clock_offset_ms: None,
    };
    store.write(RegisterWorker { worker, types: Vec::new(), lasts }).await.unwrap();
}

async fn claimed(store: &Store, worker_id: WorkerId) -> Vec<ClaimedWorkflowTask> {
    store.write(ClaimWorkflowTasks(claim(worker_id))).await.unwrap()
}

fn timer(event_id: EventId) -> EncodedEvent {
    let attributes = TimerStarted { timer_id: event_id.to_string(), start_to_fire_timeout_ms: 1 }.into();
    EncodedEvent::from(&HistoryEvent { event_id, time: NOW, attributes })
}

/// A step of one event that keeps the run; the one after the start is the first.
fn step(worker_id: WorkerId, task: &ClaimedWorkflowTask, event_id: EventId) -> Step {
    Step {
        run_id: task.run_id,
        owner: worker_id,
        epoch: task.epoch,
        expected_event_id: event_id,
        events: vec![timer(event_id)],
        consumed_messages: 0,
        scheduled: Vec::new(),
        closed: Vec::new(),
        cancel_requested: Vec::new(),
        started: (event_id == 2).then_some(NOW),
        worker_identity: "w".into(),
        after: AfterStep::Keep,
    }
}

fn activity(event_id: EventId, taken_by: Option<WorkerId>) -> NewActivityTask {
    NewActivityTask {
        scheduled_event_id: event_id,
        namespace: "default".into(),
        activity_type: "t".into(),
        task_queue: "q".into(),
        priority: 0,
        scheduled_at: NOW,
        expires_at: None,
        taken: taken_by.map(|worker_id| TakenActivity { worker_id, worker_identity: "w".into() }),
    }
}

fn lease(run_id: RunId, event_id: EventId, owner: Option<WorkerId>) -> ActivityLease {
    ActivityLease { run_id, scheduled_event_id: event_id, attempt: 1, owner }
}

async fn event_ids(store: &Store, run_id: RunId) -> Vec<EventId> {
    store.history(run_id, 0, 1_000, &[]).await.unwrap().iter().map(|event| event.event_id).collect()
}

impl Store {
    /// A transaction on a connection of its own.
    pub(crate) async fn begin(&self) -> sea_orm::DatabaseTransaction {
        sea_orm::TransactionTrait::begin(&self.database).await.unwrap()
    }

    /// How many rows there are that only open runs have.
    pub(crate) async fn open_rows(&self) -> i64 {
        let sql = "SELECT (SELECT COUNT(*) FROM workflow_task) + (SELECT COUNT(*) FROM activity_task) \
                   + (SELECT COUNT(*) FROM message) AS open_rows";
        let rows = self.reader.rows(sql.to_owned(), Vec::new()).await.unwrap();
        rows[0].try_get("", "open_rows").unwrap()
    }
}

impl Store {
    /// Changes the database behind the engine's back.
    pub(crate) async fn execute(&self, sql: &str) {
        sea_orm::ConnectionTrait::execute_unprepared(&self.database, sql).await.unwrap();
    }

    /// How the database goes about a write.
    pub(crate) async fn plan_of_write(&self, sql: &str, values: Vec<sea_orm::Value>) -> String {
        let sql = match self.reader.dialect {
            Dialect::Postgres => format!("EXPLAIN {sql}"),
            Dialect::Sqlite => format!("EXPLAIN QUERY PLAN {sql}"),
        };
        self.explained(&self.database, sql, values).await
    }

    async fn explained(
        &self,
        database: &sea_orm::DatabaseConnection,
        explain: String,
        values: Vec<sea_orm::Value>,
    ) -> String {
        let column = match self.reader.dialect {
            Dialect::Postgres => "QUERY PLAN",
            Dialect::Sqlite => "detail",
        };
        let explain = sea_orm::Statement::from_sql_and_values(self.reader.dialect.backend(), explain, values);
        let rows = sea_orm::ConnectionTrait::query_all_raw(database, explain).await.unwrap();
        let lines: Vec<String> = rows.iter().map(|row| row.try_get("", column).unwrap()).collect();
        lines.join("\n")
    }

    /// How the database goes about a read.
    pub(crate) async fn plan(&self, sql: &str, values: Vec<sea_orm::Value>) -> String {
        let explain = match self.reader.dialect {
            Dialect::Postgres => format!("EXPLAIN {}", on_a_primary(sql).unwrap()),
            Dialect::Sqlite => format!("EXPLAIN QUERY PLAN {sql}"),
        };
        self.explained(&self.reader.inner, explain, values).await
    }
}
