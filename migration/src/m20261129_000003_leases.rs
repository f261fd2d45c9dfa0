use sea_orm_migration::prelude::*;

/// The lease of a worker: one row for all that it holds, by the clock of the database.
///
/// Processes of the former version beside it write leases into the rows of their tasks, which count as long as they run.
/// They see none in the rows of this version, so that they take nothing from its workers, living or lost.
#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261129_000003_leases"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in COLUMNS {
            let add = format!("ALTER TABLE worker ADD COLUMN {column} BIGINT");
            manager.get_connection().execute_unprepared(&add).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for column in COLUMNS {
            connection.execute_unprepared(&format!("ALTER TABLE worker DROP COLUMN {column}")).await?;
        }
        // Or the former version would never find what is held without a lease in its row.
        for table in ["workflow_task", "activity_task"] {
            let over = format!(
                "UPDATE {table} SET lease_expires_at_ms = 0 WHERE owner IS NOT NULL AND lease_expires_at_ms IS NULL"
            );
            connection.execute_unprepared(&over).await?;
        }
        Ok(())
    }
}

/// Until when the worker holds what names it, and until when the process has it that takes over from a lost one.
const COLUMNS: [&str; 2] = ["lease_expires_at_ms", "takeover_ends_at_ms"];
