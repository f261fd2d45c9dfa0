//! Checkouts over SSH, with a real server, a real agent, and a home folder of their own.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    sshd::{Sshd, fingerprint, make_key, run},
    support::{FILE, commit},
};
use tempfile::TempDir;

/// Which keys the worker's agent has.
enum Agent {
    None,
    Empty,
    With(&'static str),
}

struct Place {
    folder: TempDir,
    sshd: Sshd,
    commit: String,
}

struct Outcome {
    code: Option<i32>,
    said: String,
}

impl Place {
    /// A server that knows the key `lea`, and not the key `tim`.
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        for key in ["lea", "tim"] {
            make_key(folder.path(), key);
        }
        fs::create_dir_all(folder.path().join("home/.ssh")).unwrap();
        let sshd = Sshd::start(folder.path(), "lea");
        let commit = commit(&folder.path().join("a.git"), "main", &[(FILE, "main.py", b"print(1)\n")]);
        Self { folder, sshd, commit }
    }

    fn knowing(self, line: &str) -> Self {
        fs::write(self.known_hosts(), line).unwrap();
        self
    }

    fn knowing_the_server(self) -> Self {
        let line = self.sshd.known_as("host");
        self.knowing(&line)
    }

    fn known_hosts(&self) -> PathBuf {
        self.folder.path().join("home/.ssh/known_hosts")
    }

    /// Checks `revision` of `repository` out into `out`.
    fn checkout(&self, repository: &str, revision: &str, agent: &Agent) -> Outcome {
        let mut command = match agent {
            Agent::None => Command::new(example()),
            Agent::Empty => with_agent("exec \"$@\"", Path::new("")),
            Agent::With(key) => with_agent("ssh-add -q \"$0\" && exec \"$@\"", &self.folder.path().join(key)),
        };
        command
            .env("HOME", self.folder.path().join("home"))
            .env_remove("SSH_AUTH_SOCK")
            .arg(self.sshd.url(&self.folder.path().join(repository)))
            .arg(revision)
            .arg(self.folder.path().join("out"));
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        Outcome { code: output.status.code(), said: String::from_utf8(said).unwrap().trim().to_owned() }
    }

    #[track_caller]
    fn assert_refused(&self, agent: &Agent, expected: &str) {
        let outcome = self.checkout("a.git", "main", agent);
        assert_eq!(outcome.said, expected, "{}", self.sshd.log());
        assert_eq!(outcome.code, Some(1), "another attempt makes no sense");
        assert!(!self.folder.path().join("out").exists());
    }

    #[track_caller]
    fn assert_checked_out(&self) {
        let outcome = self.checkout("a.git", "main", &Agent::With("lea"));
        assert_eq!(outcome.said, self.commit, "{}", self.sshd.log());
        assert_eq!(fs::read_to_string(self.folder.path().join("out/main.py")).unwrap(), "print(1)\n");
    }

    fn url(&self) -> String {
        self.sshd.url(&self.folder.path().join("a.git"))
    }
}

/// The example in an agent of its own, which ends when the example does.
fn with_agent(script: &str, key: &Path) -> Command {
    let mut command = Command::new("ssh-agent");
    command.args(["sh", "-c", script]).arg(key).arg(example());
    command
}

/// The environment is the process's, so each checkout is a process: `examples/checkout.rs`, which is built with the
/// tests.
fn example() -> PathBuf {
    let test = env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("examples/checkout")
}

#[test]
fn a_repository_comes_over_ssh_with_a_key_of_the_agent() {
    Place::new().knowing_the_server().assert_checked_out();
}

#[test]
fn names_of_known_hosts_may_be_hashed() {
    let place = Place::new().knowing_the_server();
    run(Command::new("ssh-keygen").arg("-Hf").arg(place.known_hosts()));
    assert!(fs::read_to_string(place.known_hosts()).unwrap().starts_with("|1|"));
    place.assert_checked_out();
}

#[test]
fn a_host_that_is_unknown_or_has_another_key_than_before_is_refused() {
    let place = Place::new();
    let expected = format!(
        "the host key of `{}` is not the one in `known_hosts`: the host has `ssh-ed25519 {}`",
        place.url(),
        fingerprint(place.folder.path(), "host"),
    );
    place.assert_refused(&Agent::With("lea"), &expected);
    let other = place.sshd.known_as("tim");
    let place = place.knowing(&other);
    place.assert_refused(&Agent::With("lea"), &expected);
    assert!(!place.sshd.log().contains("publickey"), "no key was shown to it: {}", place.sshd.log());
}

#[test]
fn a_key_that_is_not_accepted_and_a_missing_agent_are_told_apart() {
    let place = Place::new().knowing_the_server();
    let refused = format!("`{}` accepts no key of the SSH agent", place.url());
    place.assert_refused(&Agent::With("tim"), &refused);
    place.assert_refused(&Agent::Empty, &refused);
    let missing =
        format!("no SSH agent answers at `SSH_AUTH_SOCK`, so there is no key to log in to `{}`", place.url());
    place.assert_refused(&Agent::None, &missing);
}

#[test]
fn what_the_server_says_before_it_hangs_up_is_passed_on_in_one_line() {
    let place = Place::new().knowing_the_server();
    let outcome = place.checkout("none.git", "main", &Agent::With("lea"));
    let expected = format!(
        "`{}` closed the connection and said: fatal: ",
        place.sshd.url(&place.folder.path().join("none.git"))
    );
    assert!(outcome.said.starts_with(&expected), "{}", outcome.said);
    assert!(outcome.said.contains("does not appear to be a git repository"), "{}", outcome.said);
    assert_eq!(outcome.said.lines().count(), 1, "{}", outcome.said);
}

#[test]
fn a_commit_that_the_server_does_not_have_is_unknown() {
    let place = Place::new().knowing_the_server();
    let revision = "0123456789012345678901234567890123456789";
    let outcome = place.checkout("a.git", revision, &Agent::With("lea"));
    assert_eq!(outcome.said, format!("`{}` has no commit, branch or tag `{revision}`", place.url()));
    assert_eq!(outcome.code, Some(1));
}

#[test]
fn names_and_damage_are_understood_over_ssh_too() {
    let place = Place::new().knowing_the_server();
    let repository = git2::Repository::open_bare(place.folder.path().join("a.git")).unwrap();
    repository.set_head("refs/heads/main").unwrap();
    for revision in ["HEAD", "refs/heads/main", &place.commit[..10]] {
        assert_eq!(place.checkout("a.git", revision, &Agent::With("lea")).said, place.commit);
        fs::remove_dir_all(place.folder.path().join("out")).unwrap();
    }
    commit(&place.folder.path().join("a.git"), "main", &[(FILE, "main.py", b"lost")]);
    let lost = git2::Oid::hash_object(git2::ObjectType::Blob, b"lost").unwrap().to_string();
    fs::remove_file(place.folder.path().join("a.git/objects").join(&lost[..2]).join(&lost[2..])).unwrap();
    let outcome = place.checkout("a.git", "main", &Agent::With("lea"));
    let expected = format!("the repository `{}` is damaged: ", place.url());
    assert!(outcome.said.starts_with(&expected) && outcome.said.contains(&lost), "{}", outcome.said);
    assert_eq!(outcome.code, Some(1));
}
