//! What errors tell of the schema: the names that may be meant, and all that there are.
//!
//! A server that does not answer introspection must not answer it this way either: neither suggestions nor lists then.

use async_graphql::Name;
use ctutor_engine::near;

/// Whether the names of the schema are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hints {
    Told,
    Withheld,
}

impl Hints {
    /// The name of the schema that may be meant.
    pub(super) fn meant<'a>(
        self,
        name: &str,
        known: impl IntoIterator<Item = &'a Name, IntoIter: Clone>,
    ) -> Option<&'a str> {
        match self {
            Self::Told => near::meant(name, known.into_iter().map(Name::as_str)),
            Self::Withheld => None,
        }
    }

    /// The same as the end of a message.
    pub(super) fn question<'a>(
        self,
        name: &str,
        known: impl IntoIterator<Item = &'a Name, IntoIter: Clone>,
    ) -> String {
        question("", self.meant(name, known))
    }

    /// What an enum takes.
    pub(super) fn values(self, ty: &Name, values: &[Name]) -> String {
        match self {
            Self::Told => format!("one of {}", list(values)),
            Self::Withheld => format!("a value of the enum `{ty}`"),
        }
    }

    /// What an input object takes.
    pub(super) fn fields<'a>(self, ty: &Name, fields: impl IntoIterator<Item = &'a Name>) -> String {
        match self {
            Self::Told => format!("only the fields {}", list(fields)),
            Self::Withheld => format!("only fields of `{ty}`"),
        }
    }

    /// What an input object takes that has one field at a time.
    pub(super) fn one_of<'a>(self, ty: &Name, fields: impl IntoIterator<Item = &'a Name>) -> String {
        match self {
            Self::Told => format!("exactly one of {}, not null", list(fields)),
            Self::Withheld => format!("exactly one field of `{ty}`, not null"),
        }
    }
}

/// The question whether a name was meant, as the end of a message.
pub(in crate::transport) fn question(sign: &str, meant: Option<&str>) -> String {
    meant.map_or_else(String::new, |meant| format!("; did you mean `{sign}{meant}`?"))
}

fn list<'a>(names: impl IntoIterator<Item = &'a Name>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
