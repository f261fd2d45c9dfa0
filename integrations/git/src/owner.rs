//! Who owns a repository of this machine, for the message that refuses it.

use std::{fs, path::Path};

use rustix::process::geteuid;

/// Who owns the repository, if not this process's user; and who that user is.
pub(crate) fn owner_and_user(path: &Path) -> (String, String) {
    use std::os::unix::fs::MetadataExt;

    let own = geteuid().as_raw();
    // Git looks at the folder of the repository and at the working tree around it.
    let folders = [path.to_owned(), path.join(".git")];
    let uids = folders.iter().filter_map(|folder| fs::metadata(folder).ok()).map(|found| found.uid());
    let foreign = uids.into_iter().find(|uid| *uid != own);
    (foreign.map_or_else(|| "another user".to_owned(), name_of), name_of(own))
}

/// The name is there for users of this machine, not for those of a directory service.
fn name_of(uid: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid.to_string()).then(|| name.to_owned())
    });
    name.map_or_else(|| format!("user {uid}"), |name| format!("user `{name}` ({uid})"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_user_is_named_with_its_number() {
        assert_eq!(super::name_of(0), "user `root` (0)");
        assert_eq!(super::name_of(4_000_000_000), "user 4000000000");
    }
}
