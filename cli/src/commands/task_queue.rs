use std::process::ExitCode;

use crate::{
    args::ClientArgs,
    client::{Client, TaskQueue},
    config::{Flags, Loaded},
    output::{self, Table},
};

/// Commands for task queues.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the task queues with their backlog
    List(ListArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

/// Queues are made by those who use them.
const NO_QUEUES: &str = "there are no task queues; a worker makes those that it serves (`ctutor worker start`), and a start \
     the one on which it waits (`ctutor workflow start TYPE`)";

impl Command {
    pub(super) fn set_flags(&self, flags: &mut Flags) {
        let Self::List(args) = self;
        args.client.set_flags(flags);
    }

    pub(super) async fn run(self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        let Self::List(args) = self;
        let client = Client::new(loaded)?;
        let queues = client.task_queues().await?;
        if args.json {
            output::json(&queues)?;
        } else {
            let queues: Vec<TaskQueue> = client.decode_all(&queues)?;
            match queues.as_slice() {
                [] => output::note(NO_QUEUES),
                queues => output::table(&table(queues))?,
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

pub(super) fn table(queues: &[TaskQueue]) -> Table {
    let mut table = Table::new(["TASK QUEUE", "BACKLOG", "OLDEST", "RUNNING", "WORKERS"]);
    for queue in queues {
        table.row([
            queue.name.clone(),
            queue.backlog.to_string(),
            queue.oldest_age.clone().unwrap_or_else(|| "-".to_owned()),
            queue.running.to_string(),
            queue.workers.total_count.to_string(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn queues_are_listed_with_their_workers() {
        let queues: Vec<TaskQueue> = serde_json::from_value(json!([
            {"name": "a", "backlog": 2, "running": 1, "oldestAge": "PT3S",
             "workers": {"totalCount": 2}},
            {"name": "b", "backlog": 0, "running": 0, "oldestAge": null, "workers": {"totalCount": 0}},
        ]))
        .unwrap();
        let expected = "\
TASK QUEUE  BACKLOG  OLDEST  RUNNING  WORKERS
a           2        PT3S    1        2
b           0        -       0        0";
        assert_eq!(table(&queues).to_string(), expected);
    }
}
