use std::fmt;

use ctutor_api::{
    TokenSigner, TokenVerifier,
    auth::{SECRET_BYTES_MIN, SecretError},
};
use secrecy::SecretString;
use serde::Deserialize;

use super::{Name, Place};

/// `[auth]`: how callers prove who they are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Auth {
    /// Signs and checks tokens.
    pub(crate) jwt_secret: Option<JwtSecret>,
    /// A file that holds it.
    pub(crate) jwt_secret_file: Option<Place>,
    /// Issuer that tokens must name (`iss`).
    pub(crate) issuer: Option<Name>,
    /// Audience that tokens must name (`aud`).
    pub(crate) audience: Option<Name>,
}

/// A secret that is long enough.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct JwtSecret(SecretString);

/// Why a string is no such secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weak {
    Blank,
    Short { bytes: usize },
}

impl Auth {
    /// Makes tokens with a secret.
    ///
    /// # Errors
    /// [`SecretError`], which [`JwtSecret`] rules out.
    pub(crate) fn signer(&self, secret: &JwtSecret) -> Result<TokenSigner, SecretError> {
        let mut signer = TokenSigner::new(&secret.0)?;
        if let Some(issuer) = &self.issuer {
            signer = signer.issuer(&**issuer);
        }
        if let Some(audience) = &self.audience {
            signer = signer.audience(&**audience);
        }
        Ok(signer)
    }

    /// Checks tokens with a secret.
    ///
    /// # Errors
    /// [`SecretError`], which [`JwtSecret`] rules out.
    pub(crate) fn verifier(&self, secret: &JwtSecret) -> Result<TokenVerifier, SecretError> {
        let mut verifier = TokenVerifier::new(&secret.0)?;
        if let Some(issuer) = &self.issuer {
            verifier = verifier.issuer(issuer);
        }
        if let Some(audience) = &self.audience {
            verifier = verifier.audience(audience);
        }
        Ok(verifier)
    }
}

impl TryFrom<String> for JwtSecret {
    type Error = Weak;

    fn try_from(text: String) -> Result<Self, Weak> {
        // Editors, `echo` and mounted files add a line end that is not part of the secret. With it, the same secret
        // in a variable and in a file would be two.
        let secret = text.trim_end_matches(['\r', '\n']);
        match secret.len() {
            _ if secret.trim().is_empty() => Err(Weak::Blank),
            bytes if bytes < SECRET_BYTES_MIN => Err(Weak::Short { bytes }),
            _ => Ok(Self(secret.to_owned().into())),
        }
    }
}

impl fmt::Display for Weak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => f.write_str("it is blank"),
            Self::Short { bytes } => write!(f, "it has {bytes} bytes"),
        }
    }
}
