//! Bounds a document before any code that recurses or expands fragments handles it.
//!
//! The library that executes documents walks fragments as often as they are spread, several times over,
//! before its own limits speak: some 1.5 kB of fragments that spread each other twice keep it busy for ever.
//! So a document passes three gates here, each linear in its length:
//!
//! 1. The lexer reads the text once, without recursion, and bounds bytes, tokens and the nesting of brackets.
//! 2. The parser makes the tree, whose depth the first gate has bounded.
//! 3. [`measure`](fn@measure) visits every selection once and every fragment once, adding what a spread stands for
//!    instead of walking it, and compares the sums with the [`Limits`].

mod lexer;
mod measure;
mod parser;
mod text;

pub(super) use lexer::repeatable_directives;

use std::fmt;

use async_graphql::{Pos, parser::types::ExecutableDocument};

pub use measure::{Cost, measure};

/// What a document may ask for.
///
/// Counts are taken after the expansion of fragments, so a field counts as often as it would be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the document's text: 100 kB.
    pub document_bytes_max: usize,
    /// Lexical tokens of the text: 20,000.
    pub tokens_max: usize,
    /// Open braces, brackets and parentheses at any place: 50, below what the parser's recursion bears.
    pub nesting_max: usize,
    /// Fields, fragment spreads and inline fragments of all operations together: 2,000.
    /// Spreads count because each is a visit, even where it ends in a single field.
    pub fields_max: u64,
    /// Aliases in one operation: 60.
    pub aliases_max: u64,
    /// Levels of fields in one operation: 20. The introspection query of `GraphiQL` needs 14.
    pub depth_max: u64,
    /// Levels of selections in one operation, fragments included: 32. Code that walks the tree recurses this deep.
    pub levels_max: u64,
    /// Fields at the root of one operation: 50.
    pub root_fields_max: u64,
    /// List fields below each other in `__schema` and `__type`: 3, as the introspection query needs.
    pub introspection_list_depth_max: u64,
    /// `__schema` and `__type` fields in one operation: 5.
    pub introspections_max: u64,
    /// Fragment definitions: 100.
    pub fragments_max: u64,
    /// Directives of all operations together: 100.
    pub directives_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document_bytes_max: 100_000,
            tokens_max: 20_000,
            nesting_max: 50,
            fields_max: 2_000,
            aliases_max: 60,
            depth_max: 20,
            levels_max: 32,
            root_fields_max: 50,
            introspection_list_depth_max: 3,
            introspections_max: 5,
            fragments_max: 100,
            directives_max: 100,
        }
    }
}

/// The name of a limit, as it stands in `extensions.limit` of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::document_bytes_max`].
    DocumentBytes,
    /// [`Limits::tokens_max`].
    Tokens,
    /// [`Limits::nesting_max`].
    Nesting,
    /// [`Limits::fields_max`].
    Fields,
    /// [`Limits::aliases_max`].
    Aliases,
    /// [`Limits::depth_max`].
    Depth,
    /// [`Limits::levels_max`].
    Levels,
    /// [`Limits::root_fields_max`].
    RootFields,
    /// [`Limits::introspection_list_depth_max`].
    IntrospectionListDepth,
    /// [`Limits::introspections_max`].
    Introspections,
    /// [`Limits::fragments_max`].
    Fragments,
    /// [`Limits::directives_max`].
    Directives,
}

impl Limit {
    /// The stable name of the limit.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DocumentBytes => "DOCUMENT_BYTES",
            Self::Tokens => "TOKENS",
            Self::Nesting => "NESTING",
            Self::Fields => "FIELDS",
            Self::Aliases => "ALIASES",
            Self::Depth => "DEPTH",
            Self::Levels => "LEVELS",
            Self::RootFields => "ROOT_FIELDS",
            Self::IntrospectionListDepth => "INTROSPECTION_LIST_DEPTH",
            Self::Introspections => "INTROSPECTIONS",
            Self::Fragments => "FRAGMENTS",
            Self::Directives => "DIRECTIVES",
        }
    }
}

