//! A small schema behind the real router, on a free port.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use async_graphql::{
    Context, Error, ErrorExtensions, InputObject, Object, Result, Schema, Subscription, ValidationMode,
};
use ctutor_api::transport::{self, AuthError, Authenticate, Caller, Gauges, Options, validation};
use futures_util::{Stream, StreamExt, stream};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

/// What resolvers and tests share.
pub(crate) struct Toy {
    pub(crate) pulses: broadcast::Sender<i32>,
    /// Subscriptions to `pulses` that are alive.
    pub(crate) listeners: watch::Sender<usize>,
    pub(crate) mutations: AtomicUsize,
    /// Items that the subscription `flood` has made.
    pub(crate) flooded: watch::Sender<usize>,
}

impl Default for Toy {
    fn default() -> Self {
        Self {
            pulses: broadcast::Sender::new(1024),
            listeners: watch::Sender::default(),
            mutations: AtomicUsize::default(),
            flooded: watch::Sender::default(),
        }
    }
}

struct Listening(Arc<Toy>);

impl Listening {
    fn new(toy: Arc<Toy>) -> Self {
        toy.listeners.send_modify(|count| *count += 1);
        Self(toy)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.listeners.send_modify(|count| *count -= 1);
    }
}

pub(crate) struct Query;

pub(crate) struct Node;

#[derive(InputObject)]
pub(crate) struct EchoInput {
    text: String,
    times: Option<i32>,
}

fn teapot() -> Error {
    Error::new("i am a teapot").extend_with(|_, extensions| extensions.set("code", "TEAPOT"))
}

#[Object]
impl Query {
    async fn hello(&self, name: Option<String>) -> String {
        format!("hello {}", name.as_deref().unwrap_or("world"))
    }

    async fn greet(
        &self,
        #[graphql(default = "you")] name: String,
        #[graphql(default = 2)] times: i32,
    ) -> String {
        vec![format!("hi {name}"); times.clamp(0, 10) as usize].join(" ")
    }

    async fn viewer(&self, context: &Context<'_>) -> Result<String> {
        Ok(context.data::<Person>()?.name.clone())
    }

    async fn add(&self, a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }

    async fn echo(&self, input: EchoInput) -> String {
        input.text.repeat(input.times.unwrap_or(1).clamp(0, 10) as usize)
    }

    async fn nullable_failing(&self) -> Option<Result<i32>> {
        Some(Err(teapot()))
    }

    async fn non_null_failing(&self) -> Result<i32> {
        Err(teapot())
    }

    async fn internal(&self) -> Option<Result<i32>> {
        Some(Err(std::io::Error::other("secret path /etc/shadow").into()))
    }

    async fn panicking(&self) -> i32 {
        let none: Vec<i32> = Vec::new();
        none.first().copied().expect("secret of the resolver")
    }

    async fn node(&self) -> Node {
        Node
    }
}

#[Object]
impl Node {
    async fn id(&self) -> i32 {
        1
    }

    async fn node(&self) -> Node {
        Node
    }

    async fn failing(&self) -> Result<i32> {
        Err(teapot())
    }

    async fn parent(&self) -> Option<Node> {
        Some(Node)
    }
}

pub(crate) struct Mutation;

#[Object]
impl Mutation {
    async fn increment(&self, context: &Context<'_>) -> Result<usize> {
        Ok(context.data::<Arc<Toy>>()?.mutations.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

pub(crate) struct Subscriptions;

#[Subscription]
impl Subscriptions {
    /// Fast: counts to a number and ends.
    async fn count(&self, to: i32) -> impl Stream<Item = i32> {
        stream::iter(1..=to)
    }

    /// Slow: says what the test says, and does not end.
    async fn pulses(&self, context: &Context<'_>) -> Result<impl Stream<Item = i32>> {
        let toy = context.data::<Arc<Toy>>()?.clone();
        let state = (toy.pulses.subscribe(), Listening::new(toy));
        Ok(stream::unfold(state, |(mut pulses, listening)| async move {
            Some((pulses.recv().await.ok()?, (pulses, listening)))
        }))
    }

    async fn failing(&self) -> Result<stream::Empty<i32>> {
        Err(teapot())
    }

    async fn failing_events(&self) -> impl Stream<Item = Result<i32>> {
        stream::iter([Ok(1), Err(teapot()), Ok(3)])
    }

    async fn panicking(&self) -> impl Stream<Item = i32> {
        stream::iter(1..3).map(|n| if n == 2 { panic!("secret of the stream") } else { n })
    }

    /// Faster than any client: 64 KiB an item, for ever.
    async fn flood(&self, context: &Context<'_>) -> Result<impl Stream<Item = String>> {
        let toy = context.data::<Arc<Toy>>()?.clone();
        Ok(stream::repeat_with(move || {
            toy.flooded.send_modify(|count| *count += 1);
            "x".repeat(64 * 1024)
        }))
    }
}

/// The caller: any word is a good token. `expires-in-N` is good for N ms.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    name: String,
    expires_at: Option<SystemTime>,
}

impl Caller for Person {
    fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    fn subject(&self) -> Option<&str> {
        Some(&self.name)
    }
}

pub(crate) struct Tokens;

impl Authenticate for Tokens {
    type Caller = Person;

    #[expect(
        clippy::disallowed_methods,
        reason = "a token of the toy ends by the wall clock, as real ones do"
    )]
    fn authenticate(&self, bearer: Option<&str>) -> Result<Person, AuthError> {
        let expires_in =
            |ms: &str| ms.parse().map(Duration::from_millis).map_err(|_| AuthError::Malformed("no time"));
        match bearer.ok_or(AuthError::Missing)? {
            "expired" => Err(AuthError::Expired),
            "forged" => Err(AuthError::BadSignature),
            "garbled" => Err(AuthError::Malformed("not readable")),
            "foreign" => Err(AuthError::NotAccepted("unknown issuer")),
            "no-keys" => Err(AuthError::Unavailable),
            name => {
                let expires_at = match name.strip_prefix("expires-in-") {
                    Some(ms) => Some(SystemTime::now() + expires_in(ms)?),
                    None => None,
                };
                Ok(Person { name: name.to_owned(), expires_at })
            }
        }
    }
}

/// A running server. It stops with the test's runtime.
pub(crate) struct Server {
    pub(crate) address: std::net::SocketAddr,
    pub(crate) toy: Arc<Toy>,
    pub(crate) gauges: Gauges,
    pub(crate) shutdown: CancellationToken,
}

impl Server {
    pub(crate) async fn start(options: Options) -> Self {
        Self::start_at("127.0.0.1:0", options).await
    }

    pub(crate) async fn start_at(address: &str, options: Options) -> Self {
        let toy = Arc::new(Toy::default());
        let schema = Schema::build(Query, Mutation, Subscriptions)
            .data(toy.clone())
            .validation_mode(ValidationMode::Fast)
            .finish();
        let rules = validation::Schema::parse(&schema.sdl()).expect("a schema prints a schema");
        let shutdown = CancellationToken::new();
        let (router, gauges) = transport::router(schema, rules, Tokens, options, shutdown.clone());
        let listener = TcpListener::bind(address).await.expect("the address is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        let stop = shutdown.clone().cancelled_owned();
        tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(stop).await });
        Self { address, toy, gauges, shutdown }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}{}", self.address, transport::PATH)
    }
}
