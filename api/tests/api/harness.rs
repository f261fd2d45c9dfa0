//! A server with an engine behind it, and ways to talk to it.

use std::{net::SocketAddr, time::Duration};

use ctutor_api::{Options, Role, Server, TokenSigner, TokenVerifier};
use ctutor_engine::{
    BusOptions, Engine, EngineOptions,
    client::Limits,
    ids::{Namespace, TaskQueue},
    store::DatabaseOptions,
    worker::WorkerOptions,
};
use futures_util::{Stream, StreamExt};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::workflows;

pub(crate) const SECRET: &str = "a secret of the tests that is long enough";

/// The queue that the worker of the tests serves.
pub(crate) const QUEUE: &str = "computor-tasks";

/// One server with its engine and one worker. Everything stops when it is dropped.
pub(crate) struct Api {
    pub(crate) engine: Engine,
    address: SocketAddr,
    base: String,
    serving: JoinHandle<std::io::Result<()>>,
    http: reqwest::Client,
    signer: TokenSigner,
    shutdown: DropGuard,
    _folder: TempDir,
}

/// A person with a token.
#[derive(Clone)]
pub(crate) struct Person<'a> {
    api: &'a Api,
    token: String,
}

impl Api {
    pub(crate) async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub(crate) async fn start_with(options: Options) -> Self {
        Self::start_within(options, Limits::default()).await
    }

    /// With bounds of its own.
    pub(crate) async fn start_within(options: Options, limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("ctutor.db").display());
        Self::open(url, options, limits, folder).await
    }

    /// The folder lives as long as the server.
    pub(crate) async fn start_on(url: String, options: Options, folder: TempDir) -> Self {
        Self::open(url, options, Limits::default(), folder).await
    }

    async fn open(url: String, options: Options, limits: Limits, folder: TempDir) -> Self {
        let engine = Engine::open(EngineOptions {
            database: DatabaseOptions::new(url),
            bus: BusOptions::InProcess,
            namespace: Namespace::trusted("default"),
            limits,
        })
        .await
        .unwrap();
        engine.migrate().await.unwrap();
        let shutdown = CancellationToken::new();
        run_worker(&engine, &shutdown).await;

        let secret = SECRET.to_owned().into();
        let verifier = TokenVerifier::new(&secret).unwrap();
        let server = Server::new(engine.client(), verifier, options, shutdown.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let base = format!("http://{address}");
        let serving = tokio::spawn(ctutor_api::serve(listener, server));
        Self {
            engine,
            address,
            base,
            serving,
            http: reqwest::Client::new(),
            signer: TokenSigner::new(&secret).unwrap(),
            shutdown: shutdown.drop_guard(),
            _folder: folder,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops everything, and waits until the server has let its clients go.
    pub(crate) async fn stop(self) {
        drop(self.shutdown);
        self.serving.await.unwrap().unwrap();
    }

    pub(crate) fn admin(&self) -> Person<'_> {
        self.person("root", Role::Admin, Duration::from_secs(600))
    }

    /// An administrator whose token ends soon.
    pub(crate) fn admin_for(&self, ttl: Duration) -> Person<'_> {
        self.person("root", Role::Admin, ttl)
    }

    pub(crate) fn user(&self, name: &str) -> Person<'_> {
        self.person(name, Role::User, Duration::from_secs(600))
    }

    fn person(&self, name: &str, role: Role, ttl: Duration) -> Person<'_> {
        let token = self.signer.create(name, role, ttl).unwrap();
        Person { api: self, token }
    }

    /// A request without a token.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }
}

async fn run_worker(engine: &Engine, shutdown: &CancellationToken) {
    let options = WorkerOptions {
        identity: "test-worker".to_owned(),
        task_queues: vec![TaskQueue::trusted(QUEUE)],
        progress_interval: Duration::from_millis(10),
        ..WorkerOptions::default()
    };
    let worker = engine.worker(workflows::registry(), options);
    let mut handle = worker.handle();
    tokio::spawn(worker.run(shutdown.clone()));
    tokio::spawn(engine.maintenance().run(shutdown.clone()));
    handle.ready().await;
}

impl Person<'_> {
    /// Address of the server.
    pub(crate) fn base(&self) -> &str {
        &self.api.base
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.api.request(method, path).bearer_auth(&self.token)
    }

    /// A call of the REST twin.
    pub(crate) async fn rest(&self, method: Method, path: &str) -> (StatusCode, Value) {
        answer(self.request(method, path)).await
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.rest(Method::GET, path).await
    }

    pub(crate) async fn submit(&self, body: &Value) -> (StatusCode, Value) {
        answer(self.request(Method::POST, "/tasks/submit").json(body)).await
    }

    /// The whole answer to a GraphQL request.
    pub(crate) async fn graphql(&self, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables });
        answer(self.request(Method::POST, "/graphql").json(&body)).await.1
    }

    /// The data of a GraphQL request that must not have errors.
    pub(crate) async fn data(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.graphql(query, variables).await;
        assert_eq!(answer.get("errors"), None, "{answer:#}");
        answer["data"].take()
    }

    /// The first error of a GraphQL request.
    pub(crate) async fn error(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.graphql(query, variables).await;
        assert!(answer["errors"].is_array(), "{answer:#}");
        answer["errors"][0].take()
    }

    /// The payload of `startWorkflow`.
    pub(crate) async fn start(&self, input: Value) -> Value {
        const START: &str = "mutation ($input: StartWorkflowInput!) { startWorkflow(input: $input) {
            created
            workflow { id workflowId status taskQueue startAt owner }
            userErrors { code message path }
        } }";
        self.data(START, json!({ "input": input })).await["startWorkflow"].take()
    }

    /// The run that was started.
    pub(crate) async fn started(&self, input: Value) -> Value {
        let mut payload = self.start(input).await;
        assert_eq!(payload["userErrors"], json!([]), "{payload:#}");
        payload["workflow"].take()
    }

    /// Waits for the end of a run, given as the mutation has returned it.
    pub(crate) async fn finished(&self, run: &Value) -> Value {
        let path = format!("/tasks/{}/result?timeout=60", run["workflowId"].as_str().unwrap());
        let (status, result) = self.get(&path).await;
        assert_eq!(status, StatusCode::OK, "{result:#}");
        result
    }

    /// The items of a subscription, until its end.
    pub(crate) async fn items(&self, query: &str, variables: Value) -> Vec<Value> {
        self.stream(query, variables).await.collect().await
    }

    /// The items of a subscription as they come.
    pub(crate) async fn stream(&self, query: &str, variables: Value) -> impl Stream<Item = Value> + Unpin {
        let body = json!({ "query": query, "variables": variables });
        let request =
            self.request(Method::POST, "/graphql").header("accept", "text/event-stream").json(&body);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Box::pin(events(response))
    }
}

/// The payloads of the `next` events of an event stream, whose lines end as server-sent events say.
fn events(response: reqwest::Response) -> impl Stream<Item = Value> {
    let mut rest = String::new();
    response
        .bytes_stream()
        .flat_map(move |bytes| {
            let text = std::str::from_utf8(&bytes.unwrap()).unwrap().replace("\r\n", "\n");
            rest.push_str(&text.replace('\r', "\n"));
            let mut blocks: Vec<String> = rest.split("\n\n").map(str::to_owned).collect();
            rest = blocks.pop().unwrap_or_default();
            futures_util::stream::iter(blocks)
        })
        .filter_map(|block| async move {
            let is_next = block.lines().any(|line| line == "event: next");
            let data: Vec<&str> = block.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
            is_next.then(|| serde_json::from_str(&data.join("\n")).unwrap())
        })
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
