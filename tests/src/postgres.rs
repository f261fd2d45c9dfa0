//! A private PostgreSQL from the installed programs, in a temporary folder, reached by a Unix socket there.
//!
//! A socket in a folder of our own needs no port, so nothing can take it between choosing and using it.
//! Durability is on, as the tests that kill servers mean it.

use std::{
    env,
    ffi::OsStr,
    fs::{self, File},
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{
    guard::{Guard, Guarded, Signal, User},
    wait::{self, DEADLINE},
};

/// Names a server that others have started, by the URL of its `postgres` database.
pub const URL_VARIABLE: &str = "CTUTOR_TEST_DATABASE_URL";

/// Name of a server's socket in its folder.
pub(crate) const SOCKET: &str = ".s.PGSQL.5432";
/// Connections for all tests that share a server.
const CONNECTIONS_MAX: u32 = 400;

/// A server of this process's own.
#[derive(Debug)]
pub struct Server {
    // Before the folder, so that it ends before its files go.
    guard: Option<Guard>,
    folder: TempDir,
    programs: PathBuf,
    user: Option<User>,
}

/// Where databases can be made, on a server of this process or of another.
#[derive(Debug, Clone)]
pub struct Cluster {
    url: String,
}

/// A database that is dropped with this value.
#[derive(Debug)]
pub struct Database {
    name: String,
    cluster: Cluster,
}

/// Makes an empty database on the shared server.
///
/// # Errors
/// See [`Cluster::shared`] and [`Cluster::create_database`].
pub fn create_database() -> Result<Database> {
    Cluster::shared()?.create_database()
}

impl Server {
    /// Makes a cluster and starts it.
    ///
    /// # Errors
    /// PostgreSQL is not installed, or it did not become ready; the message has what it wrote.
    pub fn start() -> Result<Self> {
        let mut server = Self::new()?;
        server.initdb()?;
        server.resume()?;
        Ok(server)
    }

    /// Starts a standby that streams from this server.
    ///
    /// # Errors
    /// The copy failed, or the standby did not become ready.
    pub fn standby(&self) -> Result<Self> {
        let mut standby = Self::new()?;
        let primary = self.folder.path().to_str().context("the name of a temporary folder is UTF-8")?;
        standby.finish(
            "pg_basebackup",
            &["-D", "data", "-h", primary, "-U", "postgres", "-R", "-X", "stream", "-c", "fast", "--no-sync"],
        )?;
        standby.resume()?;
        Ok(standby)
    }

    /// Makes a standby a primary, once it has all that `primary` has written.
    ///
    /// # Errors
    /// It is no standby, or it does not catch up.
    pub fn promote(&self, primary: &Self) -> Result<()> {
        self.catch_up(primary)?;
        self.sql("postgres", "select pg_promote()")?;
        Ok(())
    }

    /// Waits until a standby has all that `primary` has written.
    ///
    /// # Errors
    /// It is no standby, or it does not catch up.
    pub fn catch_up(&self, primary: &Self) -> Result<()> {
        let written = primary.sql("postgres", "select pg_current_wal_lsn()")?;
        let caught_up = format!("select pg_last_wal_replay_lsn() >= '{}'", written.trim());
        wait::until("the standby", || Ok((self.sql("postgres", &caught_up)?.trim() == "t").then_some(())))
    }

    /// From now on transactions are read-only, also those of sessions that are there.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn refuse_writes(&self) -> Result<()> {
        self.sql("postgres", "alter system set default_transaction_read_only = on")?;
        self.sql("postgres", "select pg_reload_conf()")?;
        wait::until("the setting", || {
            let setting = self.sql("postgres", "show default_transaction_read_only")?;
            Ok((setting.trim() == "on").then_some(()))
        })
    }

    /// The socket that it listens on.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join(SOCKET)
    }

    fn new() -> Result<Self> {
        let folder = TempDir::with_prefix("ctutor-postgres-")?;
        let user = unprivileged_user()?;
        if let Some(user) = user {
            chown(folder.path(), Some(user.uid), Some(user.gid))?;
        }
        Ok(Self { guard: None, folder, programs: programs()?, user })
    }

    /// URL of one of its databases.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.folder.path().display())
    }

    /// Runs a statement in one of its databases and returns what it gives, a row a line.
    ///
    /// # Errors
    /// The server does not answer or refuses it.
    pub fn sql(&self, database: &str, statement: &str) -> Result<String> {
        psql(&self.url(database), statement)
    }

    /// For making databases on it.
    #[must_use]
    pub fn cluster(&self) -> Cluster {
        Cluster { url: self.url("postgres") }
    }

    /// Ends it like a power failure: sessions break, and the next start recovers from the log.
    ///
    /// # Errors
    /// It does not run.
    pub fn crash(&mut self) -> Result<()> {
        let guard = self.guard.take().context("the server does not run")?;
        guard.signal(Signal::Quit)?;
        guard.release(DEADLINE)?;
        Ok(())
    }

    /// Starts it again after [`Server::crash`], with its data.
    ///
    /// # Errors
    /// It did not become ready.
    pub fn resume(&mut self) -> Result<()> {
        let folder = self.folder.path();
        let guard = Guarded::new(self.programs.join("postgres"), folder, "postgres")
            .args(["-D", "data", "-c", "listen_addresses=", "-c", "fsync=on", "-k"])
            .arg(folder)
            .args(["-c", &format!("max_connections={CONNECTIONS_MAX}")])
            .end_with(Signal::Quit)
            .user(self.user)
            .removes_folder()
            .start()?;
        let cluster = self.cluster();
        let ready = wait::until("PostgreSQL", || {
            if let Some(status) = guard.exited() {
                bail!("PostgreSQL ended with status {status}\n{}", guard.last_words());
            }
            Ok(cluster.sql("select 1").is_ok().then_some(()))
        });
        ready.with_context(|| guard.last_words())?;
        self.guard = Some(guard);
        Ok(())
    }

    fn initdb(&self) -> Result<()> {
        let encoding = ["--encoding=UTF8", "--locale=C"];
        let args = ["-D", "data", "-U", "postgres", "--auth=trust", "--no-sync"];
        self.finish("initdb", &[&args[..], &encoding[..]].concat())
    }

    /// Runs one of the server's programs to its end.
    fn finish(&self, program: &str, args: &[&str]) -> Result<()> {
        let guard = Guarded::new(self.programs.join(program), self.folder.path(), program)
            .args(args)
            .user(self.user)
            .start()?;
        match guard.wait(DEADLINE)? {
            0 => Ok(()),
            status => bail!("{program} ended with status {status}\n{}", guard.last_words()),
        }
    }
}

