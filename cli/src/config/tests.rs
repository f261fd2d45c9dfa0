use super::{
    Config, DEFAULTS, Environment, Error, Flags, KEYS, Key, Kind, Loaded,
    layer::{Layer, Source},
};

pub(super) fn load<const N: usize>(
    file: &str,
    variables: [(&str, &str); N],
    flags: Flags,
) -> Result<Loaded, Error> {
    let layers = vec![Layer::of_defaults(), Layer::of_text(file, "ctutor.toml".into())?];
    Loaded::of_layers(layers, Environment::from(variables), flags)
}

pub(super) fn fault<const N: usize>(file: &str, variables: [(&str, &str); N]) -> String {
    load(file, variables, Flags::default()).unwrap_err().to_string()
}

fn concurrency(config: &Config) -> u32 {
    config.worker.concurrency.get()
}

#[test]
fn flags_win_over_the_environment_over_the_file_over_the_defaults() {
    let file = "[worker]\nconcurrency = 2\n";
    let variables = [("CTUTOR_WORKER_CONCURRENCY", "3")];
    let mut flags = Flags::default();
    flags.set("worker.concurrency", "--concurrency", Some(4));
    for (file, variables, flags, expected, source) in [
        ("", None, Flags::default(), 100, Source::Default),
        (file, None, Flags::default(), 2, Source::File("ctutor.toml".into())),
        (file, Some(variables), Flags::default(), 3, Source::Variable("CTUTOR_WORKER_CONCURRENCY")),
        (file, Some(variables), flags, 4, Source::Flag("--concurrency")),
    ] {
        let loaded = match variables {
            Some(variables) => load(file, variables, flags),
            None => load(file, [], flags),
        }
        .unwrap();
        assert_eq!(concurrency(&loaded.config), expected);
        assert_eq!(loaded.source("worker.concurrency"), Some(&source));
    }
}

#[test]
fn the_defaults_are_those_of_the_engine() {
    let config = load("", [], Flags::default()).unwrap().config;
    let (ours, theirs) =
        (ctutor_engine::client::Limits::from(&config.limits), ctutor_engine::client::Limits::default());
    assert_eq!(ours.payload_size_bytes_max, theirs.payload_size_bytes_max);
    assert_eq!(ours.page_items_max, theirs.page_items_max);
    assert_eq!(ours.history_page_items_max, theirs.history_page_items_max);
    assert_eq!(format!("{:#?}", config.api_options()), format!("{:#?}", ctutor_api::Options::default()));
    let worker = ctutor_engine::worker::WorkerOptions::default();
    assert_eq!(config.worker.grace_period.0, worker.grace_period);
    assert_eq!(config.worker.concurrency.as_usize(), worker.activity_slots);
    assert_eq!(i64::from(config.limits.history_events_max.get()), worker.history_events_max);
    assert_eq!(config.limits.history_size_bytes_max.as_usize(), worker.history_size_bytes_max);
    let (ours, theirs) = (config.testing.options("data".as_ref()), ctutor_workflows::Options::below("data"));
    assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
}

/// A value of a key that is allowed and not the default.
fn another_value(key: &Key, default: &str) -> String {
    match (key.path, key.kind) {
        ("api.user_may_start", _) => r#"["example"]"#.to_owned(),
        ("api.cors_origins", _) => r#"["https://console.example.com"]"#.to_owned(),
        ("api.cors_headers", _) => r#"["x-course"]"#.to_owned(),
        ("api.listen", _) => r#""127.0.0.1:9000""#.to_owned(),
        ("graphql.introspection", _) => r#""disabled""#.to_owned(),
        (_, Kind::Number) => (default.parse::<u32>().unwrap() + 1).to_string(),
        _ => r#""7s77ms""#.to_owned(),
    }
}

