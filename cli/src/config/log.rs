use serde::Deserialize;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use super::near;

/// `[log]`: what is written to stderr, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    /// Which lines are written.
    pub(crate) filter: Filter,
    /// Format of the lines.
    pub(crate) format: Format,
}

/// Directives that were checked.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Filter(String);

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Filter {
    /// The filter that the directives describe.
    pub(crate) fn to_env_filter(&self) -> EnvFilter {
        EnvFilter::new(&self.0)
    }
}

impl TryFrom<String> for Filter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.trim().is_empty() {
            return Err("it is blank".to_owned());
        }
        // The commas between the fields of a span separate no directives.
        let text = if text.contains(['[', '{']) {
            text
        } else {
            let directives = text.split(',').map(str::trim).filter(|directive| !directive.is_empty());
            let directives: Vec<&str> = directives.collect();
            directives.iter().try_for_each(|directive| check(directive))?;
            directives.join(",")
        };
        // What is left is the form of spans, of which the library says only that it is wrong.
        EnvFilter::try_new(&text).map_err(|_| {
            format!("`{text}` is no directive of the form `TARGET[SPAN{{FIELD=VALUE}}]=LEVEL`, or several with commas")
        })?;
        Ok(Self(text))
    }
}

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// Checks a directive without a span: a level, a part of the program, or both with `=`.
fn check(directive: &str) -> Result<(), String> {
    match directive.split('=').collect::<Vec<_>>()[..] {
        // Such a word would be the name of a part of the program, and everything else would be silent.
        [word] if word.chars().all(|letter| letter.is_ascii_alphanumeric()) => check_level(word, word),
        [_] => Ok(()),
        ["", _] => Err(format!("`{directive}` names no part of the program before the `=`")),
        [_, level] => check_level(level, directive),
        _ => Err(format!("`{directive}` has more than one `=`; separate directives with commas")),
    }
}

fn check_level(word: &str, directive: &str) -> Result<(), String> {
    // An empty one means all levels, to the library.
    if word.parse::<LevelFilter>().is_ok() && !word.trim().is_empty() {
        return Ok(());
    }
    let place = if word == directive { String::new() } else { format!(" in `{directive}`") };
    let meant = near::question(&word.to_ascii_lowercase(), LEVELS);
    Err(format!(
        "`{word}`{place} is no level{meant}; levels are `error`, `warn`, `info`, `debug`, `trace` and `off`, and a part \
         of the program has one of its own as in `sqlx=debug`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directive_is_taken_or_told_with_what_is_wrong_in_it() {
        for text in ["info", "WARN", "warn, ctutor=debug,", "ctutor::process=trace", "off", "a[b{c=d}]=info"]
        {
            assert!(Filter::try_from(text.to_owned()).is_ok(), "{text}");
        }
        for (text, told) in [
            ("foo=bar=baz", "`foo=bar=baz` has more than one `=`; separate directives with commas"),
            ("warn,ctutor=verbose", "`verbose` in `ctutor=verbose` is no level; levels are `error`, "),
            ("ctutor=debugs", "`debugs` in `ctutor=debugs` is no level; did you mean `debug`?"),
            ("ctutor=", "`` in `ctutor=` is no level"),
            ("inof", "`inof` is no level; did you mean `info`?"),
            ("loudly", "`loudly` is no level; levels are"),
            ("=debug", "`=debug` names no part of the program before the `=`"),
            ("ctutor[x=debug", "is no directive of the form `TARGET[SPAN{FIELD=VALUE}]=LEVEL`"),
            (" ", "it is blank"),
        ] {
            let found = Filter::try_from(text.to_owned()).unwrap_err();
            assert!(found.starts_with(told) || found.contains(told), "{text}: {found}");
        }
    }
}
