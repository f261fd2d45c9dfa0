use sea_orm_migration::prelude::*;

/// Indexes for what was looked for without one.
///
/// The idempotency keys come first, as in the transactions of the engine: this step waits for those that write to a table
/// and lets none in until it is done, and two that wait for each other would be a deadlock. Processes of the former
/// version work on with these indexes as without them.
#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261128_000002_lookups"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for statement in INDEXES {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for index in ["activity_task_expiry", "start_request_run"] {
            manager.get_connection().execute_unprepared(&format!("DROP INDEX {index}")).await?;
        }
        Ok(())
    }
}

const INDEXES: &[&str] = &[
    // The keys of a run that is deleted.
    "CREATE INDEX start_request_run ON start_request (run_id)",
    // Activities that no worker took in time. Those that wait without a limit, which may be many, are not in it.
    "CREATE INDEX activity_task_expiry ON activity_task (expires_at_ms) WHERE owner IS NULL AND expires_at_ms IS NOT NULL",
];
