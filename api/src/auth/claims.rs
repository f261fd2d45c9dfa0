//! What a token says, each claim checked for its type (RFC 7519, 4.1).

use ctutor_engine::clock::Timestamp;
use serde_json::{Map, Value};

use super::{Role, VerifyError};

/// The most bytes of a subject: it is stored with every run that it starts.
pub const SUBJECT_BYTES_MAX: usize = 255;

/// The claims of a token whose signature is good.
pub(super) struct Claims<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Claims<'a> {
    pub(super) fn subject(&self) -> Result<String, VerifyError> {
        match self.0.get("sub") {
            Some(Value::String(subject)) => Ok(subject.clone()),
            Some(_) => Err(VerifyError::Malformed("its claim `sub` is not a string")),
            None => Err(VerifyError::NotAccepted("it lacks the claim `sub`")),
        }
    }

    pub(super) fn role(&self) -> Result<Role, VerifyError> {
        match self.0.get("role") {
            Some(Value::String(role)) => role
                .parse()
                .map_err(|_| VerifyError::NotAccepted("its role is unknown; known are `admin` and `user`")),
            Some(_) => Err(VerifyError::Malformed("its claim `role` is not a string")),
            None => Err(VerifyError::NotAccepted("it lacks the claim `role`")),
        }
    }

    pub(super) fn expires_at(&self) -> Result<Timestamp, VerifyError> {
        let end = self.time("exp", "its claim `exp` is not a number of seconds")?;
        end.ok_or(VerifyError::NotAccepted("it lacks the claim `exp`"))
    }

    pub(super) fn not_before(&self) -> Result<Option<Timestamp>, VerifyError> {
        self.time("nbf", "its claim `nbf` is not a number of seconds")
    }

    pub(super) fn issued_at(&self) -> Result<Option<Timestamp>, VerifyError> {
        self.time("iat", "its claim `iat` is not a number of seconds")
    }

    pub(super) fn issuer(&self) -> Result<Option<&'a str>, VerifyError> {
        match self.0.get("iss") {
            None => Ok(None),
            Some(Value::String(issuer)) => Ok(Some(issuer)),
            Some(_) => Err(VerifyError::Malformed("its claim `iss` is not a string")),
        }
    }

    /// Checks the claim that names a token. Whether it was seen before is not asked: tokens are used many times.
    pub(super) fn check_token_id(&self) -> Result<(), VerifyError> {
        match self.0.get("jti") {
            None | Some(Value::String(_)) => Ok(()),
            Some(_) => Err(VerifyError::Malformed("its claim `jti` is not a string")),
        }
    }

    /// One audience or several.
    pub(super) fn audiences(&self) -> Result<Option<Vec<&'a str>>, VerifyError> {
        let not_strings =
            VerifyError::Malformed("its claim `aud` is neither a string nor an array of strings");
        match self.0.get("aud") {
            None => Ok(None),
            Some(Value::String(audience)) => Ok(Some(vec![audience])),
            Some(Value::Array(audiences)) => {
                let audiences: Option<Vec<&str>> = audiences.iter().map(Value::as_str).collect();
                audiences.map(Some).ok_or(not_strings)
            }
            Some(_) => Err(not_strings),
        }
    }

    fn time(&self, name: &str, fault: &'static str) -> Result<Option<Timestamp>, VerifyError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => {
                let seconds = value.as_f64().ok_or(VerifyError::Malformed(fault))?;
                Ok(Some(from_seconds(seconds)))
            }
        }
    }
}

/// Checks that a subject can be stored and shown.
pub(super) fn check_subject(subject: &str) -> Result<(), &'static str> {
    if subject.trim().is_empty() {
        return Err("its subject is blank");
    }
    if subject.len() > SUBJECT_BYTES_MAX {
        return Err("its subject has more than 255 bytes");
    }
    if subject.chars().any(char::is_control) {
        return Err("its subject has a control character");
    }
    Ok(())
}

/// The first and the last millisecond that RFC 3339 can write.
const YEAR_0: i64 = -62_167_219_200_000;
const YEAR_9999: i64 = 253_402_300_799_999;

/// The instant of a `NumericDate`: seconds since 1970, which may have a fraction.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates, and a time that far away never comes"
)]
fn from_seconds(seconds: f64) -> Timestamp {
    Timestamp(((seconds * 1_000.0) as i64).clamp(YEAR_0, YEAR_9999))
}
