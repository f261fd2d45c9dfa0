//! Lists of strings, each item checked by itself and told with its number.

use std::fmt::{self, Display};

use serde::{Deserialize, Deserializer, de::Error};

/// Stands for everything, and therefore alone.
const ALL: &str = "*";

/// Why a list says nothing clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// There is nothing where an item should be.
    Blank { number: usize },
    /// `*` stands for everything, so that the others mean nothing.
    AllAndMore { number: usize },
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank { number } => {
                write!(f, "item {number} is blank: remove it, or the comma that is too many")
            }
            Self::AllAndMore { number } => {
                write!(f, "item {number} is `*`, which stands for all: write `*` alone, or remove it")
            }
        }
    }
}

/// The strings of a list, trimmed.
pub(super) fn strings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    trimmed(Vec::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// As [`strings()`], of a list in which `*` stands for everything.
pub(super) fn strings_or_all<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let items = strings(deserializer)?;
    match items.iter().position(|item| item == ALL) {
        Some(at) if items.len() > 1 => Err(D::Error::custom(Fault::AllAndMore { number: at + 1 })),
        _ => Ok(items),
    }
}

/// Reads each item; a fault is told with the number of its item.
pub(super) fn parsed<T, F: Display, E: Error>(
    items: &[String],
    parse: impl Fn(&str) -> Result<T, F>,
) -> Result<Vec<T>, E> {
    let parse = |(number, item): (usize, &String)| {
        parse(item).map_err(|fault| E::custom(format_args!("item {number}: {fault}")))
    };
    (1..).zip(items).map(parse).collect()
}

fn trimmed(mut items: Vec<String>) -> Result<Vec<String>, Fault> {
    for (number, item) in (1..).zip(&mut items) {
        let inner = item.trim();
        if inner.is_empty() {
            return Err(Fault::Blank { number });
        }
        if inner.len() < item.len() {
            *item = inner.to_owned();
        }
    }
    Ok(items)
}
