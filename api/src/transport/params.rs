//! The parameters of a request, with the shapes the specification demands.

use std::{collections::BTreeMap, fmt};

use async_graphql::{Extensions, Request, ServerError, Value, Variables};
use axum::http::Uri;
use ctutor_engine::{
    near,
    payload::{
        strict,
        syntax::{self, SyntaxError},
    },
};
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny},
};
use serde_json::value::RawValue;

use super::error::{code, coded, set_extension};
use super::query_string::{self, NotUtf8};
use crate::exact;

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
    #[error("the request body is empty, expected a JSON object such as `{{\"query\": \"{{ … }}\"}}`")]
    BodyEmpty,
    #[error("{what} is not JSON: {fault}")]
    Syntax { what: &'static str, fault: SyntaxError },
    #[error("{what} has a key with an escape that is not a character, such as `\\ud800` alone")]
    Key { what: &'static str },
    #[error("{what} is {found}, expected {expected}")]
    Kind { what: &'static str, found: &'static str, expected: &'static str },
    #[error("{what} has no `query`, expected the text of the document there{}", Meant(.given))]
    QueryMissing { what: &'static str, given: Option<String> },
    #[error(
        "{what} has no `query`, but the hash of a persisted query, which this server does not support; send the text of \
         the document as `query`"
    )]
    PersistedQuery { what: &'static str },
    #[error(
        "{what} has the key `{key}` twice, the second time at line {line}, column {column}; send it once"
    )]
    KeyRepeated { what: &'static str, key: &'static str, line: usize, column: usize },
    #[error("`{key}` is {found}, expected {expected}, at line {line}, column {column}")]
    Field { key: &'static str, found: &'static str, expected: &'static str, line: usize, column: usize },
    #[error("`{}`: {fault}", place(.name, .fault))]
    Variables { name: &'static str, fault: strict::Fault },
    #[error(transparent)]
    ParameterEncoding(#[from] NotUtf8),
    #[error("parameter `{name}` is given more than once")]
    ParameterRepeated { name: &'static str },
    #[error("expected at least one request in the batch, found none")]
    BatchEmpty,
    #[error("the batch has {found} requests, at most {allowed} are allowed; send several smaller ones")]
    BatchTooLarge { found: usize, allowed: usize },
    #[error("request {index} of the batch (counted from 0): {error}")]
    InBatch { index: usize, error: Box<Self> },
}

/// The question whether a key was meant to be `query`.
struct Meant<'a>(&'a Option<String>);

impl fmt::Display for Meant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |given| write!(f, "; it has `{given}`, did you mean `query`?"))
    }
}

fn place(name: &str, fault: &strict::Fault) -> String {
    if fault.path.is_empty() { name.to_owned() } else { format!("{name}.{}", fault.place()) }
}

/// A step of a path as the paths of GraphQL's responses have it: positions in lists are integers.
fn step(step: &strict::Step) -> Value {
    match step {
        strict::Step::Key(key) => key.as_str().into(),
        strict::Step::Index(index) => (*index).into(),
    }
}

impl Error {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::BatchTooLarge { .. } => code::BATCH_TOO_LARGE,
            Self::PersistedQuery { .. } => code::PERSISTED_QUERY_NOT_SUPPORTED,
            Self::InBatch { error, .. } => error.code(),
            _ => code::BAD_REQUEST,
        }
    }

    /// The error as it is sent. A fault in a variable names the variable and the way to it, one in a batch the request.
    pub(super) fn into_server_error(self) -> ServerError {
        let mut error = coded(self.code(), self.to_string());
        let mut inner = &self;
        if let Self::InBatch { index, error: within } = inner {
            set_extension(&mut error, "index", *index);
            inner = within;
        }
        if let Self::Variables { name: "variables", fault } = inner
            && let Some((variable, path)) = fault.path.split_first()
        {
            set_extension(&mut error, "variable", variable.to_string());
            set_extension(&mut error, "path", Value::List(path.iter().map(step).collect()));
        }
        error
    }
}

