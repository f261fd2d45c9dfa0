//! Which task queue a run goes to when its start does not say.

/// The queue of the course system's ordinary work, and its word for "no queue in particular".
pub const ORDINARY: &str = "computor-tasks";
/// The queue of what cannot wait.
pub const HIGH_PRIORITY: &str = "computor-high-priority";
/// The queue of what can.
pub const LOW_PRIORITY: &str = "computor-low-priority";

/// The largest priority that is still ordinary.
const ORDINARY_PRIORITY_MAX: i32 = 5;

/// The queue of a priority.
#[must_use]
pub fn of_priority(priority: i32) -> &'static str {
    match priority {
        ..0 => LOW_PRIORITY,
        0..=ORDINARY_PRIORITY_MAX => ORDINARY,
        _ => HIGH_PRIORITY,
    }
}

/// The queue of a run: the one that was asked for, else the type's own if it has one, else that of the priority.
#[must_use]
pub fn choose<'a>(asked: Option<&'a str>, own: &'a str, priority: i32) -> &'a str {
    match asked {
        Some(asked) => asked,
        None if own != ORDINARY => own,
        None => of_priority(priority),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_map_to_three_queues() {
        for (priority, queue) in [
            (100, HIGH_PRIORITY),
            (10, HIGH_PRIORITY),
            (6, HIGH_PRIORITY),
            (5, ORDINARY),
            (0, ORDINARY),
            (-1, LOW_PRIORITY),
            (-100, LOW_PRIORITY),
        ] {
            assert_eq!(of_priority(priority), queue, "{priority}");
        }
    }

    #[test]
    fn the_asked_queue_wins_then_the_types_own_then_the_priority() {
        assert_eq!(choose(Some("testing"), ORDINARY, 10), "testing");
        assert_eq!(choose(Some(ORDINARY), "testing", 10), ORDINARY);
        assert_eq!(choose(None, "testing", 10), "testing");
        assert_eq!(choose(None, ORDINARY, 10), HIGH_PRIORITY);
        assert_eq!(choose(None, ORDINARY, 0), ORDINARY);
    }
}
