use sea_orm_migration::prelude::*;

/// The tables of the engine.
#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261122_000001_engine"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            manager.create_table(table()).await?;
        }
        for statement in INDEXES {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES.iter().rev() {
            let name = table().get_table_name().cloned();
            let name = name.expect("each of the tables above has a name");
            manager.drop_table(Table::drop().table(name).to_owned()).await?;
        }
        Ok(())
    }
}

const TABLES: &[fn() -> TableCreateStatement] = &[
    workflow_execution,
    workflow_task,
    history_event,
    message,
    activity_task,
    worker,
    workflow_type,
    start_request,
    namespace,
];

/// Written as SQL, since partial indexes and directions are the point of them and both databases read the same text.
const INDEXES: &[&str] = &[
    // One open run a workflow id: the guard against a second start that races the first.
    "CREATE UNIQUE INDEX workflow_execution_open ON workflow_execution (namespace, workflow_id) WHERE closed_at_ms IS NULL",
    // Look-up by workflow id, latest run first, and the check for a closed one of the same id.
    "CREATE INDEX workflow_execution_by_id ON workflow_execution (namespace, workflow_id, created_at_ms)",
    // The lists: newest first, of a status, of an owner.
    "CREATE INDEX workflow_execution_by_time ON workflow_execution (namespace, created_at_ms, run_id)",
    "CREATE INDEX workflow_execution_by_status ON workflow_execution (namespace, status, created_at_ms, run_id)",
    "CREATE INDEX workflow_execution_by_owner ON workflow_execution (namespace, owner, created_at_ms, run_id)",
    // Runs whose time is over.
    "CREATE INDEX workflow_execution_deadline ON workflow_execution (deadline_at_ms) WHERE closed_at_ms IS NULL AND deadline_at_ms IS NOT NULL",
    // The claim: of a queue, highest priority first, then whoever waits longest.
    "CREATE INDEX workflow_task_due ON workflow_task (namespace, task_queue, priority DESC, visible_at_ms) WHERE owner IS NULL",
    // What a worker holds: renewal of its leases and rescue of lost ones.
    "CREATE INDEX workflow_task_owner ON workflow_task (owner) WHERE owner IS NOT NULL",
    "CREATE INDEX activity_task_due ON activity_task (namespace, task_queue, priority DESC, visible_at_ms) WHERE owner IS NULL",
    "CREATE INDEX activity_task_owner ON activity_task (owner) WHERE owner IS NOT NULL",
    // Idempotency keys older than a day.
    "CREATE INDEX start_request_age ON start_request (created_at_ms)",
];

fn workflow_execution() -> TableCreateStatement {
    Table::create()
        .table("workflow_execution")
        .col(ColumnDef::new("run_id").uuid().not_null())
        .col(ColumnDef::new("namespace").text().not_null())
        .col(ColumnDef::new("workflow_id").text().not_null())
        .col(ColumnDef::new("workflow_type").text().not_null())
        .col(ColumnDef::new("task_queue").text().not_null())
        .col(ColumnDef::new("priority").integer().not_null())
        .col(ColumnDef::new("status").text().not_null())
        .col(ColumnDef::new("cancel_requested").boolean().not_null())
        .col(ColumnDef::new("owner").text())
        .col(ColumnDef::new("course_id").text())
        .col(ColumnDef::new("organization_id").text())
        .col(ColumnDef::new("input").text().not_null())
        .col(ColumnDef::new("result").text())
        .col(ColumnDef::new("failure").text())
        .col(ColumnDef::new("memo").text().not_null())
        .col(ColumnDef::new("search_attributes").text().not_null())
        .col(ColumnDef::new("created_at_ms").big_integer().not_null())
        .col(ColumnDef::new("start_at_ms").big_integer())
        .col(ColumnDef::new("started_at_ms").big_integer())
        .col(ColumnDef::new("closed_at_ms").big_integer())
        .col(ColumnDef::new("execution_timeout_ms").big_integer())
        .col(ColumnDef::new("deadline_at_ms").big_integer())
        .col(ColumnDef::new("history_length").big_integer().not_null())
        .col(ColumnDef::new("worker_identity").text())
        .primary_key(Index::create().col("run_id"))
        .to_owned()
}

fn workflow_task() -> TableCreateStatement {
    Table::create()
        .table("workflow_task")
        .col(ColumnDef::new("run_id").uuid().not_null())
        .col(ColumnDef::new("namespace").text().not_null())
        .col(ColumnDef::new("workflow_type").text().not_null())
        .col(ColumnDef::new("task_queue").text().not_null())
        .col(ColumnDef::new("priority").integer().not_null())
        .col(ColumnDef::new("visible_at_ms").big_integer().not_null())
        .col(ColumnDef::new("owner").uuid())
        .col(ColumnDef::new("epoch").big_integer().not_null())
        .col(ColumnDef::new("lease_expires_at_ms").big_integer())
        .col(ColumnDef::new("next_event_id").big_integer().not_null())
        .col(ColumnDef::new("inbox_sequence").big_integer().not_null())
        .col(ColumnDef::new("attempt").integer().not_null())
        .col(ColumnDef::new("failure").text())
        .primary_key(Index::create().col("run_id"))
        .to_owned()
}

