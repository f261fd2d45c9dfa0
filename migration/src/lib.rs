#![doc = include_str!("../README.md")]

mod m20261122_000001_engine;
mod m20261128_000002_lookups;
mod m20261129_000003_leases;
mod m20261129_000004_clocks;

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

/// All steps, oldest first.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_engine::Migration),
            Box::new(m20261128_000002_lookups::Migration),
            Box::new(m20261129_000003_leases::Migration),
            Box::new(m20261129_000004_clocks::Migration),
        ]
    }
}
