//! The rooms of a crate lie above each other, and none needs one above it.

use crate::{
    assert_none,
    imports::Crate,
    workspace::{self, metadata},
};

/// The rooms of folders of crates, the lowest first. Files and folders beside them that are not named are free.
const ROOMS: &[(&str, &str, &[&str])] = &[
    ("engine", "src", &["history", "machine", "model", "store", "client", "worker", "maintenance"]),
    ("engine", "src/worker", &["options", "shared", "attempts", "runs", "claims", "leases"]),
];

#[test]
fn no_room_needs_one_above_it() {
    let root = metadata().workspace_root;
    let mut faults = Vec::new();
    for (package, folder, rooms) in ROOMS {
        let mut packages = metadata().packages.into_iter();
        let of_rooms = packages.find(|found| workspace::folder(found) == root.join(package)).unwrap();
        let folder = format!("{package}/{folder}/");
        let height = |file: &str| {
            let room = file.strip_prefix(&folder)?.split('/').next()?;
            rooms.iter().position(|name| *name == room.trim_end_matches(".rs"))
        };
        for (file, needed) in Crate::read(&of_rooms, &root).needs() {
            let above =
                needed.iter().filter(|(other, _)| height(&file).is_some() && height(other) > height(&file));
            for (other, names) in above {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                faults.push(format!("{file} needs {other}, which lies above it: {}", names.join(", ")));
            }
        }
    }
    assert_none(&faults);
}
