//! Reads claimed runs.
//!
//! A claim is written, and what it claims is read on another session. After a failover of the database that session
//! may lead to a server that does not have the last events and messages. A step of a run that was read there would
//! delete the messages that it did not see, so what was read is compared with what the claim found.
//!
//! | what was read | what follows |
//! | --- | --- |
//! | all that the claim found | the run continues |
//! | more | the run was closed since, which its first write finds out |
//! | less | it is read again on a new session; if that shows less again, the run is given back |

use std::collections::HashMap;

use super::{runner, shared::Shared};
use crate::{
    chain,
    failure::Failure,
    ids::RunId,
    store::{self, ClaimedWorkflowTask, LoadedRun, Shows},
};

type Loaded = HashMap<RunId, LoadedRun>;

/// Loads claimed runs. One that cannot be read is given back alone, so that it does not block the others.
pub(super) async fn runs(
    shared: &Shared,
    mut claimed: Vec<ClaimedWorkflowTask>,
) -> Result<Vec<(ClaimedWorkflowTask, LoadedRun)>, store::Error> {
    let mut loaded = read(shared, &mut claimed).await?;
    let stale: Vec<ClaimedWorkflowTask> =
        claimed.iter().filter(|task| shown(&loaded, task) == Shows::Less).cloned().collect();
    if !stale.is_empty() {
        for task in &stale {
            loaded.remove(&task.run_id);
        }
        loaded.extend(read_again(shared, stale).await?);
    }
    let with_run = |task: ClaimedWorkflowTask| loaded.remove(&task.run_id).map(|run| (task, run));
    Ok(claimed.into_iter().filter_map(with_run).collect())
}

fn shown(loaded: &Loaded, task: &ClaimedWorkflowTask) -> Shows {
    loaded.get(&task.run_id).map_or(Shows::Less, |run| run.shows(task))
}

/// Reads on new sessions, and gives back what they do not show either.
async fn read_again(shared: &Shared, mut stale: Vec<ClaimedWorkflowTask>) -> Result<Loaded, store::Error> {
    shared.store.distrust_sessions();
    let mut loaded = read(shared, &mut stale).await?;
    let runs = stale.iter().filter(|task| shown(&loaded, task) == Shows::All).count();
    if runs > 0 {
        tracing::warn!(
            runs,
            "{runs} claimed runs were read without their last events or messages, as from a former primary of the \
             database; they were read again on new sessions"
        );
    }
    for task in &stale {
        if shown(&loaded, task) == Shows::Less {
            let run = loaded.remove(&task.run_id);
            give_back(shared, task, &lacks(task, run.as_ref())).await?;
        }
    }
    Ok(loaded)
}

/// What is missing.
fn lacks(task: &ClaimedWorkflowTask, run: Option<&LoadedRun>) -> String {
    let found = match run {
        None => "the run was not found".to_owned(),
        Some(LoadedRun { events, messages, .. }) => {
            let last = events.last().map_or(0, |event| event.event_id);
            format!("its last event is {last}, with {} messages in its inbox", messages.len())
        }
    };
    format!(
        "{found}, but event {} was committed, with {} messages; does `DATABASE_URL` lead to a former primary?",
        task.next_event_id - 1,
        task.unread_messages
    )
}

/// Reads runs, and gives those back that cannot be read; they are taken from the list.
async fn read(shared: &Shared, claimed: &mut Vec<ClaimedWorkflowTask>) -> Result<Loaded, store::Error> {
    let run_ids: Vec<RunId> = claimed.iter().map(|task| task.run_id).collect();
    match shared.store.load_runs(&shared.namespace, &run_ids).await {
        Err(store::Error::Unreadable { .. }) => {}
        loaded => return loaded,
    }
    let mut loaded = Loaded::new();
    for task in std::mem::take(claimed) {
        match shared.store.load_runs(&shared.namespace, &[task.run_id]).await {
            Ok(run) => {
                loaded.extend(run);
                claimed.push(task);
            }
            Err(error @ store::Error::Unreadable { .. }) => {
                let reason = chain(&error).to_string();
                give_back(shared, &task, &reason).await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(loaded)
}

async fn give_back(shared: &Shared, task: &ClaimedWorkflowTask, reason: &str) -> Result<(), store::Error> {
    let failure = Failure::new("HistoryError", reason);
    // A run that was closed since is nobody's.
    if shared.store.write(runner::given_back(shared, task, &failure)).await? {
        tracing::error!(run.id = %task.run_id, reason, "a run cannot be read; reading is retried");
    }
    Ok(())
}
