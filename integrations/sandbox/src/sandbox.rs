use std::{ffi::OsStr, io, path::Path, path::PathBuf, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    Bind, Captured, Cause, Command, Error, Exit, Limits, Line, Outcome, StartFailure, StartReason, UserRange,
    cgroup::{self, Group},
    confinement::{Confinement, Confiner},
    cores::Cores,
    descriptors,
    launcher::Start,
    machine_view::MachineView,
    programs::{find_program, program},
    run::{self, Ending, Held, Launch},
    start_failure::{
        Finding, LIST_LIBRARIES, LOOK, Look, StartFinding, examine, is_suspect, missing_library, named_files,
    },
    system_calls,
    users::{self, UserLease, Users},
};

/// How long it may take to look at a file that could not be started.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of the end of standard error is searched for the name of such a file.
const MESSAGES_BYTES_MAX: usize = 4 << 10;

/// What is asked of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Commands run confined or not at all.
    Confined,
    /// Where confinement is impossible, commands run with limits only. They can read what the worker can read and
    /// reach the network: for code that is trusted.
    AllowUnconfined,
}

#[derive(Clone, Debug)]
pub struct Options {
    pub policy: Policy,
    /// The bubblewrap program; looked for among the system's programs when it is not given.
    pub bwrap: Option<PathBuf>,
    /// Where programs are looked for inside.
    pub path: String,
    /// What every command sees beside the system's programs, for instance a Python installation of its own.
    pub read_only: Vec<PathBuf>,
    /// A control group (version 2) delegated to the worker, without processes of its own, with the controllers
    /// `memory` and `pids` in its `cgroup.subtree_control`.
    pub cgroup: Option<PathBuf>,
    /// How many of the machine's cores each command may use, and sees.
    pub cores: usize,
    /// The users that commands run as where the worker is root, each at most one at a time. Without it those of
    /// [`UserRange::default`], or a single one where the machine does not have these.
    pub users: Option<UserRange>,
}

/// Runs commands, and knows how far it can confine them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sandbox {
    confiner: Arc<Confiner>,
    cgroup: Option<Arc<Path>>,
    /// None where the system does not say which it has.
    cores: Option<Arc<Cores>>,
    cores_each: usize,
    users: Arc<Users>,
}

/// Commands cannot be confined on this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("commands cannot be confined here: {reason}")]
pub struct Unavailable {
    pub reason: String,
    /// What an operator can do about it.
    pub remedy: String,
}

impl Sandbox {
    /// Finds out what this machine offers, by running a harmless command in each way.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when commands cannot be confined and the policy does not allow less.
    pub async fn detect(options: impl Into<Options>) -> Result<Self, Unavailable> {
        let options = options.into();
        descriptors::keep_inherited();
        let unavailable = match Self::confined(&options).await {
            Ok(sandbox) => return Ok(sandbox),
            Err(unavailable) => unavailable,
        };
        if options.policy == Policy::Confined {
            return Err(unavailable);
        }
        tracing::warn!(reason = unavailable.reason, "commands run unconfined, as the policy allows");
        Self::with(&options, Confinement::Unconfined, PathBuf::new(), Users::shared())
            .map_err(|fault| cannot_prepare(&fault))
    }

    pub fn confinement(&self) -> Confinement {
        self.confiner.confinement
    }

    /// Runs a command to its end, or to the end that a limit or the caller makes of it.
    ///
    /// When this returns, none of the command's processes is left. Dropping the future kills them too.
    ///
    /// # Errors
    ///
    /// [`Error`] when the command could not be run; how it ended is never an error.
    pub async fn run(&self, command: &Command, cancel: &CancellationToken) -> Result<Outcome, Error> {
        self.run_with_lines(command, cancel, &mut |_| {}).await
    }

