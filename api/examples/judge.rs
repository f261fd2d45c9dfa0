//! Judges requests for the comparison with graphql-js in `tests/conformance`.
//!
//! `cargo run -p ctutor-api --example judge -- schema.graphql <requests >verdicts`
//!
//! A request is a line of JSON with a `document`, an `operationName` and `variables`; a verdict has the `variables` as
//! they are executed, or `errors`.
//!
//! `cargo run -p ctutor-api --example judge -- schema.graphql 127.0.0.1:0`
//!
//! serves the schema over all transports at the address that it prints. Nothing is executed there: the `data` of an
//! answer are the variables.

use std::{
    error::Error,
    io::{self, BufRead, BufWriter, Write},
    sync::Arc,
    time::SystemTime,
};

use async_graphql::{Data, Executor, Request, Response};
use axum::serve::{Listener, ListenerExt};
use ctutor_api::transport::{
    self, AuthError, Authenticate, Caller, Judge, Options, guard::Limits, validation::Schema,
};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    document: String,
    #[serde(default)]
    operation_name: Option<String>,
    variables: Box<RawValue>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let usage = "usage: judge SCHEMA <REQUESTS >VERDICTS, or judge SCHEMA ADDRESS";
    let path = std::env::args().nth(1).ok_or(usage)?;
    let rules = Schema::parse(&std::fs::read_to_string(path)?)?;
    match std::env::args().nth(2) {
        Some(address) => serve(rules, &address),
        None => judge_lines(rules),
    }
}

fn judge_lines(rules: Schema) -> Result<(), Box<dyn Error>> {
    let judge = Judge::new(rules, Limits::default());
    let mut out = BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let Line { document, operation_name, variables } = serde_json::from_str(&line?)?;
        let verdict = match judge.judge(&document, operation_name.as_deref(), variables.get()) {
            Ok(variables) => format!(r#"{{"variables":{variables}}}"#),
            Err(errors) => json!({ "errors": errors }).to_string(),
        };
        writeln!(out, "{verdict}")?;
    }
    Ok(out.flush()?)
}

#[tokio::main]
async fn serve(rules: Schema, address: &str) -> Result<(), Box<dyn Error>> {
    let shutdown = CancellationToken::new();
    let (router, _) = transport::router(Mirror, rules, Anybody, Options::default(), shutdown.clone());
    let listener = TcpListener::bind(address).await?.tap_io(|stream| {
        // An answer of several writes must not wait for the acknowledgment of the first.
        let _ = stream.set_nodelay(true);
    });
    println!("http://{}{}", listener.local_addr()?, transport::PATH);
    let stop = async move {
        let _ = tokio::signal::ctrl_c().await;
        shutdown.cancel();
    };
    Ok(axum::serve(listener, router).with_graceful_shutdown(stop).await?)
}

/// Gives the variables back.
#[derive(Clone)]
struct Mirror;

impl Executor for Mirror {
    async fn execute(&self, request: Request) -> Response {
        Response::new(request.variables.into_value())
    }

    fn execute_stream(&self, request: Request, _: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        let response = Response::new(request.variables.into_value());
        stream::once(async { response }).boxed()
    }
}

/// Takes any word for a good token.
struct Anybody;

#[derive(Clone)]
struct Person;

impl Caller for Person {
    fn expires_at(&self) -> Option<SystemTime> {
        None
    }
}

impl Authenticate for Anybody {
    type Caller = Person;

    fn authenticate(&self, bearer: Option<&str>) -> Result<Person, AuthError> {
        bearer.map(|_| Person).ok_or(AuthError::Missing)
    }
}