#[test]
fn every_option_of_the_api_has_a_key() {
    let defaults: toml::Table = toml::from_str(DEFAULTS).unwrap();
    let mut file = String::new();
    for section in ["api", "graphql", "streams", "websocket"] {
        file += &format!("[{section}]\n");
        for (name, default) in defaults[section].as_table().unwrap() {
            let key = Key::find(&format!("{section}.{name}")).unwrap();
            file += &format!("{name} = {}\n", another_value(key, &default.to_string()));
        }
    }
    let changed = format!("{:#?}", load(&file, [], Flags::default()).unwrap().config.api_options());
    let defaults = format!("{:#?}", ctutor_api::Options::default());
    let leaves = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim).filter(|line| line.contains(": "));
        lines.filter(|line| !line.ends_with(['{', '(', '['])).map(str::to_owned).collect()
    };
    let changed = leaves(&changed);
    // The pages of the own host, to which the server adds the others.
    let same: Vec<_> = leaves(&defaults).into_iter().filter(|line| changed.contains(line)).collect();
    assert_eq!(same, ["allowed: [],"], "options that no key sets");
}

#[test]
fn origins_headers_and_bounds_are_checked_with_the_remedy() {
    for (name, value, remedy) in [
        ("CTUTOR_CORS_ORIGINS", "console.example.com", "has no scheme; write `https://console.example.com`"),
        ("CTUTOR_CORS_ORIGINS", "https://a.example/console", "write `https://a.example`"),
        ("CTUTOR_CORS_ORIGINS", "*.example.com", "or `https://*.example.com`"),
        ("CTUTOR_CORS_HEADERS", "x course", "`x course` is not a valid name of a header"),
        ("CTUTOR_HEAD_TIMEOUT", "0s", "is zero; it must be a length of time from `1ms` to `1d`"),
        ("CTUTOR_BODY_TIMEOUT", "2d", "is longer than a day"),
        ("CTUTOR_USER_MAY_START", "a\tb", "control character"),
        ("CTUTOR_JWT_ISSUER", "a\tb", "it has a control character"),
        ("CTUTOR_WEBSOCKET_OPERATIONS_MAX", "0", "it must be an integer from 1 to 100000"),
        ("CTUTOR_GRAPHQL_INTROSPECTION", "on", "it must be `enabled` or `disabled`"),
    ] {
        let told = fault("", [(name, value)]);
        assert!(told.contains(name) && told.contains(remedy), "{told}");
    }
    let written = "null, HTTPS://Console.Example.com:443/";
    let loaded = load("", [("CTUTOR_CORS_ORIGINS", written)], Flags::default()).unwrap();
    let origins: Vec<_> = loaded.config.api.cors_origins.iter().map(ToString::to_string).collect();
    assert_eq!(origins, ["null", "https://console.example.com"]);
    let shown = loaded.to_toml();
    assert!(shown.contains("cors_origins = [\"null\",\"https://console.example.com\"]  # env"), "{shown}");
}

#[test]
fn the_bounds_of_tests_come_from_the_configuration() {
    let file = "[testing]\nmemory_mib_max = 512\ntests_at_once_max = 3\ncheckout_timeout = '30s'\n";
    let variables = [("CTUTOR_TESTING_SOURCES", "https://gitlab.example.org/,ssh://git@host/courses/")];
    let options = load(file, variables, Flags::default()).unwrap().config.testing.options("data".as_ref());
    assert_eq!((options.maxima.memory_bytes, options.tests_at_once_max), (512 << 20, 3));
    assert_eq!(options.git.timeout.as_secs(), 30);
    let sources: Vec<_> = options.git.sources.iter().map(ToString::to_string).collect();
    assert_eq!(sources, ["https://gitlab.example.org/", "ssh://git@host/courses/"]);

    for (key, value) in [("total_timeout_max", "'21m'"), ("checkout_timeout", "'0s'"), ("files_max", "0")] {
        let told = fault(&format!("[testing]\n{key} = {value}\n"), []);
        assert!(told.contains(key), "{told}");
    }
    let told = fault("[testing]\nsources = ['https://lea:hunter2@gitlab.example.org/']\n", []);
    assert!(told.contains("testing.sources") && !told.contains("hunter2"), "{told}");
}

