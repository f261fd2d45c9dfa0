//! The least bounds that the configuration takes let through what the command line and the playground send.

use std::collections::BTreeMap;

use ctutor_api::{Server, TokenVerifier};
use ctutor_engine::{
    BusOptions, Engine, EngineOptions,
    client::{Limits, WorkflowStatus},
    payload::Payload,
    store::DatabaseOptions,
};
use futures_util::StreamExt;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Environment, Flags, KEYS, Loaded,
    layer::{Layer, Source},
    section::Allowed,
};
use crate::client::{Client, Error, StartInput, Stop};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The query for the schema that GraphiQL sends, with everything that graphql-js can ask for.
const INTROSPECTION: &str = include_str!("../../../api/tests/transport/introspection.graphql");

/// The first tabs of the playground.
const TABS: &str = include_str!("../../../web/playground/src/queries.ts");

const STREAM: &str = include_str!("../client/documents/workflow_stream.graphql");

/// The sections whose bounds a request can meet.
const SECTIONS: [&str; 5] = ["api", "graphql", "streams", "websocket", "limits"];

/// A server within bounds, and its client.
struct Bounded {
    client: Client,
    message_bytes_max: usize,
    _folder: TempDir,
    _shutdown: DropGuard,
}

/// The least value of each bound, but for those that are given.
fn least(except: &[(&'static str, i64)]) -> BTreeMap<&'static str, i64> {
    let keys = KEYS.iter().filter(|key| SECTIONS.iter().any(|section| key.path.starts_with(section)));
    let mut values: BTreeMap<_, _> = keys
        .filter_map(|key| match key.allowed {
            Allowed::Integer(min, _) => Some((key.path, i64::from(min))),
            Allowed::Words(_) => None,
        })
        .collect();
    // Bounded by the least payload, see `relations`.
    values.remove("graphql.body_bytes_max");
    values.extend(except.iter().copied());
    values
}

fn load(values: &BTreeMap<&'static str, i64>, url: &str) -> Loaded {
    let mut layers = vec![Layer::of_defaults()];
    let bounds = values.iter();
    layers
        .extend(bounds.map(|(path, value)| Layer::of_value(Source::Flag("--bound"), path, (*value).into())));
    let variables = Environment::from([("CTUTOR_JWT_SECRET", SECRET), ("CTUTOR_URL", url)]);
    Loaded::of_layers(layers, variables, Flags::default()).unwrap()
}

impl Bounded {
    async fn start(values: &BTreeMap<&'static str, i64>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let loaded = load(values, &format!("http://{}", listener.local_addr().unwrap()));
        let database = format!("sqlite:{}", folder.path().join("ctutor.db").display());
        let engine = Engine::open(EngineOptions {
            database: DatabaseOptions::new(database),
            bus: BusOptions::InProcess,
            namespace: loaded.config.namespace.clone(),
            limits: Limits::from(&loaded.config.limits),
        })
        .await
        .unwrap();
        engine.migrate().await.unwrap();
        let shutdown = CancellationToken::new();
        let verifier = TokenVerifier::new(&SECRET.to_owned().into()).unwrap();
        let server = Server::new(engine.client(), verifier, loaded.config.api_options(), shutdown.clone());
        tokio::spawn(ctutor_api::serve(listener, server));
        let client = Client::new(&loaded).unwrap();
        let message_bytes_max = loaded.config.websocket.message_bytes_max.as_usize();
        Self { client, message_bytes_max, _folder: folder, _shutdown: shutdown.drop_guard() }
    }

    /// Sends everything that the command line can.
    async fn send_commands(&self) {
        let client = &self.client;
        let statuses: Vec<&str> = WorkflowStatus::ALL.into_iter().map(WorkflowStatus::as_str).collect();
        let filter = json!({
            "statuses": statuses, "types": ["a"], "taskQueue": "q", "workflowIdPrefix": "w",
        });
        within("workflows", client.workflows(&filter, 100, None).await);
        within("history", client.history("wfr_0", 100, None).await);
        within("workers", client.workers().await);
        within("is_served", client.is_served("q").await);
        within("task_queues", client.task_queues().await);
        within("workflow_types", client.workflow_types().await);
        let run = "wfr_01890000-0000-7000-8000-000000000000".parse().unwrap();
        within("find_workflow", client.find_workflow(&run).await);
        let input = StartInput { fields: Map::from_iter([("type".to_owned(), json!("x"))]), input: None };
        within("start_workflow", client.start_workflow(&input).await);
        for stop in [Stop::Cancel, Stop::Terminate] {
            within("stop_workflow", client.stop_workflow(stop, &run, Some("reason")).await);
        }
        within("delete_workflow", client.delete_workflow(&run).await);
        self.send("workflow_stream", STREAM, &json!({"id": "wfr_0"})).await;
    }

    /// Sends what the playground does when it is opened, and its first tabs, which fit a message of a WebSocket too.
    async fn send_playground(&self) {
        self.send("introspection", INTROSPECTION, &json!({})).await;
        let tabs: Vec<&str> = TABS.split('`').skip(1).step_by(2).collect();
        assert_eq!(tabs.len(), 3);
        for tab in tabs {
            assert!(tab.len() * 2 < self.message_bytes_max, "{tab}");
            let variables = match tab.contains("$id") {
                true => json!({"id": "wfr_0"}),
                false => json!({"first": 20}),
            };
            self.send(tab.lines().next().unwrap_or_default(), tab, &variables).await;
        }
    }

    /// Sends a document of any kind. The playground asks for the data of queries over HTTP and for streams over a
    /// WebSocket, the command line for streams over SSE; the bounds of documents are the same.
    async fn send(&self, what: &str, document: &str, variables: &Value) {
        if !document.lines().any(|line| line.starts_with("subscription ")) {
            let field =
                document.split('{').nth(1).and_then(|rest| rest.split('(').next()).unwrap_or_default();
            return within(what, self.client.field::<Payload>(document, variables, field.trim()).await);
        }
        match self.client.subscribe(document, variables).await {
            Ok(items) => {
                let first = Box::pin(items).next().await;
                within(what, first.unwrap_or(Err(Error::NoEnd)).map_err(Into::into));
            }
            Err(error) => within::<()>(what, Err(error)),
        }
    }
}

/// Asserts that no bound stood in the way. That nothing is found is no matter.
fn within<T>(what: &str, answer: anyhow::Result<T>) {
    let Err(error) = answer else { return };
    let told = ctutor_engine::chain(error.as_ref());
    match error.downcast_ref::<Error>() {
        Some(Error::NotFound(_) | Error::Refused(_)) => {}
        Some(Error::Graphql(errors)) if errors.iter().all(|error| error.code() == Some("NOT_FOUND")) => {}
        _ => panic!("{what}: {told}"),
    }
}

#[tokio::test]
async fn the_least_bounds_let_the_command_line_and_the_playground_work() {
    // Smaller pages cost less, so that the cost is met with the largest that anything of ours asks for.
    for pages in [&[("graphql.page_items_max", 100), ("limits.page_items_max", 100)][..], &[]] {
        let bounded = Bounded::start(&least(pages)).await;
        bounded.send_commands().await;
        bounded.send_playground().await;
    }
}
