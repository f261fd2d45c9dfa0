//! Parameters of the query string, checked one by one so that each refusal names its parameter.

use std::{collections::HashMap, ops::RangeInclusive};

use axum::{extract::FromRequestParts, http::request::Parts};

use super::{
    error::Error,
    task_id::{self, IsParameter},
};
use crate::transport::{self, NotUtf8};

/// The parameters of a call as they came, without the one that names the task.
pub(super) struct Parameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let mut parameters = transport::parameters(&parts.uri)?;
        if parts.extensions.get::<IsParameter>().is_some() {
            parameters.retain(|(name, _)| name != task_id::PARAMETER);
        }
        Ok(Self(parameters))
    }
}

impl From<NotUtf8> for Error {
    fn from(error: NotUtf8) -> Self {
        Self::invalid(&error.name, error.to_string())
    }
}

/// The parameters of a call that takes some, none of them unknown or given twice.
pub(super) fn known(
    Parameters(parameters): Parameters,
    known: &[&str],
) -> Result<HashMap<String, String>, Error> {
    let mut read = HashMap::new();
    let mut unknown = Vec::new();
    for (name, value) in parameters {
        if !known.contains(&name.as_str()) {
            unknown.push(short(&name));
        } else if read.insert(name.clone(), value).is_some() {
            return Err(Error::invalid(&name, format!("`{name}` is given twice; send it once")));
        }
    }
    if unknown.is_empty() { Ok(read) } else { Err(Error::unknown("parameters", &unknown, known)) }
}

/// The parameters of a call that takes none.
pub(super) struct NoParameters;

impl<S: Send + Sync> FromRequestParts<S> for NoParameters {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        known(Parameters::from_request_parts(parts, state).await?, &[]).map(|_| Self)
    }
}

/// An integer within a range, if there is one. `what` says of what it is, as in `whole number of seconds`.
pub(super) fn number(
    parameters: &HashMap<String, String>,
    name: &str,
    what: &str,
    allowed: RangeInclusive<u32>,
) -> Result<Option<u32>, Error> {
    let Some(text) = parameters.get(name) else { return Ok(None) };
    match text.parse() {
        Ok(number) if allowed.contains(&number) => Ok(Some(number)),
        _ => {
            let (least, most) = (allowed.start(), allowed.end());
            let found = if text.is_empty() { "empty".to_owned() } else { format!("`{}`", short(text)) };
            Err(Error::invalid(name, format!("`{name}` is {found}, expected {what} from {least} to {most}")))
        }
    }
}

/// Enough of a text to be found again in the request.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(text: &str) -> Result<Option<u32>, Error> {
        number(&HashMap::from([("limit".to_owned(), text.to_owned())]), "limit", "an integer", 1..=1000)
    }

    #[test]
    fn numbers_outside_their_range_are_refused() {
        assert_eq!(number(&HashMap::new(), "limit", "an integer", 1..=1000).unwrap(), None);
        assert_eq!(limit("1").unwrap(), Some(1));
        assert_eq!(limit("1000").unwrap(), Some(1000));
        for wrong in ["0", "1001", "-1", "", "ten", "1.5", "99999999999999999999"] {
            assert!(matches!(limit(wrong), Err(Error::Invalid { .. })), "{wrong}");
        }
    }
}
