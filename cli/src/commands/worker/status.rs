use std::process::ExitCode;

use ctutor_engine::payload::Payload;
use serde::Serialize;

use crate::{
    args::ClientArgs,
    client::{Client, TaskQueue, Worker},
    commands::task_queue,
    config::{Flags, Loaded},
    output::{self, Table, date_and_time},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Printed {
    workers: Vec<Payload>,
    task_queues: Vec<Payload>,
}

impl Args {
    pub(super) fn set_flags(&self, flags: &mut Flags) {
        self.client.set_flags(flags);
    }

    pub(super) async fn run(self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        let client = Client::new(loaded)?;
        let (workers, queues) = tokio::try_join!(client.workers(), client.task_queues())?;
        if self.json {
            output::json(&Printed { workers, task_queues: queues })?;
            return Ok(ExitCode::SUCCESS);
        }
        let workers: Vec<Worker> = client.decode_all(&workers)?;
        let queues: Vec<TaskQueue> = client.decode_all(&queues)?;
        if workers.is_empty() {
            output::note("no worker is running; start one with `ctutor worker start`");
        } else {
            output::table(&table(&workers))?;
        }
        if !queues.is_empty() {
            output::data("")?;
            output::table(&task_queue::table(&queues))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn table(workers: &[Worker]) -> Table {
    let mut table = Table::new(["WORKER", "BUILD", "STATE", "SLOTS", "STARTED", "LAST SEEN", "TASK QUEUES"]);
    for worker in workers {
        let state = if worker.draining { "draining" } else { "ready" };
        table.row([
            worker.identity.clone(),
            worker.build_id.clone().unwrap_or_default(),
            state.to_owned(),
            format!("{}/{}", worker.slots_used, worker.slots),
            date_and_time(&worker.started_at),
            date_and_time(&worker.last_seen_at),
            worker.task_queues.join(", "),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn workers_are_listed_with_their_queues() {
        let workers: Vec<Worker> = serde_json::from_value(json!([{
            "id": "wrk_1", "identity": "7@host", "buildId": "0.1.0", "taskQueues": ["a", "b"], "slots": 100,
            "slotsUsed": 3, "draining": false, "startedAt": "2026-11-22T13:54:14.012Z",
            "lastSeenAt": "2026-11-22T13:55:00.000Z",
        }]))
        .unwrap();
        let expected = "\
WORKER  BUILD  STATE  SLOTS  STARTED              LAST SEEN            TASK QUEUES
7@host  0.1.0  ready  3/100  2026-11-22 13:54:14  2026-11-22 13:55:00  a, b";
        assert_eq!(table(&workers).to_string(), expected);
    }
}
