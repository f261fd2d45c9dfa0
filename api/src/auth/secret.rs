use secrecy::{ExposeSecret, SecretString};

use super::SecretError;

/// HS256 keys shorter than their hash weaken it, so they are refused (RFC 7518, 3.2).
pub const SECRET_BYTES_MIN: usize = 32;

/// The bytes of a secret that is long enough.
pub(super) fn bytes(secret: &SecretString) -> Result<&[u8], SecretError> {
    let bytes = secret.expose_secret().as_bytes();
    if bytes.len() < SECRET_BYTES_MIN {
        return Err(SecretError::TooShort { found: bytes.len() });
    }
    Ok(bytes)
}
