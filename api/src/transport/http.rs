//! GraphQL over HTTP: `GET` and `POST`, one request or a small batch.
//!
//! The order of checks is the order of trust: first the token, then what is accepted, then what was sent.
//! A request that never becomes GraphQL is refused by its status, whatever the client accepts.
//! One that fails before execution has status 400 where the media type lets a client rely on it, else 200.

use std::sync::Arc;

use async_graphql::Executor;
use async_graphql::parser::types::OperationType;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, Response, StatusCode, header, request::Parts};
use ctutor_engine::payload::strict;

use super::auth::{Authenticate, bearer_token};
use super::error::RequestError;
use super::execute;
use super::negotiate::{Accepts, Media, check_json_body};
use super::params::{self, Params};
use super::refusal::{Refusal, json_response};
use super::reply::{Reply, to_json};
use super::{Service, body, sse};
use crate::fault::RETRY_AFTER;

/// Answers a request.
pub(super) async fn answer<E: Executor, A: Authenticate>(
    service: Arc<Service<E, A>>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let accepts = Accepts::of(&parts.headers);
    match try_answer(service, &parts, body, accepts).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(accepts.media_or_json()),
    }
}

async fn try_answer<E: Executor, A: Authenticate>(
    service: Arc<Service<E, A>>,
    parts: &Parts,
    body: Body,
    accepts: Accepts,
) -> Result<Response<Body>, Refusal> {
    if parts.method != Method::GET && parts.method != Method::POST {
        return Err(Refusal::Method { found: strict::shown(parts.method.as_str()) });
    }
    let caller = service.authenticator.authenticate(bearer_token(&parts.headers)?)?;
    if accepts.media.is_none() && !accepts.event_stream {
        return Err(Refusal::NotAcceptable);
    }
    let call = Call { service, caller, accepts, method: parts.method.clone() };
    match read_params(&call, parts, body).await? {
        params::Body::Single(params) => call.single(params).await,
        params::Body::Batch(requests) => call.batch(requests).await,
    }
}

async fn read_params<E: Executor, A: Authenticate>(
    call: &Call<E, A>,
    parts: &Parts,
    body: Body,
) -> Result<params::Body, Refusal> {
    if parts.method == Method::GET {
        return Ok(params::Body::Single(params::from_uri(&parts.uri)?));
    }
    check_json_body(&parts.headers).map_err(|found| Refusal::UnsupportedMediaType { found })?;
    let options = &call.service.options.http;
    let bytes = body::read(&parts.headers, body, options).await?;
    Ok(params::from_body(&bytes, options.batch_requests_max)?)
}

/// A request whose caller is known.
struct Call<E, A: Authenticate> {
    service: Arc<Service<E, A>>,
    caller: A::Caller,
    accepts: Accepts,
    method: Method,
}

impl<E: Executor, A: Authenticate> Call<E, A> {
    async fn single(self, params: Params) -> Result<Response<Body>, Refusal> {
        let prepared = self.service.prepare(&self.caller, params);
        if let Ok(prepared) = &prepared {
            self.check_operation(prepared.operation_type)?;
        }
        let is_stream = match (&prepared, self.accepts.media) {
            (_, None) => true,
            (Ok(prepared), Some(_)) => prepared.operation_type == OperationType::Subscription,
            (Err(_), Some(_)) => false,
        };
        if is_stream {
            return sse::respond(&self.service, &self.caller, prepared);
        }
        let reply = match prepared {
            Ok(prepared) => execute::once(&self.service.executor, prepared.request).await,
            Err(error) => Reply::refused(error),
        };
        Ok(respond(&reply, self.accepts.media_or_json()))
    }

    fn check_operation(&self, operation_type: OperationType) -> Result<(), Refusal> {
        match operation_type {
            // A GET must change nothing: links, images and prefetching send them unasked.
            OperationType::Mutation if self.method == Method::GET => Err(Refusal::MutationByGet),
            OperationType::Subscription if !self.accepts.event_stream => {
                Err(Refusal::SubscriptionWithoutStream)
            }
            _ => Ok(()),
        }
    }

    /// Runs the requests in order, so that mutations keep theirs, and at most one at a time.
    async fn batch(self, requests: Vec<Params>) -> Result<Response<Body>, Refusal> {
        let media = self.accepts.media.ok_or(Refusal::BatchAsStream)?;
        let mut replies = Vec::with_capacity(requests.len());
        for params in requests {
            replies.push(self.batched(params).await);
        }
        let mut response = json_response(StatusCode::OK, media, to_json(&replies));
        if replies.iter().any(Reply::is_unavailable) {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER.into());
        }
        Ok(response)
    }

    async fn batched(&self, params: Params) -> Reply {
        match self.service.prepare(&self.caller, params) {
            Ok(prepared) if prepared.operation_type == OperationType::Subscription => {
                Reply::refused(RequestError::SubscriptionInBatch)
            }
            Ok(prepared) => execute::once(&self.service.executor, prepared.request).await,
            Err(error) => Reply::refused(error),
        }
    }
}

fn respond(reply: &Reply, media: Media) -> Response<Body> {
    let status = match media {
        Media::GraphqlResponse if reply.is_request_error() => StatusCode::BAD_REQUEST,
        Media::Json | Media::GraphqlResponse => StatusCode::OK,
    };
    let mut response = json_response(status, media, reply.to_json());
    copy_headers(reply.http_headers(), response.headers_mut());
    if reply.is_unavailable() {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER.into());
    }
    response
}

/// Adds what resolvers have asked for, except what says how the body is to be read.
fn copy_headers(from: &HeaderMap, to: &mut HeaderMap) {
    let fixed = [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CACHE_CONTROL];
    for (name, value) in from.iter().filter(|(name, _)| !fixed.contains(name)) {
        to.append(name, value.clone());
    }
}
