use std::process::ExitCode;

use ctutor_engine::payload::Payload;

use crate::{
    args::ClientArgs,
    client::{Client, Object, WorkflowType},
    config::{Flags, Loaded, near},
    exit::Exit,
    output::{self, Block, Table},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show only this type, with its JSON Schemas
    name: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

impl Args {
    pub(super) fn set_flags(&self, flags: &mut Flags) {
        self.client.set_flags(flags);
    }

    pub(super) async fn run(self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        let client = Client::new(loaded)?;
        let mut types = client.workflow_types().await?;
        if let Some(name) = &self.name {
            let name_of = |found: &Payload| found.decode::<Object>().ok()?.get::<String>("name");
            let known: Vec<String> = types.iter().filter_map(name_of).collect();
            types.retain(|found| name_of(found).as_ref() == Some(name));
            if types.is_empty() {
                let meant = near::question(name, known.iter().map(String::as_str));
                let told = format!(
                    "no worker registered a workflow type `{name}`{meant}; `ctutor types` lists them"
                );
                return Err(Exit::NotFound.error(told));
            }
        }
        if self.json {
            output::json(&types)?;
            return Ok(ExitCode::SUCCESS);
        }
        let types: Vec<WorkflowType> = client.decode_all(&types)?;
        match (self.name, types.as_slice()) {
            (Some(_), [only]) => output::data(block(only))?,
            (_, []) => output::note(
                "no worker has registered a workflow type yet; start one with `ctutor worker start`",
            ),
            (_, all) => output::table(&table(all))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn table(types: &[WorkflowType]) -> Table {
    let mut table = Table::new(["TYPE", "TASK QUEUE", "INPUT"]);
    for found in types {
        let input = found.input_schema.as_ref().and_then(|schema| schema.to_value().ok());
        let input = input.as_ref().map(output::signature).unwrap_or_default();
        table.row([found.name.clone(), found.task_queue.clone(), input]);
    }
    table
}

fn block(found: &WorkflowType) -> Block {
    let schema =
        |schema: &Option<Payload>| output::pretty_json(schema.as_ref().map_or("true", Payload::as_str));
    Block::default()
        .line("type", &found.name)
        .maybe("description", found.description.as_ref().filter(|text| !text.is_empty()))
        .line("task queue", &found.task_queue)
        .maybe("timeout", found.timeout.as_ref())
        .line("input", schema(&found.input_schema))
        .line("result", schema(&found.result_schema))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sample() -> Vec<WorkflowType> {
        serde_json::from_value(json!([{
            "name": "example_long_running", "description": "Sleeps.", "taskQueue": "computor-tasks", "timeout": null,
            "inputSchema": {"type": "object", "properties": {"duration": {"type": "integer"}}},
            "resultSchema": null,
        }]))
        .unwrap()
    }

    #[test]
    fn types_are_listed_with_what_they_take() {
        let expected = "\
TYPE                  TASK QUEUE      INPUT
example_long_running  computor-tasks  duration?: integer";
        assert_eq!(table(&sample()).to_string(), expected);
    }

    #[test]
    fn one_type_is_shown_with_its_schemas() {
        let text = block(&sample()[0]).to_string();
        assert!(text.contains("description  Sleeps.\n"), "{text}");
        assert!(text.contains("\"properties\": {"), "{text}");
        assert!(text.ends_with("result       true"), "{text}");
    }
}
