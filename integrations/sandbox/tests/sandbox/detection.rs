//! What is said where confinement is impossible.

use std::{fs, os::unix::fs::PermissionsExt};

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
async fn a_control_group_that_is_none_is_not_passed_over() {
    let folder = TempDir::new().unwrap();
    let options = Options { cgroup: Some(folder.path().into()), ..Policy::Confined.into() };
    let unavailable = Sandbox::detect(options).await.unwrap_err();
    assert!(unavailable.reason.contains("no control group"), "{unavailable:?}");
}
