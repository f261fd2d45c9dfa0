use secrecy::{ExposeSecret, SecretString};

use super::error::{SECRET_BYTES_MIN, SecretError};

/// The bytes of a secret that is long enough.
pub(super) fn bytes(secret: &SecretString) -> Result<&[u8], SecretError> {
    let bytes = secret.expose_secret().as_bytes();
    if bytes.len() < SECRET_BYTES_MIN {
        return Err(SecretError::TooShort { found: bytes.len() });
    }
    Ok(bytes)
}
