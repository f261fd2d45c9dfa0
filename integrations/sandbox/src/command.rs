use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::Error;

/// What to run. A path means the same inside and outside.
#[derive(Clone, Debug)]
pub struct Command {
    /// The program and its arguments. The program is looked up in the sandbox's `PATH`.
    pub argv: Vec<OsString>,
    /// Everything the program finds in its environment beside `PATH`, `HOME`, `LANG` and `TMPDIR`.
    pub env: BTreeMap<String, String>,
    /// Must lie in one of the folders below, or in what every command sees.
    pub cwd: PathBuf,
    /// What the program sees beside the system's programs, in this order: a later one lies over an earlier. The
    /// folders between a writable one and one in it can be neither renamed nor removed by the program.
    pub binds: Vec<Bind>,
    /// What the program reads from its standard input.
    pub stdin: Vec<u8>,
    pub limits: Limits,
}

/// A folder or a file that is made visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    ReadOnly(PathBuf),
    /// Handed over: where the worker is root, it and all in it change their owner to the sandbox's user.
    Writable(PathBuf),
}

/// The bounds of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time on the clock for all of it.
    pub wall: Duration,
    /// Processor time of each process.
    pub cpu: Duration,
    /// Memory that all processes together use. What is only reserved does not count.
    pub memory_bytes: u64,
    /// Processes and threads together.
    pub processes: u64,
    /// Open files of each process.
    pub open_files: u64,
    /// What all processes may write to standard output and standard error together.
    pub output_bytes: u64,
    /// How much of standard output, and of standard error, is kept.
    pub captured_bytes: usize,
    /// The size of each file that is written.
    pub file_size_bytes: u64,
    /// The size of `/tmp`, and again of `/dev/shm`. Both are memory and vanish with the command.
    pub scratch_bytes: u64,
    /// What the writable folders may take on disk together, what was there before included.
    pub writable_bytes: u64,
    /// How many files and folders the writable folders may have together.
    pub writable_files: u64,
}

impl Command {
    pub fn new<A: Into<OsString>>(argv: impl IntoIterator<Item = A>, cwd: impl Into<PathBuf>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            env: BTreeMap::new(),
            cwd: cwd.into(),
            binds: Vec::new(),
            stdin: Vec::new(),
            limits: Limits::default(),
        }
    }

    pub(crate) fn writable(&self) -> impl Iterator<Item = &Path> {
        self.binds.iter().filter_map(|bind| match bind {
            Bind::Writable(path) => Some(path.as_path()),
            Bind::ReadOnly(_) => None,
        })
    }

    /// The folders between a bind and the writable one that it lies in, the highest first. Where a program could rename
    /// them, it would choose what the next command binds.
    pub(crate) fn folders_around(&self, number: usize) -> Vec<&Path> {
        let Some((bind, before)) = self.binds.get(..=number).and_then(<[Bind]>::split_last) else {
            return Vec::new();
        };
        let path = bind.path();
        let Some(Bind::Writable(root)) = before.iter().rfind(|outer| path.starts_with(outer.path())) else {
            return Vec::new();
        };
        let is_between = |folder: &&Path| folder.starts_with(root) && *folder != root;
        let mut folders: Vec<&Path> = path.ancestors().skip(1).take_while(is_between).collect();
        folders.reverse();
        folders
    }

    /// Whether an earlier command may have put a link in the way of a bind.
    fn leads_through_link(&self, number: usize, path: &Path) -> bool {
        let is_link = |path: &Path| path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
        let is_inside = self
            .binds
            .iter()
            .take(number)
            .any(|outer| matches!(outer, Bind::Writable(root) if path.starts_with(root) && path != root));
        is_inside && (is_link(path) || self.folders_around(number).into_iter().any(is_link))
    }

    /// Refuses what would be a fault of the caller and could otherwise look like one of the program.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let invalid = |reason| Err(Error::InvalidCommand { reason });
        if self.argv.first().is_none_or(|program| program.is_empty()) {
            return invalid("it names no program");
        }
        if self.argv.iter().any(|argument| argument.as_encoded_bytes().contains(&0)) {
            return invalid("an argument has a NUL byte");
        }
        if self
            .env
            .iter()
            .any(|(name, value)| name.is_empty() || name.contains(['=', '\0']) || value.contains('\0'))
        {
            return invalid("its environment has an unusable name or value");
        }
        if !self.cwd.is_absolute() {
            return invalid("its working directory is not absolute");
        }
        for (number, bind) in self.binds.iter().enumerate() {
            let path = bind.path();
            if self.leads_through_link(number, path) {
                return invalid("a bound path in a writable folder leads through a symbolic link");
            }
            if !path.is_absolute() || !path.exists() {
                return invalid("a bound path is not absolute or not there");
            }
        }
        Ok(())
    }
}

impl Bind {
    pub(crate) fn path(&self) -> &Path {
        let (Self::ReadOnly(path) | Self::Writable(path)) = self;
        path
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(60),
            cpu: Duration::from_secs(60),
            memory_bytes: 512 << 20,
            processes: 64,
            open_files: 256,
            output_bytes: 8 << 20,
            captured_bytes: 256 << 10,
            file_size_bytes: 64 << 20,
            scratch_bytes: 64 << 20,
            writable_bytes: 256 << 20,
            writable_files: 10_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn the_folders_between_a_writable_folder_and_a_bind_in_it_are_known() {
        let binds = [
            Bind::Writable("/work".into()),
            Bind::ReadOnly("/work/a/b/c".into()),
            Bind::ReadOnly("/work/top".into()),
            Bind::ReadOnly("/work/top/x/y".into()),
            Bind::ReadOnly("/worker/x".into()),
        ];
        let command = Command { binds: binds.into(), ..Command::new(["true"], "/work") };
        assert_eq!(command.folders_around(1), ["/work/a", "/work/a/b"].map(Path::new));
        for number in [0, 2, 3, 4, 5] {
            assert!(command.folders_around(number).is_empty(), "{number}");
        }
    }

    #[test]
    fn a_bind_in_a_writable_folder_may_not_lead_through_a_link() {
        let folder = tempfile::tempdir().expect("a folder");
        let work = folder.path().join("work");
        fs::create_dir_all(work.join("src")).expect("a folder");
        fs::write(work.join("src/data"), "").expect("a file");
        symlink("src", work.join("folder")).expect("a link");
        symlink("data", work.join("src/file")).expect("a link");
        let check = |path: &str| {
            let binds = vec![Bind::Writable(work.clone()), Bind::ReadOnly(work.join(path))];
            Command { binds, ..Command::new(["true"], &work) }.check()
        };
        assert!(check("src/data").is_ok());
        for path in ["folder/data", "src/file", "folder"] {
            let fault = check(path).expect_err("a link").to_string();
            assert!(fault.contains("symbolic link"), "{path}: {fault}");
        }
    }
}
