//! What to call a certificate in a message.

use sha2::{Digest, Sha256};

/// A certificate by its fingerprint, as `openssl x509 -noout -fingerprint -sha256` and browsers show it.
pub(crate) fn describe(der: &[u8]) -> String {
    let digest = Sha256::digest(der);
    let bytes: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("the one with the SHA-256 fingerprint `{}`", bytes.join(":"))
}
