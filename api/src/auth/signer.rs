use std::{fmt, sync::Arc, time::Duration};

use ctutor_engine::clock::{Clock, SystemClock};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::SecretString;

use super::{Claims, Role, SecretError, SignError, secret};

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

    /// The signer that names in its tokens for whom they are.
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

    /// A token for a subject, good from now for `ttl`.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn create(&self, subject: &str, role: Role, ttl: Duration) -> Result<String, SignError> {
        if subject.trim().is_empty() {
            return Err(SignError::BlankSubject);
        }
        if ttl < Duration::from_secs(1) {
            return Err(SignError::NoTime);
        }
        let now = self.clock.now();
        let claims = Claims {
            sub: subject.to_owned(),
            role: role.as_str().to_owned(),
            exp: whole_seconds((now + ttl).0),
            iat: Some(whole_seconds(now.0)),
            iss: self.issuer.clone(),
            aud: self.audience.clone().map(Into::into),
        };
        Ok(jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.key)?)
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of this aeon are far below 2^52")]
fn whole_seconds(milliseconds: i64) -> f64 {
    (milliseconds / 1_000) as f64
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
