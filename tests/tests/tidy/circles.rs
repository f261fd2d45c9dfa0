//! Data flows one way: within a crate no file needs, over whatever way, a file that needs it. What the `mod.rs` of its
//! own folder defines does not count, as the folder is one room.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    assert_none,
    imports::{Crate, Needs},
    workspace::metadata,
};

/// Files that stand in a circle and still have to be taken apart. A file may only leave this list.
const KNOWN: &[&str] = &[
    "api/src/graphql/loader.rs",
    "api/src/graphql/page.rs",
    "api/src/graphql/types/history_event.rs",
    "api/src/graphql/types/task_queue.rs",
    "api/src/graphql/types/workflow_execution.rs",
    "api/src/graphql/types/workflow_type.rs",
];

#[test]
fn no_files_of_a_crate_form_a_circle() {
    let root = metadata().workspace_root;
    let mut faults = Vec::new();
    let mut found = BTreeSet::new();
    for package in metadata().packages {
        let needs = Crate::read(&package, &root).needs();
        for circle in circles(&needs) {
            let new: Vec<&String> = circle.iter().filter(|file| !KNOWN.contains(&file.as_str())).collect();
            if !new.is_empty() {
                faults.push(format!("a circle of {} files:{}", circle.len(), told(&circle, &needs)));
            }
            found.extend(circle);
        }
    }
    let left = KNOWN.iter().filter(|file| !found.contains(**file));
    faults.extend(left.map(|file| format!("`{file}` is in no circle any more: take it off the list")));
    assert_none(&faults);
}

/// The files of a circle, each with those of the same circle that it needs and what it needs of them.
fn told(circle: &BTreeSet<String>, needs: &Needs) -> String {
    let mut lines = String::new();
    for file in circle {
        for (other, names) in needs[file].iter().filter(|(other, _)| circle.contains(*other)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            lines.push_str(&format!("\n  {file} -> {other}: {}", names.join(", ")));
        }
    }
    lines
}

/// The largest sets of files of which each needs each other.
fn circles(needs: &Needs) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<&String>> =
        needs.keys().map(|file| (file, reachable(file, needs))).collect();
    let mut circles = Vec::new();
    let mut seen = BTreeSet::new();
    for (file, reachable) in &reached {
        let is_mutual = |other: &&&String| reached.get(**other).is_some_and(|back| back.contains(*file));
        let circle: BTreeSet<String> =
            reachable.iter().filter(is_mutual).map(|other| (*other).clone()).collect();
        if circle.len() > 1 && seen.insert(circle.clone()) {
            circles.push(circle);
        }
    }
    circles
}

fn reachable<'a>(from: &'a String, needs: &'a Needs) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(file) = next.pop() {
        for other in needs.get(file).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(other) {
                next.push(other);
            }
        }
    }
    reached
}
