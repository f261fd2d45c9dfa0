use std::path::PathBuf;

use ctutor_api::{
    TokenSigner, TokenVerifier,
    auth::{SECRET_BYTES_MIN, SecretError},
};
use secrecy::SecretString;
use serde::Deserialize;

use super::Name;

/// `[auth]`: how callers prove who they are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Auth {
    /// Signs and checks tokens.
    pub(crate) jwt_secret: Option<JwtSecret>,
    /// A file that holds it.
    pub(crate) jwt_secret_file: Option<PathBuf>,
    /// Issuer that tokens must name (`iss`).
    pub(crate) issuer: Option<Name>,
    /// Audience that tokens must name (`aud`).
    pub(crate) audience: Option<Name>,
}

/// A secret that is long enough.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct JwtSecret(SecretString);

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
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() < SECRET_BYTES_MIN {
            return Err(format!("it has {} bytes", text.len()));
        }
        Ok(Self(text.into()))
    }
}
