//! Which task a call means: `/tasks/{id}`, or `/task?id=…` for every ID that a path cannot hold.
//!
//! A path has words of its own (`/tasks/types`), and clients resolve `.` and `..` before they send it. A workflow ID may
//! be any of these, so that the calls of one task exist below `/task` as well, where the ID is a parameter.

use axum::{
    RequestPartsExt,
    extract::{FromRequestParts, Path},
    http::request::Parts,
};

use super::{Twin, error::Error};
use crate::transport;

/// The parameter that names a task where the path does not.
pub(super) const PARAMETER: &str = "id";

/// The ID of the task that a call means. It must be taken before the parameters of the call.
pub(super) struct TaskId(pub(super) String);

/// The ID came as a parameter of the query string, which the call itself must not see as one of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct IsParameter;

impl FromRequestParts<Twin> for TaskId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Twin) -> Result<Self, Error> {
        match parts.extract::<Path<Vec<String>>>().await {
            Ok(Path(mut found)) if !found.is_empty() => return Ok(Self(found.remove(0))),
            Ok(_) => {}
            // It is not UTF-8, and no ID is so.
            Err(_) => return Err(Error::NotFound),
        }
        let parameters = transport::parameters(&parts.uri)?;
        let mut ids = parameters.into_iter().filter(|(name, _)| name == PARAMETER).map(|(_, id)| id);
        match (ids.next(), ids.next()) {
            (Some(id), None) => {
                parts.extensions.insert(IsParameter);
                Ok(Self(id))
            }
            (None, _) => {
                Err(Error::invalid(PARAMETER, "`id` is missing, expected the workflow ID of the task"))
            }
            (Some(_), Some(_)) => Err(Error::invalid(PARAMETER, "`id` is given twice; send it once")),
        }
    }
}
