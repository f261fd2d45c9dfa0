//! Which crates there are, what each depends on, and that each says what it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use crate::{
    assert_none,
    workspace::{folder, metadata},
};

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
    ("ctutor-bench", &["ctutor-engine", "ctutor-tests"]),
];

/// Its own tests may use the harness, which depends on none of ours.
const HARNESS: &str = "ctutor-tests";

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
