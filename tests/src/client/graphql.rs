//! GraphQL and REST over HTTP.

use anyhow::{Context, Result, bail};
use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde_json::{Value, json};

use super::{EventStream, Resuming, Subscription, SubscriptionError, server::Server};

/// Someone who uses one API server, with or without a token.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    server: Server,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Status of the HTTP response.
    pub status: StatusCode,
    /// Its body; `null` when empty or not JSON.
    pub body: Value,
}

impl Client {
    /// Of the server at this address, as [`crate::process::Process::ready`] returns it.
    #[must_use]
    pub fn new(base: impl Into<String>) -> Self {
        Self { http: reqwest::Client::new(), server: Server { base: base.into(), token: None } }
    }

    /// As the bearer of this token.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.server.token = Some(token.into());
        self
    }

    /// At another server, as the same person.
    #[must_use]
    pub fn at(&self, base: impl Into<String>) -> Self {
        Self { http: self.http.clone(), server: self.server.at(base) }
    }

    /// Address of the server.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.server.base
    }

    /// Sends a query or mutation and returns whatever came back.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn execute(&self, document: &str, variables: Value) -> Result<Answer> {
        let body = json!({ "query": document, "variables": variables });
        let request = self.request(Method::POST, "/graphql").json(&body);
        send(request.header(header::ACCEPT, "application/graphql-response+json")).await
    }

    /// Sends a query or mutation that should succeed and returns its `data`.
    ///
    /// # Errors
    /// The server does not answer, or with errors, which the message shows.
    pub async fn data(&self, document: &str, variables: Value) -> Result<Value> {
        let answer = self.execute(document, variables).await?;
        if answer.body.get("errors").is_some() || !answer.status.is_success() {
            bail!("status {}: {:#}", answer.status, answer.body);
        }
        answer.body.get("data").cloned().with_context(|| format!("no data in {:#}", answer.body))
    }

    /// Subscribes over a WebSocket of its own.
    ///
    /// # Errors
    /// The socket cannot be opened, or the server refuses the token.
    pub async fn subscribe(
        &self,
        document: &str,
        variables: Value,
    ) -> Result<Subscription, SubscriptionError> {
        Subscription::open(&self.server, document, variables).await
    }

    /// Subscribes to a stream whose items have cursors, and goes on from the last one whenever the socket breaks.
    #[must_use]
    pub fn follow(&self, document: &str, variables: Value) -> Resuming {
        Resuming::new(self.server.clone(), document, variables)
    }

    /// Subscribes over server-sent events.
    ///
    /// # Errors
    /// The server does not answer with a stream.
    pub async fn event_stream(&self, document: &str, variables: Value) -> Result<EventStream> {
        let body = json!({ "query": document, "variables": variables });
        let request = self.request(Method::POST, "/graphql").json(&body);
        let response = request.header(header::ACCEPT, "text/event-stream").send().await?;
        if !response.status().is_success() {
            bail!("status {}: {}", response.status(), response.text().await?);
        }
        Ok(EventStream::new(response))
    }

    /// `GET` of a path of the REST twin.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        send(self.request(Method::GET, path)).await
    }

    /// `POST` to a path of the REST twin.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// `DELETE` of a path of the REST twin.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn delete(&self, path: &str) -> Result<Answer> {
        send(self.request(Method::DELETE, path)).await
    }

    /// A request with the token, for what the other methods do not cover.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.server.base));
        match &self.server.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}

async fn send(request: RequestBuilder) -> Result<Answer> {
    let response = request.send().await?;
    let status = response.status();
    let body = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
    Ok(Answer { status, body })
}
