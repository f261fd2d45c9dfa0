//! The input of a start: where it comes from, and where in it something is at fault.

use std::{
    fmt::Display,
    io::{IsTerminal, Read},
    path::Path,
};

use anyhow::Context;
use ctutor_engine::payload::{Payload, strict, syntax};

use crate::{client::Error, config, file, output};

/// What editors and shells of Windows write in front of a text.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The path of the input among the fields of the mutation.
const PATH: [&str; 2] = ["input", "input"];

/// An input, as it was written.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) payload: Payload,
    /// What it was read from, as messages name it.
    source: String,
}

impl Input {
    /// Reads JSON, `@` with the path of a file, or `-` for stdin.
    pub(super) fn read(argument: &str) -> anyhow::Result<Self> {
        match argument.strip_prefix('@') {
            Some(path) => Self::read_file(path),
            None if argument == "-" => {
                if std::io::stdin().is_terminal() {
                    output::note(
                        "reading the input as JSON from the terminal; Ctrl-D in an empty line ends it",
                    );
                }
                let mut bytes = Vec::new();
                std::io::stdin().read_to_end(&mut bytes).context("stdin cannot be read")?;
                Self::parse(&bytes, "stdin".to_owned())
            }
            None if Path::new(argument).is_file() => {
                let file = output::quoted(&format!("@{argument}"));
                Err(config::Error::one(format!(
                    "`--input` is the name of a file, and it must be JSON; for the JSON in the file write `--input {file}`"
                ))
                .into())
            }
            None => Self::parse(argument.as_bytes(), "`--input`".to_owned()),
        }
    }

    /// Reads the JSON of a file.
    pub(super) fn read_file(path: &str) -> anyhow::Result<Self> {
        if path.trim().is_empty() {
            let told = "no input file is named; write `--input @FILE` or `--input-file FILE`";
            return Err(config::Error::one(told).into());
        }
        let bytes = std::fs::read(path).map_err(|error| {
            let fault = file::unreadable(&error);
            config::Error::one(format!("the input file `{path}` cannot be read: {fault}"))
        })?;
        Self::parse(&bytes, format!("`{path}`"))
    }

    fn parse(bytes: &[u8], source: String) -> anyhow::Result<Self> {
        let not_valid =
            |error: &dyn Display| config::Error::one(format!("{source} is not valid JSON: {error}"));
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let text = syntax::text(bytes).map_err(|error| not_valid(&error))?;
        if text.trim().is_empty() {
            let told =
                format!("{source} is empty, and it must be JSON, such as `{{}}` for an input without fields");
            return Err(config::Error::one(told).into());
        }
        if let Some(error) = syntax::find(text) {
            return Err(not_valid(&error).into());
        }
        if let Err(fault) = strict::check(text, strict::Around::Nothing) {
            let steps: Vec<String> = fault.path.iter().map(ToString::to_string).collect();
            let at = match (steps.is_empty(), line_and_column(text, &steps)) {
                (true, _) => String::new(),
                (false, None) => format!(" at `{}`", fault.place()),
                (false, Some(place)) => format!(" at `{}` ({place})", fault.place()),
            };
            let told = format!("{source} has a value{at} that cannot be stored without a change: {fault}");
            return Err(config::Error::one(told).into());
        }
        let payload = Payload::parse(text).map_err(|error| not_valid(&error))?;
        Ok(Self { payload, source })
    }

    /// Adds to the errors of a start where in the input the values stand that the API has refused.
    pub(super) fn locate(&self, mut error: anyhow::Error) -> anyhow::Error {
        if let Some(Error::Refused(refusals)) = error.downcast_mut() {
            for refusal in refusals {
                let path = refusal.path.as_deref().unwrap_or_default();
                let within = path.split_at_checked(PATH.len()).filter(|(outside, _)| *outside == PATH);
                let place = within.and_then(|(_, within)| line_and_column(self.payload.as_str(), within));
                refusal.place = place.map(|place| format!("{place} of {}", self.source));
            }
        }
        error
    }
}

