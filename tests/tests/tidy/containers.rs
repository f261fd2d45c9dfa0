//! The containers do what one process does.

use std::{collections::BTreeSet, fs};

use crate::workspace::metadata;

/// A run on a queue that no worker serves waits forever.
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
