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
    /// A token must stand for somebody.
    #[error("the subject is blank")]
    BlankSubject,
    /// It would be of no use.
    #[error("the token would end at once")]
    NoTime,
    /// The signature could not be computed.
    #[error("the token could not be signed")]
    Signature(#[from] jsonwebtoken::errors::Error),
}

/// Why a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// There is none.
    #[error("a bearer token is required")]
    Missing,
    /// It is no JSON web token, or lacks a claim.
    #[error("the bearer token is malformed")]
    Malformed,
    /// It was not signed with our secret.
    #[error("the signature of the bearer token is not valid")]
    BadSignature,
    /// Its time is over.
    #[error("the bearer token expired at {at}")]
    Expired {
        /// When it ended.
        at: Timestamp,
    },
    /// It is good, but not for us.
    #[error("the bearer token is not accepted: {0}")]
    NotAccepted(&'static str),
}

impl From<VerifyError> for AuthError {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Missing => Self::Missing,
            VerifyError::Malformed => Self::Malformed,
            VerifyError::BadSignature => Self::BadSignature,
            VerifyError::Expired { .. } => Self::Expired,
            VerifyError::NotAccepted(reason) => Self::NotAccepted(reason),
        }
    }
}
