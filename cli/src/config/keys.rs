//! Every key there is: where it may come from and how it is shown.

use std::sync::LazyLock;

use super::{
    Api, Database, Kind, Limits, Testing, Timeout, Worker,
    graphql::{GRAPHQL_KEYS, STREAMS_KEYS, WEBSOCKET_KEYS},
    section::{Allowed, Setting},
};

/// One key of the configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// Its path: `worker.grace_period`.
    pub(crate) path: &'static str,
    /// The environment variables that set it, the winning one first.
    pub(crate) env: &'static [&'static str],
    /// How its text is read from the environment, and how it is shown.
    pub(crate) kind: Kind,
    /// What may stand there, for error messages.
    pub(crate) allowed: Allowed,
}

impl Key {
    const fn new(
        path: &'static str,
        env: &'static [&'static str],
        kind: Kind,
        allowed: &'static str,
    ) -> Self {
        Self { path, env, kind, allowed: Allowed::Words(allowed) }
    }

    /// A key of a section that is told once.
    pub(super) const fn of<T: Setting>(path: &'static str, env: &'static [&'static str]) -> Self {
        Self { path, env, kind: T::KIND, allowed: T::ALLOWED }
    }

    /// A key of a section that is told in two places: the type of the field says what may stand there.
    const fn of_field<S, T: Setting>(
        path: &'static str,
        env: &'static [&'static str],
        _field: fn(&S) -> &T,
    ) -> Self {
        Self::of::<T>(path, env)
    }

    /// The key at a path.
    pub(crate) fn find(path: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.path == path)
    }

    /// Its section and its name in there; keys of the top have no section.
    pub(crate) fn section_and_name(&self) -> (Option<&'static str>, &'static str) {
        match self.path.split_once('.') {
            Some((section, name)) => (Some(section), name),
            None => (None, self.path),
        }
    }
}

/// The variable that names the file of the configuration.
pub(super) const FILE_VARIABLE: &str = "CTUTOR_CONFIG";

/// Whether the configuration reads the variable.
pub(super) fn is_read(name: &str) -> bool {
    name == FILE_VARIABLE || KEYS.iter().any(|key| key.env.contains(&name))
}

/// All keys, in the order of `default.toml`.
pub(crate) static KEYS: LazyLock<Vec<Key>> =
    LazyLock::new(|| [COMMON, GRAPHQL_KEYS, STREAMS_KEYS, WEBSOCKET_KEYS, OTHERS].concat());

const COMMON: &[Key] = &[
    Key::new(
        "namespace",
        &["CTUTOR_NAMESPACE"],
        Kind::Text,
        "a name of at most 100 bytes, without control characters, and without blanks around it",
    ),
    Key::new("data", &["CTUTOR_DATA"], Kind::Text, "a path"),
    Key::new(
        "database.url",
        &["DATABASE_URL"],
        Kind::Url,
        "`postgres://USER:PASSWORD@HOST:PORT/DATABASE` or `sqlite:PATH`",
    ),
    Key::of_field(
        "database.read_connections_max",
        &["CTUTOR_DATABASE_READ_CONNECTIONS_MAX"],
        |database: &Database| &database.read_connections_max,
    ),
    Key::of::<Timeout>("database.acquire_timeout", &["CTUTOR_DATABASE_ACQUIRE_TIMEOUT"]),
    Key::of::<Timeout>("database.statement_timeout", &["CTUTOR_DATABASE_STATEMENT_TIMEOUT"]),
    Key::new("redis.url", &["REDIS_URL"], Kind::Url, "`redis://`, `rediss://` or `redis+unix://` …"),
    Key::new("auth.jwt_secret", &["CTUTOR_JWT_SECRET"], Kind::Secret, "a string of at least 32 bytes"),
    Key::new("auth.jwt_secret_file", &["CTUTOR_JWT_SECRET_FILE"], Kind::Text, "a path"),
    Key::new("auth.issuer", &["CTUTOR_JWT_ISSUER"], Kind::Text, NAME),
    Key::new("auth.audience", &["CTUTOR_JWT_AUDIENCE"], Kind::Text, NAME),
    Key::new("api.listen", &["CTUTOR_LISTEN"], Kind::Text, "`HOST:PORT`"),
    Key::new(
        "api.user_may_start",
        &["CTUTOR_USER_MAY_START"],
        Kind::List,
        "a list of workflow types, or `*` alone for all",
    ),
    Key::new("api.cors_origins", &["CTUTOR_CORS_ORIGINS"], Kind::List, ORIGINS),
    Key::new(
        "api.cors_headers",
        &["CTUTOR_CORS_HEADERS"],
        Kind::List,
        "a list of names of headers, or `*` alone for all",
    ),
    Key::of::<Timeout>("api.cors_max_age", &["CTUTOR_CORS_MAX_AGE"]),
    Key::new("api.drain_timeout", &["CTUTOR_DRAIN_TIMEOUT"], Kind::Text, LENGTH),
    Key::of_field("api.connections_max", &["CTUTOR_CONNECTIONS_MAX"], |api: &Api| &api.connections_max),
    Key::of::<Timeout>("api.head_timeout", &["CTUTOR_HEAD_TIMEOUT"]),
    Key::of::<Timeout>("api.body_timeout", &["CTUTOR_BODY_TIMEOUT"]),
    Key::of::<Timeout>("api.result_wait_max", &["CTUTOR_RESULT_WAIT_MAX"]),
    Key::of::<Timeout>("api.health_timeout", &["CTUTOR_HEALTH_TIMEOUT"]),
    Key::of_field("api.subject_streams_max", &["CTUTOR_SUBJECT_STREAMS_MAX"], |api: &Api| {
        &api.subject_streams_max
    }),
    Key::of_field("api.response_bytes_max", &["CTUTOR_RESPONSE_BYTES_MAX"], |api: &Api| {
        &api.response_bytes_max
    }),
];

