//! Why an HTTP request is refused before it reaches GraphQL.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};

use super::auth::AuthError;
use super::error::{code, coded};
use super::negotiate::Media;
use super::params;
use super::reply::Reply;

#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error(
        "no media type of the `Accept` header is supported; use `application/json`, `application/graphql-response+json` \
         or `text/event-stream`"
    )]
    NotAcceptable,
    #[error(
        "a batch is not answered as `text/event-stream`; accept `application/json` or \
         `application/graphql-response+json` as well, or send its requests one by one"
    )]
    BatchAsStream,
    #[error("expected a body with the header `Content-Type: application/json`, found {found}")]
    UnsupportedMediaType { found: String },
    #[error("expected the method GET or POST, found `{found}`")]
    Method { found: String },
    #[error("mutations must be sent by POST, not by GET")]
    MutationByGet,
    #[error("the request body exceeds {allowed} bytes")]
    PayloadTooLarge { allowed: usize },
    #[error("the request body did not arrive in time")]
    BodyTimeout,
    #[error("the request body could not be read")]
    BodyBroken,
    #[error(transparent)]
    Params(#[from] params::Error),
    #[error("a subscription needs the header `Accept: text/event-stream`, or a WebSocket")]
    SubscriptionWithoutStream,
    #[error("at most {allowed} event streams of one user may be open at the same time; close one first")]
    TooManyStreams { allowed: usize },
    #[error(
        "pages of this origin may not open a WebSocket; `api.cors_origins` of the server lists those that may"
    )]
    Origin,
    #[error("the request cannot become a WebSocket, expected {0}")]
    Upgrade(&'static str),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Auth(error) => error.status(),
            Self::NotAcceptable | Self::BatchAsStream => StatusCode::NOT_ACCEPTABLE,
            Self::UnsupportedMediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Method { .. } | Self::MutationByGet => StatusCode::METHOD_NOT_ALLOWED,
            Self::PayloadTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyBroken | Self::Params(_) | Self::SubscriptionWithoutStream | Self::Upgrade(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::TooManyStreams { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Origin => StatusCode::FORBIDDEN,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Auth(error) => error.code(),
            Self::NotAcceptable | Self::BatchAsStream => code::NOT_ACCEPTABLE,
            Self::UnsupportedMediaType { .. } => code::UNSUPPORTED_MEDIA_TYPE,
            Self::Method { .. } | Self::MutationByGet => code::METHOD_NOT_ALLOWED,
            Self::PayloadTooLarge { .. } => code::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => code::REQUEST_TIMEOUT,
            Self::Params(error) => error.code(),
            Self::BodyBroken | Self::SubscriptionWithoutStream | Self::Upgrade(_) => code::BAD_REQUEST,
            Self::TooManyStreams { .. } => code::TOO_MANY_OPERATIONS,
            Self::Origin => code::ORIGIN_NOT_ALLOWED,
        }
    }

    fn extra_header(&self) -> Option<(header::HeaderName, HeaderValue)> {
        match self {
            Self::Auth(error) => error.challenge().map(|value| (header::WWW_AUTHENTICATE, value)),
            Self::Method { .. } => Some((header::ALLOW, HeaderValue::from_static("GET, POST"))),
            Self::MutationByGet => Some((header::ALLOW, HeaderValue::from_static("POST"))),
            _ => None,
        }
    }

    /// A GraphQL answer with one error and no data.
    pub(super) fn into_response(self, media: Media) -> Response<Body> {
        let (status, header) = (self.status(), self.extra_header());
        let error = match self {
            Self::Params(error) => error.into_server_error(),
            other => coded(other.code(), other.to_string()),
        };
        let mut response = json_response(status, media, Reply::request_error(error).to_json());
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// A response with the headers that all of ours have. Responses depend on the caller, so caches must not store them.
pub(super) fn json_response(status: StatusCode, media: Media, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, media.header());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    response
}