#[test]
fn lists_and_secrets_come_from_the_environment() {
    let secret = "0123456789abcdef0123456789abcdef";
    let loaded = load(
        "",
        [
            ("CTUTOR_TASK_QUEUES", " a, b,a "),
            ("CTUTOR_JWT_SECRET", secret),
            ("DATABASE_URL", "postgres://ada:s3cret@db/ctutor"),
            ("REDIS_URL", ""),
            ("CTUTOR_NAMESPACE", "123"),
        ],
        Flags::default(),
    )
    .unwrap();
    let queues: Vec<String> = loaded.config.worker.task_queues.iter().map(ToString::to_string).collect();
    assert_eq!(queues, ["a", "b"]);
    assert_eq!(loaded.config.namespace.as_str(), "123");
    assert!(loaded.config.redis.url.is_none(), "an empty variable counts as not set");
    let debug = format!("{:?}", loaded.config);
    assert!(!debug.contains("s3cret") && !debug.contains(secret), "{debug}");
}

#[test]
fn what_says_nothing_clear_is_refused() {
    let blank_secret = " ".repeat(40);
    for (name, value, fault) in [
        ("CTUTOR_TASK_QUEUES", "a,,b", "item 2 is blank"),
        ("CTUTOR_TASK_QUEUES", "a,b,", "item 3 is blank"),
        ("CTUTOR_CORS_ORIGINS", ",", "item 1 is blank"),
        ("CTUTOR_CORS_HEADERS", "x-a, ,x-b", "item 2 is blank"),
        ("CTUTOR_USER_MAY_START", "a,,b", "item 2 is blank"),
        ("CTUTOR_TESTING_SOURCES", "https://a.example/,", "item 2 is blank"),
        (
            "CTUTOR_CORS_ORIGINS",
            "*,https://a.example",
            "item 1 is `*`, which stands for all: write `*` alone",
        ),
        ("CTUTOR_CORS_HEADERS", "x-a,*", "item 2 is `*`"),
        ("CTUTOR_USER_MAY_START", "a,*", "item 2 is `*`"),
        ("CTUTOR_CORS_ORIGINS", "https://a.example,b.example", "item 2: `b.example` has no scheme"),
        ("CTUTOR_NAMESPACE", " a", "begins or ends with a space"),
        ("CTUTOR_NAMESPACE", "a\n", "begins or ends with a space or a line end"),
        ("CTUTOR_NAMESPACE", " ", "blank"),
        ("CTUTOR_JWT_SECRET", " ", "it is blank"),
        ("CTUTOR_JWT_SECRET", &blank_secret, "it is blank"),
        ("CTUTOR_TOKEN", " ", "it is blank"),
        ("CTUTOR_LOG", " ", "it is blank"),
        ("CTUTOR_LOG", "warning", "`warning` is no level"),
        ("CTUTOR_LOG", "warn,ctutor=debug, loud", "`loud` is no level"),
        ("CTUTOR_DATA", " ", "it is blank"),
        ("CTUTOR_DATA", "/srv/ctutor\n", "it has a control character, such as a line end"),
        ("CTUTOR_TESTING_READ_ONLY_FOLDERS", "/opt,opt/x", "item 2: `opt/x` is relative"),
        ("CTUTOR_TESTING_CONTROL_GROUP", "ctutor", "`ctutor` is relative"),
        ("CTUTOR_DATABASE_ACQUIRE_TIMEOUT", "0s", "is zero"),
        ("CTUTOR_DATABASE_STATEMENT_TIMEOUT", "2d", "is longer than a day"),
        ("CTUTOR_WORKER_CONCURRENCY", "10k", "with a unit; write the number alone"),
        ("CTUTOR_WORKER_CONCURRENCY", "1e3", "no whole number in digits; write it in digits alone"),
        ("CTUTOR_WORKER_CONCURRENCY", "10_000", "with separators; write the digits alone"),
        ("CTUTOR_WORKER_CONCURRENCY", "\"20\"", "a number in quotes; write it without them"),
        ("CTUTOR_WORKER_CONCURRENCY", "99999999999999999999", "too large"),
        ("CTUTOR_STREAMS_KEEP_ALIVE_INTERVAL", "1m", "`1m` is longer than `30s`"),
    ] {
        let told = fault_of(name, value);
        assert!(told.starts_with('`') && told.contains(name) && told.contains(fault), "{value:?}: {told}");
    }
    let told = fault("[worker]\ntask_queues = ['a', ' ']\n", []);
    assert!(told.contains("item 2 is blank"), "{told}");
}

