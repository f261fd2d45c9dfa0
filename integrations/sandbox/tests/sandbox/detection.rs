//! What is said where confinement is impossible.

use std::{fs, os::unix::fs::PermissionsExt, process::Command as Program};

use ctutor_sandbox::{Confinement, Options, Policy, Sandbox};
use tempfile::TempDir;

#[tokio::test]
async fn confinement_is_found_here() {
    let sandbox = Sandbox::detect(Policy::Confined).await.unwrap();
    assert_ne!(sandbox.confinement(), Confinement::Unconfined);
}

#[tokio::test]
async fn a_missing_or_powerless_bubblewrap_is_told_with_a_remedy() {
    let missing = Options { bwrap: Some("/no/bwrap".into()), ..Policy::Confined.into() };
    let unavailable = Sandbox::detect(missing.clone()).await.unwrap_err();
    assert!(unavailable.reason.contains("not installed") && unavailable.remedy.contains("bubblewrap"));

    let folder = TempDir::new().unwrap();
    let fake = folder.path().join("bwrap");
    fs::write(&fake, "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
        .unwrap();
    fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
    let powerless = Options { bwrap: Some(fake), ..Policy::Confined.into() };
    let unavailable = Sandbox::detect(powerless).await.unwrap_err();
    assert!(unavailable.reason.contains("No permissions"), "{unavailable:?}");
    assert!(unavailable.remedy.contains("user namespaces"));

    let allowed = Options { policy: Policy::AllowUnconfined, ..missing };
    assert_eq!(Sandbox::detect(allowed).await.unwrap().confinement(), Confinement::Unconfined);
}

#[tokio::test]
async fn a_folder_that_is_not_a_control_group_is_refused() {
    let folder = TempDir::new().unwrap();
    let options = Options { cgroup: Some(folder.path().into()), ..Policy::Confined.into() };
    let unavailable = Sandbox::detect(options).await.unwrap_err();
    assert!(unavailable.reason.contains("is not a control group"), "{unavailable:?}");
}

/// A container has a `/proc` with parts of it covered, and then the kernel gives no other.
#[tokio::test]
async fn a_masked_proc_is_told_with_its_own_remedy() {
    let told = Program::new("bwrap")
        .args(["--unshare-user", "--dev-bind", "/", "/", "--tmpfs", "/proc/driver", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "detection::worker_with_a_masked_proc", "--nocapture"])
        .env("CTUTOR_TEST_MASKED_PROC", "1")
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(words.contains("Can't mount proc"), "{told:?}");
    assert!(words.contains("systempaths=unconfined") && !words.contains("seccomp"), "{words}");
}

/// Does nothing unless the test above started it.
#[tokio::test]
async fn worker_with_a_masked_proc() {
    if std::env::var_os("CTUTOR_TEST_MASKED_PROC").is_some() {
        println!("{:?}", Sandbox::detect(Policy::Confined).await.unwrap_err());
    }
}