const OTHERS: &[Key] = &[
    Key::new("worker.task_queues", &["CTUTOR_TASK_QUEUES"], Kind::List, "a list of one or more task queues"),
    Key::of_field("worker.concurrency", &["CTUTOR_WORKER_CONCURRENCY"], |worker: &Worker| {
        &worker.concurrency
    }),
    Key::new("worker.identity", &["CTUTOR_WORKER_IDENTITY"], Kind::Text, NAME),
    Key::new("worker.grace_period", &["CTUTOR_WORKER_GRACE_PERIOD"], Kind::Text, LENGTH),
    Key::new("testing.cache_folder", &["CTUTOR_TESTING_CACHE_FOLDER"], Kind::Text, "a path"),
    Key::new("testing.secrets_folder", &["CTUTOR_TESTING_SECRETS_FOLDER"], Kind::Text, "a path"),
    Key::new(
        "testing.sources",
        &["CTUTOR_TESTING_SOURCES"],
        Kind::List,
        "a list of URL prefixes such as `https://gitlab.example.org/`",
    ),
    Key::new("testing.local_sources", &["CTUTOR_TESTING_LOCAL_SOURCES"], Kind::Text, PERMISSION),
    Key::new("testing.unconfined", &["CTUTOR_TESTING_UNCONFINED"], Kind::Text, PERMISSION),
    Key::new(
        "testing.read_only_folders",
        &["CTUTOR_TESTING_READ_ONLY_FOLDERS"],
        Kind::List,
        "a list of paths of folders, each from `/` on",
    ),
    Key::new("testing.control_group", &["CTUTOR_TESTING_CONTROL_GROUP"], Kind::Text, "a path from `/` on"),
    Key::new(
        "testing.user_ids",
        &["CTUTOR_TESTING_USER_IDS"],
        Kind::Text,
        "the first and the last user ID, such as `2100000000-2100001023`",
    ),
    Key::of_field("testing.cores_per_test", &["CTUTOR_TESTING_CORES_PER_TEST"], |testing: &Testing| {
        &testing.cores_per_test
    }),
    Key::of_field("testing.tests_at_once_max", &["CTUTOR_TESTING_TESTS_AT_ONCE_MAX"], |testing: &Testing| {
        &testing.tests_at_once_max
    }),
    Key::new(
        "testing.test_timeout_max",
        &["CTUTOR_TESTING_TEST_TIMEOUT_MAX"],
        Kind::Text,
        "a length of time of at most `20m`",
    ),
    Key::new(
        "testing.total_timeout_max",
        &["CTUTOR_TESTING_TOTAL_TIMEOUT_MAX"],
        Kind::Text,
        "a length of time of at most `20m`",
    ),
    Key::of_field("testing.memory_mib_max", &["CTUTOR_TESTING_MEMORY_MIB_MAX"], |testing: &Testing| {
        &testing.memory_mib_max
    }),
    Key::of_field("testing.processes_max", &["CTUTOR_TESTING_PROCESSES_MAX"], |testing: &Testing| {
        &testing.processes_max
    }),
    Key::of_field("testing.tests_max", &["CTUTOR_TESTING_TESTS_MAX"], |testing: &Testing| &testing.tests_max),
    Key::of_field("testing.files_max", &["CTUTOR_TESTING_FILES_MAX"], |testing: &Testing| &testing.files_max),
    Key::of_field("testing.files_mib_max", &["CTUTOR_TESTING_FILES_MIB_MAX"], |testing: &Testing| {
        &testing.files_mib_max
    }),
    Key::of_field(
        "testing.checkouts_at_once_max",
        &["CTUTOR_TESTING_CHECKOUTS_AT_ONCE_MAX"],
        |testing: &Testing| &testing.checkouts_at_once_max,
    ),
    Key::new(
        "testing.checkout_timeout",
        &["CTUTOR_TESTING_CHECKOUT_TIMEOUT"],
        Kind::Text,
        "a length of time of at most `5m`",
    ),
    Key::of_field(
        "testing.checkout_files_max",
        &["CTUTOR_TESTING_CHECKOUT_FILES_MAX"],
        |testing: &Testing| &testing.checkout_files_max,
    ),
    Key::of_field("testing.checkout_mib_max", &["CTUTOR_TESTING_CHECKOUT_MIB_MAX"], |testing: &Testing| {
        &testing.checkout_mib_max
    }),
    Key::of_field("testing.received_mib_max", &["CTUTOR_TESTING_RECEIVED_MIB_MAX"], |testing: &Testing| {
        &testing.received_mib_max
    }),
    Key::of_field(
        "testing.repository_mib_max",
        &["CTUTOR_TESTING_REPOSITORY_MIB_MAX"],
        |testing: &Testing| &testing.repository_mib_max,
    ),
    Key::of_field("testing.mirrors_max", &["CTUTOR_TESTING_MIRRORS_MAX"], |testing: &Testing| {
        &testing.mirrors_max
    }),
    Key::of_field(
        "limits.payload_size_bytes_max",
        &["CTUTOR_LIMITS_PAYLOAD_SIZE_BYTES_MAX"],
        |limits: &Limits| &limits.payload_size_bytes_max,
    ),
    Key::of_field("limits.page_items_max", &["CTUTOR_LIMITS_PAGE_ITEMS_MAX"], |limits: &Limits| {
        &limits.page_items_max
    }),
    Key::of_field(
        "limits.history_page_items_max",
        &["CTUTOR_LIMITS_HISTORY_PAGE_ITEMS_MAX"],
        |limits: &Limits| &limits.history_page_items_max,
    ),
    Key::of_field("limits.history_events_max", &["CTUTOR_LIMITS_HISTORY_EVENTS_MAX"], |limits: &Limits| {
        &limits.history_events_max
    }),
    Key::of_field(
        "limits.history_size_bytes_max",
        &["CTUTOR_LIMITS_HISTORY_SIZE_BYTES_MAX"],
        |limits: &Limits| &limits.history_size_bytes_max,
    ),
    Key::new("log.filter", &["CTUTOR_LOG", "RUST_LOG"], Kind::Text, "directives such as `warn,ctutor=debug`"),
    Key::new("log.format", &["CTUTOR_LOG_FORMAT"], Kind::Text, "`text` or `json`"),
    Key::new("client.url", &["CTUTOR_URL"], Kind::Url, "a URL such as `http://127.0.0.1:8000`"),
    Key::new("client.token", &["CTUTOR_TOKEN"], Kind::Secret, "a token of `ctutor token create`"),
];

