//! A ctutor that runs, whichever its shape.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use ctutor_tests::{
    client::Client,
    postgres::{self, Database},
    process::{Ctutor, Process},
    redis, sqlite,
};
use tempfile::TempDir;

/// Signs the tokens of clusters; `ctutor dev` makes its own.
pub(crate) const TOKEN_SECRET: &str = "a-secret-of-the-tests-that-is-long-enough";

const ALL_QUEUES: &str = "computor-high-priority,computor-tasks,computor-low-priority,testing";
const API: &str = "api";
const DEV: &str = "dev";

/// Runs each scenario, an `async fn` that takes a `&mut Deployment`, in both shapes.
macro_rules! in_both_shapes {
    ($($scenario:ident),+ $(,)?) => {$(
        mod $scenario {
            use crate::deployment::Deployment;

            #[tokio::test]
            async fn sqlite() {
                let mut deployment = Deployment::sqlite().await.unwrap();
                super::$scenario(&mut deployment).await;
                deployment.finish().unwrap();
            }

            #[tokio::test]
            async fn cluster() {
                let mut deployment = Deployment::cluster().await.unwrap();
                super::$scenario(&mut deployment).await;
                deployment.finish().unwrap();
            }
        }
    )+};
}

/// Processes that serve one database.
#[derive(Debug)]
pub(crate) struct Deployment {
    // Before what they use, so that they end first.
    processes: Vec<(String, Process)>,
    base: String,
    data: TempDir,
    servers: Option<Servers>,
    settings: Vec<(String, String)>,
}

#[derive(Debug)]
struct Servers {
    database: Database,
    redis: redis::Server,
}

impl Deployment {
    /// `ctutor dev`.
    pub(crate) async fn sqlite() -> Result<Self> {
        Self::sqlite_with(&[]).await
    }

    /// `ctutor dev` with these variables.
    pub(crate) async fn sqlite_with(settings: &[(&str, &str)]) -> Result<Self> {
        let mut deployment = Self::new(None)?;
        for (key, value) in settings {
            deployment.set(key, value);
        }
        deployment.start_dev().await?;
        Ok(deployment)
    }

    /// One API and two workers that serve all queues.
    pub(crate) async fn cluster() -> Result<Self> {
        Self::cluster_of(&[("first", ALL_QUEUES), ("second", ALL_QUEUES)]).await
    }

    /// One API and workers of these identities and queues.
    pub(crate) async fn cluster_of(workers: &[(&str, &str)]) -> Result<Self> {
        Self::cluster_on(postgres::create_database()?, workers).await
    }

    /// One API with these variables of its own, and no worker yet.
    pub(crate) async fn cluster_with_api(env: &[(&str, PathBuf)]) -> Result<Self> {
        let mut deployment = Self::migrated(postgres::create_database()?)?;
        let api = deployment.start_api(env)?;
        deployment.base = api.ready().await?;
        deployment.processes.push((API.to_owned(), api));
        Ok(deployment)
    }

    /// `ctutor dev` on the database of an older version, kept in `tests/fixtures`.
    pub(crate) async fn sqlite_kept(name: &str) -> Result<Self> {
        let mut deployment = Self::new(None)?;
        sqlite::load(&deployment.data().join("ctutor.db"), &kept(name, "sqlite"))?;
        deployment.start_dev().await?;
        Ok(deployment)
    }

    /// One API and one worker on the database of an older version, kept in `tests/fixtures`.
    pub(crate) async fn cluster_kept(name: &str) -> Result<Self> {
        let database = postgres::create_database()?;
        database.load(&kept(name, "postgres"))?;
        Self::cluster_on(database, &[("first", ALL_QUEUES)]).await
    }

    async fn cluster_on(database: Database, workers: &[(&str, &str)]) -> Result<Self> {
        let mut deployment = Self::migrated(database)?;
        let api = deployment.start_api(&[])?;
        for (identity, queues) in workers {
            deployment.start_worker(identity, queues)?;
        }
        deployment.base = api.ready().await?;
        deployment.processes.push((API.to_owned(), api));
        Ok(deployment)
    }

    /// Servers for processes that are still to be started.
    fn migrated(database: Database) -> Result<Self> {
        let servers = Servers { database, redis: redis::Server::start()? };
        let deployment = Self::new(Some(servers))?;
        deployment.ctutor(["migrate", "up"]).run()?;
        Ok(deployment)
    }

    fn start_api(&self, env: &[(&str, PathBuf)]) -> Result<Process> {
        with(self.ctutor(["api", "--listen", "127.0.0.1:0"]), env).start()
    }

    fn new(servers: Option<Servers>) -> Result<Self> {
        Ok(Self {
            processes: Vec::new(),
            base: String::new(),
            data: TempDir::with_prefix("ctutor-data-")?,
            servers,
            settings: Vec::new(),
        })
    }

    /// Starts `ctutor dev` on the data that is there.
    pub(crate) async fn start_dev(&mut self) -> Result<()> {
        let dev = self.ctutor(["dev", "--port", "0"]).start()?;
        self.base = dev.ready().await?;
        // It prints its address when its worker is ready too.
        self.processes.push((DEV.to_owned(), dev));
        Ok(())
    }

    /// Starts a worker and waits until it works.
    pub(crate) fn start_worker(&mut self, identity: &str, queues: &str) -> Result<()> {
        self.start_worker_with(identity, queues, &[])
    }

