//! The parameters of a request, with the shapes the specification demands.

use std::fmt;

use async_graphql::{Extensions, Request, Variables};
use axum::http::Uri;
use serde::{Deserialize, Deserializer, de, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::query_string::{self, NotUtf8};
use crate::exact::ExactVariables;

/// One request, not yet looked into.
#[derive(Debug)]
pub(super) struct Params {
    pub(super) query: String,
    /// An empty one is as good as none: no operation can have it, and clients send it for one without a name.
    pub(super) operation_name: Option<String>,
    pub(super) variables: Variables,
    pub(super) extensions: Extensions,
}

impl Params {
    pub(super) fn into_request(self) -> Request {
        let mut request = Request::new(self.query).variables(self.variables);
        request.operation_name = self.operation_name;
        request.extensions = self.extensions;
        request
    }
}

/// What a body holds.
#[derive(Debug)]
pub(super) enum Body {
    Single(Params),
    Batch(Vec<Params>),
}

/// Why parameters are refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("the request body is not valid UTF-8")]
    Encoding,
    #[error("the request body is empty")]
    BodyEmpty,
    #[error("the request body is not a valid GraphQL request: {0}")]
    Body(#[source] serde_json::Error),
    #[error(transparent)]
    ParameterEncoding(#[from] NotUtf8),
    #[error("the query string has no parameter `query`")]
    QueryMissing,
    #[error("parameter `{name}` is given more than once")]
    ParameterRepeated { name: &'static str },
    #[error("parameter `{name}` must be a JSON object or null")]
    ParameterNotObject { name: &'static str },
    #[error("parameter `{name}` is not a valid JSON object: {source}")]
    Parameter { name: &'static str, source: serde_json::Error },
    #[error("expected at least one request in the batch, found none")]
    BatchEmpty,
    #[error("a batch may contain at most {allowed} requests")]
    BatchTooLarge { allowed: usize },
}

/// Reads the body of a POST.
pub(super) fn from_body(bytes: &[u8], batch_requests_max: usize) -> Result<Body, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::Encoding)?;
    if text.trim().is_empty() {
        return Err(Error::BodyEmpty);
    }
    if !text.trim_start().starts_with('[') {
        return serde_json::from_str(text).map(Body::Single).map_err(Error::Body);
    }
    let requests: Vec<Params> = serde_json::from_str(text).map_err(Error::Body)?;
    match requests.len() {
        0 => Err(Error::BatchEmpty),
        found if found > batch_requests_max => Err(Error::BatchTooLarge { allowed: batch_requests_max }),
        _ => Ok(Body::Batch(requests)),
    }
}

/// Reads the query string of a GET.
pub(super) fn from_uri(uri: &Uri) -> Result<Params, Error> {
    let mut parameters = query_string::parameters(uri)?;
    let query = take(&mut parameters, "query")?.ok_or(Error::QueryMissing)?;
    let operation_name = take(&mut parameters, "operationName")?;
    let variables = take(&mut parameters, "variables")?;
    let extensions = take(&mut parameters, "extensions")?;
    Ok(Params {
        query,
        operation_name: operation_name.filter(|name| !name.is_empty()),
        variables: json_parameter::<ExactVariables>("variables", variables.as_deref())?.0,
        extensions: json_parameter::<Nullable<Extensions>>("extensions", extensions.as_deref())?.0,
    })
}

/// Takes the value of a parameter out.
fn take(parameters: &mut Vec<(String, String)>, name: &'static str) -> Result<Option<String>, Error> {
    let mut values = parameters.extract_if(.., |(found, _)| found == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(Error::ParameterRepeated { name }),
    }
}

/// The parameters as an object has them. Unknown ones are let pass, as the specification asks for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    query: String,
    #[serde(default)]
    operation_name: Option<String>,
    #[serde(default, deserialize_with = "object")]
    variables: ExactVariables,
    #[serde(default, deserialize_with = "object")]
    extensions: Nullable<Extensions>,
}

fn json_parameter<T: Default + for<'de> Deserialize<'de>>(
    name: &'static str,
    text: Option<&str>,
) -> Result<T, Error> {
    match text {
        None | Some("") => Ok(T::default()),
        Some(text) if !is_object_or_null(text) => Err(Error::ParameterNotObject { name }),
        Some(text) => serde_json::from_str(text).map_err(|source| Error::Parameter { name, source }),
    }
}

fn is_object_or_null(text: &str) -> bool {
    let text = text.trim();
    text == "null" || text.starts_with('{')
}

/// Reads a field that must be an object or null, for which the parser has words of its own.
fn object<'de, T: Default + DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let text = Box::<RawValue>::deserialize(deserializer)?;
    if !is_object_or_null(text.get()) {
        return Err(de::Error::custom("`variables` and `extensions` must each be a JSON object or null"));
    }
    serde_json::from_str::<T>(text.get()).map_err(de::Error::custom)
}

/// A value for which `null` stands for its default.
#[derive(Default)]
struct Nullable<T>(T);

impl<'de, T: Default + Deserialize<'de>> Deserialize<'de> for Nullable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default).map(Self)
    }
}

/// Takes objects only: derived code would also take a list of the fields in their order.
impl<'de> Deserialize<'de> for Params {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> de::Visitor<'de> for ObjectVisitor {
    type Value = Params;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the parameters of a request")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Params, A::Error> {
        let fields = Fields::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(Params {
            query: fields.query,
            operation_name: fields.operation_name.filter(|name| !name.is_empty()),
            variables: fields.variables.0,
            extensions: fields.extensions.0,
        })
    }
}
