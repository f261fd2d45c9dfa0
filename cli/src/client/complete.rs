//! What `--json` prints has every field of the API, but for lists of their own and what can be large in a list.

use std::collections::BTreeSet;

const SCHEMA: &str = include_str!("../../../schema.graphql");

/// The fields of a type, by its block in the schema.
fn fields(name: &str) -> BTreeSet<&'static str> {
    let begin = format!("type {name} ");
    let block = SCHEMA.lines().skip_while(|line| !line.starts_with(&begin)).skip(1);
    let lines = block.take_while(|line| *line != "}");
    let mut in_description = false;
    let outside = lines.filter(|line| {
        let quotes = line.matches("\"\"\"").count();
        in_description ^= quotes == 1;
        quotes == 0 && !in_description
    });
    // Two blanks in front: arguments have more, and a description in one line begins with a quote.
    let named = outside.filter_map(|line| line.strip_prefix("  "));
    let named = named.filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
    let fields: BTreeSet<_> = named.filter_map(|line| line.split([':', '(']).next()).collect();
    assert!(!fields.is_empty(), "no type `{name}`");
    fields
}

/// Asserts that a document asks for all fields of some types, but for these.
fn asks_for_all(document: &'static str, types: &[&str], except: &[&str]) {
    let asked: BTreeSet<_> = document.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    for name in types {
        let missing: Vec<_> = fields(name)
            .into_iter()
            .filter(|field| !asked.contains(field) && !except.contains(field))
            .collect();
        assert_eq!(missing, Vec::<&str>::new(), "of `{name}` in:\n{document}");
    }
}

#[test]
fn what_is_printed_as_json_is_complete() {
    let shown = ["WorkflowExecution", "Activity", "Failure", "Heartbeat", "BlockedWorkflowTask"];
    for document in
        [include_str!("documents/workflow_by_id.graphql"), include_str!("documents/workflow_by_run.graphql")]
    {
        asks_for_all(document, &shown, &["activities", "history"]);
    }
    let listed = include_str!("documents/workflows.graphql");
    let large = ["input", "result", "failure", "memo", "searchAttributes"];
    let others = ["activities", "history", "pendingActivities", "blockedTask"];
    asks_for_all(listed, &["WorkflowExecution"], &[large.as_slice(), &others].concat());
    asks_for_all(include_str!("documents/workers.graphql"), &["Worker"], &[]);
    asks_for_all(include_str!("documents/task_queues.graphql"), &["TaskQueue"], &[]);
    asks_for_all(include_str!("documents/workflow_types.graphql"), &["WorkflowType"], &[]);
}
