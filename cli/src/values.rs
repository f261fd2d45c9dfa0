//! What flags take, read so that a wrong value is told in plain words.

use std::ffi::OsStr;

use clap::{
    Arg, Command, Error,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};

/// Reads an integer within two bounds, both inclusive.
///
/// # Errors
/// What it must be.
pub(crate) fn integer<const MIN: i64, const MAX: i64, T: TryFrom<i64>>(text: &str) -> Result<T, String> {
    let number = text.trim().parse::<i64>().ok().filter(|number| (MIN..=MAX).contains(number));
    number
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| format!("it must be an integer from {MIN} to {MAX}, in digits alone"))
}

/// One of some words, in any case and with `-` or `_` between their parts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words<T: 'static>(pub(crate) &'static [(&'static str, T)]);

impl<T: Copy + Send + Sync> Words<T> {
    fn names(&self) -> impl Iterator<Item = &'static str> + use<T> {
        self.0.iter().map(|(name, _)| *name)
    }

    fn find(&self, text: &str) -> Option<T> {
        let text = text.trim().to_ascii_lowercase().replace('-', "_");
        self.0.iter().find(|(name, _)| *name == text).map(|(_, value)| *value)
    }
}

impl<T: Copy + Send + Sync> TypedValueParser for Words<T> {
    type Value = T;

    fn parse_ref(&self, cmd: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, Error> {
        if let Some(found) = value.to_str().and_then(|text| self.find(text)) {
            return Ok(found);
        }
        // It knows how the error looks, with the known words and the one that may be meant.
        let word = PossibleValuesParser::new(self.names()).parse_ref(cmd, arg, value)?;
        self.find(&word).ok_or_else(|| Error::new(clap::error::ErrorKind::InvalidValue).with_cmd(cmd))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.names().map(PossibleValue::new)))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::cli::Cli;

    fn told(line: &str) -> String {
        Cli::try_parse_from(line.split(' ')).unwrap_err().to_string()
    }

    #[test]
    fn a_number_is_told_with_its_bounds() {
        for (line, told_at) in [
            ("ctutor workflow list --limit 0", "'--limit <NUMBER>': it must be an integer from 1 to 10000"),
            ("ctutor workflow list --limit x", "'--limit <NUMBER>': it must be an integer from 1 to 10000"),
            ("ctutor workflow list --limit -1", "'--limit <NUMBER>': it must be an integer from 1 to 10000"),
            ("ctutor workflow list --limit 1e3", "from 1 to 10000, in digits alone"),
            (
                "ctutor workflow start x --priority x",
                "'--priority <NUMBER>': it must be an integer from -100 to 100",
            ),
            ("ctutor workflow start x --priority 101", "from -100 to 100"),
            ("ctutor dev --port x", "'--port <NUMBER>': it must be an integer from 0 to 65535"),
            ("ctutor serve --port -1", "from 0 to 65535"),
        ] {
            let told = told(line);
            assert!(told.contains(told_at), "{line}: {told}");
        }
        assert!(Cli::try_parse_from("ctutor workflow start x --priority -100".split(' ')).is_ok());
    }

    #[test]
    fn an_unknown_word_is_told_with_the_one_that_may_be_meant() {
        for (line, meant) in [
            ("ctutor workflow list --status runnings", "'running'"),
            ("ctutor workflow list --status failed,cancelled", "'canceled'"),
            ("ctutor token create --role admins", "'admin'"),
            ("ctutor workflow start x --reuse allows", "'allow'"),
            ("ctutor workflo list", "'workflow'"),
            ("ctutor workflow lst", "'list'"),
            ("ctutor workflow list --limits 3", "'--limit'"),
        ] {
            let told = told(line);
            let tip = told.lines().find(|line| line.trim_start().starts_with("tip: "));
            assert!(tip.is_some_and(|tip| tip.contains(meant)), "{line}: {told}");
        }
        let unlike = told("ctutor workflow list --status done");
        assert!(unlike.contains("[possible values: pending, running, "), "{unlike}");
    }
}
