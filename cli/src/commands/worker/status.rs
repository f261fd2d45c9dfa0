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

/// A clock that is further off has to be corrected.
const CLOCK_OFFSET_SECONDS_MAX: f64 = 1.0;

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
    let mut table =
        Table::new(["WORKER", "BUILD", "STATE", "SLOTS", "STARTED", "LAST SEEN", "CLOCK", "TASK QUEUES"]);
    for worker in workers {
        let state = if worker.draining { "draining" } else { "ready" };
        table.row([
            worker.identity.clone(),
            worker.build_id.clone().unwrap_or_default(),
            state.to_owned(),
            format!("{}/{}", worker.slots_used, worker.slots),
            date_and_time(&worker.started_at),
            date_and_time(&worker.last_seen_at),
            worker.clock_offset_seconds.map_or_else(String::new, clock),
            worker.task_queues.join(", "),
        ]);
    }
    table
}

/// How the clock of a machine is compared with that of the database.
fn clock(offset_seconds: f64) -> String {
    match offset_seconds.abs() {
        size if size <= CLOCK_OFFSET_SECONDS_MAX => "ok".to_owned(),
        size if offset_seconds > 0.0 => format!("{size:.1} s ahead"),
        size => format!("{size:.1} s behind"),
    }
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
            "lastSeenAt": "2026-11-22T13:55:00.000Z", "clockOffsetSeconds": -30.012,
        }]))
        .unwrap();
        let expected = "\
WORKER  BUILD  STATE  SLOTS  STARTED              LAST SEEN            CLOCK          TASK QUEUES
7@host  0.1.0  ready  3/100  2026-11-22 13:54:14  2026-11-22 13:55:00  30.0 s behind  a, b";
        assert_eq!(table(&workers).to_string(), expected);
    }

    #[test]
    fn a_clock_is_told_when_it_is_off_by_more_than_a_second() {
        let shown = [0.0, -0.002, 1.0, 1.27, -3600.0].map(clock);
        assert_eq!(shown, ["ok", "ok", "ok", "1.3 s ahead", "3600.0 s behind"]);
    }
}
