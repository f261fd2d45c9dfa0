//! GraphQL over HTTP, event streams and WebSockets, for any schema.
//!
//! [`router`] serves all three at one path, `/graphql`:
//!
//! | client sends | served by |
//! | --- | --- |
//! | `POST` or `GET` | the GraphQL-over-HTTP specification, with `application/graphql-response+json` or `application/json` |
//! | the same with `Accept: text/event-stream` | `graphql-sse`, distinct connections |
//! | `GET` with `Upgrade: websocket` | `graphql-transport-ws` |
//!
//! Everything needs a token, see [`Authenticate`]. Every document is bounded before it is parsed, see [`guard`],
//! and judged by all rules of the specification before it is executed, see [`validation`].
//! Every error has `extensions.code`, see [`code`].
//!
//! # Building a schema for it
//!
//! - Give the text of the schema to [`validation::Schema::parse`], and set `validation_mode(Fast)`: what is executed
//!   has been judged.
//! - Bound only what needs the schema, such as pages times children: the [`guard`] has bounded the text already.
//!   `limit_complexity` of the builder does not say how far off a document is; an extension can. Leave
//!   `limit_depth` alone, since a depth below 15 would refuse introspection.
//! - Leave introspection on: it requires a valid token. [`Introspection::Disabled`] turns it off here.
//! - Give outcomes as data and faults as errors with `extensions.code`. An error without a code that was made
//!   from a Rust value, as `?` and `into` do, is taken for a fault of the server: the client reads `INTERNAL`,
//!   the log reads the text. One without a code and a source, as from `Error::new` and from input types, is
//!   taken for a bad value: the client reads its text with `BAD_USER_INPUT`.
//! - A nullable field that can fail returns `Option<Result<T>>`, not `Result<Option<T>>`: the latter nulls
//!   its parent.
//! - Find the caller with `ctx.data::<Caller>()`; [`Authenticate::attach`] can add data loaders of the request.
//! - End a subscription only when there is nothing more to come: `complete` makes clients stop.

mod auth;
mod body;
mod deadline;
mod document;
mod error;
mod execute;
mod gauges;
pub mod guard;
mod http;
mod negotiate;
mod options;
mod origins;
mod params;
mod query_string;
mod refusal;
mod reply;
mod sse;
mod subjects;
pub mod validation;
pub mod websocket;

use std::sync::Arc;

use async_graphql::Executor;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use axum::routing::any;
use tokio_util::sync::CancellationToken;

pub use auth::{AuthError, Authenticate, Caller, bearer_token};
pub(crate) use body::read_bounded;
pub use document::Judge;
pub use error::code;
pub use gauges::Gauges;
pub use options::{DocumentsOptions, HttpOptions, Introspection, Options, SseOptions, WebSocketOptions};
pub use origins::Origins;
pub(crate) use query_string::{NotUtf8, parameters};

use document::{Documents, Prepared};
use error::RequestError;
use params::Params;
use subjects::Subjects;

/// The path of the router.
pub const PATH: &str = "/graphql";

/// Serves a schema at [`PATH`]. Documents are judged by `rules`, which must be of the same schema.
///
/// When `shutdown` is cancelled, sockets close with 1001 and event streams end without `complete`, so that
/// clients come back. Then wait for [`Gauges::idle`]: the HTTP server does not wait for sockets.
pub fn router<E: Executor, A: Authenticate>(
    executor: E,
    rules: validation::Schema,
    authenticator: A,
    options: Options,
    shutdown: CancellationToken,
) -> (Router, Gauges) {
    let gauges = Gauges::default();
    let rules = match options.introspection {
        Introspection::Enabled => rules,
        Introspection::Disabled => rules.without_introspection(),
    };
    let service = Arc::new(Service {
        executor,
        authenticator,
        documents: Documents::new(rules, options.limits, options.documents.clone()),
        socket_subjects: Subjects::default(),
        stream_subjects: Subjects::default(),
        options,
        gauges: gauges.clone(),
        shutdown,
    });
    (Router::new().route(PATH, any(dispatch::<E, A>)).with_state(service), gauges)
}

async fn dispatch<E: Executor, A: Authenticate>(
    State(service): State<Arc<Service<E, A>>>,
    request: Request,
) -> Response<Body> {
    if websocket::is_upgrade(&request) {
        websocket::upgrade(service, request).await
    } else {
        http::answer(service, request).await
    }
}

/// What all transports share.
struct Service<E, A> {
    executor: E,
    authenticator: A,
    documents: Documents,
    socket_subjects: Subjects,
    stream_subjects: Subjects,
    options: Options,
    gauges: Gauges,
    shutdown: CancellationToken,
}

impl<E: Executor, A: Authenticate> Service<E, A> {
    /// Makes a request of a caller ready for execution.
    fn prepare(&self, caller: &A::Caller, params: Params) -> Result<Prepared, RequestError> {
        let Prepared { request, operation_type } = self.documents.prepare(params)?;
        Ok(Prepared { request: self.authenticator.attach(caller, request), operation_type })
    }
}
