use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::Context;
use ctutor_engine::{
    clock::{Clock, SystemClock},
    payload::Payload,
};
use futures_util::{Stream, StreamExt, stream};
use reqwest::{
    RequestBuilder, Response, StatusCode, Url, header,
    redirect::{Action, Attempt, Policy},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Credentials, Error, Object,
    error::GraphqlError,
    retry_after,
    sse::{Decoder, Event},
};
use crate::config::Loaded;

/// Time to make a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Time for a response that is not a stream.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A stream that is silent for longer is dead: the server sends a comment every 12 s.
const SILENCE_MAX: Duration = Duration::from_secs(40);

const ACCEPT_JSON: &str = "application/graphql-response+json, application/json;q=0.9";

/// Calls the API of one ctutor.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    /// What the user named, for messages.
    url: String,
    endpoint: Url,
    credentials: Credentials,
    /// The largest page that the server gives, once it has refused a larger one.
    pub(super) page_items_max: Arc<OnceLock<u32>>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    data: Option<Object>,
    #[serde(default)]
    errors: Vec<GraphqlError>,
}

#[derive(Debug, Serialize)]
struct Request<'a, V> {
    query: &'a str,
    variables: V,
}

impl Client {
    /// A client for the configured address and token.
    pub(crate) fn new(loaded: &Loaded) -> anyhow::Result<Self> {
        let url = &loaded.config.client.url;
        let endpoint = endpoint(&url.0);
        let mut http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE_MAX)
            .redirect(Policy::custom(follow_redirect))
            .user_agent(concat!("ctutor/", env!("CARGO_PKG_VERSION")));
        if url.is_loopback() {
            // A proxy of the environment is for the world outside.
            http = http.no_proxy();
        }
        let http = http.build().context("cannot create the HTTP client")?;
        let credentials = Credentials::find(loaded)?;
        Ok(Self { http, url: url.to_string(), endpoint, credentials, page_items_max: Arc::default() })
    }

    /// Runs a query or mutation and gives its `data`.
    async fn execute(&self, document: &str, variables: impl Serialize) -> anyhow::Result<Object> {
        let request =
            self.request(document, variables)?.header(header::ACCEPT, ACCEPT_JSON).timeout(ANSWER_TIMEOUT);
        let response = self.send(request).await?;
        Ok(self.data_of(response).await?)
    }

    /// Runs a query or mutation and reads one root field of its answer.
    pub(crate) async fn field<T: DeserializeOwned>(
        &self,
        document: &str,
        variables: impl Serialize,
        field: &str,
    ) -> anyhow::Result<T> {
        let mut data = self.execute(document, variables).await?;
        self.decode(&data.take(field))
    }

    /// Reads a part of an answer.
    pub(crate) fn decode<T: DeserializeOwned>(&self, part: &Payload) -> anyhow::Result<T> {
        serde_json::from_str(part.as_str())
            .map_err(|source| Error::Answer { url: self.url.clone(), source }.into())
    }

    /// Reads parts of an answer.
    pub(crate) fn decode_all<T: DeserializeOwned>(&self, parts: &[Payload]) -> anyhow::Result<Vec<T>> {
        parts.iter().map(|part| self.decode(part)).collect()
    }

    /// Subscribes, and gives the `data` of each item. The stream ends when the server says that nothing more will
    /// come; a connection that breaks is an error.
    pub(crate) async fn subscribe(
        &self,
        document: &str,
        variables: &Value,
    ) -> anyhow::Result<impl Stream<Item = Result<Object, Error>> + use<>> {
        let request = self
            .request(document, variables)?
            .header(header::ACCEPT, "text/event-stream, application/json;q=0.1");
        let response = self.send(request).await?;
        let media = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !media.is_some_and(|media| media.starts_with("text/event-stream")) {
            let not_ours = self.not_ours(&response);
            self.data_of(response).await?;
            return Err(not_ours.into());
        }
        Ok(self.clone().items(response))
    }

    fn request(&self, query: &str, variables: impl Serialize) -> anyhow::Result<RequestBuilder> {
        let token = self.credentials.token()?;
        let body = serde_json::to_string(&Request { query, variables })?;
        let request = self.http.post(self.endpoint.clone()).bearer_auth(token);
        Ok(request.header(header::CONTENT_TYPE, "application/json").body(body))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        request.send().await.map_err(|source| Error::unanswered(self.url.clone(), &source))
    }

    async fn data_of(&self, response: Response) -> Result<Object, Error> {
        let not_ours = self.not_ours(&response);
        let bytes = response.bytes().await.map_err(|source| Error::lost(self.url.clone(), &source))?;
        let Ok(answer) = serde_json::from_slice(&bytes) else {
            return Err(not_ours);
        };
        self.check(answer)?.ok_or(not_ours)
    }

    /// What an answer is that has no GraphQL in it.
    fn not_ours(&self, response: &Response) -> Error {
        let (url, status) = (self.url.clone(), response.status());
        let text = |name| Some(response.headers().get(name)?.to_str().ok()?.trim().to_owned());
        if let Some(location) = text(header::LOCATION).filter(|_| status.is_redirection()) {
            // Without its query, in which a login page has what it must not lose.
            let location = location.split(['?', '#']).next().unwrap_or_default().to_owned();
            return Error::Redirected { url, status, location };
        }
        let retry_after =
            text(header::RETRY_AFTER).and_then(|value| retry_after::read(&value, SystemClock.now()));
        let media = text(header::CONTENT_TYPE)
            .and_then(|media| Some(media.split(';').next()?.trim().to_ascii_lowercase()));
        Error::NotOurs { url, status, media, retry_after }
    }

    /// The data of an answer that tells no error, if there is some.
    fn check(&self, answer: Answer) -> Result<Option<Object>, Error> {
        if let Some(refusal) = answer.errors.iter().find(|error| error.code() == Some("UNAUTHENTICATED")) {
            let token = self.credentials.source().to_owned();
            let (message, remedy) = (refusal.message.clone(), self.credentials.remedy());
            return Err(Error::Unauthenticated { token, message, remedy });
        }
        if let Some(refusal) = answer.errors.iter().find(|error| error.refuses_cursor()) {
            return Err(Error::Cursor(refusal.message.clone()));
        }
        if !answer.errors.is_empty() {
            return Err(Error::Graphql(answer.errors));
        }
        Ok(answer.data)
    }

    fn items(self, response: Response) -> impl Stream<Item = Result<Object, Error>> {
        let events =
            Events { client: self, response, decoder: Decoder::default(), ready: Vec::new().into_iter() };
        stream::try_unfold(events, Events::next).boxed()
    }
}