fn fault_of(name: &str, value: &str) -> String {
    fault("", [(name, value)])
}

#[test]
fn line_ends_around_secrets_and_urls_are_no_part_of_them() {
    use secrecy::ExposeSecret;
    let secret = "0123456789abcdef0123456789abcdef";
    let mounted = format!("{secret}\r\n");
    let variables = [
        ("CTUTOR_JWT_SECRET", mounted.as_str()),
        ("DATABASE_URL", "postgres://db/ctutor\n"),
        ("REDIS_URL", "redis://cache\n"),
    ];
    let config = load("", variables, Flags::default()).unwrap().config;
    let signer = config.auth.signer(config.auth.jwt_secret.as_ref().unwrap()).unwrap();
    let token = signer.create("a", ctutor_api::Role::User, std::time::Duration::from_secs(60)).unwrap();
    let plain = ctutor_api::TokenVerifier::new(&secret.to_owned().into()).unwrap();
    plain.verify(&token).unwrap();
    assert_eq!(config.database.url.unwrap().masked(), "postgres://db/ctutor");
    assert_eq!(config.redis.url.unwrap().0.expose_secret(), "redis://cache");
}

#[test]
fn of_two_variables_of_a_key_the_first_wins() {
    let both = [("RUST_LOG", "debug"), ("CTUTOR_LOG", "trace")];
    let loaded = load("", both, Flags::default()).unwrap();
    assert_eq!(loaded.source("log.filter"), Some(&Source::Variable("CTUTOR_LOG")));
}

#[test]
fn unknown_keys_of_the_file_are_named() {
    let fault = fault("nonsense = 1\n[worker]\nslots = 1\n[extra]\na = 1\n", []);
    let lines: Vec<&str> = fault.lines().collect();
    assert_eq!(lines.len(), 3, "{fault}");
    assert!(
        fault.contains("unknown key `worker.slots` in `ctutor.toml`; known in `[worker]` are: task_queues, ")
    );
    assert!(
        fault.contains("unknown key `nonsense` in `ctutor.toml`; known are: namespace, data, database, ")
    );
    assert!(fault.contains("unknown key `extra` in `ctutor.toml`"));
    for (file, meant) in [
        ("[apii]\nlisten = ':1'\n", "unknown key `apii` in `ctutor.toml`; did you mean `api`?"),
        ("[limit]\npage_items_max = 1\n", "`limit` in `ctutor.toml`; did you mean `limits`?"),
        ("namespaec = 'a'\n", "`namespaec` in `ctutor.toml`; did you mean `namespace`?"),
        ("[api]\nlistne = ':1'\n", "`api.listne` in `ctutor.toml`; did you mean `api.listen`?"),
    ] {
        let slip = super::tests::fault(file, []);
        assert!(slip.contains(meant), "{slip}");
    }
    let slip = super::tests::fault("[worker]\ntask_queue = 1\n", []);
    assert!(
        slip.contains("`worker.task_queue` in `ctutor.toml`; did you mean `worker.task_queues`?"),
        "{slip}"
    );
}

#[test]
fn wrong_values_are_told_with_key_source_and_what_is_allowed() {
    assert_eq!(
        fault("", [("CTUTOR_WORKER_CONCURRENCY", "many")]),
        "`worker.concurrency` (from environment variable CTUTOR_WORKER_CONCURRENCY) is not valid: \
         it is string \"many\"; it must be an integer from 1 to 10000"
    );
    assert_eq!(
        fault("[worker]\nconcurrency = 0\n", []),
        "`worker.concurrency` (from file ctutor.toml) is not valid: `0` is out of bounds; \
         it must be an integer from 1 to 10000"
    );
    assert_eq!(
        fault("[worker]\ngrace_period = \"10\"\n", []),
        "`worker.grace_period` (from file ctutor.toml) is not valid: `10` lacks a unit; known are: d, h, m, s, ms; \
         it must be a length of time such as `500ms`, `10s` or `1h30m`"
    );
    for (name, value, key) in [
        ("CTUTOR_NAMESPACE", "a\tb", "namespace"),
        ("CTUTOR_LISTEN", "8000", "api.listen"),
        ("CTUTOR_TASK_QUEUES", ",", "worker.task_queues"),
        ("CTUTOR_LOG", "ctutor=loud", "log.filter"),
        ("CTUTOR_LOG_FORMAT", "xml", "log.format"),
        ("CTUTOR_URL", "127.0.0.1:8000", "client.url"),
    ] {
        let fault = fault("", [(name, value)]);
        let expected = format!("`{key}` (from environment variable {name}) is not valid: ");
        assert!(fault.starts_with(&expected), "{fault}");
    }
}

