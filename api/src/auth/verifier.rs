use std::{fmt, sync::Arc, time::Duration};

use ctutor_engine::clock::{Clock, SystemClock, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, errors::ErrorKind};
use secrecy::SecretString;

use super::{Claims, Principal, SecretError, VerifyError, secret};
use crate::transport::{AuthError, Authenticate};

/// How far the clock of the signer may be ahead, where a token says from when it is good.
///
/// Its end has no leeway: whoever signs decides how long a token is accepted.
const NOT_BEFORE_LEEWAY: Duration = Duration::from_secs(5);

/// Checks tokens. Cloning is cheap.
#[derive(Clone)]
pub struct TokenVerifier {
    key: DecodingKey,
    clock: Arc<dyn Clock>,
    validation: Validation,
}

impl TokenVerifier {
    /// A verifier with the secret of the signer.
    ///
    /// # Errors
    /// [`SecretError::TooShort`].
    pub fn new(secret: &SecretString) -> Result<Self, SecretError> {
        let key = DecodingKey::from_secret(secret::bytes(secret)?);
        let mut validation = Validation::new(Algorithm::HS256);
        // The end is compared below, with our clock, so that the refusal can tell when it was.
        validation.validate_exp = false;
        validation.validate_nbf = true;
        validation.leeway = NOT_BEFORE_LEEWAY.as_secs();
        validation.validate_aud = false;
        Ok(Self { key, clock: Arc::new(SystemClock), validation })
    }

    /// The verifier that accepts tokens of this issuer only.
    #[must_use]
    pub fn issuer(mut self, issuer: &str) -> Self {
        self.validation.set_issuer(&[issuer]);
        self.validation.required_spec_claims.insert("iss".to_owned());
        self
    }

    /// The verifier that accepts tokens for this audience only.
    #[must_use]
    pub fn audience(mut self, audience: &str) -> Self {
        self.validation.set_audience(&[audience]);
        self.validation.validate_aud = true;
        self.validation.required_spec_claims.insert("aud".to_owned());
        self
    }

    /// The verifier with another clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Says whom a token stands for.
    ///
    /// # Errors
    /// [`VerifyError`], telling why it is refused.
    pub fn verify(&self, token: &str) -> Result<Principal, VerifyError> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation)
            .map_err(|error| refusal(error.kind()))?
            .claims;
        if claims.sub.trim().is_empty() {
            return Err(VerifyError::NotAccepted("its subject is blank"));
        }
        let role = claims.role.parse().map_err(|_| VerifyError::NotAccepted("its role is unknown"))?;
        let expires_at = from_seconds(claims.exp);
        if self.clock.now() >= expires_at {
            return Err(VerifyError::Expired { at: expires_at });
        }
        Ok(Principal { subject: claims.sub.into(), role, expires_at })
    }
}

impl Authenticate for TokenVerifier {
    type Caller = Principal;

    fn authenticate(&self, bearer: Option<&str>) -> Result<Principal, AuthError> {
        Ok(self.verify(bearer.ok_or(VerifyError::Missing)?)?)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates, and an end that far away never comes"
)]
fn from_seconds(seconds: f64) -> Timestamp {
    Timestamp((seconds * 1_000.0) as i64)
}

fn refusal(kind: &ErrorKind) -> VerifyError {
    match kind {
        ErrorKind::InvalidSignature => VerifyError::BadSignature,
        ErrorKind::InvalidAlgorithm => VerifyError::NotAccepted("it is not signed with HS256"),
        ErrorKind::InvalidIssuer => VerifyError::NotAccepted("it comes from another issuer"),
        ErrorKind::InvalidAudience => VerifyError::NotAccepted("it is for another audience"),
        ErrorKind::ImmatureSignature => VerifyError::NotAccepted("it is not valid yet"),
        ErrorKind::MissingRequiredClaim(_) => VerifyError::NotAccepted("it lacks its issuer or audience"),
        _ => VerifyError::Malformed,
    }
}

impl fmt::Debug for TokenVerifier {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifier").finish_non_exhaustive()
    }
}
