use std::{fmt, sync::Arc, time::Duration};

use ctutor_engine::clock::{Clock, SystemClock};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::SecretString;
use serde::Serialize;

use super::{Role, SecretError, SignError, claims::check_subject, secret};

/// Makes tokens. Cloning is cheap.
#[derive(Clone)]
pub struct TokenSigner {
    key: EncodingKey,
    clock: Arc<dyn Clock>,
    issuer: Option<String>,
    audience: Option<String>,
}

impl TokenSigner {
    /// A signer with a secret that the verifier shares.
    ///
    /// # Errors
    /// [`SecretError::TooShort`].
    pub fn new(secret: &SecretString) -> Result<Self, SecretError> {
        let key = EncodingKey::from_secret(secret::bytes(secret)?);
        Ok(Self { key, clock: Arc::new(SystemClock), issuer: None, audience: None })
    }

    /// The signer that names itself in its tokens.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// The signer that names the audience in its tokens.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// The signer with another clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// A token for a subject, valid from now for `ttl`.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn create(&self, subject: &str, role: Role, ttl: Duration) -> Result<String, SignError> {
        check_subject(subject).map_err(SignError::Subject)?;
        if ttl < Duration::from_secs(1) {
            return Err(SignError::NoTime);
        }
        let now = self.clock.now();
        let claims = SignedClaims {
            sub: subject,
            role: role.as_str(),
            exp: (now + ttl).0 / 1_000,
            iat: now.0 / 1_000,
            iss: self.issuer.as_deref(),
            aud: self.audience.as_deref(),
        };
        Ok(jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.key)?)
    }
}

/// The claims of our tokens. Times are whole seconds: the standard allows fractions, and some readers do not.
#[derive(Serialize)]
struct SignedClaims<'a> {
    sub: &'a str,
    role: &'static str,
    exp: i64,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
}

impl fmt::Debug for TokenSigner {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSigner")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}
