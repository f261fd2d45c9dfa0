use std::fmt;

use crate::{
    config::Length,
    output::{Block, quoted},
};

/// What `ctutor dev` prints when it is ready.
#[derive(Debug)]
pub(super) struct Welcome {
    pub(super) url: String,
    /// Stands for an administrator.
    pub(super) token: String,
    pub(super) token_ttl: Length,
    /// Masked.
    pub(super) database: String,
    /// The data directory, when it is not the usual one.
    pub(super) data: Option<String>,
}

/// A workflow that comes with the program.
const SAMPLE_TYPE: &str = "example_long_running";
const SAMPLE_INPUT: &str = r#"{"duration": 10, "message": "hello"}"#;

impl Welcome {
    /// A mutation as a script would send it. It has no single quotes in it, so it can stand between them.
    fn curl(&self) -> String {
        let Self { url, token, .. } = self;
        let body = r#"{"query": "mutation { startWorkflow(input: {type: \"example_long_running\", input: {duration: 10, message: \"hello\"}}) { workflow { workflowId status } userErrors { code message } } }"}"#;
        format!(
            "curl -s {url}/graphql -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' -d '{body}'"
        )
    }

    fn start(&self) -> String {
        let mut line = format!("ctutor workflow start {SAMPLE_TYPE} --input '{SAMPLE_INPUT}' --follow");
        if let Some(data) = &self.data {
            line += &format!(" --data {}", quoted(data));
        }
        if !self.url.ends_with(":8000") {
            line += &format!(" --url {}", self.url);
        }
        line
    }
}

impl fmt::Display for Welcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, token, token_ttl, database, .. } = self;
        let block = Block::default()
            .line("url", url)
            .line("graphql", format_args!("{url}/graphql"))
            .line("playground", format_args!("{url}/#token={token}"))
            .line("database", database)
            .line("token", token);
        writeln!(f, "\nctutor {} is ready. Ctrl-C stops it.\n", env!("CARGO_PKG_VERSION"))?;
        writeln!(f, "{block}\n")?;
        writeln!(f, "The token belongs to an administrator and is valid for {token_ttl}.\n")?;
        writeln!(f, "Start a workflow and follow it, in another terminal:\n\n{}\n", self.start())?;
        writeln!(f, "Or with curl:\n\n{}", self.curl())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn welcome(url: &str, data: Option<&str>) -> Welcome {
        Welcome {
            url: url.into(),
            token: "abc.def.ghi".into(),
            token_ttl: Length(Duration::from_secs(7 * 24 * 60 * 60)),
            database: "sqlite:.ctutor/ctutor.db".into(),
            data: data.map(Into::into),
        }
    }

    #[test]
    fn the_welcome_has_what_is_needed_next() {
        let text = welcome("http://127.0.0.1:8000", None).to_string();
        for part in [
            "url         http://127.0.0.1:8000\n",
            "playground  http://127.0.0.1:8000/#token=abc.def.ghi\n",
            "token       abc.def.ghi\n",
            "valid for 7d",
            "hello\"}' --follow\n",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn the_lines_to_copy_fit_an_unusual_place() {
        let line = welcome("http://127.0.0.1:4711", Some("/tmp/x y")).start();
        assert!(line.ends_with("--follow --data '/tmp/x y' --url http://127.0.0.1:4711"), "{line}");
    }

    #[test]
    fn the_body_for_curl_is_json() {
        let curl = welcome("http://127.0.0.1:8000", None).curl();
        let body = curl.split("-d '").nth(1).unwrap().trim_end_matches('\'');
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        let query = body["query"].as_str().unwrap();
        assert!(
            query.contains(SAMPLE_TYPE)
                && !curl[curl.find("-d '").unwrap() + 4..curl.len() - 1].contains('\'')
        );
    }
}