    /// The same with these variables of its own.
    pub(crate) fn start_worker_with(
        &mut self,
        identity: &str,
        queues: &str,
        env: &[(&str, PathBuf)],
    ) -> Result<()> {
        let cache = self.data().join(format!("cache-{identity}"));
        let worker = self
            .ctutor(["worker", "start", "--identity", identity, "--queues", queues])
            .env("CTUTOR_TESTING_CACHE_FOLDER", cache);
        let worker = with(worker, env).start()?;
        worker.wait_for("it works", |text| text.contains("task queues").then_some(()))?;
        self.processes.push((identity.to_owned(), worker));
        Ok(())
    }

    /// Sets a variable for the processes and commands that are started from now on.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.settings.push((key.to_owned(), value.to_owned()));
    }

    /// A command line in the environment of this deployment.
    pub(crate) fn ctutor<const N: usize>(&self, args: [&str; N]) -> Ctutor {
        let mut command = Ctutor::new(args).env("CTUTOR_DATA", self.data());
        if let Some(Servers { database, redis }) = &self.servers {
            command = command
                .env("DATABASE_URL", database.url())
                .env("REDIS_URL", redis.url())
                .env("CTUTOR_JWT_SECRET", TOKEN_SECRET);
        }
        for (key, value) in &self.settings {
            command = command.env(key, value);
        }
        command
    }

    /// The same as a client of this deployment.
    pub(crate) fn client_command<const N: usize>(&self, args: [&str; N]) -> Ctutor {
        self.ctutor(args).env("CTUTOR_URL", &self.base)
    }

    /// Whether it is `ctutor dev`.
    pub(crate) fn is_alone(&self) -> bool {
        self.servers.is_none()
    }

    /// Its data folder; secrets that tests name are files in `secrets` there.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// Where the API listens.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The time of the database server, in milliseconds since 1970.
    pub(crate) fn database_ms(&self) -> Result<i64> {
        let Servers { database, .. } = self.servers.as_ref().context("a file has no clock")?;
        let now = database.sql("select (extract(epoch from clock_timestamp()) * 1000)::bigint")?;
        Ok(now.trim().parse()?)
    }

    /// A token for a while.
    pub(crate) fn token(&self, role: &str, subject: &str, ttl: &str) -> Result<String> {
        let printed =
            self.ctutor(["token", "create", "--role", role, "--subject", subject, "--ttl", ttl]).run()?;
        Ok(printed.trim().to_owned())
    }

    /// Without a token.
    pub(crate) fn stranger(&self) -> Client {
        Client::new(&self.base)
    }

    /// The administrator `root`.
    pub(crate) fn root(&self) -> Client {
        self.stranger().with_token(self.token("admin", "root", "1h").unwrap())
    }

    /// A user of this name.
    pub(crate) fn user(&self, name: &str) -> Client {
        self.stranger().with_token(self.token("user", name, "1h").unwrap())
    }

    /// Takes a process out, for instance to end it in a way that [`Deployment::finish`] would not like.
    pub(crate) fn take(&mut self, name: &str) -> Process {
        let at = self.processes.iter().position(|(known, _)| known == name).unwrap();
        self.processes.remove(at).1
    }

    /// `ctutor dev`, taken out.
    pub(crate) fn take_dev(&mut self) -> Process {
        self.take(DEV)
    }

    /// What all processes wrote so far.
    pub(crate) fn outputs(&self) -> String {
        self.processes.iter().map(|(_, process)| process.stdout() + &process.stderr()).collect()
    }

    /// Whether a string is in any row or file that is kept, but for the folder of secrets.
    pub(crate) fn keeps(&self, text: &str) -> Result<bool> {
        if holds(self.data(), text.as_bytes())? {
            return Ok(true);
        }
        let Some(Servers { database, .. }) = &self.servers else { return Ok(false) };
        // Bytes are shown in hexadecimal.
        let bytes: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        let tables = database.sql("select tablename from pg_tables where schemaname = 'public'")?;
        for table in tables.lines() {
            let rows = database.sql(&format!("select t::text from \"{table}\" t"))?;
            if rows.contains(text) || rows.contains(&bytes) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Stops all processes as Ctrl-C does.
    ///
    /// # Errors
    /// One does not stop well, or has logged an error.
    pub(crate) fn finish(self) -> Result<()> {
        // Workers before the API, as `ctutor dev` does it too.
        for (name, process) in &self.processes {
            process.interrupt()?;
            let status = process.wait()?;
            let log = process.stderr();
            if status != 0 || log.contains(" ERROR ") || log.contains("panicked") {
                bail!("`{name}` ended with status {status}:\n{log}");
            }
        }
        Ok(())
    }
}

fn with(command: Ctutor, env: &[(&str, PathBuf)]) -> Ctutor {
    env.iter().fold(command, |command, (key, value)| command.env(*key, value))
}

fn kept(name: &str, database: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(format!("{name}.{database}.sql"))
}

fn holds(folder: &Path, text: &[u8]) -> Result<bool> {
    for entry in fs::read_dir(folder).with_context(|| format!("`{}`", folder.display()))? {
        let path = entry?.path();
        let found = if path.is_dir() {
            path.file_name().is_none_or(|name| name != "secrets") && holds(&path, text)?
        } else {
            fs::read(&path)?.windows(text.len()).any(|window| window == text)
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}
