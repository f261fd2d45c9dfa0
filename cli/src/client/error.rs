use std::{fmt, io};

use reqwest::StatusCode;
use serde::Deserialize;

/// Why a call to the API failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No server listens there.
    #[error("no ctutor at {url}; start one with `ctutor dev`, or name another with `--url` or CTUTOR_URL")]
    Unreachable { url: String },
    /// Nobody can be reached there.
    #[error("no connection to {url} can be made{}", remedy(source))]
    NoConnection {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    /// The connection broke, or no answer came in time.
    #[error("the connection to {url} was lost")]
    Lost {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    /// A stream ended in its midst, because the server goes away or the token expired.
    #[error("{url} ended the stream")]
    Cut { url: String },
    /// A stream of a run that was completed without the end of the run.
    #[error("the stream ended before the workflow execution did")]
    NoEnd,
    /// Somebody else answered.
    #[error("{url} answered {status} {}", without_graphql(*status))]
    NotOurs { url: String, status: StatusCode },
    /// The token was refused.
    #[error("{token} was refused: {message}; {remedy}")]
    Unauthenticated { token: String, message: String, remedy: &'static str },
    /// The API said why it cannot answer.
    #[error("{}", Listed(.0))]
    Graphql(Vec<GraphqlError>),
    /// The API did not do it, for a reason that the caller can change.
    #[error("{}", Listed(.0))]
    Refused(Vec<super::UserError>),
    /// The run does not exist, or the caller may not see it.
    #[error("workflow execution `{0}` does not exist, or you may not see it")]
    NotFound(String),
    /// The answer does not have the shape that this version knows.
    #[error("cannot read the response of {url}; is it another version of ctutor?")]
    Answer {
        url: String,
        #[source]
        source: serde_json::Error,
    },
    /// An event stream that is larger than any of ours.
    #[error("{url} sent an event that is too large")]
    EventTooLarge { url: String },
}

impl Error {
    /// What became of a request that was not answered.
    pub(super) fn unanswered(url: String, source: reqwest::Error) -> Self {
        if is_refused(&source) {
            return Self::Unreachable { url };
        }
        if source.is_connect() { Self::NoConnection { url, source } } else { Self::Lost { url, source } }
    }

    /// Whether the same call may succeed a little later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::NoConnection { .. }
            | Self::Lost { .. }
            | Self::Cut { .. }
            | Self::NoEnd => true,
            // A proxy whose server is away.
            Self::NotOurs { status, .. } => status.is_server_error(),
            Self::Graphql(errors) => errors.iter().any(|error| error.code() == Some("UNAVAILABLE")),
            _ => false,
        }
    }

    /// Whether the request cannot have reached a server.
    pub(crate) fn is_unsent(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::NoConnection { .. })
    }

    /// Whether the API says that the thing is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        match self {
            Self::NotFound(_) => true,
            Self::Graphql(errors) => errors.iter().any(|error| error.code() == Some("NOT_FOUND")),
            Self::Refused(errors) => errors.iter().any(|error| error.code == "NOT_FOUND"),
            _ => false,
        }
    }
}

/// What to do about a connection that cannot be made, where the reason shows it.
fn remedy(source: &reqwest::Error) -> &'static str {
    let causes = std::iter::successors(std::error::Error::source(source), |cause| cause.source());
    let text = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    if text.contains("dns error") {
        " (check the host name in `--url` or CTUTOR_URL)"
    } else if text.contains("InvalidContentType") {
        " (the server does not use TLS there; try `http://` instead of `https://`)"
    } else if text.contains("certificate") {
        " (this machine does not trust the certificate of the server)"
    } else {
        ""
    }
}

/// What an answer that is not GraphQL means.
fn without_graphql(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            "without GraphQL; the server, or a proxy in front of it, is unavailable: try again later"
        }
        _ => "without GraphQL; is it the URL of a ctutor server?",
    }
}

/// Whether nobody listens where the request went.
fn is_refused(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
        {
            return true;
        }
        cause = error.source();
    }
    false
}

/// An entry of `errors`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GraphqlError {
    pub(crate) message: String,
    #[serde(default)]
    path: Vec<serde_json::Value>,
    #[serde(default)]
    extensions: Extensions,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Extensions {
    code: Option<String>,
}

impl GraphqlError {
    pub(crate) fn code(&self) -> Option<&str> {
        self.extensions.code.as_deref()
    }
}

impl fmt::Display for GraphqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = self.code() {
            write!(f, "{code}: ")?;
        }
        f.write_str(&self.message)?;
        if self.path.is_empty() {
            return Ok(());
        }
        let path: Vec<String> = self.path.iter().map(plain).collect();
        write!(f, " (at {})", path.join("."))
    }
}

fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// Things one below the other.
struct Listed<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Listed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, item) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            item.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(value: serde_json::Value) -> GraphqlError {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn an_error_shows_its_code_and_its_path() {
        let full =
            json!({"message": "no", "path": ["workflows", 0, "id"], "extensions": {"code": "INTERNAL"}});
        assert_eq!(error(full).to_string(), "INTERNAL: no (at workflows.0.id)");
        assert_eq!(error(json!({"message": "no"})).to_string(), "no");
    }

    #[test]
    fn an_unavailable_service_is_a_passing_trouble() {
        let unavailable = error(json!({"message": "no", "extensions": {"code": "UNAVAILABLE"}}));
        assert!(Error::Graphql(vec![unavailable]).is_passing());
        let internal = error(json!({"message": "no", "extensions": {"code": "INTERNAL"}}));
        assert!(!Error::Graphql(vec![internal]).is_passing());
    }
}
