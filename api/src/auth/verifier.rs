use std::{fmt, sync::Arc, time::Duration};

use ctutor_engine::clock::{Clock, SystemClock};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use secrecy::SecretString;

use super::{
    Principal, SecretError, VerifyError,
    claims::{Claims, check_subject},
    compact::Compact,
    secret,
};
use crate::transport::{AuthError, Authenticate};

/// How far the clock of the signer may be ahead, where a token says from when it is good.
///
/// Its end has no leeway: the signer decides how long a token is accepted.
const NOT_BEFORE_LEEWAY: Duration = Duration::from_secs(5);

/// Checks tokens. Cloning is cheap.
#[derive(Clone)]
pub struct TokenVerifier {
    key: DecodingKey,
    clock: Arc<dyn Clock>,
    issuer: Option<Arc<str>>,
    audience: Option<Arc<str>>,
}

impl TokenVerifier {
    /// A verifier with the secret of the signer.
    ///
    /// # Errors
    /// [`SecretError::TooShort`].
    pub fn new(secret: &SecretString) -> Result<Self, SecretError> {
        let key = DecodingKey::from_secret(secret::bytes(secret)?);
        Ok(Self { key, clock: Arc::new(SystemClock), issuer: None, audience: None })
    }

    /// The verifier that accepts tokens of this issuer only.
    #[must_use]
    pub fn issuer(mut self, issuer: &str) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// The verifier that accepts tokens for this audience only. Without one, it accepts tokens that name no audience.
    #[must_use]
    pub fn audience(mut self, audience: &str) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// The verifier with another clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Says who a token stands for.
    ///
    /// Nothing of the claims is looked at before the signature is known to be good.
    ///
    /// # Errors
    /// [`VerifyError`], telling why it is refused.
    pub fn verify(&self, token: &str) -> Result<Principal, VerifyError> {
        let token = Compact::split(token)?;
        token.check_header()?;
        let is_signed = crypto::verify(token.signature, token.signed.as_bytes(), &self.key, Algorithm::HS256);
        if !is_signed.unwrap_or(false) {
            return Err(VerifyError::BadSignature);
        }
        let claims = token.claims()?;
        let claims = Claims(&claims);
        claims.check_token_id()?;
        self.check_time(&claims)?;
        self.check_party(&claims)?;
        let subject = claims.subject()?;
        check_subject(&subject).map_err(VerifyError::NotAccepted)?;
        let role = claims.role()?;
        Ok(Principal { subject: subject.into(), role, expires_at: claims.expires_at()? })
    }

    fn check_time(&self, claims: &Claims<'_>) -> Result<(), VerifyError> {
        let now = self.clock.now();
        let expires_at = claims.expires_at()?;
        if now >= expires_at {
            return Err(VerifyError::Expired { at: expires_at });
        }
        if claims.not_before()?.is_some_and(|at| at > now + NOT_BEFORE_LEEWAY) {
            return Err(VerifyError::NotAccepted("it is not valid yet (`nbf`)"));
        }
        claims.issued_at().map(|_| ())
    }

    fn check_party(&self, claims: &Claims<'_>) -> Result<(), VerifyError> {
        let issuer = claims.issuer()?;
        match (&self.issuer, issuer) {
            (Some(_), None) => return Err(VerifyError::NotAccepted("it lacks the claim `iss`")),
            (Some(ours), Some(theirs)) if **ours != *theirs => {
                return Err(VerifyError::NotAccepted("it comes from another issuer (`iss`)"));
            }
            _ => {}
        }
        match (&self.audience, claims.audiences()?) {
            (None, None) => Ok(()),
            (Some(_), None) => Err(VerifyError::NotAccepted("it lacks the claim `aud`")),
            (Some(ours), Some(theirs)) if theirs.iter().any(|one| **one == **ours) => Ok(()),
            (Some(_), Some(_)) => Err(VerifyError::NotAccepted("it is for another audience (`aud`)")),
            // RFC 7519, 4.1.3: who is not among the audiences must not accept the token.
            (None, Some(_)) => Err(VerifyError::NotAccepted(
                "it is for an audience (`aud`), and this server is configured for none (`auth.audience`)",
            )),
        }
    }
}

impl Authenticate for TokenVerifier {
    type Caller = Principal;

    fn authenticate(&self, bearer: Option<&str>) -> Result<Principal, AuthError> {
        Ok(self.verify(bearer.ok_or(VerifyError::Missing)?)?)
    }
}

impl fmt::Debug for TokenVerifier {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifier")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}
