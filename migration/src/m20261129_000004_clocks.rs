use sea_orm_migration::prelude::*;

/// How far the clock of a worker's machine is ahead of that of the database. A worker of the former version tells nothing.
#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261129_000004_clocks"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let add = "ALTER TABLE worker ADD COLUMN clock_offset_ms BIGINT";
        manager.get_connection().execute_unprepared(add).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop_it = "ALTER TABLE worker DROP COLUMN clock_offset_ms";
        manager.get_connection().execute_unprepared(drop_it).await.map(drop)
    }
}
