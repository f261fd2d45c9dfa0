//! What must not be in the database when every run has ended and every process has stopped.

use anyhow::{Context, Result, ensure};

/// Rows that only open runs have.
const OPEN_ROWS: [&str; 3] = ["workflow_task", "activity_task", "message"];

/// Runs a query, a row a line.
pub(super) trait Sql: Fn(&str) -> Result<String> {}

impl<F: Fn(&str) -> Result<String>> Sql for F {}

/// Checks a database that nobody else uses any more.
pub(super) fn check(sql: impl Sql, runs: usize) -> Result<()> {
    for table in OPEN_ROWS {
        let found = number(&sql, &format!("SELECT count(*) FROM {table}"))?;
        ensure!(found == 0, "{found} rows are left in `{table}`");
    }
    let executions = number(&sql, "SELECT count(*) FROM workflow_execution")?;
    ensure!(executions == runs, "there are {executions} runs instead of {runs}");
    let unlike = "SELECT count(*) FROM workflow_execution e LEFT JOIN (SELECT run_id, count(*) AS events, \
                  min(event_id) AS first, max(event_id) AS last FROM history_event GROUP BY run_id) h \
                  ON h.run_id = e.run_id WHERE h.first IS NULL OR h.first <> 1 OR h.last <> h.events \
                  OR e.history_length <> h.events OR e.closed_at_ms IS NULL";
    let found = number(&sql, unlike)?;
    ensure!(found == 0, "{found} histories have gaps, or another length than their run says");
    Ok(())
}

fn number(sql: &impl Sql, query: &str) -> Result<usize> {
    let answer = sql(query)?;
    answer.trim().parse().with_context(|| format!("`{query}` gave `{answer}`"))
}

/// The rows of open runs as text, to look into a failure.
pub(super) fn describe(sql: impl Sql) -> String {
    let rows = |table: &str| {
        let found = sql(&format!("SELECT * FROM {table}")).unwrap_or_else(|error| format!("{error:#}"));
        format!("{table}\n{found}\n")
    };
    OPEN_ROWS.iter().map(|table| rows(table)).collect()
}