/// The events of one connection.
struct Events {
    client: Client,
    response: Response,
    decoder: Decoder,
    ready: std::vec::IntoIter<Event>,
}

impl Events {
    async fn next(mut self) -> Result<Option<(Object, Self)>, Error> {
        loop {
            while let Some(event) = self.ready.next() {
                match event.name.as_str() {
                    "complete" => return Ok(None),
                    "next" => {
                        let data = self.read(&event.data)?;
                        return Ok(Some((data, self)));
                    }
                    _ => {}
                }
            }
            self.ready = self.receive().await?.into_iter();
        }
    }

    fn read(&self, data: &str) -> Result<Object, Error> {
        let answer = serde_json::from_str(data)
            .map_err(|source| Error::Answer { url: self.client.url.clone(), source })?;
        let nothing = || Error::NotOurs {
            url: self.client.url.clone(),
            status: StatusCode::OK,
            media: Some("text/event-stream".to_owned()),
            retry_after: None,
        };
        self.client.check(answer)?.ok_or_else(nothing)
    }

    async fn receive(&mut self) -> Result<Vec<Event>, Error> {
        let url = || self.client.url.clone();
        let chunk = self.response.chunk().await.map_err(|source| Error::lost(url(), &source))?;
        // The end of the bytes without `complete`: the token expired, or the server is going away.
        let chunk = chunk.ok_or_else(|| Error::Cut { url: url() })?;
        self.decoder.feed(&chunk).map_err(|_| Error::EventTooLarge { url: url() })
    }
}

/// Most places that an address may lead to in turn.
const REDIRECTS_MAX: usize = 5;

/// Follows what keeps the method and the host: any other redirect would turn the operation into a GET without it, or
/// send it to a place that the user did not name.
fn follow_redirect(attempt: Attempt<'_>) -> Action {
    let keeps_method =
        matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    let keeps_host = attempt.previous().last().is_some_and(|from| from.host() == attempt.url().host());
    if keeps_method && keeps_host && attempt.previous().len() <= REDIRECTS_MAX {
        return attempt.follow();
    }
    attempt.stop()
}

/// The GraphQL endpoint below an address. An address that names it already is taken as it is.
fn endpoint(url: &Url) -> Url {
    let mut endpoint = url.clone();
    let path = url.path().trim_end_matches('/');
    let path = if path.ends_with("/graphql") { path.to_owned() } else { format!("{path}/graphql") };
    endpoint.set_path(&path);
    endpoint
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_below_the_address() {
        for (url, expected) in [
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000/graphql"),
            ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/graphql"),
            ("https://example.org/ctutor/", "https://example.org/ctutor/graphql"),
            ("https://example.org/graphql", "https://example.org/graphql"),
        ] {
            assert_eq!(endpoint(&Url::parse(url).unwrap()).as_str(), expected);
        }
    }
}