const BODY: &str = "the request body";
/// A request of a batch, of which the error tells the index.
const REQUEST: &str = "it";
const QUERY_STRING: &str = "the query string";

/// Reads the body of a POST.
pub(super) fn from_body(bytes: &[u8], batch_requests_max: usize) -> Result<Body, Error> {
    let text = syntax::text(bytes).map_err(|fault| Error::Syntax { what: BODY, fault })?;
    match text.trim_start().as_bytes().first() {
        None => Err(Error::BodyEmpty),
        Some(b'[') => batch(text, batch_requests_max).map(Body::Batch),
        Some(_) => from_text(BODY, text).map(Body::Single),
    }
}

fn batch(text: &str, requests_max: usize) -> Result<Vec<Params>, Error> {
    let requests: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| not_json(BODY, text))?;
    match requests.len() {
        0 => Err(Error::BatchEmpty),
        found if found > requests_max => Err(Error::BatchTooLarge { found, allowed: requests_max }),
        _ => {
            let read = |(index, request): (usize, &&RawValue)| {
                let request = read(REQUEST, text, request.get());
                request.map_err(|error| Error::InBatch { index, error: Box::new(error) })
            };
            requests.iter().enumerate().map(read).collect()
        }
    }
}

/// Reads the parameters from the text of an object.
pub(super) fn from_text(what: &'static str, text: &str) -> Result<Params, Error> {
    read(what, text, text)
}

/// Reads a part of a text, so that places are those of the whole.
fn read(what: &'static str, whole: &str, part: &str) -> Result<Params, Error> {
    if !part.trim_start().starts_with('{') {
        if let Some(fault) = syntax::find(part) {
            return Err(Error::Syntax { what, fault });
        }
        let expected = "a JSON object with the `query` of a request";
        return Err(Error::Kind { what, found: syntax::kind(part), expected });
    }
    let fields = Fields::read(what, whole, part)?;
    let query = fields.text("query")?.ok_or_else(|| {
        query_missing(what, fields.get("extensions"), fields.unknown.iter().map(String::as_str))
    })?;
    Ok(Params {
        query,
        operation_name: fields.text("operationName")?.filter(|name| !name.is_empty()),
        variables: fields
            .object("variables")?
            .map_or_else(|| Ok(Variables::default()), |text| variables("variables", text))?,
        extensions: fields.object("extensions")?.map_or_else(|| Ok(Extensions::default()), extensions)?,
    })
}

/// The error for a request without a document.
fn query_missing<'a>(
    what: &'static str,
    extensions: Option<&str>,
    mut unknown: impl Iterator<Item = &'a str>,
) -> Error {
    let extensions =
        extensions.and_then(|text| serde_json::from_str::<BTreeMap<String, IgnoredAny>>(text).ok());
    if extensions.is_some_and(|extensions| extensions.contains_key("persistedQuery")) {
        return Error::PersistedQuery { what };
    }
    let given = unknown.find(|name| near::nearest(name, ["query"]).is_some()).map(str::to_owned);
    Error::QueryMissing { what, given }
}

