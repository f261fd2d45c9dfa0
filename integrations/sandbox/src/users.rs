//! Which user of the machine a command runs as, where the worker is root.
//!
//! The kernel keeps some limits for each user and not for each process: pages of pipes, watches and instances of
//! inotify, descriptors on their way through sockets, message queues, signals that wait. Two commands of one user would
//! take these from each other. So each has a user ID that no other command of the machine has while it runs.
//!
//! | who | does what |
//! | --- | --- |
//! | a lease | holds the lock of one ID, and with it all that the ID may own |
//! | the folder of locks | has one file for each ID; it is shared by all workers of the machine |
//! | the kernel | drops the lock of a worker that dies, whose commands die with it |
//!
//! A lease ends when the last of those who hold it have dropped it: who waits for the command, and what ends its
//! processes. Only then are its folders given back and the lock dropped, so an ID never has two commands.

use std::{
    fmt,
    fs::{self, DirBuilder, File},
    hash::{BuildHasher, RandomState},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, fchown, lchown},
    path::{Path, PathBuf},
    str::FromStr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::process::{getegid, geteuid};

use crate::confinement::NOBODY;

/// Where the locks lie. Only root can write to `/run`, and it is empty after a start of the machine.
pub(crate) const LOCKS: &str = "/run/ctutor-sandbox-users";

/// IDs of users and groups for the commands of all workers of a machine that use the same range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserRange {
    first: u32,
    last: u32,
}

/// A text is no range of user IDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected the first and the last user ID with `-` between them, such as `{}`, without that of root",
    UserRange::default()
)]
pub struct InvalidUserRange;

/// The IDs, and which of them are free.
#[derive(Debug)]
pub(crate) struct Users {
    /// None where all commands are nobody.
    range: Option<UserRange>,
    locks: PathBuf,
    /// How many leases there were. An ID is used again as late as possible: the kernel tidies up after its end.
    taken: AtomicU64,
}

/// The user of one command, until this is dropped.
#[derive(Debug)]
pub(crate) struct UserLease {
    pub(crate) id: u32,
    /// What was handed over.
    folders: Mutex<Vec<PathBuf>>,
    _lock: Option<File>,
}

impl UserRange {
    /// How many IDs it has, at least one.
    fn count(self) -> u64 {
        u64::from(self.last - self.first) + 1
    }

    fn overlaps(self, first: u32, last: u32) -> bool {
        first <= self.last && self.first <= last
    }
}

impl Default for UserRange {
    /// Between the IDs that systemd gives to containers (to 1,879,048,191) and those that it keeps for files of other
    /// systems (from 2,147,352,576); above all that `useradd` and directory services give by default.
    fn default() -> Self {
        Self { first: 2_100_000_000, last: 2_100_001_023 }
    }
}

impl FromStr for UserRange {
    type Err = InvalidUserRange;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        /// The last two mean "no user" and "unchanged" to the kernel and to programs.
        const LAST: u32 = u32::MAX - 2;

        let (first, last) = text.split_once('-').ok_or(InvalidUserRange)?;
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| InvalidUserRange);
        let (first, last) = (number(first)?, number(last)?);
        if first == 0 || first > last || last > LAST {
            return Err(InvalidUserRange);
        }
        Ok(Self { first, last })
    }
}

impl fmt::Display for UserRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl Users {
    /// All commands are one user.
    pub(crate) fn shared() -> Self {
        Self { range: None, locks: PathBuf::new(), taken: AtomicU64::new(0) }
    }

    /// # Errors
    /// Why the range cannot be used here.
    pub(crate) fn of(range: UserRange, locks: &Path) -> Result<Self, String> {
        if let Some(reason) = why_unusable(range, Path::new("/")) {
            return Err(reason);
        }
        prepare(locks).map_err(|fault| {
            format!("the folder `{}` for the locks of user IDs cannot be used: {fault}", locks.display())
        })?;
        // Workers in containers with the same users do not see each other's locks, and so should not begin alike.
        let taken = AtomicU64::new(RandomState::new().hash_one(std::process::id()) % range.count());
        Ok(Self { range: Some(range), locks: locks.to_owned(), taken })
    }

    /// # Errors
    /// If all are taken, or a lock cannot be made.
    pub(crate) fn lease(&self) -> io::Result<Arc<UserLease>> {
        let lease = |id, lock| UserLease { id, folders: Mutex::default(), _lock: lock };
        let Some(range) = self.range else { return Ok(Arc::new(lease(NOBODY, None))) };
        for _ in 0..range.count() {
            let number = self.taken.fetch_add(1, Ordering::Relaxed) % range.count();
            let id = range.first.saturating_add(u32::try_from(number).unwrap_or(u32::MAX));
            let lock = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(self.locks.join(id.to_string()))?;
            match lock.try_lock() {
                Ok(()) => return Ok(Arc::new(lease(id, Some(lock)))),
                Err(fs::TryLockError::WouldBlock) => {}
                Err(fs::TryLockError::Error(fault)) => return Err(fault),
            }
        }
        Err(io::Error::other(format!(
            "commands have all user IDs of {range}; give the workers of this machine more of them"
        )))
    }
}

