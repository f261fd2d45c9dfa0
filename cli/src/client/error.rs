use std::{fmt, io, time::Duration};

use reqwest::StatusCode;
use serde::{Deserialize, Deserializer};

use crate::file;

/// Why a call to the API failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No server listens there.
    #[error("no ctutor at {url}; start one with `ctutor dev`, or name another with `--url` or CTUTOR_URL")]
    Unreachable { url: String },
    /// Nobody can be reached there.
    #[error("no connection to {url} can be made: {cause}{}", obstacle.remedy())]
    NoConnection { url: String, obstacle: Obstacle, cause: String },
    /// The connection broke, or no answer came in time.
    #[error("the connection to {url} was lost: {cause}")]
    Lost { url: String, cause: String },
    /// A stream ended in its midst, because the server goes away or the token expired.
    #[error("{url} ended the stream")]
    Cut { url: String },
    /// A stream of a run that was completed without the end of the run.
    #[error("the stream ended before the workflow execution did")]
    NoEnd,
    /// Somebody else answered.
    #[error("{url} answered {status} {}", without_graphql(*status, media.as_deref()))]
    NotOurs {
        url: String,
        status: StatusCode,
        /// Type of what it sent, if it says one.
        media: Option<String>,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// The address leads elsewhere.
    #[error(
        "{url} answered {status} and leads to {location}; if the API is there, name that URL with `--url` or CTUTOR_URL; \
         if that is a login page, name a URL that reaches the API without it"
    )]
    Redirected { url: String, status: StatusCode, location: String },
    /// The token was refused.
    #[error("{token} was refused: {message}; {remedy}")]
    Unauthenticated { token: String, message: String, remedy: &'static str },
    /// The API said why it cannot answer.
    #[error("{}", Listed(.0))]
    Graphql(Vec<GraphqlError>),
    /// The list or the stream has no such place.
    #[error(
        "the cursor of `--after` was refused: {0}; take the one that `workflow list` prints at the end of a page, or the \
         `cursor` of an item of `workflow follow --json`, of the same list or run"
    )]
    Cursor(String),
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
    pub(super) fn unanswered(url: String, source: &reqwest::Error) -> Self {
        if is_refused(source) {
            return Self::Unreachable { url };
        }
        let obstacle = Obstacle::of(source);
        if source.is_connect() || obstacle.is_tls() {
            let cause = match obstacle {
                Obstacle::NoTls => "what came is not TLS".to_owned(),
                Obstacle::Name => "the host name has no address".to_owned(),
                _ => cause_of(source),
            };
            return Self::NoConnection { url, obstacle, cause };
        }
        Self::lost(url, source)
    }

    /// What becomes of an answer whose rest does not come.
    pub(super) fn lost(url: String, source: &reqwest::Error) -> Self {
        Self::Lost { url, cause: cause_of(source) }
    }

    /// Whether the same call may succeed a little later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            // What is wrong with TLS stays wrong until somebody changes it.
            Self::NoConnection { obstacle, .. } => !obstacle.is_tls(),
            Self::Unreachable { .. } | Self::Lost { .. } | Self::Cut { .. } | Self::NoEnd => true,
            // A proxy whose server is away, or that lets few requests pass.
            Self::NotOurs { status, .. } => {
                let is_passing = matches!(
                    *status,
                    StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
                );
                is_passing || status.is_server_error()
            }
            Self::Graphql(errors) => errors.iter().any(|error| error.code() == Some("UNAVAILABLE")),
            _ => false,
        }
    }

    /// How long the server asks to wait before the next try.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::NotOurs { retry_after, .. } => *retry_after,
            Self::Graphql(errors) => errors.iter().find_map(|error| error.extensions.retry_after),
            _ => None,
        }
    }

    /// Whether the request cannot have reached a server.
    pub(crate) fn is_unsent(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::NoConnection { .. })
    }

    /// The largest page that the server gives, if it has refused a larger one.
    pub(super) fn page_items_max(&self) -> Option<u32> {
        match self {
            Self::Graphql(errors) => errors.iter().find_map(|error| error.extensions.max),
            _ => None,
        }
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

/// Why a connection cannot be made, where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// The host has no address.
    Name,
    /// Something else than TLS speaks there.
    NoTls,
    /// The certificate is not trusted.
    Certificate,
    /// Another fault of TLS.
    Tls,
    Other,
}

