//! Deletes idempotency keys and rows of lost workers after a while.

use super::Service;
use crate::clock::Timestamp;
use crate::store::{self, ForgetRequests, RemoveWorkers};

/// Most writes of one look; the next one goes on.
const WRITES_MAX: usize = 10;

/// Returns whether all are deleted.
pub(super) async fn forget(service: &Service, now: Timestamp) -> Result<bool, store::Error> {
    let created_before = now - service.options.request_retention;
    for _ in 0..WRITES_MAX {
        if !service.store.write(ForgetRequests { created_before }).await? {
            return forget_workers(service, now).await.map(|()| true);
        }
    }
    Ok(false)
}

async fn forget_workers(service: &Service, now: Timestamp) -> Result<(), store::Error> {
    let unseen_for = service.options.worker_retention;
    service.store.write(RemoveWorkers::Unseen { unseen_for, now }).await
}
