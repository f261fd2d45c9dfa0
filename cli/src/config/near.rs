//! The key that somebody may have meant.

use super::{KEYS, Key};

/// What all variables of ours begin with, but for those that other programs know too.
pub(super) const PREFIX: &str = "CTUTOR_";

/// Most letters that may be wrong.
const DISTANCE_MAX: usize = 2;

/// The key whose variable, or whose path in the form of a variable, is almost this variable.
pub(super) fn of_variable(name: &str) -> Option<&'static Key> {
    let name = name.to_ascii_uppercase();
    let name = without_prefix(&name);
    nearest(|key| {
        let path = key.path.to_ascii_uppercase().replace('.', "_");
        let distances = key.env.iter().map(|env| distance(without_prefix(env), name));
        distances.chain([distance(&path, name)]).min()
    })
}

/// The key whose path is almost this one, or whose name is this one in another section.
pub(super) fn of_path(path: &str) -> Option<&'static Key> {
    let name = path.rsplit('.').next().unwrap_or(path);
    let elsewhere = || KEYS.iter().find(|key| key.section_and_name().1 == name);
    nearest(|key| Some(distance(key.path, path))).or_else(elsewhere)
}

fn nearest(distance: impl Fn(&Key) -> Option<usize>) -> Option<&'static Key> {
    let distances = KEYS.iter().filter_map(|key| Some((distance(key)?, key)));
    let (distance, key) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= DISTANCE_MAX).then_some(key)
}

/// Letters that are wrong, missing, too many or swapped. Of a short name another one is made soon.
fn distance(known: &str, name: &str) -> usize {
    match strsim::osa_distance(known, name) {
        distance if distance * 3 > known.len() => usize::MAX,
        distance => distance,
    }
}

fn without_prefix(name: &str) -> &str {
    name.strip_prefix(PREFIX).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_leads_to_the_key() {
        for (name, path) in [
            ("CTUTOR_WORKERS_CONCURRENCY", Some("worker.concurrency")),
            ("CTUTOR_JWT_SECRETS", Some("auth.jwt_secret")),
            ("ctutor_url", Some("client.url")),
            ("CTUTOR_API_LISTEN", Some("api.listen")),
            ("CTUTOR_DATABASE_URL", Some("database.url")),
            ("CTUTOR_NAME", None),
            ("CTUTOR_NICKNAME_OF_SERVER", None),
        ] {
            assert_eq!(of_variable(name).map(|key| key.path), path, "{name}");
        }
        for (name, path) in [
            ("workers.concurrency", Some("worker.concurrency")),
            ("worker.listen", Some("api.listen")),
            ("worker.slots", None),
            ("nonsense", None),
        ] {
            assert_eq!(of_path(name).map(|key| key.path), path, "{name}");
        }
    }
}
