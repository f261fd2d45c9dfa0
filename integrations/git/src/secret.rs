//! Secrets, where they may be sent, and how they are kept out of messages.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

use crate::UrlPrefix;

/// The name of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretRef(pub String);

/// A user name and the name of a secret. The worker looks up the secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// GitLab accepts any name with an access token; its documentation uses `oauth2`.
    pub username: String,
    pub secret: SecretRef,
}

/// A secret, and the only places that it may be sent to.
#[derive(Clone, Debug)]
pub struct Secret {
    pub text: SecretString,
    pub places: Vec<UrlPrefix>,
}

/// Where the worker keeps its secrets. It is called on a thread that may block.
pub trait SecretSource: Send + Sync + fmt::Debug {
    /// # Errors
    ///
    /// [`SecretUnavailable`] if there is no such secret, or if it cannot be read now.
    fn resolve(&self, reference: &SecretRef) -> Result<Secret, SecretUnavailable>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretUnavailable {
    #[error("there is no secret of this name")]
    Missing,
    #[error("it cannot be read")]
    Unreadable,
    #[error("it is longer than {bytes_max} bytes")]
    TooLong { bytes_max: u64 },
    #[error("its line {line} is not a URL prefix such as `https://gitlab.example.org/`")]
    Malformed { line: usize },
}

/// A source without secrets.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSecrets;

impl SecretUnavailable {
    /// Whether it may be readable later.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        self == Self::Unreadable
    }
}

impl SecretSource for NoSecrets {
    fn resolve(&self, _: &SecretRef) -> Result<Secret, SecretUnavailable> {
        Err(SecretUnavailable::Missing)
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const WITHHELD: &str = "its message repeats the credential and is not shown";

/// The message of a server, unless it repeats the credential, in plain text or encoded.
pub(crate) fn without_secret(message: &str, credential: Option<(&Credential, &SecretString)>) -> String {
    let repeats = credential.is_some_and(|(credential, secret)| {
        let secret = secret.expose_secret();
        !secret.is_empty()
            && (repeats(message, secret) || repeats(message, &format!("{}:{secret}", credential.username)))
    });
    if repeats { WITHHELD.to_owned() } else { message.to_owned() }
}

fn repeats(message: &str, secret: &str) -> bool {
    let decoded = percent_decode(message);
    let texts = [message, decoded.as_str()];
    texts.iter().any(|text| text.contains(secret))
        || (0..3).filter_map(|offset| base64_core(secret, offset)).any(|core| {
            let url_safe = core.replace('+', "-").replace('/', "_");
            texts.iter().any(|text| text.contains(&core) || text.contains(&url_safe))
        })
}

/// The Base64 of a secret that stands so many bytes, modulo three, into an encoded text; without the digits at its
/// ends, which its neighbors have a part in.
fn base64_core(secret: &str, offset: usize) -> Option<String> {
    let mut bytes = vec![0; offset];
    bytes.extend_from_slice(secret.as_bytes());
    let digits = STANDARD_NO_PAD.encode(&bytes);
    let start = (offset * 8).div_ceil(6);
    let end = bytes.len() * 8 / 6;
    // Fewer digits stand in any text.
    digits.get(start..end).filter(|core| core.len() >= 4).map(str::to_owned)
}

fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = text.get(at + 1..at + 3).filter(|_| *byte == b'%');
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(code) => {
                decoded.push(code);
                at += 3;
            }
            None => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use super::*;

    const SECRET: &str = "glpat-Ab1~?>ÿ/+&=";

    fn shown(message: &str) -> String {
        let credential = Credential { username: "oauth2".to_owned(), secret: SecretRef("demo".to_owned()) };
        without_secret(message, Some((&credential, &SECRET.into())))
    }

    #[test]
    fn a_secret_is_found_in_every_encoding_and_at_every_offset() {
        for before in ["", "a", "ab", "oauth2:", "x:y:"] {
            let pair = format!("{before}{SECRET} and more");
            let encoded: String = pair.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let in_form: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
            for text in [pair.clone(), STANDARD.encode(&pair), URL_SAFE.encode(&pair), encoded, in_form] {
                assert_eq!(shown(&format!("ERR you sent Basic {text}!")), WITHHELD, "{text}");
            }
        }
        assert_eq!(shown("ERR 100% wrong %zz %"), "ERR 100% wrong %zz %");
    }
}
