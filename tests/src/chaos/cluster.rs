//! The processes and servers under test.

use std::{
    fs,
    io::Write,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::sync::watch;

use super::{
    Shape,
    blows::{Blow, Planned},
    losses::Losses,
    pace,
};
use crate::{
    client::Client,
    guard::Signal,
    postgres,
    process::{Ctutor, Process},
    redis, sqlite,
};

const SECRET: &str = "chaos-chaos-chaos-chaos-chaos-chaos";
const DATABASE: &str = "chaos";

/// The system under test. Processes and servers end with it.
#[derive(Debug)]
pub(super) struct Cluster {
    parts: Vec<Part>,
    servers: Option<Servers>,
    /// Logs, and the embedded database.
    folder: TempDir,
    addresses: watch::Sender<Vec<String>>,
    losses: Losses,
    token: String,
}

#[derive(Debug)]
struct Servers {
    postgres: postgres::Server,
    redis: redis::Server,
}

/// A process that is started anew after each blow.
#[derive(Debug)]
struct Part {
    name: String,
    role: Role,
    process: Option<Process>,
    base: Option<String>,
    starts: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Everything,
    Api,
    Worker,
}

impl Role {
    fn has_worker(self) -> bool {
        self != Self::Api
    }

    fn has_api(self) -> bool {
        self != Self::Worker
    }
}

impl Part {
    fn new(role: Role, number: usize) -> Self {
        let name = match role {
            Role::Everything => "dev".to_owned(),
            Role::Api => format!("api-{number}"),
            Role::Worker => format!("worker-{number}"),
        };
        Self { name, role, process: None, base: None, starts: 0 }
    }

    /// What its worker is called in this life.
    fn identity(&self) -> String {
        format!("{}.{}", self.name, self.starts)
    }

    fn process(&self) -> Result<&Process> {
        self.process.as_ref().with_context(|| format!("`{}` is not running", self.name))
    }
}

impl Cluster {
    pub(super) async fn start(shape: Shape, seed: u64) -> Result<Self> {
        let folder = TempDir::with_prefix(format!("ctutor-chaos-{}-{seed}-", shape.as_str()))?;
        let (servers, parts) = match shape {
            Shape::Sqlite => (None, vec![Part::new(Role::Everything, 0)]),
            Shape::Postgres => {
                let servers =
                    Servers { postgres: postgres::Server::start()?, redis: redis::Server::start()? };
                servers.postgres.cluster().sql(&format!("create database {DATABASE}"))?;
                let roles = [(Role::Api, 0), (Role::Api, 1), (Role::Worker, 0), (Role::Worker, 1)];
                (Some(servers), roles.map(|(role, number)| Part::new(role, number)).into())
            }
        };
        let mut cluster = Self {
            parts,
            servers,
            folder,
            addresses: watch::Sender::new(Vec::new()),
            losses: Losses::default(),
            token: String::new(),
        };
        cluster.token =
            cluster.command(&["token", "create", "--role", "admin", "--ttl", "24h"]).run()?.trim().to_owned();
        if cluster.servers.is_some() {
            cluster.command(&["migrate", "up"]).run()?;
        }
        cluster.start_missing().await?;
        Ok(cluster)
    }

    /// Where the APIs listen now; empty while none does.
    pub(super) fn addresses(&self) -> watch::Receiver<Vec<String>> {
        self.addresses.subscribe()
    }

    pub(super) fn losses(&self) -> Losses {
        self.losses.clone()
    }

    /// An administrator, without an address yet.
    pub(super) fn client(&self) -> Client {
        Client::new("").with_token(&self.token)
    }

    /// Names of the workers that are alive, in order.
    pub(super) fn workers(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.parts.iter().filter(|part| part.role.has_worker()).map(Part::identity).collect();
        names.sort();
        names
    }

    /// Runs a query in the database and returns what it gives, a row a line.
    pub(super) fn sql(&self, query: &str) -> Result<String> {
        match &self.servers {
            Some(servers) => servers.postgres.sql(DATABASE, query),
            None => sqlite::sql(&self.folder.path().join("data/ctutor.db"), query),
        }
    }

    /// Deals a blow and brings back what it hit. Who has answered a stop is named by the address.
    pub(super) async fn suffer(&mut self, planned: Planned, answerer: Option<&str>) -> Result<()> {
        match planned.blow {
            Blow::KillAll => self.kill(|_| true)?,
            Blow::KillAllTwice => {
                self.kill(|_| true)?;
                self.start_processes()?;
                pace::let_run(planned.away / 2).await;
                self.kill(|_| true)?;
            }
            Blow::StopAll => self.stop(|_| true)?,
            Blow::KillWorker(number) => self.kill(|part| part.name == format!("worker-{number}"))?,
            Blow::StopWorker(number) => self.stop(|part| part.name == format!("worker-{number}"))?,
            Blow::KillApi(number) => self.kill(|part| part.name == format!("api-{number}"))?,
            Blow::KillAnswerer => {
                let answerer = answerer.context("nobody has answered")?;
                self.kill(|part| part.base.as_deref() == Some(answerer))?;
            }
            Blow::HaltWorker(number) => return self.halt_worker(number, planned).await,
            Blow::KillRedis | Blow::FlushRedis | Blow::HaltRedis => return self.hit_redis(planned).await,
            Blow::CrashPostgres => {
                let losses = self.losses.clone();
                return losses.while_away(self.crash_postgres(planned.away)).await;
            }
        }
        pace::let_run(planned.away).await;
        self.start_missing().await
    }

    async fn halt_worker(&mut self, number: usize, planned: Planned) -> Result<()> {
        let name = format!("worker-{number}");
        let part = self.parts.iter().find(|part| part.name == name).context("there is no such worker")?;
        self.losses.while_doing(|| part.process()?.signal(Signal::Stop))?;
        pace::let_run(planned.away).await;
        part.process()?.signal(Signal::Continue)
    }

    async fn crash_postgres(&mut self, away: Duration) -> Result<()> {
        let postgres = &mut self.servers()?.postgres;
        postgres.crash()?;
        pace::let_run(away).await;
        postgres.resume()
    }

    async fn hit_redis(&mut self, planned: Planned) -> Result<()> {
        let redis = &mut self.servers()?.redis;
        match planned.blow {
            Blow::KillRedis => {
                redis.kill()?;
                pace::let_run(planned.away).await;
                redis.resume()
            }
            Blow::HaltRedis => {
                redis.signal(Signal::Stop)?;
                pace::let_run(planned.away).await;
                redis.signal(Signal::Continue)
            }
            _ => {
                let url = redis.url();
                let path = url.strip_prefix("redis+unix://").context("it listens on a Unix socket")?;
                let mut socket = UnixStream::connect(path)?;
                Ok(socket.write_all(b"FLUSHALL\r\nCLIENT KILL TYPE pubsub\r\n")?)
            }
        }
    }

    fn servers(&mut self) -> Result<&mut Servers> {
        self.servers.as_mut().context("this shape has no servers")
    }

    /// Ends everything in good order.
    pub(super) fn stop_all(&mut self) -> Result<()> {
        self.stop(|_| true)
    }

    fn kill(&mut self, whom: impl Fn(&Part) -> bool) -> Result<()> {
        self.end(whom, Process::kill9)
    }

    fn stop(&mut self, whom: impl Fn(&Part) -> bool) -> Result<()> {
        self.end(whom, |process| {
            process.signal(Signal::Terminate)?;
            match process.wait()? {
                0 => Ok(()),
                status => bail!("it ended with status {status} when it was asked to stop"),
            }
        })
    }

    fn end(&mut self, whom: impl Fn(&Part) -> bool, how: impl Fn(&Process) -> Result<()>) -> Result<()> {
        let hit: Vec<usize> = (0..self.parts.len()).filter(|index| whom(&self.parts[*index])).collect();
        for index in hit {
            let part = &mut self.parts[index];
            part.base = None;
            let result = if part.role.has_worker() {
                self.losses.while_doing(|| how(part.process()?))
            } else {
                how(part.process()?)
            };
            result.with_context(|| format!("`{}` did not end as it should", part.identity()))?;
            self.publish_addresses();
            self.save_log(index)?;
            self.parts[index].process = None;
        }
        Ok(())
    }

    fn start_processes(&mut self) -> Result<()> {
        for index in 0..self.parts.len() {
            if self.parts[index].process.is_some() {
                continue;
            }
            self.parts[index].starts += 1;
            let part = &self.parts[index];
            let identity = part.identity();
            let args: Vec<&str> = match part.role {
                Role::Everything => vec!["dev", "--port", "0", "--identity", &identity],
                Role::Api => vec!["api", "--listen", "127.0.0.1:0"],
                Role::Worker => vec!["worker", "start", "--identity", &identity],
            };
            let process = self.command(&args).start()?;
            self.parts[index].process = Some(process);
        }
        Ok(())
    }

    async fn start_missing(&mut self) -> Result<()> {
        self.start_processes()?;
        for part in &mut self.parts {
            if part.role.has_api() && part.base.is_none() {
                let ready = part.process()?.ready().await;
                part.base = Some(ready.with_context(|| format!("`{}` does not start", part.name))?);
            } else if part.role == Role::Worker {
                let listed = |text: &str| text.contains("task queues").then_some(());
                part.process()?.wait_for("the worker to start", listed)?;
            }
        }
        self.publish_addresses();
        Ok(())
    }

    fn command(&self, args: &[&str]) -> Ctutor {
        let command = Ctutor::new(args)
            .env("CTUTOR_JWT_SECRET", SECRET)
            .env("CTUTOR_DATA", self.folder.path().join("data"))
            .env("CTUTOR_LOG", "warn,ctutor=info,ctutor_engine=debug");
        match &self.servers {
            Some(servers) => command
                .env("DATABASE_URL", servers.postgres.url(DATABASE))
                .env("REDIS_URL", servers.redis.url()),
            None => command,
        }
    }

    fn publish_addresses(&self) {
        self.addresses.send_replace(self.parts.iter().filter_map(|part| part.base.clone()).collect());
    }

    fn save_log(&self, index: usize) -> Result<()> {
        let part = &self.parts[index];
        let path = self.log_folder()?.join(format!("{}.log", part.identity()));
        fs::write(path, part.process()?.stderr())?;
        Ok(())
    }

    fn log_folder(&self) -> Result<PathBuf> {
        let folder = self.folder.path().join("logs");
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// All that the processes wrote, those that still run included.
    pub(super) fn logs(&self) -> Result<Vec<String>> {
        for index in (0..self.parts.len()).filter(|index| self.parts[*index].process.is_some()) {
            self.save_log(index)?;
        }
        let mut logs = Vec::new();
        for entry in fs::read_dir(self.log_folder()?)? {
            logs.push(fs::read_to_string(entry?.path())?);
        }
        Ok(logs)
    }

    /// Ends everything at once and keeps the folder, so that the failure can be looked into.
    pub(super) fn keep(self) -> PathBuf {
        let logs = self.logs();
        let Self { parts, servers, folder, .. } = self;
        drop((parts, servers));
        if let Err(error) = logs {
            // The failure itself is what counts; its logs are only a help.
            let _ = fs::write(folder.path().join("logs-missing.txt"), format!("{error:#}"));
        }
        folder.keep()
    }

    /// For notes that help to look into a failure.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }
}
