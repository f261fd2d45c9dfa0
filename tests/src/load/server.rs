use std::{path::Path, time::Instant};

use anyhow::{Context, Result};

use crate::{
    client::Client,
    postgres,
    process::{Ctutor, Process},
    redis,
};

/// Which processes are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `ctutor dev` on an embedded file.
    Sqlite,
    /// `ctutor serve` on PostgreSQL.
    Postgres,
    /// `ctutor api` and a worker on PostgreSQL and Redis.
    Cluster,
}

impl Shape {
    /// Its name in the figures.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Cluster => "cluster",
        }
    }
}

/// What is measured, while it runs.
pub(super) struct Running {
    pub(super) client: Client,
    pub(super) started: Instant,
    processes: Vec<Process>,
    _database: Option<postgres::Database>,
    _servers: (Option<postgres::Server>, Option<redis::Server>),
    _folder: tempfile::TempDir,
}

/// Only figures of a quiet log are figures of the program.
const LOG: (&str, &str) = ("CTUTOR_LOG", "warn");
const SECRET: &str = "a-secret-of-the-load-program-that-is-long-enough";

impl Running {
    pub(super) async fn start(shape: Shape, program: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        let data = data.to_str().context("the temporary folder has no plain name")?.to_owned();
        let mut servers = (None, None);
        if shape != Shape::Sqlite {
            servers.0 = Some(postgres::Server::start()?);
        }
        if shape == Shape::Cluster {
            servers.1 = Some(redis::Server::start()?);
        }
        let database = servers.0.as_ref().map(|server| server.cluster().create_database()).transpose()?;
        let environment = |ctutor: Ctutor| {
            let mut ctutor = ctutor.program(program).env(LOG.0, LOG.1).env("CTUTOR_JWT_SECRET", SECRET);
            if let Some(database) = &database {
                ctutor = ctutor.env("DATABASE_URL", database.url());
            }
            if let Some(server) = &servers.1 {
                ctutor = ctutor.env("REDIS_URL", server.url());
            }
            ctutor
        };
        let started = Instant::now();
        let mut processes = Vec::new();
        match shape {
            Shape::Sqlite => {
                processes.push(environment(Ctutor::new(["dev", "--port", "0", "--data", &data])).start()?);
            }
            Shape::Postgres => {
                let arguments = ["serve", "--listen", "127.0.0.1:0", "--data", &data];
                processes.push(environment(Ctutor::new(arguments)).start()?);
            }
            Shape::Cluster => {
                environment(Ctutor::new(["migrate", "up"])).run()?;
                let arguments = ["api", "--listen", "127.0.0.1:0", "--data", &data];
                processes.push(environment(Ctutor::new(arguments)).start()?);
                let arguments = ["worker", "start", "--data", &data];
                processes.push(environment(Ctutor::new(arguments)).start()?);
            }
        }
        let base = processes[0].ready().await?;
        let token = environment(Ctutor::new(["token", "create", "--role", "admin"])).run()?;
        let client = Client::new(base).with_token(token.trim());
        Ok(Self { client, started, processes, _database: database, _servers: servers, _folder: folder })
    }

    /// Resident memory of all processes, in bytes.
    pub(super) fn resident_bytes(&self) -> Result<u64> {
        let mut sum = 0;
        for process in &self.processes {
            let path = format!("/proc/{}/status", process.pid());
            let status = std::fs::read_to_string(&path).with_context(|| path.clone())?;
            let line = status.lines().find(|line| line.starts_with("VmRSS:"));
            let kilobytes =
                line.and_then(|line| line.split_whitespace().nth(1)).and_then(|text| text.parse().ok());
            sum += kilobytes.map_or(0, |kilobytes: u64| kilobytes * 1024);
        }
        Ok(sum)
    }

    /// Ends the processes the polite way.
    pub(super) fn stop(self) -> Result<()> {
        for process in &self.processes {
            process.interrupt()?;
        }
        for process in &self.processes {
            process.wait()?;
        }
        Ok(())
    }
}
