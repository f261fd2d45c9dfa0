//! `ctutor worker check`: whether the languages of a course work on this machine.

mod finding;
mod language;
mod memory;

use std::{path::Path, process::ExitCode};

use anyhow::Context;
use ctutor_sandbox::{Bind, Command, Confinement, Limits, Sandbox};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use self::{
    finding::{Finding, Status},
    language::Language,
    memory::Memory,
};
use crate::{
    config::{Config, Loaded},
    output::{self, Table},
};

/// What a process of a test may write; the same as when a submission is tested.
const WRITABLE_BYTES: u64 = 256 << 20;
/// Prints the programs that are not in `PATH`.
const MISSING: &str = "for program; do command -v \"$program\" >/dev/null || echo \"$program\"; done";

/// Compiles and runs a small program in each language, in the sandbox in which submissions are tested
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 if all that are installed work; 1 if one does not, if one that was named is \
                        not installed, or if there is no sandbox; 2 if one that was named is unknown."
)]
pub(crate) struct Args {
    /// Only these languages, separated by commas: `java`, `python-numpy`, or `c-*` for all that begin so
    #[arg(long, visible_alias = "languages", value_name = "NAMES", value_delimiter = ',')]
    language: Vec<String>,

    /// Memory limits to try, separated by commas, such as `256MiB,2GiB`
    #[arg(long, value_name = "SIZES", value_delimiter = ',', default_value = "512MiB")]
    memory: Vec<Memory>,

    /// Print JSON, with the end of the output of each program
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) async fn run(self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        loaded.check_worker_folders()?;
        let languages = language::chosen(&self.language)?;
        let options = loaded.config.testing.options(&loaded.config.data);
        let sandbox = match Sandbox::detect(options.sandbox_options()).await {
            Ok(sandbox) => sandbox,
            Err(unavailable) => {
                if self.json {
                    let ctutor_sandbox::Unavailable { reason, remedy } = unavailable;
                    output::json(
                        &json!({"sandbox": null, "reason": reason, "remedy": remedy, "checks": []}),
                    )?;
                } else {
                    output::note(format!("{unavailable}; {}", unavailable.remedy));
                }
                return Ok(ExitCode::FAILURE);
            }
        };
        let place = Place::new(&loaded.config, &options.cache_folder.join("scratch"))?;
        let mut findings = Vec::new();
        for language in &languages {
            for memory in &self.memory {
                if !self.json {
                    output::note(format!("checking {} with {memory}", language.title));
                }
                findings.push(check(&sandbox, &place, language, *memory).await?);
            }
        }
        if self.json {
            let checks: Vec<Value> = findings.iter().map(Finding::to_json).collect();
            output::json(&json!({"sandbox": confinement(&sandbox), "checks": checks}))?;
        } else {
            output::table(&table(&findings))?;
            output::note(summary(&findings));
        }
        let named = !self.language.is_empty();
        let good = findings.iter().all(|finding| match finding.status {
            Status::Works => true,
            Status::Missing => !named,
            Status::Fails => false,
        });
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Where the programs are written, and what is granted to them.
struct Place {
    folder: TempDir,
    limits: Limits,
}

impl Place {
    /// Below the folder in which tests run, if a worker has already made it, since that is part of what is checked.
    fn new(config: &Config, scratch: &Path) -> anyhow::Result<Self> {
        let parent = if scratch.is_dir() { scratch.to_owned() } else { std::env::temp_dir() };
        let folder = tempfile::Builder::new().prefix("ctutor-check-").tempdir_in(&parent);
        let folder = folder.with_context(|| format!("no folder can be made in `{}`", parent.display()))?;
        let limits = Limits {
            wall: config.testing.test_timeout_max.0,
            cpu: config.testing.total_timeout_max.0,
            writable_bytes: WRITABLE_BYTES,
            ..Limits::default()
        };
        Ok(Self { folder, limits })
    }
}

async fn check(
    sandbox: &Sandbox,
    place: &Place,
    language: &Language,
    memory: Memory,
) -> anyhow::Result<Finding> {
    let work = tempfile::Builder::new().prefix("work-").tempdir_in(place.folder.path())?;
    std::fs::write(work.path().join(&language.file), &language.source)
        .with_context(|| format!("`{}` cannot be written", language.file))?;
    let run = async |argv: &[&str]| {
        let mut command = Command::new(argv, work.path());
        command.binds.push(Bind::Writable(work.path().to_owned()));
        command.limits = Limits { memory_bytes: memory.bytes(), ..place.limits.clone() };
        sandbox.run(&command, &CancellationToken::new()).await.context("the sandbox failed")
    };
    let mut find = vec!["sh", "-c", MISSING, "sh"];
    find.extend(language.programs.iter().map(String::as_str));
    let missing = run(&find).await?.stdout.text().lines().next().map(str::to_owned);
    if let Some(program) = missing {
        return Ok(Finding::missing(language, memory, &program));
    }
    let version = run(&["sh", "-c", &language.version]).await?;
    // Some color it although nobody looks at a terminal.
    let version_text = console::strip_ansi_codes(version.stdout.text().trim()).into_owned();
    if !version.exit.is_success() && version.stderr.text().contains("ModuleNotFoundError") {
        return Ok(Finding::missing(language, memory, &language.title));
    }
    let outcome = run(&["sh", "-c", &language.run]).await?;
    Ok(Finding::of(language, memory, version_text, &outcome))
}

fn confinement(sandbox: &Sandbox) -> &'static str {
    match sandbox.confinement() {
        Confinement::UserNamespace => "userNamespace",
        Confinement::DroppedRoot => "droppedRoot",
        Confinement::Unconfined => "unconfined",
    }
}

fn table(findings: &[Finding]) -> Table {
    let mut table = Table::new(["LANGUAGE", "MEMORY", "RESULT", "SECONDS", "VERSION OR REMEDY"]);
    for finding in findings {
        let seconds = finding.seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.1}"));
        let detail = match (&finding.reason, &finding.remedy) {
            (Some(reason), Some(remedy)) => format!("{reason}; {remedy}"),
            (Some(reason), None) => reason.clone(),
            (None, Some(remedy)) => remedy.clone(),
            (None, None) => finding.version.clone(),
        };
        table.row([
            finding.title.clone(),
            finding.memory.to_string(),
            finding.status.to_string(),
            seconds,
            detail,
        ]);
    }
    table
}

fn summary(findings: &[Finding]) -> String {
    let count = |status| findings.iter().filter(|finding| finding.status == status).count();
    let (works, fails, missing) = (count(Status::Works), count(Status::Fails), count(Status::Missing));
    format!("{works} work, {fails} fail, {missing} are not installed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_listed_with_what_to_do() {
        let languages = language::chosen(&["java".to_owned()]).unwrap();
        let memory: Memory = "512MiB".parse().unwrap();
        let finding = Finding::missing(&languages[0], memory, "no-such-program");
        let expected = "\
LANGUAGE  MEMORY   RESULT         SECONDS  VERSION OR REMEDY
Java      512 MiB  not installed  -        `no-such-program` is not installed; apt-get install openjdk-17-jdk-headless";
        assert_eq!(table(std::slice::from_ref(&finding)).to_string(), expected);
        assert_eq!(summary(&[finding]), "0 work, 0 fail, 1 are not installed");
    }
}
