use ctutor_engine::clock::Timestamp;

use crate::transport::AuthError;

/// HS256 keys shorter than their hash weaken it, so they are refused (RFC 7518, 3.2).
pub const SECRET_BYTES_MIN: usize = 32;

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

/// Told in the same words.
impl From<VerifyError> for AuthError {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Missing => Self::Missing,
            VerifyError::BadSignature => Self::BadSignature,
            VerifyError::Expired { at } => Self::ExpiredAt(at.to_string()),
            VerifyError::Malformed(reason) => Self::Malformed(reason),
            VerifyError::NotAccepted(reason) => Self::NotAccepted(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_token_is_told_in_the_same_words_by_every_transport() {
        for error in [
            VerifyError::Missing,
            VerifyError::Malformed("x"),
            VerifyError::BadSignature,
            VerifyError::Expired { at: Timestamp(1_000_000) },
            VerifyError::NotAccepted("x"),
        ] {
            assert_eq!(AuthError::from(error.clone()).to_string(), error.to_string());
        }
    }
}
