use axum::{extract::FromRequestParts, http::request::Parts};

use super::{Twin, error::Error};
use crate::{Principal, auth::VerifyError, transport::bearer_token};

/// Who sent the request. A call that takes one needs a good token.
pub(super) struct Caller(pub(super) Principal);

impl FromRequestParts<Twin> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, twin: &Twin) -> Result<Self, Error> {
        let token = bearer_token(&parts.headers)?;
        Ok(Self(twin.verifier.verify(token.ok_or(VerifyError::Missing)?)?))
    }
}
