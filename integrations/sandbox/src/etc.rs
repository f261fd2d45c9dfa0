//! The `/etc` of the sandbox: a copy of what programs need of the machine's, and files of its own where the machine's
//! would tell something about it or may be missing.
//!
//! The copy has only what everybody may read, since the program may run as the worker's own user or keep its groups.

use std::{
    collections::VecDeque,
    fs, io,
    os::unix::fs::{MetadataExt, symlink},
    path::{Path, PathBuf},
};

use crate::open_file::{make_folder, write};

/// The name of the sandbox's host.
pub(crate) const HOST: &str = "sandbox";
const ALLOWED: &str = include_str!("etc/allowed");
/// More than any of the packages has, so that a mistake in `/etc` does not fill the disk.
const FILES_MAX: usize = 20_000;
const FILE_BYTES_MAX: u64 = 16 << 20;
const READABLE_BY_ALL: u32 = 0o004;

const OWN: [(&str, &str); 7] = [
    ("passwd", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/tmp:/bin/sh\n"),
    ("group", "root:x:0:\nnogroup:x:65534:\n"),
    ("hosts", "127.0.0.1 localhost\n127.0.0.1 sandbox\n::1 localhost ip6-localhost ip6-loopback\n"),
    ("hostname", "sandbox\n"),
    ("host.conf", "multi on\n"),
    ("resolv.conf", "# There is no network here.\n"),
    (
        "nsswitch.conf",
        "passwd: files\ngroup: files\nhosts: files\nnetworks: files\nprotocols: files\nservices: files\n\
         ethers: files\nrpc: files\n",
    ),
];
/// For systems without these, as small images of containers are.
const FALLBACKS: [(&str, &str); 2] =
    [("protocols", include_str!("etc/protocols")), ("services", include_str!("etc/services"))];

/// Builds the folder at `target`, which does not exist, from the machine's `source`.
pub(crate) fn build(source: &Path, target: &Path) -> io::Result<()> {
    make_folder(target)?;
    let mut room = FILES_MAX;
    for pattern in patterns() {
        for name in matching(source, pattern) {
            copy(source, &name, target, &mut room)?;
        }
    }
    for (name, text) in OWN {
        write(&target.join(name), text.as_bytes())?;
    }
    for (name, text) in FALLBACKS {
        if !target.join(name).exists() {
            write(&target.join(name), text.as_bytes())?;
        }
    }
    symlink("/proc/self/mounts", target.join("mtab"))
}

fn patterns() -> impl Iterator<Item = &'static str> {
    ALLOWED.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// The paths below `root` that match, relative to it. No folder on the way may be a link.
fn matching(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.split('/') {
        let folders = std::mem::take(&mut found);
        for folder in folders.iter().filter(|folder| is_open_folder(&root.join(folder))) {
            if !part.contains('*') {
                found.push(folder.join(part));
                continue;
            }
            let entries = fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
            let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
            found.extend(names.filter(|name| matches(part, name)).map(|name| folder.join(name)));
        }
    }
    found.retain(|path| root.join(path).symlink_metadata().is_ok());
    found
}

fn is_open_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir() && metadata.mode() & READABLE_BY_ALL != 0)
}

/// Whether the name matches a pattern in which `*` stands for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((begin, rest)) => name.strip_prefix(begin).is_some_and(|name| {
            name.char_indices().map(|(at, _)| at).chain([name.len()]).any(|at| matches(rest, &name[at..]))
        }),
    }
}

/// Copies a file, a link as a link, or all in a folder. What cannot be read or copied is left out.
fn copy(source: &Path, name: &Path, target: &Path, room: &mut usize) -> io::Result<()> {
    for folder in name.parent().into_iter().flat_map(Path::ancestors).collect::<Vec<_>>().into_iter().rev() {
        make_folder(&target.join(folder))?;
    }
    let mut pending = VecDeque::from([name.to_owned()]);
    while let Some(name) = pending.pop_front() {
        let (from, to) = (source.join(&name), target.join(&name));
        let Ok(metadata) = from.symlink_metadata() else { continue };
        if *room == 0 || to.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
            continue;
        }
        *room -= 1;
        if metadata.is_symlink() {
            if let Ok(link) = fs::read_link(&from) {
                symlink(link, to)?;
            }
        } else if metadata.mode() & READABLE_BY_ALL == 0 {
            // Not for everybody, so not for the program.
        } else if metadata.is_dir() {
            make_folder(&to)?;
            let entries = fs::read_dir(&from).into_iter().flatten().flatten();
            pending.extend(entries.map(|entry| name.join(entry.file_name())));
        } else if metadata.is_file()
            && metadata.len() <= FILE_BYTES_MAX
            && let Ok(content) = fs::read(&from)
        {
            write(&to, &content)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_what_is_allowed_and_open_to_all_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let (source, target) = (folder.path().join("etc"), folder.path().join("copy"));
        for (name, mode) in [
            ("ssl/openssl.cnf", 0o644),
            ("ssl/private/key.pem", 0o644),
            ("ssl/certs/ca.pem", 0o644),
            ("java-17-openjdk/security/java.security", 0o644),
            ("java-17-openjdk/management/jmxremote.password", 0o640),
            ("php/8.2/cli/php.ini", 0o644),
            ("php/8.2/fpm/pool.conf", 0o644),
            ("maven/settings.xml", 0o644),
            ("shadow", 0o644),
            ("machine-id", 0o644),
            ("hosts", 0o644),
            ("hostname", 0o644),
        ] {
            let path = source.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "of the machine").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::create_dir_all(source.join("perl")).unwrap();
        symlink("/usr/share/zoneinfo/UTC", source.join("localtime")).unwrap();
        symlink(source.join("ssl/private"), source.join("R")).unwrap();
        build(&source, &target).unwrap();
        let mut found = Vec::new();
        let mut pending = vec![target.clone()];
        while let Some(path) = pending.pop() {
            if path.is_dir() && !path.is_symlink() {
                pending.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else if path.is_symlink() || fs::read_to_string(&path).unwrap() == "of the machine" {
                found.push(path.strip_prefix(&target).unwrap().display().to_string());
            }
        }
        found.sort();
        let expected = [
            "R",
            "java-17-openjdk/security/java.security",
            "localtime",
            "mtab",
            "php/8.2/cli/php.ini",
            "ssl/certs/ca.pem",
            "ssl/openssl.cnf",
        ];
        assert_eq!(found, expected);
        assert_eq!(fs::read_link(target.join("R")).unwrap(), source.join("ssl/private"), "only a link");
    }

    #[test]
    fn patterns_match_names() {
        assert!(matches("java-*", "java-17-openjdk") && matches("fpc*.cfg", "fpc.cfg"));
        assert!(!matches("java-*", "javascript") && !matches("fpc*.cfg", "fpc.cfg.bak"));
    }
}
