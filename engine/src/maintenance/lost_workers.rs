//! Log lines about lost workers.
//!
//! The process that releases what a lost worker held reports the loss, with the numbers. A worker that held nothing,
//! or whose tasks another process released, is reported once it has not been seen for a while. Both happen only after
//! the database could be used for so long that a live worker would have renewed its leases; see [`super::watch`].

use std::collections::{BTreeMap, BTreeSet};

use super::Service;
use crate::{
    clock::Timestamp,
    ids::WorkerId,
    log,
    store::{self, ActivityKey, SeenWorker},
};

/// The lost workers that were reported.
#[derive(Debug, Default)]
pub(super) struct LostWorkers {
    next_look: Option<Timestamp>,
    /// Those whose rows are still there, and when they were last seen, as far as that was looked at.
    reported: BTreeMap<WorkerId, Option<Timestamp>>,
    /// Activities of lost workers that cannot be read, as far as the log knows of them.
    pub(super) unreadable: BTreeSet<ActivityKey>,
}

impl LostWorkers {
    /// Reports workers whose runs and activities were released by this process.
    pub(super) async fn released(
        &mut self,
        service: &Service,
        runs: &BTreeMap<WorkerId, usize>,
        activities: &BTreeMap<WorkerId, usize>,
    ) -> Result<(), store::Error> {
        let lost: BTreeSet<WorkerId> = runs.keys().chain(activities.keys()).copied().collect();
        if lost.is_empty() {
            return Ok(());
        }
        let lost: Vec<WorkerId> = lost.into_iter().collect();
        let identities = service.store.worker_identities(&lost).await?;
        for worker_id in lost {
            let count = |held: &BTreeMap<WorkerId, usize>| held.get(&worker_id).copied().unwrap_or(0);
            let identity = identities.get(&worker_id).map(String::as_str);
            log::worker_lost(&service.namespace, worker_id, identity, count(runs), count(activities));
            self.reported.insert(worker_id, None);
        }
        Ok(())
    }

    /// Reports workers that are not seen any more, when it is time to look.
    pub(super) async fn look(&mut self, service: &Service, now: Timestamp) -> Result<(), store::Error> {
        if self.next_look.is_some_and(|next| now < next) {
            return Ok(());
        }
        let workers = service.store.all_workers(&service.namespace, now).await?;
        self.next_look = Some(now + service.options.unserved_interval);
        let is_unseen = |worker: &&SeenWorker| worker.unseen_for > service.worker_seen_within;
        let is_new = |worker: &&SeenWorker| !self.reported.contains_key(&worker.info.worker_id);
        if workers.iter().filter(is_unseen).any(|worker| is_new(&worker)) {
            // Reading may work while nobody can write: then it is not the worker.
            service.store.can_renew_leases(now).await?;
        }
        for worker in workers.iter().filter(is_unseen) {
            let SeenWorker { info, unseen_for } = worker;
            self.reported.entry(info.worker_id).or_insert_with(|| {
                log::worker_unseen(&service.namespace, info.worker_id, &info.identity, *unseen_for);
                Some(info.last_seen_at)
            });
        }
        // A worker that is seen again may be lost again.
        self.reported.retain(|worker_id, last_seen_at| {
            let row = workers.iter().find(|worker| worker.info.worker_id == *worker_id);
            row.is_some_and(|row| *last_seen_at.get_or_insert(row.info.last_seen_at) == row.info.last_seen_at)
        });
        Ok(())
    }
}