impl Cluster {
    /// The server named by [`URL_VARIABLE`], or else one that this process starts and keeps to its end.
    ///
    /// # Errors
    /// There is none and it cannot be started.
    pub fn shared() -> Result<Self> {
        static OWN: OnceLock<Result<Server, String>> = OnceLock::new();
        if let Ok(url) = env::var(URL_VARIABLE) {
            return Ok(Self { url });
        }
        match OWN.get_or_init(|| Server::start().map_err(|error| format!("{error:#}"))) {
            Ok(server) => Ok(server.cluster()),
            Err(error) => bail!("cannot start PostgreSQL: {error}"),
        }
    }

    /// Makes an empty database.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn create_database(&self) -> Result<Database> {
        self.create_from("template1")
    }

    /// Makes a database with what `prepare` does to the template of this name, at its URL.
    ///
    /// The template is prepared once for all processes that share the server, then cloned. Its name should
    /// change with what is in it, for instance by the number of migrations.
    ///
    /// # Errors
    /// The server does not answer, or `prepare` failed. It must have closed its connections.
    pub fn create_database_from(
        &self,
        template: &str,
        prepare: impl FnOnce(&str) -> Result<()>,
    ) -> Result<Database> {
        let _held = self.lock()?;
        let found = self.sql(&format!("select 1 from pg_database where datname = '{template}'"))?;
        if found.trim().is_empty() {
            // Under another name until it is whole, so that a failed preparation is not taken for one.
            let draft = self.create_database()?;
            prepare(&draft.url())?;
            self.sql(&format!("alter database \"{}\" rename to \"{template}\"", draft.name))?;
        }
        self.create_from(template)
    }

    /// Runs a statement and returns what it gives, a row a line.
    ///
    /// # Errors
    /// The server does not answer or refuses it.
    pub fn sql(&self, statement: &str) -> Result<String> {
        psql(&self.url, statement)
    }

    #[expect(clippy::disallowed_methods, reason = "a name that no other test takes")]
    fn create_from(&self, template: &str) -> Result<Database> {
        let name = format!("test_{:016x}", rand::random::<u64>());
        self.sql(&format!("create database \"{name}\" template \"{template}\""))?;
        Ok(Database { name, cluster: self.clone() })
    }

    /// Held by one process at a time.
    fn lock(&self) -> Result<File> {
        // A socket's folder goes with the server, and the file with it.
        let folder = self.url.split_once("?host=").map(|(_, folder)| PathBuf::from(folder));
        let path = folder.unwrap_or_else(env::temp_dir).join("ctutor-template.lock");
        let file = File::create(&path).with_context(|| format!("cannot make `{}`", path.display()))?;
        file.lock()?;
        Ok(file)
    }
}