fn line_and_column(text: &str, path: &[String]) -> Option<String> {
    let (line, column) = syntax::place_at(text, path)?;
    Some(format!("line {line}, column {column}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::client::StartInput;

    #[test]
    fn an_input_may_come_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("input.json");
        std::fs::write(&path, "[1, 2]\n").unwrap();
        assert_eq!(
            Input::read(&format!("@{}", path.display())).unwrap().payload.to_value().unwrap(),
            json!([1, 2])
        );
    }

    #[test]
    fn an_input_is_sent_as_it_is_written_or_refused_with_the_place() {
        let text = r#"{"a":[1E2,-0,2.50,18446744073709551615],"b":"\u0000x"}"#;
        let input = Some(Input::read(text).unwrap().payload);
        let sent = serde_json::to_string(&StartInput { fields: Map::new(), input }).unwrap();
        assert_eq!(sent, format!(r#"{{"input":{text}}}"#));
        for (text, place) in [
            (
                r#"{"data":[1e400]}"#,
                " at `data.0` (line 1, column 10) that cannot be stored without a change: the number `1e400` fits neither",
            ),
            (
                r#"{"a":"\ud800"}"#,
                " at `a` (line 1, column 6) that cannot be stored without a change: the string has an escape",
            ),
            (
                r#"{"a":[0,1e-400]}"#,
                " at `a.1` (line 1, column 9) that cannot be stored without a change: the number `1e-400` fits neither",
            ),
            (
                r#"{"a":1,"a":2}"#,
                " at `a` (line 1, column 12) that cannot be stored without a change: the key `a` appears twice",
            ),
            ("1e400", " that cannot be stored without a change: the number"),
        ] {
            let error = Input::read(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`--input` has a value{place}")), "{error}");
        }
    }

    #[test]
    fn a_file_may_begin_with_a_byte_order_mark() {
        assert_eq!(
            Input::parse(b"\xef\xbb\xbf[1E2]\r\n", "`a`".to_owned()).unwrap().payload.as_str().trim(),
            "[1E2]"
        );
        let error = Input::parse(b"\xff\xfe[\0]\0", "`a`".to_owned()).unwrap_err().to_string();
        assert!(error.contains("found the byte order mark of UTF-16"), "{error}");
    }

    #[test]
    fn a_wrong_input_is_named() {
        for (text, expected) in [
            ("{", "expected a key in double quotes or `}`, found the end of the text"),
            ("{'a': 1}", "found `'` at line 1, column 2; JSON has strings in double quotes"),
            ("--1", "expected "),
        ] {
            let error = Input::read(text).unwrap_err().to_string();
            assert!(error.starts_with("`--input` is not valid JSON: expected "), "{error}");
            assert!(error.contains(expected), "{error}");
        }
        for (argument, told) in [
            ("", "`--input` is empty, and it must be JSON, such as `{}` for an input without fields"),
            ("@", "no input file is named; write `--input @FILE` or `--input-file FILE`"),
            ("@/", "the input file `/` cannot be read: it is a directory; name a file in it"),
            ("Cargo.toml", "for the JSON in the file write `--input @Cargo.toml`"),
        ] {
            let error = Input::read(argument).unwrap_err().to_string();
            assert!(error.ends_with(told), "{argument}: {error}");
        }
        let error = Input::read("@/nowhere/input.json").unwrap_err().to_string();
        assert!(error.contains("there is no such file; "), "{error}");
        assert!(error.starts_with("the input file `/nowhere/input.json` cannot be read: "), "{error}");
    }

    #[test]
    fn what_the_api_refuses_is_located_in_the_input() {
        let input =
            Input::parse(b"{\n  \"files\": [{\"duration\": \"soon\"}]}", "`a.json`".to_owned()).unwrap();
        let told = |path: Value| {
            let refused = json!([{"code": "INVALID", "message": "no", "path": path}]);
            let error = Error::Refused(serde_json::from_value(refused).unwrap());
            input.locate(error.into()).to_string()
        };
        assert_eq!(
            told(json!(["input", "input", "files", "0", "duration"])),
            "INVALID: no (at `input.input.files.0.duration`, line 2, column 26 of `a.json`)"
        );
        assert_eq!(told(json!(["input", "input", "more"])), "INVALID: no (at `input.input.more`)");
        assert_eq!(told(json!(["input", "type"])), "INVALID: no (at `input.type`)");
        assert_eq!(told(Value::Null), "INVALID: no");
    }
}