impl UserLease {
    /// Gives the folders, and all in them, to this user until the lease ends.
    ///
    /// # Errors
    /// If a file cannot be read or given.
    pub(crate) fn hand_over(&self, folders: Vec<PathBuf>) -> io::Result<()> {
        let given = folders.iter().try_for_each(|folder| give(folder, self.id, self.id));
        self.folders.lock().unwrap_or_else(PoisonError::into_inner).extend(folders);
        given
    }

    /// A pipe of this user, which may open its ends by name, as `/dev/stdout` does.
    ///
    /// # Errors
    /// If there are no descriptors left.
    pub(crate) fn pipe(&self) -> io::Result<(io::PipeReader, io::PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        // A worker without the right to do so runs its commands as the user that it is itself.
        let _ = fchown(&writer, Some(self.id), Some(self.id));
        Ok((reader, writer))
    }

    /// Keeps the user from other commands for as long as this process lives.
    pub(crate) fn retire(self: Arc<Self>) {
        static RETIRED: Mutex<Vec<Arc<UserLease>>> = Mutex::new(Vec::new());

        RETIRED.lock().unwrap_or_else(PoisonError::into_inner).push(self);
    }
}

impl Drop for UserLease {
    fn drop(&mut self) {
        let folders = self.folders.get_mut().unwrap_or_else(PoisonError::into_inner);
        for folder in folders {
            // The caller may have removed it, and a program can nest folders deeper than any path is long.
            if let Err(fault) = give(folder, geteuid().as_raw(), getegid().as_raw()) {
                tracing::debug!(folder = %folder.display(), user = self.id, error = %fault, "files of a command keep its user");
            }
        }
    }
}

/// Changes the owner of all in a folder, as far as it is still there.
fn give(root: &Path, user: u32, group: u32) -> io::Result<()> {
    let mut pending = vec![root.to_owned()];
    while let Some(path) = pending.pop() {
        // Never through a link: it may lead to a file of the machine.
        lchown(&path, Some(user), Some(group))?;
        if path.symlink_metadata()?.is_dir() {
            for entry in fs::read_dir(&path)? {
                pending.push(entry?.path());
            }
        }
    }
    Ok(())
}

/// Makes the folder of the locks, and refuses one in which others could make some.
fn prepare(locks: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(locks) {
        Err(fault) if fault.kind() != io::ErrorKind::AlreadyExists => return Err(fault),
        _ => {}
    }
    let metadata = locks.symlink_metadata()?;
    let is_private =
        metadata.is_dir() && metadata.uid() == geteuid().as_raw() && metadata.mode() & 0o022 == 0;
    if !is_private {
        return Err(io::Error::other("it is no folder that only the worker's user can write to"));
    }
    // A file system that is read-only refuses this, and not only the first command.
    File::create(locks.join("writable")).map(drop)
}

/// Why these IDs are not this machine's to give, with its files below `root`.
fn why_unusable(range: UserRange, root: &Path) -> Option<String> {
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    for (map, what) in [("proc/self/uid_map", "user"), ("proc/self/gid_map", "group")] {
        if !read(map)
            .lines()
            .filter_map(mapped)
            .any(|(first, last)| first <= range.first && range.last <= last)
        {
            return Some(format!("the user namespace of the worker has not all {what} IDs of {range}"));
        }
    }
    for file in ["etc/passwd", "etc/group"] {
        let own =
            |line: &str| Some((line.split(':').next()?.to_owned(), line.split(':').nth(2)?.parse().ok()?));
        if let Some((name, id)) = read(file).lines().filter_map(own).find(|(_, id)| range.overlaps(*id, *id))
        {
            return Some(format!("`/{file}` gives {id}, which is one of {range}, to `{name}`"));
        }
    }
    for file in ["etc/subuid", "etc/subgid"] {
        if let Some(line) = read(file)
            .lines()
            .find(|line| subordinate(line).is_some_and(|(first, last)| range.overlaps(first, last)))
        {
            return Some(format!("`/{file}` gives some of {range} to others: `{line}`"));
        }
    }
    None
}

/// The first and the last ID of a line of `/proc/self/uid_map`, as they are inside.
fn mapped(line: &str) -> Option<(u32, u32)> {
    let mut fields = line.split_whitespace();
    span(fields.next()?, fields.nth(1)?)
}

/// Those of a line of `/etc/subuid`, such as `builder:100000:65536`.
fn subordinate(line: &str) -> Option<(u32, u32)> {
    let mut fields = line.split(':').skip(1);
    span(fields.next()?, fields.next()?)
}

