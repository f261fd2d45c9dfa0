//! SQLite files, read and made by the installed program.

use std::{fs::File, path::Path, process::Command};

use anyhow::{Context, Result, bail};

/// Runs a query and returns what it gives, a row a line.
///
/// # Errors
/// `sqlite3` is not installed, or the file is missing or in use, or it refuses the query.
pub fn sql(file: &Path, query: &str) -> Result<String> {
    let output = Command::new("sqlite3")
        .args(["-readonly", "-bail", "-cmd", ".timeout 5000"])
        .arg(file)
        .arg(query)
        .output()
        .context("cannot run `sqlite3` (`scripts/setup test` installs it)")?;
    if !output.status.success() {
        bail!("`{query}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Makes a file of the statements of another, such as those that `.dump` writes.
///
/// # Errors
/// `sqlite3` is not installed, or refuses a statement.
pub fn load(file: &Path, statements: &Path) -> Result<()> {
    let output = Command::new("sqlite3")
        .arg("-bail")
        .arg(file)
        .stdin(File::open(statements).with_context(|| format!("`{}`", statements.display()))?)
        .output()
        .context("cannot run `sqlite3` (`scripts/setup test` installs it)")?;
    if !output.status.success() {
        bail!("`{}` failed: {}", statements.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
