//! Variables that look like ours and set nothing.
//!
//! They are told and not refused: the environment is shared. Kubernetes and Docker put variables there for a service
//! of this name, and a newer version that was rolled back has left its own.

use std::fmt;

use super::{
    Environment,
    keys::is_read,
    near::{self, PREFIX},
};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnknownVariable<'a> {
    pub(crate) name: &'a str,
    meant: Option<&'static str>,
}

/// Variables of the tests of ctutor, which developers may have set.
const OF_TESTS: [&str; 4] =
    ["CTUTOR_BIN", "CTUTOR_SIMULATION_SEED", "CTUTOR_TEST_DATABASE_URL", "CTUTOR_TEST_REDIS_URL"];

/// Most variables that are told.
const TOLD_MAX: usize = 20;

impl Environment {
    /// The variables that begin like ours, or are almost one of ours, and that nothing reads, by name.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = UnknownVariable<'_>> {
        self.unknown_ours().chain(self.near_misses()).take(TOLD_MAX)
    }

    /// Those without our prefix, such as `DATABSE_URL`. Where the variable that may be meant is set, the other is
    /// somebody else's.
    fn near_misses(&self) -> impl Iterator<Item = UnknownVariable<'_>> {
        let others = self.all().filter(|(name, value)| {
            !value.is_empty() && !name.to_ascii_uppercase().starts_with(PREFIX) && !is_read(name)
        });
        others.filter_map(|(name, _)| {
            let meant = near::of_foreign(name)?;
            self.get(meant).is_none().then_some(UnknownVariable { name, meant: Some(meant) })
        })
    }

    fn unknown_ours(&self) -> impl Iterator<Item = UnknownVariable<'_>> {
        let ours = self.all().filter(|(name, _)| name.to_ascii_uppercase().starts_with(PREFIX));
        let unknown = ours.filter(|(name, value)| {
            !value.is_empty() && !is_read(name) && !OF_TESTS.contains(name) && !is_of_service(name, value)
        });
        unknown.map(|(name, _)| {
            let meant = near::of_variable(name).and_then(|key| key.env.first().copied());
            UnknownVariable { name, meant }
        })
    }
}

impl fmt::Display for UnknownVariable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, meant } = self;
        write!(f, "the environment variable {name} is unknown and has no effect; ")?;
        match meant {
            Some(meant) => write!(f, "did you mean {meant}?"),
            None => f.write_str("remove it, or take one of those that `ctutor config --defaults` names"),
        }
    }
}

/// Whether Kubernetes or Docker made it for a service: `CTUTOR_API_SERVICE_HOST`, `CTUTOR_PORT=tcp://10.0.0.1:80`,
/// `CTUTOR_PORT_80_TCP_ADDR`.
fn is_of_service(name: &str, value: &str) -> bool {
    let is_address = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    let of_port = name.split_once("_PORT_").map_or("", |(_, rest)| rest);
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || (name.ends_with("_PORT") && is_address)
        || of_port.starts_with(|character: char| character.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn almost_a_variable_without_our_prefix_is_told_unless_that_is_set() {
        let others = [
            ("DATABSE_URL", "postgres://ada:s3cret@db/x"),
            ("REDIS_URI", "redis://:s3cret@cache"),
            ("database_url", "x"),
            ("CTUTR_TOKEN", "s3cret"),
            ("RUST_LIB", "x"),
            ("DATABASE", "x"),
            ("REDIS_HOST", "x"),
            ("PATH", "/bin"),
            ("DATABASE_URLS", ""),
        ];
        let told = |environment: Environment| -> Vec<String> {
            environment.unknown().map(|unknown| unknown.to_string()).collect()
        };
        let lines = told(Environment::from(others));
        assert_eq!(lines.len(), 4, "{lines:?}");
        for (line, (name, meant)) in lines.iter().zip([
            ("CTUTR_TOKEN", "CTUTOR_TOKEN"),
            ("DATABSE_URL", "DATABASE_URL"),
            ("REDIS_URI", "REDIS_URL"),
            ("database_url", "DATABASE_URL"),
        ]) {
            assert!(
                line.contains(&format!(" {name} ")) && line.ends_with(&format!("mean {meant}?")),
                "{line}"
            );
            assert!(!line.contains("s3cret"), "{line}");
        }
        let set = [("DATABASE_URI", "x"), ("DATABASE_URL", "postgres://db/x")];
        assert_eq!(told(Environment::from(set)), Vec::<String>::new());
    }

    #[test]
    fn what_sets_nothing_is_told_with_what_may_be_meant() {
        let environment = Environment::from([
            ("CTUTOR_WORKERS_CONCURRENCY", "3"),
            ("CTUTOR_WORKER_CONCURRENCY", "3"),
            ("CTUTOR_NICKNAME_OF_SERVER", "s3cret"),
            ("CTUTOR_EMPTY", ""),
            ("CTUTOR_CONFIG", "x"),
            ("CTUTOR_TESTING_FILES_MAX", "1"),
            ("CTUTOR_BIN", "x"),
            ("CTUTOR_SERVICE_HOST", "10.0.0.1"),
            ("CTUTOR_SERVICE_PORT_HTTP", "80"),
            ("CTUTOR_PORT", "tcp://10.0.0.1:80"),
            ("CTUTOR_API_PORT_80_TCP_ADDR", "10.0.0.1"),
            ("ctutor_url", "http://a"),
            ("OTHER", "x"),
        ]);
        let told: Vec<String> = environment.unknown().map(|unknown| unknown.to_string()).collect();
        assert_eq!(
            told,
            [
                "the environment variable CTUTOR_NICKNAME_OF_SERVER is unknown and has no effect; remove it, or take \
                 one of those that `ctutor config --defaults` names",
                "the environment variable CTUTOR_WORKERS_CONCURRENCY is unknown and has no effect; did you mean \
                 CTUTOR_WORKER_CONCURRENCY?",
                "the environment variable ctutor_url is unknown and has no effect; did you mean CTUTOR_URL?",
            ]
        );
    }
}