fn history_event() -> TableCreateStatement {
    Table::create()
        .table("history_event")
        .col(ColumnDef::new("run_id").uuid().not_null())
        .col(ColumnDef::new("event_id").big_integer().not_null())
        .col(ColumnDef::new("event_type").text().not_null())
        .col(ColumnDef::new("time_ms").big_integer().not_null())
        .col(ColumnDef::new("attributes").text().not_null())
        .primary_key(Index::create().col("run_id").col("event_id"))
        .to_owned()
}

fn message() -> TableCreateStatement {
    Table::create()
        .table("message")
        .col(ColumnDef::new("run_id").uuid().not_null())
        .col(ColumnDef::new("sequence").big_integer().not_null())
        .col(ColumnDef::new("kind").text().not_null())
        .col(ColumnDef::new("body").text().not_null())
        .col(ColumnDef::new("created_at_ms").big_integer().not_null())
        .primary_key(Index::create().col("run_id").col("sequence"))
        .to_owned()
}

fn activity_task() -> TableCreateStatement {
    Table::create()
        .table("activity_task")
        .col(ColumnDef::new("run_id").uuid().not_null())
        .col(ColumnDef::new("scheduled_event_id").big_integer().not_null())
        .col(ColumnDef::new("namespace").text().not_null())
        .col(ColumnDef::new("activity_type").text().not_null())
        .col(ColumnDef::new("task_queue").text().not_null())
        .col(ColumnDef::new("priority").integer().not_null())
        .col(ColumnDef::new("attempt").integer().not_null())
        .col(ColumnDef::new("visible_at_ms").big_integer().not_null())
        .col(ColumnDef::new("owner").uuid())
        .col(ColumnDef::new("worker_identity").text())
        .col(ColumnDef::new("lease_expires_at_ms").big_integer())
        .col(ColumnDef::new("scheduled_at_ms").big_integer().not_null())
        .col(ColumnDef::new("started_at_ms").big_integer())
        .col(ColumnDef::new("expires_at_ms").big_integer())
        .col(ColumnDef::new("cancel_requested").boolean().not_null())
        .col(ColumnDef::new("checkpoint").text())
        .col(ColumnDef::new("progress").text())
        .col(ColumnDef::new("heartbeat_at_ms").big_integer())
        .col(ColumnDef::new("heartbeat_sequence").big_integer().not_null())
        .col(ColumnDef::new("worker_losses").integer().not_null().default(0))
        .col(ColumnDef::new("last_failure").text())
        .primary_key(Index::create().col("run_id").col("scheduled_event_id"))
        .to_owned()
}

fn worker() -> TableCreateStatement {
    Table::create()
        .table("worker")
        .col(ColumnDef::new("worker_id").uuid().not_null())
        .col(ColumnDef::new("namespace").text().not_null())
        .col(ColumnDef::new("identity").text().not_null())
        .col(ColumnDef::new("build_id").text().not_null())
        .col(ColumnDef::new("task_queues").text().not_null())
        .col(ColumnDef::new("workflow_types").text().not_null())
        .col(ColumnDef::new("activity_types").text().not_null())
        .col(ColumnDef::new("slots").integer().not_null())
        .col(ColumnDef::new("slots_used").integer().not_null())
        .col(ColumnDef::new("draining").boolean().not_null())
        .col(ColumnDef::new("started_at_ms").big_integer().not_null())
        .col(ColumnDef::new("last_seen_at_ms").big_integer().not_null())
        .primary_key(Index::create().col("worker_id"))
        .to_owned()
}

fn workflow_type() -> TableCreateStatement {
    Table::create()
        .table("workflow_type")
        .col(ColumnDef::new("namespace").text().not_null())
        .col(ColumnDef::new("name").text().not_null())
        .col(ColumnDef::new("description").text().not_null())
        .col(ColumnDef::new("task_queue").text().not_null())
        .col(ColumnDef::new("execution_timeout_ms").big_integer())
        .col(ColumnDef::new("input_schema").text().not_null())
        .col(ColumnDef::new("result_schema").text().not_null())
        .col(ColumnDef::new("updated_at_ms").big_integer().not_null())
        .primary_key(Index::create().col("namespace").col("name"))
        .to_owned()
}

fn start_request() -> TableCreateStatement {
    Table::create()
        .table("start_request")
        .col(ColumnDef::new("namespace").text().not_null())
        .col(ColumnDef::new("caller").text().not_null())
        .col(ColumnDef::new("request_id").text().not_null())
        .col(ColumnDef::new("input_hash").text().not_null())
        .col(ColumnDef::new("run_id").uuid().not_null())
        .col(ColumnDef::new("created_at_ms").big_integer().not_null())
        .primary_key(Index::create().col("namespace").col("caller").col("request_id"))
        .to_owned()
}

fn namespace() -> TableCreateStatement {
    Table::create()
        .table("namespace")
        .col(ColumnDef::new("name").text().not_null())
        .col(ColumnDef::new("created_at_ms").big_integer().not_null())
        .primary_key(Index::create().col("name"))
        .to_owned()
}
