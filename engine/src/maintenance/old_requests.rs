//! Deletes idempotency keys and rows of lost workers after a while.

use super::Service;
use crate::clock::Timestamp;
use crate::store::{self, ForgetRequests, RemoveWorkers};

pub(super) async fn forget(service: &Service, now: Timestamp) -> Result<(), store::Error> {
    service.store.write(ForgetRequests { created_before: now - service.options.request_retention }).await?;
    let seen_before = now - service.options.worker_retention;
    service.store.write(RemoveWorkers { worker_id: None, seen_before }).await
}
