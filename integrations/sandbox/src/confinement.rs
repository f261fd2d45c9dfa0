//! How a command line becomes a confined one.

use std::{
    collections::HashSet,
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::process::{Resource, getrlimit};
use tempfile::TempDir;

use crate::{
    Bind, Command, Limits, bounds,
    cores::CoreLease,
    descriptors, etc, launcher,
    machine_view::MachineView,
    programs::{find_program, program},
    system_calls::{self, Filters},
};

/// The user that the program sees itself as: nobody.
pub(crate) const NOBODY: u32 = 65_534;

/// What packages of Debian keep outside `/usr` though their programs do not start without it.
const PACKAGE_DATA: [&str; 2] = ["/var/lib/ghc", "/var/lib/ocaml"];
/// The kernel ends processes with the highest score first when the memory of the machine runs out.
const OUT_OF_MEMORY_SCORE: &str = "1000";
/// The reaper, the parent of the user namespace and the programs that lead to the command count as processes too.
pub(crate) const OWN_PROCESSES: u64 = 3;

/// Signals that wait, and timers, of all processes of a command: programs have a few.
const SIGNALS_PENDING_MAX: u64 = 1024;

/// How far commands are kept from the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// The worker is an ordinary user: bubblewrap makes a user namespace and the others in it.
    UserNamespace,
    /// The worker is root: bubblewrap makes the namespaces as root, then the command becomes a user that no other
    /// command is, and nobody in a user namespace of its own. The kernel exempts root, even a mapped one, from the
    /// limit on processes.
    DroppedRoot,
    /// Only limits, a process group and an empty environment.
    Unconfined,
}

/// What confined commands are made of.
#[derive(Clone, Debug)]
pub(crate) struct Confiner {
    pub(crate) confinement: Confinement,
    pub(crate) bwrap: PathBuf,
    pub(crate) path: String,
    pub(crate) read_only: Vec<PathBuf>,
    /// None for commands that are not confined.
    pub(crate) filters: Option<Arc<Filters>>,
    /// Holds the `/etc` of the sandbox.
    folder: Arc<TempDir>,
}

