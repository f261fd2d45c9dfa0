//! Identifiers. Each has its own type, so that the compiler refuses a run ID in place of a worker ID.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new identifier; UUIDv7, so that later ones sort after earlier ones.
            #[must_use]
            #[expect(clippy::new_without_default, reason = "a default that differs each time would surprise")]
            #[expect(clippy::disallowed_methods, reason = "this is where such an ID is made")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $longest:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Maximum length in bytes.
            pub const LONGEST_BYTES: usize = $longest;

            /// Checks a string and converts it.
            ///
            /// # Errors
            /// [`NameError`] if it is blank, too long or has control characters.
            pub fn parse(text: impl AsRef<str>) -> Result<Self, NameError> {
                check_name($what, text.as_ref(), Self::LONGEST_BYTES)?;
                Ok(Self(text.as_ref().into()))
            }

            /// Converts a string that was checked before or is a literal.
            #[must_use]
            pub fn trusted(text: impl AsRef<str>) -> Self {
                Self(text.as_ref().into())
            }

            /// The string.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Ok(Self(text.into()))
            }
        }
    };
}

uuid_id! {
    /// One run of a workflow execution.
    RunId
}
uuid_id! {
    /// A worker.
    WorkerId
}
name_id! {
    /// An isolated set of workflows; workflow IDs are unique within it.
    Namespace, "namespace", 100
}
name_id! {
    /// Workflow ID: identifies a workflow execution; chosen by the caller or generated.
    WorkflowId, "workflow ID", 200
}
name_id! {
    /// Task queue: where tasks wait for a worker.
    TaskQueue, "task queue", 200
}
name_id! {
    /// Workflow type: the name under which workflow code is registered.
    WorkflowType, "workflow type", 200
}
name_id! {
    /// Activity type: the name under which activity code is registered.
    ActivityType, "activity type", 200
}

/// Position of an event in the history of its run: 1, 2, 3 … without gaps.
pub type EventId = i64;

/// Why a string is not a valid identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is empty or only white space.
    #[error("{what} is blank")]
    Blank {
        /// What the identifier names.
        what: &'static str,
    },
    /// It is too long.
    #[error("{what} has {found} bytes, at most {allowed} are allowed")]
    TooLong {
        /// What the identifier names.
        what: &'static str,
        /// Its size in bytes.
        found: usize,
        /// Maximum size in bytes.
        allowed: usize,
    },
    /// It has a control character, which terminals and logs do not show.
    #[error("{what} has a control character at byte {at}")]
    Control {
        /// What the identifier names.
        what: &'static str,
        /// Position in bytes from the start.
        at: usize,
    },
}

/// Checks a string that names something.
pub(crate) fn check_name(what: &'static str, text: &str, allowed: usize) -> Result<(), NameError> {
    if text.trim().is_empty() {
        return Err(NameError::Blank { what });
    }
    if text.len() > allowed {
        return Err(NameError::TooLong { what, found: text.len(), allowed });
    }
    match text.char_indices().find(|(_, character)| character.is_control()) {
        Some((at, _)) => Err(NameError::Control { what, at }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_checked_and_the_fault_named() {
        assert_eq!(WorkflowId::parse("  "), Err(NameError::Blank { what: "workflow ID" }));
        assert_eq!(WorkflowId::parse("a\nb"), Err(NameError::Control { what: "workflow ID", at: 1 }));
        let long = "x".repeat(201);
        assert_eq!(
            WorkflowId::parse(long),
            Err(NameError::TooLong { what: "workflow ID", found: 201, allowed: 200 })
        );
        assert_eq!(WorkflowId::parse("order-1").unwrap().as_str(), "order-1");
    }
}
