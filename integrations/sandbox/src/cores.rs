//! Which cores a command runs on.
//!
//! Each command gets those of the worker's cores that the fewest others of this worker have. The cores are its affinity:
//! a program can ask the kernel for more, and then takes time from others, but no more than without this.

use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug)]
pub(crate) struct Cores {
    /// The number of each core, and how many commands have it.
    used: Mutex<Vec<(usize, usize)>>,
}

/// The cores of one command, which are given back when it is dropped.
#[derive(Debug)]
pub(crate) struct CoreLease {
    pub(crate) numbers: Vec<usize>,
    cores: Arc<Cores>,
}

impl Cores {
    /// Those that this process may run on. None where the system does not say.
    pub(crate) fn of_this_process() -> Option<Self> {
        let numbers = affinity();
        (!numbers.is_empty()).then(|| Self::new(numbers))
    }

    fn new(numbers: Vec<usize>) -> Self {
        Self { used: Mutex::new(numbers.into_iter().map(|number| (number, 0)).collect()) }
    }

    pub(crate) fn lease(self: &Arc<Self>, count: usize) -> CoreLease {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.sort_by_key(|(number, commands)| (*commands, *number));
        let mut numbers = Vec::new();
        for (number, commands) in used.iter_mut().take(count.max(1)) {
            *commands += 1;
            numbers.push(*number);
        }
        numbers.sort_unstable();
        CoreLease { numbers, cores: Arc::clone(self) }
    }
}

impl Drop for CoreLease {
    fn drop(&mut self) {
        let mut used = self.cores.used.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, commands) in used.iter_mut().filter(|(number, _)| self.numbers.contains(number)) {
            *commands -= 1;
        }
    }
}

/// The kernel's list, such as `0-3,8`.
fn affinity() -> Vec<usize> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    list.map(parse).unwrap_or_default()
}

fn parse(list: &str) -> Vec<usize> {
    let ranges = list.trim().split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?)
    });
    ranges.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_get_the_cores_that_the_fewest_have() {
        assert_eq!(parse(" 0-2,8\n"), [0, 1, 2, 8]);
        let cores = Arc::new(Cores::new(vec![0, 1, 2, 8]));
        let first = cores.lease(2);
        let second = cores.lease(1);
        assert_eq!((&first.numbers[..], &second.numbers[..]), (&[0, 1][..], &[2][..]));
        assert_eq!(cores.lease(2).numbers, [0, 8]);
        drop(first);
        assert_eq!(cores.lease(9).numbers, [0, 1, 2, 8]);
    }
}
