//! The sample course, served over Git's own HTTP protocol.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use ctutor_tests::{
    guard::{Guard, Guarded},
    wait,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Repositories behind a server.
#[derive(Debug)]
pub(crate) struct Course {
    _server: Guard,
    _folder: TempDir,
    /// URL and commit of each, by name.
    repositories: BTreeMap<String, (String, String)>,
    /// Its URL, as secrets name it.
    address: String,
}

impl Course {
    /// Open to all.
    pub(crate) fn serve() -> Result<Self> {
        Self::serve_to(None)
    }

    /// Only to who names this token.
    pub(crate) fn serve_to(token: Option<&str>) -> Result<Self> {
        let folder = TempDir::with_prefix("ctutor-course-")?;
        let repositories = folder.path().join("repositories");
        fs::create_dir(&repositories)?;
        let server = Guarded::new(script("serve.sh"), folder.path(), "serve")
            .arg(&repositories)
            .env("SAMPLES_TOKEN", token)
            .start()?;
        let base_url = wait::until("the address of the course", || {
            if let Some(status) = server.exited() {
                bail!("the server ended with status {status}\n{}", server.last_words());
            }
            Ok(server.stdout().strip_suffix('\n').map(str::to_owned))
        })?;
        let repositories = publish(&repositories, &base_url)?;
        let address = format!("{}/", base_url.trim_end_matches('/'));
        Ok(Self { _server: server, _folder: folder, repositories, address })
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// A repository as `student_testing` takes it.
    pub(crate) fn repository(&self, name: &str) -> Value {
        let (url, commit) = &self.repositories[name];
        json!({ "url": url, "commit": commit })
    }

    /// A start of `student_testing`.
    pub(crate) fn test_of(&self, submission: &str) -> Value {
        let submission = self.repository(submission);
        json!({
            "type": "student_testing",
            "input": { "submission": submission, "reference": self.repository("reference") },
        })
    }
}

fn publish(target: &Path, base_url: &str) -> Result<BTreeMap<String, (String, String)>> {
    let output = Command::new(script("publish.sh")).arg(target).env("BASE_URL", base_url).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout)?;
    let read = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        Some((words.next()?, (words.next()?, words.next()?)))
    };
    lines.lines().map(|line| read(line).with_context(|| format!("unexpected line `{line}`"))).collect()
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples").join(name)
}
