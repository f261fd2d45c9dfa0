//! Errors with their causes, for log lines.

use std::{error::Error, fmt};

/// Maximum number of causes that are printed; a longer chain is cut.
const CAUSES_MAX: usize = 16;

/// Prints an error followed by all its causes, separated by colons: `a database statement failed: connection refused`.
///
/// The errors of this project never print their causes themselves, so a log line that prints only the error loses
/// the reason. A cause whose text ends the text before it is left out, because some libraries print it twice.
///
/// ```
/// # use ctutor_engine::chain;
/// let error = std::io::Error::other("disk full");
/// assert_eq!(chain(&error).to_string(), "disk full");
/// ```
#[must_use]
pub fn chain<'a>(error: &'a (dyn Error + 'a)) -> Chain<'a> {
    Chain(error)
}

/// See [`chain`].
#[derive(Clone, Copy)]
pub struct Chain<'a>(&'a (dyn Error + 'a));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = self.0.to_string();
        f.write_str(&last)?;
        let mut source = self.0.source();
        for _ in 0..CAUSES_MAX {
            let Some(cause) = source else { return Ok(()) };
            let text = cause.to_string();
            if !last.ends_with(&text) {
                write!(f, ": {text}")?;
                last = text;
            }
            source = cause.source();
        }
        if source.is_some() { f.write_str(": …") } else { Ok(()) }
    }
}

impl fmt::Debug for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Link>>,
    }

    fn linked(texts: &[&'static str]) -> Link {
        let (text, causes) = texts.split_first().expect("at least one error");
        Link { text, source: (!causes.is_empty()).then(|| Box::new(linked(causes))) }
    }

    #[test]
    fn each_cause_is_printed_once_and_in_order() {
        for (texts, printed) in [
            (&["alone"][..], "alone"),
            (&["outer", "middle", "inner"], "outer: middle: inner"),
            (&["query failed: no such table", "no such table"], "query failed: no such table"),
            (
                &["query failed: no such table", "no such table", "code 1"],
                "query failed: no such table: code 1",
            ),
        ] {
            assert_eq!(chain(&linked(texts)).to_string(), printed);
        }
    }

    #[test]
    fn a_long_chain_is_cut() {
        let texts: Vec<&str> = vec!["a", "b"].into_iter().cycle().take(40).collect();
        let printed = chain(&linked(&texts)).to_string();
        assert_eq!(printed.matches(": ").count(), CAUSES_MAX + 1, "{printed}");
        assert!(printed.ends_with(": …"), "{printed}");
    }

    #[test]
    fn the_reason_of_a_failed_statement_is_printed() {
        let reason = sea_orm::DbErr::Custom("no such table: workflow_task".to_owned());
        let error = crate::store::Error::from(reason);
        assert!(!error.to_string().contains("workflow_task"), "the error itself hides the statement");
        let printed = chain(&error).to_string();
        assert!(printed.ends_with(": Custom Error: no such table: workflow_task"), "{printed}");
    }
}