    /// Like [`run`](Self::run), and tells every line of the output while the command runs.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run).
    pub async fn run_with_lines(
        &self,
        command: &Command,
        cancel: &CancellationToken,
        on_line: &mut (dyn FnMut(Line<'_>) + Send),
    ) -> Result<Outcome, Error> {
        command.check()?;
        let user = self.users.lease().map_err(Error::io("taking a user ID"))?;
        self.hand_over(command, &user).await?;
        let outcome = self.run_as(&user, command, cancel, on_line).await;
        // It may give back many files. Who cannot be told of it any more is none that waits.
        let _ = tokio::task::spawn_blocking(move || drop(user)).await;
        outcome
    }

    async fn run_as(
        &self,
        user: &Arc<UserLease>,
        command: &Command,
        cancel: &CancellationToken,
        on_line: &mut (dyn FnMut(Line<'_>) + Send),
    ) -> Result<Outcome, Error> {
        let (mut outcome, start) = run::run(self.launch(command, user)?, cancel, on_line).await?;
        let by_itself = matches!(outcome.exit, Exit::Exited(_) | Exit::Signaled(_));
        if by_itself && matches!(start, Start::SetUpFailed | Start::Refused) {
            // The words of the sandbox's own programs.
            let words = std::mem::take(&mut outcome.stderr);
            if start == Start::SetUpFailed {
                self.check_setup(command, user, outcome.exit, &words).await?;
            }
        }
        match self.start_failure(command, user, start, &outcome).await {
            Ok(Some(StartFinding::Cause(failure))) => {
                outcome.detail = Some(failure.to_string());
                outcome.cause = Some(Cause::NotStarted(failure));
            }
            Ok(Some(StartFinding::Hint(failure))) => outcome.detail = Some(failure.to_string()),
            Ok(None) => {}
            // The command ran and has an outcome, even if its files can no longer be looked at.
            Err(error) => {
                tracing::warn!(%error, cause = ?std::error::Error::source(&error), "could not find out whether a program was started");
            }
        }
        Ok(outcome)
    }

    /// Looks for a program that could not be started, when the command ended as if there was one.
    async fn start_failure(
        &self,
        command: &Command,
        user: &Arc<UserLease>,
        start: Start,
        outcome: &Outcome,
    ) -> Result<Option<StartFinding>, Error> {
        let (Exit::Exited(code), Some(program)) = (outcome.exit, command.argv.first()) else {
            return Ok(None);
        };
        let program = program.to_string_lossy().into_owned();
        if start == Start::SetUpFailed {
            let reason = StartReason::WorkingFolder;
            return Ok(Some(StartFinding::Cause(StartFailure { program, reason })));
        }
        let is_refused = start == Start::Refused;
        if is_refused || is_suspect(&program, code) {
            let found = self.reason(command, user, &program, is_refused, code).await?;
            let found = found.or(is_refused.then_some(Finding::Is(StartReason::Refused)));
            match found {
                Some(Finding::Is(reason)) => {
                    return Ok(Some(StartFinding::Cause(StartFailure { program, reason })));
                }
                Some(Finding::Perhaps(reason)) => {
                    return Ok(Some(StartFinding::Hint(StartFailure { program, reason })));
                }
                _ => {}
            }
        }
        let stderr = outcome.stderr.tail(MESSAGES_BYTES_MAX);
        for program in named_files(&program, code, &stderr) {
            // That a file is not there is what the program itself has written.
            match self.reason(command, user, &program, true, code).await? {
                Some(Finding::Is(reason)) if reason != StartReason::NotFound => {
                    return Ok(Some(StartFinding::Hint(StartFailure { program, reason })));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// What is wrong with a program, none that needs another look any more.
    async fn reason(
        &self,
        command: &Command,
        user: &Arc<UserLease>,
        program: &str,
        is_refused: bool,
        code: i32,
    ) -> Result<Option<Finding>, Error> {
        let printed = self.look_at(command, user, LOOK, &[program]).await?;
        let Some(look) = Look::read(&printed) else { return Ok(None) };
        Ok(match examine(&look, is_refused, code) {
            Finding::Nothing => None,
            Finding::Needs(interpreter) => {
                let printed = self.look_at(command, user, LOOK, &[&interpreter]).await?;
                let is_missing = !matches!(Look::read(&printed), Some(Look::File(_)) | None);
                is_missing.then_some(Finding::Is(StartReason::InterpreterNotFound { interpreter }))
            }
            Finding::NeedsLibraries { loader } => {
                let printed = self.look_at(command, user, LIST_LIBRARIES, &[&loader, program]).await?;
                let library = missing_library(&String::from_utf8_lossy(&printed));
                library.map(|library| Finding::Is(StartReason::LibraryNotFound { library }))
            }
            finding @ (Finding::Is(_) | Finding::Perhaps(_)) => Some(finding),
        })
    }

    /// What a script of the shell prints, in the place where the command runs.
    async fn look_at(
        &self,
        command: &Command,
        user: &Arc<UserLease>,
        script: &str,
        arguments: &[&str],
    ) -> Result<Vec<u8>, Error> {
        /// What would change how the shell works is left out.
        const KEPT: [&str; 2] = ["PATH", "LD_LIBRARY_PATH"];

        let shell = program("sh");
        let argv = [shell.as_os_str(), "-c".as_ref(), script.as_ref(), "sh".as_ref()];
        let env = command.env.iter().filter(|(name, _)| KEPT.contains(&name.as_str()));
        let look = Command {
            argv: argv.into_iter().chain(arguments.iter().map(OsStr::new)).map(Into::into).collect(),
            env: env.map(|(name, value)| (name.clone(), value.clone())).collect(),
            stdin: Vec::new(),
            limits: Limits { wall: LOOK_TIMEOUT, ..Limits::default() },
            ..command.clone()
        };
        let (outcome, _) =
            run::run(self.launch(&look, user)?, &CancellationToken::new(), &mut |_| {}).await?;
        Ok(outcome.stdout.bytes)
    }

    async fn confined(options: &Options) -> Result<Self, Unavailable> {
        if !system_calls::KNOWN {
            return Err(Unavailable {
                reason: "confinement needs Linux on x86-64 or ARM64".into(),
                remedy: "run the worker that tests submissions on such a machine".into(),
            });
        }
        if let Some(reason) = options.cgroup.as_deref().and_then(cgroup::why_unusable) {
            return Err(Unavailable {
                reason,
                remedy:
                    "delegate a control group (systemd: `Delegate=memory pids`), or leave the setting out"
                        .into(),
            });
        }
        let Some(bwrap) =
            options.bwrap.clone().or_else(|| find_program("bwrap")).filter(|path| path.is_file())
        else {
            return Err(Unavailable {
                reason: "the program `bwrap` is not installed".into(),
                remedy: "install bubblewrap, for instance `apt install bubblewrap`".into(),
            });
        };
        let candidates: &[Confinement] = if rustix::process::geteuid().is_root() {
            &[Confinement::DroppedRoot, Confinement::UserNamespace]
        } else {
            &[Confinement::UserNamespace]
        };
        let mut reasons = Vec::new();
        for confinement in candidates {
            let (users, shared) = users_for(*confinement, options)?;
            let sandbox = Self::with(options, *confinement, bwrap.clone(), users)
                .map_err(|fault| cannot_prepare(&fault))?;
            match sandbox.probe_as_any().await {
                Ok(()) => {
                    if let Some(reason) = shared {
                        tracing::warn!(reason, "programs that run at once share one user and its limits");
                    }
                    return Ok(sandbox);
                }
                Err(reason) => reasons.push(reason.to_string()),
            }
        }
        let reason = reasons.join("; ");
        Err(Unavailable { remedy: remedy(&reason).into(), reason })
    }

    fn with(options: &Options, confinement: Confinement, bwrap: PathBuf, users: Users) -> io::Result<Self> {
        let confiner = Confiner::new(confinement, bwrap, options.path.clone(), options.read_only.clone())?;
        Ok(Self {
            confiner: Arc::new(confiner),
            cgroup: options.cgroup.as_deref().map(Arc::from),
            cores: Cores::of_this_process().map(Arc::new),
            cores_each: options.cores,
            users: Arc::new(users),
        })
    }

    async fn probe_as_any(&self) -> Result<(), Error> {
        let user = self.users.lease().map_err(Error::io("taking a user ID"))?;
        self.probe(&user, Vec::new(), Path::new("/")).await
    }

    /// Runs `true` with these binds.
    async fn probe(&self, user: &Arc<UserLease>, binds: Vec<Bind>, cwd: &Path) -> Result<(), Error> {
        let command = Command { binds, ..Command::new([program("true")], cwd) };
        let launch = self.launch(&command, user)?;
        let (outcome, _) = run::run(launch, &CancellationToken::new(), &mut |_| {}).await?;
        if outcome.exit.is_success() { Ok(()) } else { Err(set_up_failed(outcome.exit, &outcome.stderr)) }
    }

    /// Of all that is set up, only the working directory may be something that an earlier command has removed.
    async fn check_setup(
        &self,
        command: &Command,
        user: &Arc<UserLease>,
        exit: Exit,
        words: &Captured,
    ) -> Result<(), Error> {
        self.probe(user, command.binds.clone(), Path::new("/")).await?;
        match self.probe(user, command.binds.clone(), &command.cwd).await {
            Ok(()) => Err(set_up_failed(exit, words)),
            Err(_) => Ok(()),
        }
    }

    fn launch(&self, command: &Command, user: &Arc<UserLease>) -> Result<Launch, Error> {
        let unconfined = self.confiner.confinement == Confinement::Unconfined;
        let group = match &self.cgroup {
            Some(root) => {
                let group =
                    Group::create(root, &command.limits).map_err(Error::io("making a control group"))?;
                Some(group)
            }
            None => None,
        };
        let held = self.hold(command)?;
        // The environment of bubblewrap itself can be read from inside, so it has none of the worker's either.
        let mut env: Vec<(String, String)> =
            self.confiner.environment().map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        env.extend(command.env.clone().into_iter().filter(|_| unconfined));
        Ok(Launch {
            line: self.confiner.command_line(command, user.id, held.cores.as_ref(), held.view.as_ref()),
            env,
            cwd: if unconfined { command.cwd.clone() } else { "/".into() },
            stdin: command.stdin.clone(),
            limits: command.limits.clone(),
            writable: command.writable().map(Path::to_owned).collect(),
            group,
            held,
            user: Arc::clone(user),
            filters: self.confiner.filters.clone(),
            ending: if unconfined { Ending::ProcessGroup } else { Ending::Namespace },
        })
    }

    /// What the command has for itself: some cores, and files that tell of them.
    fn hold(&self, command: &Command) -> Result<Held, Error> {
        let cores = self.cores.as_ref().map(|cores| cores.lease(self.cores_each));
        let view = match &cores {
            Some(cores) if self.confiner.confinement != Confinement::Unconfined => {
                let view = MachineView::new(&cores.numbers, command.limits.memory_bytes);
                Some(view.map_err(Error::io("describing the machine to the command"))?)
            }
            _ => None,
        };
        Ok(Held { cores, view })
    }

    /// Gives the writable folders to the user that the command will be.
    async fn hand_over(&self, command: &Command, user: &Arc<UserLease>) -> Result<(), Error> {
        if self.confiner.confinement != Confinement::DroppedRoot {
            return Ok(());
        }
        let folders: Vec<PathBuf> = command.writable().map(Path::to_owned).collect();
        let user = Arc::clone(user);
        tokio::task::spawn_blocking(move || user.hand_over(folders))
            .await
            .map_err(|fault| Error::Io { what: "handing a folder over", source: fault.into() })?
            .map_err(Error::io("handing a folder over"))
    }
}

/// The users of commands, and why they are but one where they could be more.
fn users_for(confinement: Confinement, options: &Options) -> Result<(Users, Option<String>), Unavailable> {
    if confinement != Confinement::DroppedRoot {
        return Ok((Users::shared(), None));
    }
    let users = Users::of(options.users.unwrap_or_default(), Path::new(users::LOCKS));
    match (users, options.users) {
        (Ok(users), _) => Ok((users, None)),
        (Err(reason), None) => Ok((Users::shared(), Some(reason))),
        (Err(reason), Some(_)) => Err(Unavailable {
            reason,
            remedy: "choose a range of user IDs that nobody else has, or leave the setting out".into(),
        }),
    }
}

fn set_up_failed(exit: Exit, words: &Captured) -> Error {
    Error::Setup { message: format!("{exit:?}, {}", words.text().trim()) }
}

/// What helps where bubblewrap has failed with these words.
fn remedy(reason: &str) -> &'static str {
    if reason.contains("Can't mount proc") {
        // The kernel mounts a new `/proc` only where all of the present one is visible.
        return "unmask `/proc` of the container: Docker needs `--security-opt systempaths=unconfined`, Kubernetes \
                `procMount: Unmasked`";
    }
    "allow unprivileged user namespaces (sysctl `kernel.unprivileged_userns_clone=1`, on Ubuntu \
     `kernel.apparmor_restrict_unprivileged_userns=0`); in a container, a seccomp profile that allows them"
}

fn cannot_prepare(fault: &io::Error) -> Unavailable {
    Unavailable {
        reason: format!("temporary files cannot be created: {fault}"),
        remedy: "give the worker a writable temporary folder (`TMPDIR`)".into(),
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            policy: Policy::Confined,
            bwrap: None,
            path: "/usr/local/bin:/usr/bin:/bin".into(),
            read_only: Vec::new(),
            cgroup: None,
            cores: 2,
            users: None,
        }
    }
}

impl From<Policy> for Options {
    fn from(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }
}
