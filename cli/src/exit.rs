//! The exit codes of the program, by what somebody who calls it can do about it.

use std::{fmt, process::ExitCode};

use ctutor_engine::chain;

use crate::{client, config};

/// Why the program ended. Those of signals are 128 and the number of the signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The run ended otherwise than completed, or something else failed.
    Failed = 1,
    /// The call or the configuration is wrong; `clap` uses the same.
    Usage = 2,
    /// What was named does not exist, or the caller may not see it.
    NotFound = 3,
    /// The API refused the token or the request.
    Refused = 4,
    /// No ctutor answered, or it cannot answer now.
    Unreachable = 5,
}

/// For the help.
pub(crate) const HELP: &str = "\
Exit status:
  0    done; `workflow start --wait` and `workflow follow`: the run completed
  1    failed; `workflow start --wait` and `workflow follow`: the run ended otherwise
  2    the call or the configuration is wrong
  3    what was named does not exist, or you may not see it
  4    the server refused the token or the request
  5    the server cannot be reached, or cannot answer now
  129  ended by SIGHUP; 130 by SIGINT; 143 by SIGTERM";

impl Exit {
    /// The code of an error.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if let Some(Told { exit, .. }) = error.downcast_ref() {
            return *exit;
        }
        if error.is::<config::Error>() {
            return Self::Usage;
        }
        error.downcast_ref().map_or(Self::Failed, Self::of_call)
    }

    fn of_call(error: &client::Error) -> Self {
        use client::Error;

        match error {
            _ if error.is_not_found() => Self::NotFound,
            _ if error.is_passing() => Self::Unreachable,
            Error::Unauthenticated { .. } | Error::Refused(_) | Error::Cursor(_) => Self::Refused,
            Error::Graphql(errors) if errors.iter().any(|error| error.code() == Some("INTERNAL")) => {
                Self::Failed
            }
            Error::Graphql(_) => Self::Refused,
            _ => Self::Unreachable,
        }
    }

    /// An error with this code.
    pub(crate) fn error(self, text: impl Into<String>) -> anyhow::Error {
        Told { exit: self, text: text.into() }.into()
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error with more to say after it, and with its code.
pub(crate) fn with_advice(error: &anyhow::Error, advice: impl fmt::Display) -> anyhow::Error {
    Exit::of(error).error(format!("{}\n{advice}", chain(error.as_ref())))
}

#[derive(Debug)]
struct Told {
    exit: Exit,
    text: String,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Told {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::client::Error;

    fn graphql(code: &str) -> Error {
        Error::Graphql(vec![
            serde_json::from_value(json!({"message": "no", "extensions": {"code": code}})).unwrap(),
        ])
    }

    fn refused(code: &str) -> Error {
        Error::Refused(vec![serde_json::from_value(json!({"code": code, "message": "no"})).unwrap()])
    }

    #[test]
    fn an_error_has_the_code_of_its_kind_also_with_advice() {
        let url = || "http://a".to_owned();
        let page = |status| Error::NotOurs { url: url(), status, media: None, retry_after: None };
        for (error, expected) in [
            (config::Error::one("x").into(), Exit::Usage),
            (Error::NotFound("a".to_owned()).into(), Exit::NotFound),
            (refused("NOT_FOUND").into(), Exit::NotFound),
            (refused("INVALID").into(), Exit::Refused),
            (Error::Cursor("no".to_owned()).into(), Exit::Refused),
            (graphql("BAD_USER_INPUT").into(), Exit::Refused),
            (graphql("FORBIDDEN").into(), Exit::Refused),
            (graphql("UNAVAILABLE").into(), Exit::Unreachable),
            (graphql("INTERNAL").into(), Exit::Failed),
            (Error::Unreachable { url: url() }.into(), Exit::Unreachable),
            (page(reqwest::StatusCode::OK).into(), Exit::Unreachable),
            (page(reqwest::StatusCode::BAD_GATEWAY).into(), Exit::Unreachable),
            (anyhow::anyhow!("x"), Exit::Failed),
        ] {
            assert_eq!(Exit::of(&error), expected, "{error}");
            let advised = with_advice(&error, "do this");
            assert_eq!(Exit::of(&advised), expected, "{advised}");
            assert_eq!(advised.to_string(), format!("{error}\ndo this"));
        }
    }
}
