//! What workers and maintenance read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ctutor_entity::{activity_task, workflow_task};
use sea_orm::{EntityTrait, FromQueryResult};

use crate::{
    chain,
    clock::Timestamp,
    failure::Failure,
    history::{ActivityTaskScheduled, EventAttributes, HistoryEvent},
    ids::{EventId, RunId, WorkerId},
    model::BlockedWorkflowTask,
    store::{
        ActivityLease, Error, Store,
        sql::{Dialect, json},
        write::{
            claim::attempt,
            rescue::{holders, is_over},
        },
    },
};

/// An activity attempt whose worker was lost, or that waited too long.
#[derive(Debug, Clone)]
pub(crate) struct ExpiredActivity {
    pub(crate) lease: ActivityLease,
    pub(crate) scheduled: ActivityTaskScheduled,
    pub(crate) scheduled_at: Timestamp,
    pub(crate) worker_losses: u32,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) worker_identity: Option<String>,
    pub(crate) last_failure: Option<Failure>,
}

/// What was found of expired activities.
#[derive(Debug)]
pub(crate) struct Expired {
    pub(crate) activities: Vec<ExpiredActivity>,
    /// Those that cannot be read, and why.
    pub(crate) unreadable: Vec<(ActivityLease, String)>,
}

/// The run of an activity and the event that scheduled it.
pub(crate) type ActivityKey = (RunId, EventId);

/// What was read of the events that scheduled activities.
#[derive(Debug)]
pub(crate) struct Scheduled {
    pub(crate) scheduled: HashMap<ActivityKey, ActivityTaskScheduled>,
    /// Why others cannot be read.
    pub(crate) unreadable: BTreeMap<ActivityKey, String>,
}

/// Two parts, each with a partial index of its own: a queue may hold a million activities that neither has.
pub(in crate::store) fn expired(dialect: Dialect, at_most: u64, judged_by: Option<&str>) -> String {
    format!(
        "SELECT * FROM (SELECT * FROM activity_task WHERE {lost} {is_over} LIMIT {at_most}) AS held UNION ALL \
         SELECT * FROM (SELECT * FROM activity_task WHERE owner IS NULL AND expires_at_ms IS NOT NULL \
         AND expires_at_ms <= $2 LIMIT {at_most}) AS waiting LIMIT {at_most}",
        lost = dialect.any_of("owner", 1),
        is_over = judged_by.map_or_else(String::new, |clock| format!("AND {}", is_over(clock))),
    )
}

impl Store {
    /// What the events say that scheduled these activities.
    pub(crate) async fn scheduled_activities(
        &self,
        keys: &[(RunId, EventId)],
    ) -> Result<HashMap<(RunId, EventId), ActivityTaskScheduled>, Error> {
        let events = self.events(keys).await?;
        Ok(events
            .into_iter()
            .filter_map(|(run_id, HistoryEvent { event_id, attributes, .. })| match attributes {
                EventAttributes::ActivityTaskScheduled(scheduled) => Some(((run_id, event_id), scheduled)),
                _ => None,
            })
            .collect())
    }

    /// The same; each alone if one of them cannot be read.
    pub(crate) async fn scheduled_activities_apart(&self, keys: &[ActivityKey]) -> Result<Scheduled, Error> {
        let mut unreadable = BTreeMap::new();
        match self.scheduled_activities(keys).await {
            Ok(scheduled) => return Ok(Scheduled { scheduled, unreadable }),
            Err(Error::Unreadable { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut scheduled = HashMap::new();
        for key in keys {
            match self.scheduled_activities(&[*key]).await {
                Ok(one) => scheduled.extend(one),
                Err(error @ Error::Unreadable { .. }) => {
                    unreadable.insert(*key, chain(&error).to_string());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Scheduled { scheduled, unreadable })
    }

    /// The workers that hold something and may be lost. None of this process is, and in a database that only this
    /// process can use all others are.
    pub(crate) async fn lost_workers(&self, now: Timestamp) -> Result<Vec<WorkerId>, Error> {
        let alive = self.local_workers();
        let mut lost = BTreeSet::new();
        for table in ["workflow_task", "activity_task"] {
            let mut values = vec![json(&alive)];
            let clock = (!self.exclusive).then(|| self.reader.dialect.lease_clock(now, &mut values));
            let sql = holders(self.reader.dialect, table, clock.as_deref());
            for row in self.reader.rows(sql, values).await? {
                lost.insert(WorkerId(row.try_get("", "owner")?));
            }
        }
        Ok(lost.into_iter().collect())
    }

    /// Activities that lost workers hold, and such as have waited too long for a worker.
    pub(crate) async fn expired_activities(
        &self,
        lost: &[WorkerId],
        now: Timestamp,
        at_most: u64,
    ) -> Result<Expired, Error> {
        let mut values = vec![json(lost), now.0.into()];
        let clock = (!self.exclusive).then(|| self.reader.dialect.lease_clock(now, &mut values));
        let sql = expired(self.reader.dialect, at_most, clock.as_deref());
        let rows = self.reader.rows(sql, values).await?;
        let rows = rows.iter().map(|row| activity_task::Model::from_query_result(row, ""));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let keys: Vec<_> = rows.iter().map(|row| (RunId(row.run_id), row.scheduled_event_id)).collect();
        let Scheduled { mut scheduled, mut unreadable } = self.scheduled_activities_apart(&keys).await?;
        let mut expired = Expired { activities: Vec::with_capacity(rows.len()), unreadable: Vec::new() };
        for row in rows {
            let key = (RunId(row.run_id), row.scheduled_event_id);
            let lease = ActivityLease {
                run_id: key.0,
                scheduled_event_id: key.1,
                attempt: attempt(row.attempt),
                owner: row.owner.map(WorkerId),
            };
            if let Some(reason) = unreadable.remove(&key) {
                expired.unreadable.push((lease, reason));
                continue;
            }
            let Some(scheduled) = scheduled.remove(&key) else { continue };
            expired.activities.push(ExpiredActivity {
                lease,
                scheduled,
                scheduled_at: Timestamp(row.scheduled_at_ms),
                worker_losses: attempt(row.worker_losses),
                started_at: row.started_at_ms.map(Timestamp),
                worker_identity: row.worker_identity,
                last_failure: row.last_failure.and_then(|text| serde_json::from_str(&text).ok()),
            });
        }
        Ok(expired)
    }

    /// The workflow task of a run, when its last try failed.
    pub(crate) async fn blocked_workflow_task(
        &self,
        run_id: RunId,
    ) -> Result<Option<BlockedWorkflowTask>, Error> {
        let row = workflow_task::Entity::find_by_id(run_id.0).one(&self.reader).await?;
        Ok(row.and_then(|row| {
            let failure = serde_json::from_str(&row.failure?).ok()?;
            Some(BlockedWorkflowTask {
                attempt: attempt(row.attempt),
                failure,
                next_attempt_at: Timestamp(row.visible_at_ms),
            })
        }))
    }
}
