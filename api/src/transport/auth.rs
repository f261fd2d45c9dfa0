//! Who calls: the seam between the transports and whatever checks tokens.

use std::time::SystemTime;

use async_graphql::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};

use super::error::code;

/// Checks a token and says who sent it.
///
/// Every transport asks it once: for each HTTP request, for each event stream, for each WebSocket when it is
/// initialised. Called on the request's task, so it must not block; keys are to be fetched elsewhere.
pub trait Authenticate: Send + Sync + 'static {
    /// Who a good token stands for.
    type Caller: Caller;

    /// Checks the token, which comes without its `Bearer` prefix.
    ///
    /// # Errors
    ///
    /// [`AuthError::Missing`] for no token unless the implementation lets anonymous callers in, and the
    /// reason why a token is refused.
    fn authenticate(&self, bearer: Option<&str>) -> Result<Self::Caller, AuthError>;

    /// Puts the caller where resolvers find it: `ctx.data::<Caller>()`.
    ///
    /// Implement it to add what each request needs for itself, such as data loaders bound to the caller.
    fn attach(&self, caller: &Self::Caller, request: Request) -> Request {
        request.data(caller.clone())
    }
}

/// What the transports need to know of a caller.
pub trait Caller: Clone + Send + Sync + 'static {
    /// When the token ends. Open streams and sockets end then too.
    fn expires_at(&self) -> Option<SystemTime>;

    /// What sockets are counted by, so that one caller cannot take all of them. Nothing means uncounted.
    fn subject(&self) -> Option<&str> {
        None
    }
}

/// Why a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// There is none.
    #[error("a bearer token is required")]
    Missing,
    /// There are credentials of another scheme.
    #[error("the `Authorization` header is not `Bearer TOKEN`")]
    OtherScheme,
    /// It cannot be read.
    #[error("the bearer token is malformed: {0}")]
    Malformed(&'static str),
    /// It was not signed by a key we trust.
    #[error("the signature of the bearer token is not valid")]
    BadSignature,
    /// Its time is over since it was accepted.
    #[error("the bearer token has expired")]
    Expired,
    /// Its time was over before.
    #[error("the bearer token expired at {0}")]
    ExpiredAt(String),
    /// It is good, but not for us: another issuer or audience, not valid yet, an unknown subject.
    #[error("the bearer token is not accepted: {0}")]
    NotAccepted(&'static str),
    /// It cannot be checked now, say because keys are out of reach.
    #[error("bearer tokens cannot be checked at the moment")]
    Unavailable,
}

impl AuthError {
    /// The stable code for `extensions.code`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unavailable => code::UNAVAILABLE,
            _ => code::UNAUTHENTICATED,
        }
    }

    /// The HTTP status of a refusal.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// The value of `WWW-Authenticate`, by RFC 6750: without an error where no bearer token was sent.
    pub fn challenge(&self) -> Option<HeaderValue> {
        match self {
            Self::Missing | Self::OtherScheme => Some(HeaderValue::from_static("Bearer realm=\"ctutor\"")),
            Self::Unavailable => None,
            refused => {
                let text = format!(
                    "Bearer realm=\"ctutor\", error=\"invalid_token\", error_description=\"{refused}\""
                );
                HeaderValue::try_from(text).ok()
            }
        }
    }
}

/// The token of the `Authorization` header.
///
/// # Errors
///
/// [`AuthError::OtherScheme`] for another scheme or an empty token, [`AuthError::NotAccepted`] for more than one header.
pub fn bearer_token(headers: &HeaderMap) -> Result<Option<&str>, AuthError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(AuthError::NotAccepted("the request has more than one `Authorization` header"));
    }
    let token = value.to_str().ok().and_then(strip_bearer);
    token.map(Some).ok_or(AuthError::OtherScheme)
}

/// Takes the scheme off `Bearer …`.
pub(super) fn strip_bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