fn span(first: &str, count: &str) -> Option<(u32, u32)> {
    let (first, count) = (first.trim().parse::<u32>().ok()?, count.trim().parse::<u32>().ok()?);
    Some((first, first.saturating_add(count.checked_sub(1)?)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// IDs that are given to nobody need no privilege.
    fn users(locks: &Path, count: u32) -> Users {
        Users {
            range: Some(UserRange { first: 5, last: 4 + count }),
            locks: locks.to_owned(),
            taken: AtomicU64::new(2),
        }
    }

    #[test]
    fn no_two_commands_of_any_worker_have_the_same_user() {
        let locks = tempfile::tempdir().unwrap();
        let (one, other) = (users(locks.path(), 3), users(locks.path(), 3));
        let mut leases = vec![one.lease().unwrap(), other.lease().unwrap(), one.lease().unwrap()];
        let mut ids: Vec<u32> = leases.iter().map(|lease| lease.id).collect();
        ids.sort_unstable();
        assert_eq!(ids, [5, 6, 7]);
        let fault = other.lease().unwrap_err().to_string();
        assert!(fault.contains("5-7"), "{fault}");

        // Not free while what ends its processes still holds it.
        let last = leases.pop().unwrap();
        let (id, holder) = (last.id, Arc::clone(&last));
        drop(last);
        assert!(other.lease().is_err());
        drop(holder);
        assert_eq!(other.lease().unwrap().id, id);
    }

    #[test]
    fn an_id_rests_before_it_is_used_again() {
        let locks = tempfile::tempdir().unwrap();
        let users = users(locks.path(), 3);
        let ids: Vec<u32> = (0..5).map(|_| users.lease().unwrap().id).collect();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
        assert_eq!(Users::shared().lease().unwrap().id, NOBODY);
    }

    #[test]
    fn folders_are_given_back_with_all_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let (root, outside) = (folder.path().join("work"), folder.path().join("outside"));
        fs::create_dir_all(root.join("deep")).unwrap();
        fs::write(root.join("deep/file"), "").unwrap();
        fs::write(&outside, "").unwrap();
        symlink(&outside, root.join("link")).unwrap();
        let own = geteuid().as_raw();
        let user = if own == 0 { 5 } else { own };
        let owners = || {
            let paths = [root.clone(), root.join("deep"), root.join("deep/file"), root.join("link")];
            paths.map(|path| path.symlink_metadata().unwrap().uid())
        };
        let lease = UserLease { id: user, folders: Mutex::default(), _lock: None };
        // The group of an ordinary user can be none that it is not in.
        if own == 0 {
            lease.hand_over(vec![root.clone()]).unwrap();
            assert_eq!(owners(), [user; 4]);
        }
        fs::set_permissions(root.join("deep"), fs::Permissions::from_mode(0o700)).unwrap();
        drop(lease);
        assert_eq!(owners(), [own; 4]);
        assert_eq!(fs::metadata(outside).unwrap().uid(), own);
    }

    #[test]
    fn a_range_of_others_is_refused() {
        let machine = |files: &[(&str, &str)]| {
            let root = tempfile::tempdir().unwrap();
            for (path, text) in files {
                fs::create_dir_all(root.path().join(path).parent().unwrap()).unwrap();
                fs::write(root.path().join(path), text).unwrap();
            }
            why_unusable("300000-300099".parse().unwrap(), root.path())
        };
        let all = "         0          0 4294967295\n";
        let maps = [("proc/self/uid_map", all), ("proc/self/gid_map", all)];
        let with = |path: &'static str, text: &'static str| machine(&[&maps[..], &[(path, text)]].concat());
        assert_eq!(with("etc/subuid", "builder:100000:65536\nold:300100:9\n"), None);
        assert_eq!(with("etc/passwd", "root:x:0:0::/:/bin/sh\nnext:x:300100:1::/:/bin/sh\n"), None);
        for (path, text, told) in [
            ("etc/passwd", "ada:x:300099:1::/:/bin/sh\n", "`ada`"),
            ("etc/group", "course:x:300000:\n", "`course`"),
            ("etc/subuid", "builder:231072:131072\n", "`builder:231072:131072`"),
            ("etc/subgid", "builder:300050:1\n", "`builder:300050:1`"),
            // As in a container of an ordinary user.
            ("proc/self/uid_map", "0 1000 1\n1 100000 65536\n", "not all user IDs"),
            ("proc/self/gid_map", "0 0 300099\n", "not all group IDs"),
        ] {
            let reason = with(path, text).unwrap();
            assert!(reason.contains(told) && reason.contains("300000-300099"), "{reason}");
        }
    }

    #[test]
    fn ranges_are_read_as_they_are_written() {
        let range = UserRange::default();
        assert_eq!(range.to_string().parse(), Ok(range));
        assert_eq!((range.count(), "7-7".parse::<UserRange>().unwrap().count()), (1_024, 1));
        for text in ["", "7", "9-7", "0-7", "7-4294967295", "7-4294967294", "7-", "a-b", "7-8-9", "7..9"] {
            assert_eq!(text.parse::<UserRange>(), Err(InvalidUserRange), "{text}");
        }
    }

    #[test]
    fn locks_lie_where_nobody_else_can_write() {
        let folder = tempfile::tempdir().unwrap();
        let locks = folder.path().join("locks");
        prepare(&locks).unwrap();
        prepare(&locks).unwrap();
        fs::set_permissions(&locks, fs::Permissions::from_mode(0o770)).unwrap();
        assert!(prepare(&locks).is_err());
        symlink("/tmp", folder.path().join("link")).unwrap();
        assert!(prepare(&folder.path().join("link")).is_err());
    }
}