impl Confiner {
    pub(crate) fn new(
        confinement: Confinement,
        bwrap: PathBuf,
        path: String,
        read_only: Vec<PathBuf>,
    ) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("ctutor-sandbox-").tempdir()?;
        if confinement != Confinement::Unconfined {
            etc::build(Path::new("/etc"), &folder.path().join("etc"))?;
        }
        let filters = match confinement {
            Confinement::Unconfined => None,
            Confinement::UserNamespace | Confinement::DroppedRoot => Some(Arc::new(Filters::compile()?)),
        };
        Ok(Self { confinement, bwrap, path, read_only, filters, folder: Arc::new(folder) })
    }

    /// The whole command line, the program of this machine first.
    pub(crate) fn command_line(
        &self,
        command: &Command,
        user: u32,
        cores: Option<&CoreLease>,
        view: Option<&MachineView>,
    ) -> CommandLine {
        let mut line = Line::default();
        let mut options = Line::default();
        add_place(&mut line, cores);
        if self.confinement == Confinement::Unconfined {
            unconfined_prefix(&mut line, &command.limits);
        } else {
            self.add_namespaces(&mut options);
            self.add_environment(&mut options, command);
            self.add_system(&mut options, &command.limits);
            for (outside, inside) in view.into_iter().flat_map(MachineView::binds) {
                options.bind("--ro-bind", &outside, &inside);
            }
            add_binds(&mut options, command);
            // Last, because until here the folders that carry the others are made in it.
            options.add(["--remount-ro", "/", "--chdir"]).add([&command.cwd]);
            line.add([&self.bwrap]).add(["--args", &descriptors::OPTIONS.to_string()]);
            if self.confinement == Confinement::DroppedRoot {
                line.add(["--"]).add(bounds::of_terminals());
                self.add_drop(&mut line, user);
            }
            line.add(Filters::arguments()).add(["--"]).add(bounds::of_namespace());
            add_limits(&mut line, &command.limits);
        }
        line.add(&command.argv);
        CommandLine { argv: line.0, options: options.0 }
    }

    /// What the command finds in its environment beside its own.
    pub(crate) fn environment(&self) -> [(&'static str, &str); 4] {
        [("PATH", &self.path), ("HOME", "/tmp"), ("TMPDIR", "/tmp"), ("LANG", "C.UTF-8")]
    }

    fn add_namespaces(&self, line: &mut Line) {
        line.add(["--die-with-parent", "--new-session", "--hostname", etc::HOST]);
        line.add([
            "--unshare-ipc",
            "--unshare-pid",
            "--unshare-net",
            "--unshare-uts",
            "--unshare-cgroup-try",
        ]);
        if self.confinement == Confinement::DroppedRoot {
            line.add(["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]);
            line.add(["--cap-add", bounds::TERMINALS_PRIVILEGE]);
        } else {
            line.add(["--unshare-user", "--disable-userns"]);
            add_nobody(line);
        }
    }

    fn add_environment(&self, line: &mut Line, command: &Command) {
        line.add(["--clearenv"]);
        for (name, value) in self.environment() {
            line.add(["--setenv", name, value]);
        }
        for (name, value) in &command.env {
            line.add(["--setenv", name, value]);
        }
    }

    fn add_system(&self, line: &mut Line, limits: &Limits) {
        line.add(["--ro-bind", "/usr", "/usr"]);
        for name in ["/bin", "/sbin", "/lib", "/lib32", "/lib64"] {
            match fs::read_link(name) {
                Ok(target) => line.add([OsStr::new("--symlink"), target.as_ref(), name.as_ref()]),
                Err(_) => line.add(["--ro-bind-try", name, name]),
            };
        }
        line.bind("--ro-bind", &self.folder.path().join("etc"), Path::new("/etc"));
        for path in PACKAGE_DATA.map(Path::new).into_iter().filter(|path| path.is_dir()) {
            line.hide_folders(path);
            line.bind("--ro-bind", path, path);
        }
        let scratch = limits.scratch_bytes.max(1).to_string();
        line.add(["--proc", "/proc", "--dev", "/dev"]);
        // bubblewrap covers all of `/proc/sys` where it is root. Only who has the privilege in the command's user
        // namespace can write here, to the bounds of that.
        if self.confinement == Confinement::DroppedRoot {
            line.add(["--bind-try", bounds::OF_NAMESPACE, bounds::OF_NAMESPACE]);
        }
        // `/dev` is a file system in memory without a bound of its own, so nothing may be written to it.
        line.add(["--perms", "1777", "--size", &scratch, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]);
        line.add(["--perms", "1777", "--size", &scratch, "--tmpfs", "/tmp"]);
        // Called once more inside; lies elsewhere than in `/usr` where the operator says so.
        if self.confinement == Confinement::DroppedRoot && !self.bwrap.starts_with("/usr") {
            line.bind("--ro-bind", &self.bwrap, &self.bwrap);
        }
        for path in &self.read_only {
            line.bind("--ro-bind", path, path);
        }
    }

    /// From root of the machine to the command's own user, and from there into a user namespace where the limit on
    /// processes counts only this command's and the user is nobody. bubblewrap makes that one as well: it filters
    /// system calls after that, as only it may.
    fn add_drop(&self, line: &mut Line, user: u32) {
        let user = user.to_string();
        line.add([program("setpriv")]);
        line.add(["--reuid", &user, "--regid", &user, "--clear-groups", "--no-new-privs", "--"]);
        line.add([&self.bwrap]).add(["--unshare-user"]);
        add_nobody(line);
        line.add(["--dev-bind", "/", "/"]);
    }
}

/// Who the program is in its user namespace, whoever it is on the machine, and what it may do until that is bounded.
fn add_nobody(line: &mut Line) {
    let nobody = NOBODY.to_string();
    line.add(["--uid", &nobody, "--gid", &nobody, "--cap-add", bounds::NAMESPACE_PRIVILEGE]);
}

/// What is to be started.
#[derive(Debug)]
pub(crate) struct CommandLine {
    pub(crate) argv: Vec<OsString>,
    /// What bubblewrap reads from a descriptor: its own command line can be read inside.
    pub(crate) options: Vec<OsString>,
}

/// The words of a command line, and the folders that they make.
#[derive(Default)]
struct Line(Vec<OsString>, HashSet<PathBuf>);

impl Line {
    fn add<A: AsRef<OsStr>>(&mut self, arguments: impl IntoIterator<Item = A>) -> &mut Self {
        self.0.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Makes the folders on the way so that they cannot be listed.
    fn hide_folders(&mut self, inside: &Path) {
        self.make_folders(inside, "0111");
    }

    fn bind(&mut self, how: &str, outside: &Path, inside: &Path) {
        self.make_folders(inside, "0755");
        self.add([OsStr::new(how), outside.as_ref(), inside.as_ref()]);
    }

    /// bubblewrap would make the folders on the way for root only, where it is root.
    fn make_folders(&mut self, inside: &Path, mode: &str) {
        let mut folders: Vec<&Path> =
            inside.ancestors().skip(1).filter(|path| path.parent().is_some()).collect();
        folders.reverse();
        for folder in folders {
            if self.1.insert(folder.to_owned()) {
                self.add(["--perms", mode, "--dir"]).add([folder]);
            }
        }
    }
}

/// A program could rename a folder that holds what it may not change, and put its own in the place: at once, or for the
/// next command, which would follow a link there on the machine. A mount point can be neither renamed nor removed, so
/// each such folder is made one.
fn add_binds(line: &mut Line, command: &Command) {
    let mut fixed = HashSet::new();
    for (number, bind) in command.binds.iter().enumerate() {
        for folder in command.folders_around(number) {
            if fixed.insert(folder) {
                line.bind("--bind", folder, folder);
            }
        }
        // It covers what was mounted below it.
        fixed.retain(|folder| !folder.starts_with(bind.path()));
        match bind {
            Bind::ReadOnly(path) => line.bind("--ro-bind", path, path),
            Bind::Writable(path) => line.bind("--bind", path, path),
        }
    }
}

/// Where the command stands among the processes of the machine: on these cores, and first to go when the memory of the
/// machine runs out.
fn add_place(line: &mut Line, cores: Option<&CoreLease>) {
    if let Some(choom) = find_program("choom") {
        line.add([choom]).add(["-n", OUT_OF_MEMORY_SCORE, "--"]);
    }
    if let (Some(cores), Some(taskset)) = (cores, find_program("taskset")) {
        let list: Vec<String> = cores.numbers.iter().map(ToString::to_string).collect();
        line.add([taskset]).add(["-c", &list.join(",")]);
    }
}

/// Inside, so that the limit on processes is set after the user namespace was made and is counted in it.
fn add_limits(line: &mut Line, limits: &Limits) {
    let cpu_seconds = limits.cpu.as_secs().max(1);
    let bounded = |resource, wanted: u64| {
        // A limit above the worker's own could not be set, and need not be.
        getrlimit(resource).maximum.map_or(wanted, |maximum| wanted.min(maximum))
    };
    line.add([program("prlimit")]);
    for (name, value) in [
        ("nproc", bounded(Resource::Nproc, limits.processes + OWN_PROCESSES)),
        ("fsize", bounded(Resource::Fsize, limits.file_size_bytes)),
        ("nofile", bounded(Resource::Nofile, limits.open_files)),
        // With 0 the kernel still starts the program that the machine has for core dumps, as root, and gives it all of
        // the memory. 1 is its mark for none.
        ("core", bounded(Resource::Core, 1)),
        // Timers of POSIX take one each. Where all commands have the same user, the kernel counts for each limit of a
        // user namespace by itself.
        ("sigpending", bounded(Resource::Sigpending, SIGNALS_PENDING_MAX)),
    ] {
        line.add([format!("--{name}={value}")]);
    }
    // First the signal that tells what it was, then the one that cannot be ignored.
    line.add([format!(
        "--cpu={}:{}",
        bounded(Resource::Cpu, cpu_seconds),
        bounded(Resource::Cpu, cpu_seconds + 1)
    )]);
    line.add(["--"]);
    if system_calls::KNOWN {
        let shell = find_program("dash").unwrap_or_else(|| program("sh"));
        line.add([shell]).add(["-c", launcher::SCRIPT, "sh"]);
    }
}

#[cfg(target_os = "linux")]
fn unconfined_prefix(line: &mut Line, limits: &Limits) {
    line.add([program("setpriv")]);
    line.add(["--pdeathsig", "KILL", "--"]);
    // All processes of the worker's user would count for the command's limit, so that is left to the watchdog.
    let limits = Limits { processes: u64::MAX - OWN_PROCESSES, ..limits.clone() };
    add_limits(line, &limits);
}

#[cfg(not(target_os = "linux"))]
fn unconfined_prefix(line: &mut Line, limits: &Limits) {
    let script = format!(
        "ulimit -c 0; ulimit -t {}; ulimit -n {}; ulimit -f {}; exec \"$@\"",
        limits.cpu.as_secs().max(1),
        limits.open_files,
        (limits.file_size_bytes / 512).max(1)
    );
    line.add(["/bin/sh", "-c", &script, "sh"]);
}
