//! The key that somebody may have meant.

use ctutor_engine::near::{self, distance};

use super::{KEYS, Key};

/// What all variables of ours begin with, but for those that other programs know too.
pub(super) const PREFIX: &str = "CTUTOR_";

/// Most letters that may be wrong.
const DISTANCE_MAX: usize = 2;

/// The question whether another of these words was meant.
pub(crate) fn question<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    near::nearest(word, known).map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"))
}

/// The key whose variable, or whose path in the form of a variable, is almost this variable.
pub(super) fn of_variable(name: &str) -> Option<&'static Key> {
    let name = name.to_ascii_uppercase();
    let name = without_prefix(&name);
    nearest(|key| {
        let path = key.path.to_ascii_uppercase().replace('.', "_");
        let distances = key.env.iter().filter_map(|env| distance(without_prefix(env), name));
        distances.chain(distance(&path, name)).min()
    })
}

/// The variable that is read and almost this one, of one that does not begin like ours: `DATABSE_URL`, `CTUTR_TOKEN`. Only
/// one letter in six may be wrong, as the environment is full of others' variables.
pub(super) fn of_foreign(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_uppercase().replace('-', "_");
    let known = KEYS.iter().flat_map(|key| key.env).copied();
    known
        .filter(|env| distance(env, &name).is_some_and(|found| found * 6 <= env.len()))
        .min_by_key(|env| distance(env, &name))
}

/// The key whose path is almost this one, or whose name is this one in another section.
pub(super) fn of_path(path: &str) -> Option<&'static Key> {
    let name = path.rsplit('.').next().unwrap_or(path);
    let elsewhere = || KEYS.iter().find(|key| key.section_and_name().1 == name);
    nearest(|key| distance(key.path, path)).or_else(elsewhere)
}

fn nearest(distance: impl Fn(&Key) -> Option<usize>) -> Option<&'static Key> {
    let distances = KEYS.iter().filter_map(|key| Some((distance(key)?, key)));
    let (distance, key) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= DISTANCE_MAX).then_some(key)
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
