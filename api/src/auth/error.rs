use ctutor_engine::clock::Timestamp;

use super::SECRET_BYTES_MIN;
use crate::transport::AuthError;

/// Why a secret cannot sign tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Shorter than the hash that it keys, so that it could be guessed.
    #[error("the token secret has {found} bytes, at least {SECRET_BYTES_MIN} are needed")]
    TooShort {
        /// Its size in bytes.
        found: usize,
    },
}

/// Why a token cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The subject is blank, too long or has control characters.
    #[error("the token cannot be made: {0}")]
    Subject(&'static str),
    /// The token would be of no use.
    #[error("the token would expire at once; its time must be at least one second")]
    NoTime,
    /// The signature could not be computed.
    #[error("the token could not be signed")]
    Signature(#[from] jsonwebtoken::errors::Error),
}

/// Why a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The request has no token.
    #[error("a bearer token is required")]
    Missing,
    /// The token is not a valid JSON web token.
    #[error("the bearer token is malformed: {0}")]
    Malformed(&'static str),
    /// The token was not signed with the secret of this server.
    #[error("the signature of the bearer token is not valid")]
    BadSignature,
    /// The token has expired.
    #[error("the bearer token expired at {at}")]
    Expired {
        /// When it ended.
        at: Timestamp,
    },
    /// The token is well formed, but not accepted here.
    #[error("the bearer token is not accepted: {0}")]
    NotAccepted(&'static str),
}

impl From<VerifyError> for AuthError {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Missing => Self::Missing,
            VerifyError::BadSignature => Self::BadSignature,
            VerifyError::Expired { .. } => Self::Expired,
            VerifyError::Malformed(reason) | VerifyError::NotAccepted(reason) => Self::NotAccepted(reason),
        }
    }
}