#[test]
fn a_token_may_come_from_a_file_with_a_line_end() {
    use secrecy::ExposeSecret;
    for text in ["a.b.c", " a.b.c\n", "Bearer a.b.c\r\n"] {
        let config = load("", [("CTUTOR_TOKEN", text)], Flags::default()).unwrap().config;
        assert_eq!(config.client.token.unwrap().0.expose_secret(), "a.b.c", "{text:?}");
    }
}

#[test]
fn a_wrong_secret_is_not_repeated() {
    for (name, value) in [
        ("CTUTOR_TOKEN", "s3cret s3cret"),
        ("CTUTOR_JWT_SECRET", "s3cret"),
        ("DATABASE_URL", "mysql://ada:s3cret@db/ctutor"),
        ("REDIS_URL", "http://:s3cret@cache"),
    ] {
        let fault = fault("", [(name, value)]);
        assert!(fault.contains(name) && !fault.contains("s3cret"), "{fault}");
    }
    let fault = fault("[auth]\njwt_secret = [\"s3cret\"]\n", []);
    assert!(!fault.contains("s3cret"), "{fault}");
    let broken = super::tests::fault("[auth]\njwt_secret = s3cret\n", []);
    assert!(
        broken.starts_with("`ctutor.toml` is not valid TOML at line 2: ") && !broken.contains("s3cret"),
        "{broken}"
    );
}

#[test]
fn what_is_in_force_is_shown_without_secrets() {
    let secret = "0123456789abcdef0123456789abcdef";
    let variables = [("DATABASE_URL", "postgres://ada:s3cret@db/ctutor"), ("CTUTOR_JWT_SECRET", secret)];
    let loaded = load("[api]\nlisten = \"0.0.0.0:80\"\n", variables, Flags::default()).unwrap();
    let (toml, json) = (loaded.to_toml(), loaded.to_json());
    for line in [
        "namespace = \"default\"  # default",
        "url = \"postgres://ada:***@db/ctutor\"  # environment variable DATABASE_URL",
        "jwt_secret = \"***\"  # environment variable CTUTOR_JWT_SECRET",
        "listen = \"0.0.0.0:80\"  # file ctutor.toml",
        "#issuer is not set",
        "concurrency = 100  # default",
        "user_may_start = [\"student_testing\"]  # default",
    ] {
        assert!(toml.contains(&format!("{line}\n")), "{line} in:\n{toml}");
    }
    assert!(!toml.contains(secret) && !json.to_string().contains(secret));
    assert_eq!(json["database.url"]["value"], "postgres://ada:***@db/ctutor");
    assert_eq!(json.as_object().unwrap().len(), KEYS.len());
    assert!(toml::from_str::<toml::Table>(&toml).is_ok(), "{toml}");
}

#[test]
fn the_same_in_two_ways_is_refused_unless_one_outranks_the_other() {
    let secret = [("CTUTOR_JWT_SECRET", "0123456789abcdef0123456789abcdef")];
    let both = [secret[0], ("CTUTOR_JWT_SECRET_FILE", "/run/secret")];
    let prefers = |loaded: &Loaded| loaded.prefers("auth.jwt_secret", "auth.jwt_secret_file");
    assert_eq!(prefers(&load("", secret, Flags::default()).unwrap()), Ok(true));
    assert!(prefers(&load("", both, Flags::default()).unwrap()).is_err());
    let mut flags = Flags::default();
    flags.set("auth.jwt_secret_file", "--jwt-secret-file", Some("/run/other"));
    assert_eq!(prefers(&load("", secret, flags).unwrap()), Ok(false));
    assert_eq!(prefers(&load("", [], Flags::default()).unwrap()), Ok(false));
}