impl Database {
    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        with_database(&self.cluster.url, &self.name)
    }

    /// Runs a statement in it and returns what it gives, a row a line.
    ///
    /// # Errors
    /// The server does not answer or refuses it.
    pub fn sql(&self, statement: &str) -> Result<String> {
        psql(&self.url(), statement)
    }

    /// Runs all statements of a file in it, such as those that `pg_dump` wrote.
    ///
    /// # Errors
    /// The server does not answer or refuses one.
    pub fn load(&self, file: &Path) -> Result<()> {
        run_psql(&self.url(), ["-f".as_ref(), file.as_os_str()])?;
        Ok(())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Fails after a rename, and where the server was killed; both leave nothing behind that lasts.
        let _ = self.cluster.sql(&format!("drop database if exists \"{}\" with (force)", self.name));
    }
}

/// The URL with another database in the place of its path.
fn with_database(url: &str, database: &str) -> String {
    let (base, query) =
        url.split_once('?').map_or((url, String::new()), |(base, query)| (base, format!("?{query}")));
    let end = base.rfind('/').unwrap_or(base.len());
    format!("{}/{database}{query}", &base[..end])
}

fn psql(url: &str, statement: &str) -> Result<String> {
    run_psql(url, ["-c".as_ref(), statement.as_ref()])
}

fn run_psql(url: &str, what: [&OsStr; 2]) -> Result<String> {
    let program = programs()?.join("psql");
    let Output { status, stdout, stderr } = Command::new(&program)
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url])
        .args(what)
        .output()
        .with_context(|| format!("cannot run `{}`", program.display()))?;
    if !status.success() {
        bail!("{what:?} failed: {}", String::from_utf8_lossy(&stderr).trim());
    }
    Ok(String::from_utf8(stdout)?)
}

/// Folder of the newest installed server's programs, which distributions keep out of `PATH`.
fn programs() -> Result<PathBuf> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/postgres-bindir");
        let output = Command::new(script).output().ok()?;
        let folder = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| PathBuf::from(folder.trim()))
    };
    FOUND.get_or_init(find).clone().context("PostgreSQL is not installed; `scripts/setup test` installs it")
}

/// PostgreSQL refuses to run as root, so root needs someone to run it as.
fn unprivileged_user() -> Result<Option<User>> {
    // Where there is no `/proc`, nobody develops as root.
    if fs::metadata("/proc/self").map_or(true, |own| own.uid() != 0) {
        return Ok(None);
    }
    let accounts = fs::read_to_string("/etc/passwd")?;
    let find = |name: &str| {
        let account = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut ids = account.split(':').skip(2).map_while(|field| field.parse().ok());
        Some(User { uid: ids.next()?, gid: ids.next()? })
    };
    let user = find("postgres").or_else(|| find("nobody"));
    Ok(Some(user.context("there is neither a user `postgres` nor `nobody` to run PostgreSQL as")?))
}
