//! Workers come and go.

use std::time::Duration;

use futures_util::future::BoxFuture;
use sea_orm::DbErr;

use super::Operation;
use crate::{
    clock::{Timestamp, millis},
    ids::WorkerId,
    store::sql::Tx,
};

/// Deletes rows of workers that hold nothing any more.
#[derive(Debug, Clone)]
pub(crate) enum RemoveWorkers {
    /// One that stops. If it still holds something, its lease is over instead.
    Stopped(WorkerId),
    /// All that were not seen for this long.
    Unseen { unseen_for: Duration, now: Timestamp },
}

impl Operation for RemoveWorkers {
    type Output = ();

    fn apply<'a>(tx: Tx<'a>, items: &'a [Self]) -> BoxFuture<'a, Result<Vec<()>, DbErr>> {
        Box::pin(async move {
            for item in items {
                remove(tx, item).await?;
            }
            Ok(vec![(); items.len()])
        })
    }
}

async fn remove(tx: Tx<'_>, item: &RemoveWorkers) -> Result<(), DbErr> {
    const HOLDS_NOTHING: &str = "NOT EXISTS (SELECT 1 FROM workflow_task AS t WHERE t.owner = worker.worker_id) \
                                 AND NOT EXISTS (SELECT 1 FROM activity_task AS t WHERE t.owner = worker.worker_id)";
    match item {
        RemoveWorkers::Stopped(worker_id) => {
            let over = "UPDATE worker SET lease_expires_at_ms = 0 WHERE worker_id = $1".to_owned();
            tx.execute(over, vec![worker_id.0.into()]).await?;
            let delete = format!("DELETE FROM worker WHERE worker_id = $1 AND {HOLDS_NOTHING}");
            tx.execute(delete, vec![worker_id.0.into()]).await?;
        }
        RemoveWorkers::Unseen { unseen_for, now } => {
            let mut values = vec![millis(*unseen_for).into()];
            let clock = tx.dialect.lease_clock(*now, &mut values);
            let delete = format!(
                "DELETE FROM worker WHERE worker_id IN (SELECT worker_id FROM worker \
                 WHERE last_seen_at_ms < {clock} - $1 AND {HOLDS_NOTHING} {})",
                tx.dialect.skip_locked()
            );
            tx.execute(delete, values).await?;
        }
    }
    Ok(())
}

/// A worker comes: its row and the rows of its workflow types.
#[derive(Debug, Clone)]
pub(crate) struct RegisterWorker {
    pub(crate) worker: ctutor_entity::worker::Model,
    pub(crate) types: Vec<ctutor_entity::workflow_type::Model>,
    /// How long its lease lasts.
    pub(crate) lasts: Duration,
}

impl Operation for RegisterWorker {
    type Output = ();

    fn apply<'a>(tx: Tx<'a>, items: &'a [Self]) -> BoxFuture<'a, Result<Vec<()>, DbErr>> {
        Box::pin(async move {
            for item in items {
                register(tx, item).await?;
            }
            Ok(vec![(); items.len()])
        })
    }
}

async fn register(tx: Tx<'_>, item: &RegisterWorker) -> Result<(), DbErr> {
    use ctutor_entity::{worker, workflow_type};
    use sea_orm::{EntityTrait, IntoActiveModel, sea_query::OnConflict};

    let replaced = [
        worker::Column::TaskQueues,
        worker::Column::WorkflowTypes,
        worker::Column::ActivityTypes,
        worker::Column::Slots,
    ];
    worker::Entity::insert(item.worker.clone().into_active_model())
        .on_conflict(OnConflict::column(worker::Column::WorkerId).update_columns(replaced).to_owned())
        .exec_without_returning(tx.inner)
        .await?;
    let mut values = vec![millis(item.lasts).into(), item.worker.worker_id.into()];
    let clock = tx.dialect.lease_clock(Timestamp(item.worker.last_seen_at_ms), &mut values);
    let lease = format!(
        "UPDATE worker SET last_seen_at_ms = {clock}, lease_expires_at_ms = {clock} + $1 WHERE worker_id = $2"
    );
    tx.execute(lease, values).await?;
    let mut types: Vec<_> = item.types.iter().collect();
    types.sort_by_key(|workflow_type| (&workflow_type.namespace, &workflow_type.name));
    for workflow_type in types {
        let replaced = [
            workflow_type::Column::Description,
            workflow_type::Column::TaskQueue,
            workflow_type::Column::ExecutionTimeoutMs,
            workflow_type::Column::InputSchema,
            workflow_type::Column::ResultSchema,
            workflow_type::Column::UpdatedAtMs,
        ];
        let key = [workflow_type::Column::Namespace, workflow_type::Column::Name];
        workflow_type::Entity::insert(workflow_type.clone().into_active_model())
            .on_conflict(OnConflict::columns(key).update_columns(replaced).to_owned())
            .exec_without_returning(tx.inner)
            .await?;
    }
    Ok(())
}
