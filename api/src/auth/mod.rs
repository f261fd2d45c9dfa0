//! Bearer tokens: JSON web tokens signed with a shared secret (HS256), and who they stand for.

mod error;
mod principal;
mod secret;
mod signer;
mod verifier;

pub use error::{SecretError, SignError, VerifyError};
pub use principal::{Principal, Role};
pub use secret::SECRET_BYTES_MIN;
pub use signer::TokenSigner;
pub use verifier::TokenVerifier;

use serde::{Deserialize, Serialize};

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: String,
    role: String,
    /// Seconds since 1970; the standard allows fractions.
    exp: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iat: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    /// One audience or several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aud: Option<serde_json::Value>,
}
