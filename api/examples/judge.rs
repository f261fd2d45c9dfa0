//! Judges requests from the standard input, for the comparison with graphql-js in `tests/conformance`.
//!
//! `cargo run -p ctutor-api --example judge -- schema.graphql <requests >verdicts`
//!
//! A request is a line of JSON with a `document`, an `operationName` and `variables`; a verdict has the `variables` as they are executed,
//! or `errors`.

use std::io::{self, BufRead, BufWriter, Write};

use ctutor_api::transport::{Judge, guard::Limits, validation::Schema};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    document: String,
    #[serde(default)]
    operation_name: Option<String>,
    variables: Box<RawValue>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: judge SCHEMA <REQUESTS >VERDICTS")?;
    let judge = Judge::new(Schema::parse(&std::fs::read_to_string(path)?)?, Limits::default());
    let mut out = BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let Request { document, operation_name, variables } = serde_json::from_str(&line?)?;
        let verdict = match judge.judge(&document, operation_name.as_deref(), variables.get()) {
            Ok(variables) => format!(r#"{{"variables":{variables}}}"#),
            Err(errors) => json!({ "errors": errors }).to_string(),
        };
        writeln!(out, "{verdict}")?;
    }
    Ok(out.flush()?)
}