impl Limit {
    /// What it counts, for one and for several.
    fn noun(self, count: u64) -> &'static str {
        let (one, many) = match self {
            Self::DocumentBytes => ("byte", "bytes"),
            Self::Tokens => ("token", "tokens"),
            Self::Nesting => ("nested bracket", "nested brackets"),
            Self::Fields => (
                "field, with those of fragments",
                "fields, counting those of a fragment wherever it is spread",
            ),
            Self::Aliases => ("alias", "aliases"),
            Self::Depth => ("level of fields", "levels of fields"),
            Self::Levels => ("level of fields and fragments", "levels of fields and fragments"),
            Self::RootFields => ("field at its root", "fields at its root"),
            Self::IntrospectionListDepth => {
                ("level of lists in `__schema` or `__type`", "levels of lists in `__schema` or `__type`")
            }
            Self::Introspections => ("`__schema` or `__type` field", "`__schema` or `__type` fields"),
            Self::Fragments => ("fragment", "fragments"),
            Self::Directives => ("directive", "directives"),
        };
        if count == 1 { one } else { many }
    }
}

/// Why a document is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The document asks for more than a limit allows.
    #[error(
        "the document has {} {}, at most {allowed} {} allowed", Told(*limit, *found), limit.noun(*found),
        if *allowed == 1 { "is" } else { "are" }
    )]
    Exceeded {
        /// Which limit.
        limit: Limit,
        /// What the document has. Where reading stopped at the limit this is the first count beyond it.
        found: u64,
        /// What the limit allows.
        allowed: u64,
    },
    /// A fragment spreads itself, directly or through others.
    #[error("fragment `{fragment}` spreads itself, directly or through others")]
    FragmentCycle {
        /// A fragment of the cycle.
        fragment: String,
    },
    /// A string or block string does not end.
    #[error("unterminated string at line {line}, column {column}")]
    UnterminatedString {
        /// One-based line.
        line: usize,
        /// One-based column, counted in characters.
        column: usize,
    },
    /// The text is not a GraphQL document.
    #[error("syntax error at line {line}, column {column}: {message}")]
    Syntax {
        /// One-based line.
        line: usize,
        /// One-based column, counted in characters.
        column: usize,
        /// What was expected, and what was found.
        message: String,
    },
    /// Two operations or fragments of the document, or two fields of an input object, have the same name.
    #[error("the {what} `{name}` is defined twice")]
    Repeated {
        /// What has the name.
        what: &'static str,
        /// The name.
        name: String,
        /// One-based line of the second.
        line: usize,
        /// One-based column of the second.
        column: usize,
    },
    /// An operation without a name is not the only one.
    #[error("an operation without a name must be the only operation of the document")]
    AnonymousOperation {
        /// One-based line.
        line: usize,
        /// One-based column.
        column: usize,
    },
    /// There are only fragments.
    #[error("the document has no operation")]
    NoOperation,
}

impl Error {
    fn syntax(Pos { line, column }: Pos, message: String) -> Self {
        Self::Syntax { line, column, message }
    }

    fn repeated(what: &'static str, name: &str, Pos { line, column }: Pos) -> Self {
        Self::Repeated { what, name: lexer::excerpt(name).to_owned(), line, column }
    }

    /// Where in the document the fault is, if it is at one place.
    pub(super) fn pos(&self) -> Option<Pos> {
        match *self {
            Self::UnterminatedString { line, column }
            | Self::Syntax { line, column, .. }
            | Self::Repeated { line, column, .. }
            | Self::AnonymousOperation { line, column } => Some(Pos { line, column }),
            Self::Exceeded { .. } | Self::FragmentCycle { .. } | Self::NoOperation => None,
        }
    }
}

/// Parses and measures a document.
///
/// # Errors
///
/// Every variant of [`Error`], the first that is met.
pub fn parse(text: &str, limits: &Limits) -> Result<(ExecutableDocument, Cost), Error> {
    let document = parser::parse(&lexer::lex(text, limits)?)?;
    let cost = measure(&document, limits)?;
    Ok((document, cost))
}

/// The largest count that is told: sums saturate, so that beyond any document of use they say little.
pub(super) const TOLD_MAX: u64 = 1_000_000_000;

/// A count as it is told.
struct Told(Limit, u64);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(_, found) if *found > TOLD_MAX => write!(f, "more than {TOLD_MAX}"),
            // The lexer stops there.
            Self(Limit::Tokens | Limit::Nesting, found) => write!(f, "at least {found}"),
            Self(_, found) => found.fmt(f),
        }
    }
}

/// Compares a count with its limit.
fn bound(limit: Limit, found: u64, allowed: u64) -> Result<(), Error> {
    if found > allowed { Err(Error::Exceeded { limit, found, allowed }) } else { Ok(()) }
}
