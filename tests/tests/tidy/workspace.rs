//! The workspace as it lies there.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

/// What `cargo metadata` tells of our own crates. The crate for it would switch on features of `serde_json`, and
/// with them compile nearly everything twice.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_root: PathBuf,
}

#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// None for a dependency of the crate itself, `dev` for one of its tests.
    pub(crate) kind: Option<String>,
    /// Only of a dependency inside the workspace.
    pub(crate) path: Option<PathBuf>,
}

pub(crate) fn metadata() -> Metadata {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(crate) fn folder(package: &Package) -> PathBuf {
    package.manifest_path.parent().unwrap().into()
}

/// The Rust files of the workspace with their text.
pub(crate) fn sources() -> Vec<(PathBuf, String)> {
    let metadata = metadata();
    let mut files = Vec::new();
    for package in &metadata.packages {
        collect(&folder(package), &mut files);
    }
    let root = &metadata.workspace_root;
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path.strip_prefix(root).unwrap().to_owned(), text)
    };
    files.into_iter().map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
