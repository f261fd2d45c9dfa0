//! What a worker reads of the runs that it has claimed.

use std::{cmp::Ordering, collections::HashMap};

use ctutor_entity::message;
use sea_orm::{EntityTrait, QueryFilter, QueryOrder};

use crate::{
    history::HistoryEvent,
    ids::{Namespace, RunId},
    model::{Caller, WorkflowExecution},
    store::{ClaimedWorkflowTask, Error, Store},
};

/// What a worker needs to know of a run.
#[derive(Debug, Clone)]
pub(crate) struct LoadedRun {
    pub(crate) execution: WorkflowExecution,
    pub(crate) events: Vec<HistoryEvent>,
    /// What the events take in the database.
    pub(crate) history_size_bytes: usize,
    pub(crate) messages: Vec<Message>,
}

/// How what was read of a run compares with what its claim found in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shows {
    /// Everything.
    All,
    /// More: the run was closed since.
    More,
    /// Less: the session leads to a server that lags behind, or that is no longer the primary. Or the run was closed
    /// and deleted since.
    Less,
}

impl LoadedRun {
    /// Compares with the claim.
    pub(crate) fn shows(&self, task: &ClaimedWorkflowTask) -> Shows {
        let next = self.events.last().map_or(1, |event| event.event_id + 1);
        match next.cmp(&task.next_event_id) {
            Ordering::Less => Shows::Less,
            Ordering::Greater => Shows::More,
            Ordering::Equal => {
                let claimed = self.messages.iter().filter(|message| message.sequence <= task.inbox_sequence);
                let claimed = i64::try_from(claimed.count()).unwrap_or(i64::MAX);
                if claimed < task.unread_messages { Shows::Less } else { Shows::All }
            }
        }
    }
}

/// A message in the inbox of a run.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) sequence: i64,
    pub(crate) kind: String,
    pub(crate) body: String,
}

impl Store {
    /// Everything a worker needs to continue some runs, in three queries.
    pub(crate) async fn load_runs(
        &self,
        namespace: &Namespace,
        run_ids: &[RunId],
    ) -> Result<HashMap<RunId, LoadedRun>, Error> {
        let executions = self.executions(namespace, &Caller::engine(), run_ids).await?;
        let mut runs: HashMap<RunId, LoadedRun> = executions
            .into_iter()
            .map(|(run_id, execution)| {
                let (events, messages) = (Vec::new(), Vec::new());
                (run_id, LoadedRun { execution, events, history_size_bytes: 0, messages })
            })
            .collect();
        for (run_id, event, size_bytes) in self.histories(run_ids).await? {
            if let Some(run) = runs.get_mut(&run_id) {
                run.events.push(event);
                run.history_size_bytes += size_bytes;
            }
        }
        for (run_id, message) in self.inboxes(run_ids).await? {
            if let Some(run) = runs.get_mut(&run_id) {
                run.messages.push(message);
            }
        }
        Ok(runs)
    }

    /// The messages of some runs, in the order of their arrival.
    pub(crate) async fn inboxes(&self, run_ids: &[RunId]) -> Result<Vec<(RunId, Message)>, Error> {
        let rows = message::Entity::find()
            .filter(self.reader.dialect.among("message.run_id", run_ids))
            .order_by_asc(message::Column::RunId)
            .order_by_asc(message::Column::Sequence)
            .all(&self.reader)
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                (RunId(row.run_id), Message { sequence: row.sequence, kind: row.kind, body: row.body })
            })
            .collect())
    }
}