const PERMISSION: &str = "`refused` or `allowed`";

const NAME: &str = "a string that is not blank, without control characters";

const ORIGINS: &str = "a list of origins such as `https://console.example.com` or `https://*.example.com`, or `*` alone for every page";

const LENGTH: &str = "a length of time such as `500ms`, `10s` or `1h30m`";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DEFAULTS;

    /// Keys as `default.toml` shows them, those without a default behind a `#`.
    fn documented() -> Vec<String> {
        let mut section = String::new();
        let mut found = Vec::new();
        for line in DEFAULTS.lines() {
            if let Some(name) = line.strip_prefix('[') {
                section = format!("{}.", name.trim_end_matches(']'));
            } else if let Some((name, _)) = line.trim_start_matches('#').split_once(" = ")
                && !name.starts_with(' ')
            {
                found.push(format!("{section}{name}"));
            }
        }
        found
    }

    #[test]
    fn the_file_of_defaults_shows_every_key_in_this_order() {
        let known: Vec<&str> = KEYS.iter().map(|key| key.path).collect();
        assert_eq!(documented(), known);
    }

    #[test]
    fn the_bounds_of_a_number_are_those_of_its_type() {
        for key in KEYS.iter().filter(|key| key.kind == Kind::Number) {
            assert!(matches!(key.allowed, Allowed::Integer(..)), "{}", key.path);
        }
    }

    #[test]
    fn no_variable_sets_two_keys() {
        let mut names: Vec<&str> = KEYS.iter().flat_map(|key| key.env).copied().collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
