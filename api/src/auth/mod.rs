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
    /// Seconds since 1970; the standard allows fractions, and some readers do not: ours are whole.
    #[serde(serialize_with = "whole_seconds")]
    exp: f64,
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "whole_seconds_or_none")]
    iat: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    /// One audience or several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aud: Option<serde_json::Value>,
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde asks for, and instants of this aeon"
)]
fn whole_seconds<S: serde::Serializer>(seconds: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(*seconds as i64)
}

#[expect(clippy::ref_option, reason = "the form that serde asks for")]
fn whole_seconds_or_none<S: serde::Serializer>(
    seconds: &Option<f64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match seconds {
        Some(seconds) => whole_seconds(seconds, serializer),
        None => serializer.serialize_none(),
    }
}
