//! Identifiers. Each is its own type, so that the compiler notices a run passed for a worker.

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
            /// A fresh identifier; UUIDv7, so that later ones sort after earlier ones.
            #[must_use]
            #[expect(clippy::new_without_default, reason = "a default that differs each time would surprise")]
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
            /// The most bytes it may have.
            pub const LONGEST_BYTES: usize = $longest;

            /// Checks the text and makes the identifier.
            ///
            /// # Errors
            /// [`NameError`] when it is blank, too long or has control characters.
            pub fn parse(text: impl AsRef<str>) -> Result<Self, NameError> {
                check_name($what, text.as_ref(), Self::LONGEST_BYTES)?;
                Ok(Self(text.as_ref().into()))
            }

            /// Trusts a text that was checked when it was stored or that stands in the code.
            #[must_use]
            pub fn trusted(text: impl AsRef<str>) -> Self {
                Self(text.as_ref().into())
            }

            /// The text.
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
    /// A process that runs tasks.
    WorkerId
}
name_id! {
    /// A walled-off set of workflows; workflow ids are unique inside it.
    Namespace, "namespace", 100
}
name_id! {
    /// The caller's name for a workflow execution.
    WorkflowId, "workflow ID", 200
}
name_id! {
    /// Where the tasks of a workflow wait for a worker.
    TaskQueue, "task queue", 200
}
name_id! {
    /// The name under which workflow code is registered.
    WorkflowType, "workflow type", 200
}
name_id! {
    /// The name under which activity code is registered.
    ActivityType, "activity type", 200
}

/// Position of an event in its run's history: 1, 2, 3 … without a gap.
pub type EventId = i64;

/// Why a text is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing but white space.
    #[error("{what} is blank")]
    Blank {
        /// What the identifier names.
        what: &'static str,
    },
    /// More bytes than allowed.
    #[error("{what} has {found} bytes, at most {allowed} are allowed")]
    TooLong {
        /// What the identifier names.
        what: &'static str,
        /// Its size in bytes.
        found: usize,
        /// The bound in bytes.
        allowed: usize,
    },
    /// A control character, which no terminal or log shows.
    #[error("{what} has a control character at byte {at}")]
    Control {
        /// What the identifier names.
        what: &'static str,
        /// Where, in bytes from the start.
        at: usize,
    },
}

fn check_name(what: &'static str, text: &str, allowed: usize) -> Result<(), NameError> {
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
