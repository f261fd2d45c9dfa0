//! Sections whose keys are told once: name, type and variable. The type says what may stand there.

use super::{Between, Kind, Timeout, timeout::KEEP_ALIVE_SECONDS_MAX};

/// What may stand at a key, for error messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// In words.
    Words(&'static str),
    /// An integer within these bounds.
    Integer(u32, u32),
}

impl std::fmt::Display for Allowed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Words(words) => f.write_str(words),
            Self::Integer(min, max) => write!(f, "an integer from {min} to {max}"),
        }
    }
}

/// A type that the values of keys have.
pub(super) trait Setting {
    const KIND: Kind;
    const ALLOWED: Allowed;
}

impl<const MIN: u32, const MAX: u32> Setting for Between<MIN, MAX> {
    const KIND: Kind = Kind::Number;
    const ALLOWED: Allowed = Allowed::Integer(MIN, MAX);
}

impl<T: Setting> Setting for Option<T> {
    const KIND: Kind = T::KIND;
    const ALLOWED: Allowed = T::ALLOWED;
}

impl Setting for Timeout<KEEP_ALIVE_SECONDS_MAX> {
    const KIND: Kind = Kind::Text;
    const ALLOWED: Allowed = Allowed::Words(
        "a length of time from `1ms` to `30s`, because clients take a stream that is silent for 40 s for dead",
    );
}

impl Setting for Timeout {
    const KIND: Kind = Kind::Text;
    const ALLOWED: Allowed =
        Allowed::Words("a length of time from `1ms` to `1d`, such as `500ms`, `10s` or `1h30m`");
}

/// Writes the struct of a section and the list of its keys.
macro_rules! section {
    (
        $(#[$doc:meta])*
        $name:ident, $keys:ident, $section:literal {
            $($(#[$field_doc:meta])* $field:ident: $type:ty, $variable:literal;)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            $($(#[$field_doc])* pub(crate) $field: $type,)*
        }

        pub(super) const $keys: &[crate::config::Key] = &[
            $(crate::config::Key::of::<$type>(concat!($section, ".", stringify!($field)), &[$variable]),)*
        ];
    };
}

pub(super) use section;