/// Reads the query string of a GET.
pub(super) fn from_uri(uri: &Uri) -> Result<Params, Error> {
    let mut parameters = query_string::parameters(uri)?;
    let query = take(&mut parameters, "query")?;
    let operation_name = take(&mut parameters, "operationName")?;
    let given = take(&mut parameters, "variables")?.filter(|text| !text.is_empty());
    let extra = take(&mut parameters, "extensions")?.filter(|text| !text.is_empty());
    let unknown = || parameters.iter().map(|(name, _)| name.as_str());
    let query = query.ok_or_else(|| query_missing(QUERY_STRING, extra.as_deref(), unknown()))?;
    Ok(Params {
        query,
        operation_name: operation_name.filter(|name| !name.is_empty()),
        variables: given.map_or_else(
            || Ok(Variables::default()),
            |text| {
                object_parameter("parameter `variables`", &text).and_then(|()| variables("variables", &text))
            },
        )?,
        extensions: extra.map_or_else(
            || Ok(Extensions::default()),
            |text| object_parameter("parameter `extensions`", &text).and_then(|()| extensions(&text)),
        )?,
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

fn object_parameter(what: &'static str, text: &str) -> Result<(), Error> {
    match syntax::find(text) {
        Some(fault) => Err(Error::Syntax { what, fault }),
        None if is_object_or_null(text) => Ok(()),
        None => Err(Error::Kind { what, found: syntax::kind(text), expected: OBJECT }),
    }
}

/// Reads variables from the JSON text of an object or null.
pub(super) fn variables(name: &'static str, text: &str) -> Result<Variables, Error> {
    exact::variables(text).map_err(|fault| Error::Variables { name, fault })
}

fn extensions(text: &str) -> Result<Extensions, Error> {
    let fault = |_| strict::Fault { path: Vec::new(), kind: strict::FaultKind::Grammar };
    let read: Result<Option<Extensions>, _> = serde_json::from_str(text);
    match read {
        Ok(extensions) => Ok(extensions.unwrap_or_default()),
        // What is JSON and not a value of the library has a fault of this kind.
        Err(error) => {
            let fault = strict::check(text, strict::Around::Nothing).err().unwrap_or_else(|| fault(error));
            Err(Error::Variables { name: "extensions", fault })
        }
    }
}

const OBJECT: &str = "a JSON object or null";

fn is_object_or_null(text: &str) -> bool {
    let text = text.trim();
    text == "null" || text.starts_with('{')
}

/// The error for text that a parser has refused.
fn not_json(what: &'static str, text: &str) -> Error {
    syntax::find(text).map_or(Error::Key { what }, |fault| Error::Syntax { what, fault })
}

/// The parameters as an object has them, each as text. Unknown ones are let pass, as the specification asks for.
struct Fields<'a> {
    whole: &'a str,
    known: Vec<(&'static str, &'a RawValue)>,
    unknown: Vec<String>,
}

const KEYS: [&str; 4] = ["query", "operationName", "variables", "extensions"];

impl<'a> Fields<'a> {
    fn read(what: &'static str, whole: &'a str, part: &'a str) -> Result<Self, Error> {
        let Entries(entries) = serde_json::from_str(part).map_err(|_| not_json(what, part))?;
        let mut fields = Self { whole, known: Vec::new(), unknown: Vec::new() };
        for (name, value) in entries {
            let Some(key) = KEYS.into_iter().find(|key| *key == name) else {
                fields.unknown.push(name);
                continue;
            };
            if fields.get(key).is_some() {
                let (line, column) = syntax::place_of(whole, value.get());
                return Err(Error::KeyRepeated { what, key, line, column });
            }
            fields.known.push((key, value));
        }
        Ok(fields)
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.known.iter().find(|(known, _)| *known == key).map(|(_, value)| value.get())
    }

    /// A string; null is as good as none.
    fn text(&self, key: &'static str) -> Result<Option<String>, Error> {
        let Some(text) = self.get(key).filter(|text| *text != "null" || key == "query") else {
            return Ok(None);
        };
        serde_json::from_str(text).map(Some).map_err(|_| {
            let expected = match key {
                "query" => "a string",
                _ => "a string or null",
            };
            let found = match syntax::kind(text) {
                "a string" => "a string with an escape that is not a character",
                kind => kind,
            };
            self.misfit(key, text, found, expected)
        })
    }

    /// The text of an object.
    fn object(&self, key: &'static str) -> Result<Option<&'a str>, Error> {
        match self.get(key) {
            Some(text) if !is_object_or_null(text) => Err(self.misfit(key, text, syntax::kind(text), OBJECT)),
            text => Ok(text),
        }
    }

    fn misfit(&self, key: &'static str, text: &str, found: &'static str, expected: &'static str) -> Error {
        let (line, column) = syntax::place_of(self.whole, text);
        Error::Field { key, found, expected, line, column }
    }
}

/// All fields of an object in their order, repeated ones too.
pub(super) struct Entries<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> de::Visitor<'de> for EntriesVisitor {
    type Value = Entries<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}
