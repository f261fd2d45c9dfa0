//! What the workspace promises about its own shape.
#![expect(clippy::unwrap_used, reason = "clippy takes the helpers of an integration test for other code")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

/// Which of our crates each may depend on. A crate that is missing here fails the test, so that its place is
/// decided and not found.
const ALLOWED: &[(&str, &[&str])] = &[
    ("ctutor-macros", &[]),
    ("ctutor-entity", &[]),
    ("ctutor-migration", &[]),
    ("ctutor-git", &[]),
    ("ctutor-gitlab", &[]),
    ("ctutor-sandbox", &[]),
    ("ctutor-forge", &[]),
    ("ctutor-engine", &["ctutor-entity", "ctutor-macros", "ctutor-migration"]),
    ("ctutor-workflows", &["ctutor-engine", "ctutor-git", "ctutor-gitlab", "ctutor-sandbox"]),
    ("ctutor-api", &["ctutor-engine", "ctutor-workflows"]),
    (
        "ctutor",
        &[
            "ctutor-api",
            "ctutor-engine",
            "ctutor-entity",
            "ctutor-forge",
            "ctutor-git",
            "ctutor-gitlab",
            "ctutor-macros",
            "ctutor-migration",
            "ctutor-sandbox",
            "ctutor-workflows",
        ],
    ),
    ("ctutor-tests", &[]),
];

/// Its own tests may use the harness, which depends on none of ours.
const HARNESS: &str = "ctutor-tests";

const FILE_LINES_MAX: usize = 600;

#[test]
fn dependencies_run_one_way() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        ALLOWED.iter().map(|(name, may)| (*name, may.iter().copied().collect())).collect();
    let mut faults = Vec::new();
    for package in metadata().packages {
        let Some(may) = allowed.get(package.name.as_str()) else {
            faults.push(format!("`{}` has no place in the list of this test", package.name));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| dependency.path.is_some()) {
            let name = dependency.name.as_str();
            let for_tests = dependency.kind.as_deref() == Some("dev");
            if !may.contains(name) && !(for_tests && (name == HARNESS || name == package.name.as_str())) {
                faults.push(format!("`{}` may not depend on `{name}`", package.name));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn every_source_file_is_open_to_view() {
    let mut faults = Vec::new();
    for (path, text) in sources() {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            faults
                .push(format!("{} has {lines} lines, at most {FILE_LINES_MAX} are allowed", path.display()));
        }
    }
    assert_none(&faults);
}

#[test]
fn nothing_is_left_open() {
    // Put together here, so that this file is not found.
    let marks = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[", "ignore"),
        concat!("FIX", "ME"),
    ];
    let mut faults = Vec::new();
    for (path, text) in sources() {
        for (index, line) in text.lines().enumerate() {
            if let Some(mark) = marks.iter().find(|mark| line.contains(**mark)) {
                faults.push(format!("{}:{} has `{mark}`", path.display(), index + 1));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn every_crate_has_a_readme_as_its_documentation() {
    let mut faults = Vec::new();
    for package in metadata().packages {
        let folder = folder(&package);
        match fs::read_to_string(folder.join("README.md")) {
            Ok(readme) if readme.lines().count() > 60 => {
                faults.push(format!("the README of `{}` has more than 60 lines", package.name));
            }
            Ok(_) => {}
            Err(_) => faults.push(format!("`{}` has no README.md", package.name)),
        }
        let roots = ["src/lib.rs", "src/main.rs"].map(|root| folder.join(root));
        let root = roots.iter().find_map(|root| fs::read_to_string(root).ok()).unwrap_or_default();
        if !root.contains("doc = include_str!(\"../README.md\")") {
            faults.push(format!("`{}` does not include its README as its documentation", package.name));
        }
    }
    assert_none(&faults);
}

/// A queue that no worker serves keeps what is started on it waiting for ever.
#[test]
fn the_containers_serve_every_queue_that_one_process_serves() {
    let root = metadata().workspace_root;
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let quoted = |line: &str| -> BTreeSet<String> {
        line.split('"').skip(1).step_by(2).flat_map(|text| text.split(',')).map(str::to_owned).collect()
    };
    let defaults = read("cli/src/config/default.toml");
    let served = defaults.lines().find_map(|line| line.strip_prefix("task_queues = ")).unwrap();
    let compose = read("docker-compose.yaml");
    let workers = compose.lines().filter(|line| line.contains("\"--queues\""));
    let in_containers: BTreeSet<String> = workers.flat_map(quoted).collect();
    let missing: Vec<String> = quoted(served).difference(&in_containers).cloned().collect();
    assert!(missing.is_empty(), "no worker of docker-compose.yaml serves {missing:?}");
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// What `cargo metadata` tells of our own crates. The crate for it would switch on features of `serde_json`, and
/// with them compile nearly everything twice.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// None for a dependency of the crate itself, `dev` for one of its tests.
    kind: Option<String>,
    /// Only of a dependency inside the workspace.
    path: Option<PathBuf>,
}

fn metadata() -> Metadata {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn folder(package: &Package) -> PathBuf {
    package.manifest_path.parent().unwrap().into()
}

/// The Rust files of the workspace with their text.
fn sources() -> Vec<(PathBuf, String)> {
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
