//! Bearer tokens: JSON web tokens signed with a shared secret (HS256), and the callers that they stand for.

mod claims;
mod compact;
mod error;
mod principal;
mod secret;
mod signer;
mod verifier;

pub use claims::SUBJECT_BYTES_MAX;
pub use error::{SECRET_BYTES_MIN, SecretError, SignError, VerifyError};
pub use principal::{Principal, Role};
pub use signer::TokenSigner;
pub use verifier::TokenVerifier;