impl Obstacle {
    fn of(source: &reqwest::Error) -> Self {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(source);
        while let Some(error) = cause {
            match error.downcast_ref() {
                Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => {
                    return Self::NoTls;
                }
                Some(rustls::Error::InvalidCertificate(_)) => return Self::Certificate,
                Some(_) => return Self::Tls,
                None if error.to_string() == "dns error" => return Self::Name,
                None => {}
            }
            // An I/O error gives as its source what is below the error in it, and not that error.
            cause = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
                Some(inner) => Some(inner),
                None => error.source(),
            };
        }
        Self::Other
    }

    fn is_tls(self) -> bool {
        matches!(self, Self::NoTls | Self::Certificate | Self::Tls)
    }

    /// What to do about it.
    fn remedy(self) -> &'static str {
        match self {
            Self::Name => " (check the host name in `--url` or CTUTOR_URL)",
            Self::NoTls => " (the server does not use TLS there; try `http://` instead of `https://`)",
            Self::Certificate => {
                " (this machine does not trust the certificate of the server; add its authority to those of the machine, \
                 or to a file that SSL_CERT_FILE names)"
            }
            Self::Tls | Self::Other => "",
        }
    }
}

/// What an answer that is not GraphQL means.
fn without_graphql(status: StatusCode, media: Option<&str>) -> String {
    let found = media.map_or_else(String::new, |media| format!("with `{media}` and "));
    let meaning = match status {
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            "the server, or a proxy in front of it, is unavailable: try again later"
        }
        StatusCode::TOO_MANY_REQUESTS => "too many requests came: try again later",
        StatusCode::REQUEST_TIMEOUT => "the request did not come in time: try again later",
        StatusCode::TOO_EARLY => "the connection is too young for the request: try again",
        StatusCode::PAYLOAD_TOO_LARGE => {
            "a proxy in front of the server refuses requests of this size: send a smaller input, or raise its limit"
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            "a proxy in front of the server refuses the request: name a URL that reaches the API without it, or let it \
             pass requests with a token on"
        }
        _ => "is it the URL of a ctutor server, and is there no login page in front of it?",
    };
    format!("{found}without GraphQL; {meaning}")
}

/// What the operating system or the other side says, without the names of the layers between.
fn cause_of(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it did not answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    file::without_number(&cause.to_string()).to_owned()
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
    #[serde(default, rename = "retryAfterSeconds", deserialize_with = "seconds")]
    retry_after: Option<Duration>,
    /// The argument that is at fault.
    argument: Option<String>,
    /// The largest value that an argument takes.
    max: Option<u32>,
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    Ok(Option::<u32>::deserialize(deserializer)?.map(|seconds| Duration::from_secs(seconds.into())))
}

impl GraphqlError {
    pub(crate) fn code(&self) -> Option<&str> {
        self.extensions.code.as_deref()
    }

    /// Whether it refuses the place after which a list or a stream is to begin.
    pub(super) fn refuses_cursor(&self) -> bool {
        self.code() == Some("BAD_USER_INPUT") && self.extensions.argument.as_deref() == Some("after")
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
        write!(f, " (at `{}`)", path.join("."))
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
        assert_eq!(error(full).to_string(), "INTERNAL: no (at `workflows.0.id`)");
        assert_eq!(error(json!({"message": "no"})).to_string(), "no");
    }

    #[test]
    fn a_page_that_is_too_large_tells_the_largest() {
        let extensions = json!({"code": "BAD_USER_INPUT", "argument": "first", "found": 100, "max": 7});
        let too_large = error(json!({"message": "no", "extensions": extensions}));
        assert_eq!(Error::Graphql(vec![too_large]).page_items_max(), Some(7));
        let other = error(json!({"message": "no", "extensions": {"code": "INTERNAL"}}));
        assert_eq!(Error::Graphql(vec![other]).page_items_max(), None);
    }

    #[test]
    fn an_unavailable_service_is_a_passing_trouble() {
        let unavailable = error(json!({"message": "no", "extensions": {"code": "UNAVAILABLE"}}));
        assert!(Error::Graphql(vec![unavailable]).is_passing());
        let internal = error(json!({"message": "no", "extensions": {"code": "INTERNAL"}}));
        assert!(!Error::Graphql(vec![internal]).is_passing());
    }
}
