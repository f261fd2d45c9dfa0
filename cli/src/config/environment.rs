use std::{collections::BTreeMap, ffi::OsString};

use super::{Error, keys::is_read};

/// The environment variables, read once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process.
    ///
    /// # Errors
    /// When one that sets a key is not UTF-8: read in part, it would name another directory or secret.
    pub(crate) fn of_process() -> Result<Self, Error> {
        Self::of_variables(std::env::vars_os())
    }

    fn of_variables(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Self, Error> {
        let mut known = BTreeMap::new();
        for (name, value) in variables {
            let name = name.to_string_lossy().into_owned();
            match value.into_string() {
                Ok(value) => _ = known.insert(name, value),
                Err(_) if is_read(&name) => {
                    return Err(Error::one(format!("the value of {name} is not valid UTF-8")));
                }
                Err(_) => {}
            }
        }
        Ok(Self(known))
    }

    /// All variables whose values are text, with these.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of a variable. An empty one counts as not set: compose files and scripts pass on empty ones. One of
    /// blanks is a mistake that the check of its key names.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        Self(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn a_value_that_is_not_utf_8_is_refused_where_it_counts() {
        let read = |name: &str| {
            let value = OsString::from_vec(b"data-\xff".to_vec());
            Environment::of_variables([(name.into(), value)].into_iter())
        };
        assert!(read("CTUTOR_CONFIG").is_err());
        assert_eq!(
            read("CTUTOR_DATA").unwrap_err().to_string(),
            "the value of CTUTOR_DATA is not valid UTF-8"
        );
        assert_eq!(read("LS_COLORS").unwrap().get("LS_COLORS"), None);
    }
}
