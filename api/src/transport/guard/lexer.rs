//! The first gate: one pass over the text, no recursion.

use std::{collections::HashSet, fmt};

use async_graphql::Pos;

use super::{Error, Limit, Limits, bound};

/// The longest excerpt of a document in an error.
const EXCERPT_CHARS_MAX: usize = 60;

/// A lexical token and where it starts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) pos: Pos,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// One of `! $ & ( ) : = @ [ ] { | }`.
    Punctuator(char),
    Spread,
    Name(&'a str),
    Int(&'a str),
    Float(&'a str),
    /// What stands between the quotes, with its escapes.
    String(&'a str),
    /// What stands between the triple quotes, with its indentation.
    BlockString(&'a str),
    /// Follows the last token.
    End,
}

impl fmt::Display for Kind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Punctuator(sign) => write!(f, "`{sign}`"),
            Self::Spread => f.write_str("`...`"),
            Self::Name(text) | Self::Int(text) | Self::Float(text) => write!(f, "`{}`", excerpt(text)),
            Self::String(_) | Self::BlockString(_) => f.write_str("a string"),
            Self::End => f.write_str("the end of the document"),
        }
    }
}

pub(super) fn excerpt(text: &str) -> &str {
    text.char_indices().nth(EXCERPT_CHARS_MAX).map_or(text, |(end, _)| &text[..end])
}

/// Splits a text into tokens, while it bounds its bytes, its tokens and the nesting of its brackets.
///
/// # Errors
///
/// [`Error::Exceeded`] at the first token beyond a limit, [`Error::UnterminatedString`], [`Error::Syntax`].
pub(super) fn lex<'a>(text: &'a str, limits: &Limits) -> Result<Vec<Token<'a>>, Error> {
    bound(Limit::DocumentBytes, text.len() as u64, limits.document_bytes_max as u64)?;
    let mut lexer = Lexer { text, at: 0, place: Place::default() };
    let mut tokens = Vec::new();
    let mut open: usize = 0;
    // What is not a token is told only after the limits have been checked to the end of the text.
    let mut broken = None;
    loop {
        lexer.skip_ignored();
        let pos = lexer.pos();
        let kind = match lexer.token() {
            Ok(kind) => kind,
            Err(error @ Error::UnterminatedString { .. }) => return Err(broken.unwrap_or(error)),
            Err(error) => {
                broken.get_or_insert(error);
                continue;
            }
        };
        match kind {
            Kind::Punctuator('{' | '[' | '(') => {
                open += 1;
                bound(Limit::Nesting, open as u64, limits.nesting_max as u64)?;
            }
            // A closing bracket too many is the parser's to report.
            Kind::Punctuator('}' | ']' | ')') => open = open.saturating_sub(1),
            _ => {}
        }
        if kind != Kind::End {
            bound(Limit::Tokens, tokens.len() as u64 + 1, limits.tokens_max as u64)?;
        }
        tokens.push(Token { kind, pos });
        if kind == Kind::End {
            return broken.map_or(Ok(tokens), Err);
        }
    }
}

/// The directives of a schema's text that may be repeated. The parser of the library takes all of them for such.
pub(in crate::transport) fn repeatable_directives(sdl: &str) -> Result<HashSet<String>, Error> {
    let unlimited = Limits {
        document_bytes_max: usize::MAX,
        tokens_max: usize::MAX,
        nesting_max: usize::MAX,
        ..Limits::default()
    };
    let tokens = lex(sdl, &unlimited)?;
    let mut names = HashSet::new();
    let mut current = None;
    for window in tokens.windows(3) {
        match [window[0].kind, window[1].kind, window[2].kind] {
            [Kind::Name("directive"), Kind::Punctuator('@'), Kind::Name(name)] => current = Some(name),
            [_, Kind::Name("repeatable"), Kind::Name("on")] => {
                names.extend(current.take().map(str::to_owned));
            }
            _ => {}
        }
    }
    Ok(names)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    place: Place,
}

/// The line and column of a byte, counted on from the place before: a line may be as long as the text.
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    pos: Pos,
}

impl Default for Place {
    fn default() -> Self {
        Self { at: 0, pos: Pos { line: 1, column: 1 } }
    }
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn pos(&mut self) -> Pos {
        let Place { at, mut pos } = self.place;
        let mut chars = self.text[at..self.at].chars().peekable();
        while let Some(char) = chars.next() {
            match char {
                '\r' if chars.peek() == Some(&'\n') => {}
                '\n' | '\r' => pos = Pos { line: pos.line + 1, column: 1 },
                _ => pos.column += 1,
            }
        }
        self.place = Place { at: self.at, pos };
        pos
    }

    fn skip_ignored(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest
                .find(|char| !matches!(char, ' ' | '\t' | '\n' | '\r' | ',' | '\u{feff}'))
                .unwrap_or(rest.len());
            self.at += blank;
            if !self.rest().starts_with('#') {
                return;
            }
            self.at += self.rest().find(['\n', '\r']).unwrap_or(self.rest().len());
        }
    }

    /// Takes the next token. At least one character is taken also when there is none.
    fn token(&mut self) -> Result<Kind<'a>, Error> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Kind::End) };
        let (kind, len) = match first {
            '!' | '$' | '&' | '(' | ')' | ':' | '=' | '@' | '[' | ']' | '{' | '|' | '}' => {
                (Kind::Punctuator(first), 1)
            }
            '.' if rest.starts_with("...") => (Kind::Spread, 3),
            'a'..='z' | 'A'..='Z' | '_' => {
                let len = rest.find(|char: char| !is_name(char)).unwrap_or(rest.len());
                (Kind::Name(&rest[..len]), len)
            }
            '0'..='9' | '-' => return self.number(),
            '"' => return self.string(),
            other => {
                let pos = self.pos();
                self.at += other.len_utf8();
                return Err(Error::syntax(pos, format!("unexpected character `{}`", other.escape_default())));
            }
        };
        self.at += len;
        Ok(kind)
    }

    fn number(&mut self) -> Result<Kind<'a>, Error> {
        let rest = self.rest();
        let digits = |from: usize| rest[from..].bytes().take_while(u8::is_ascii_digit).count();
        let mut end = usize::from(rest.starts_with('-'));
        let whole = digits(end);
        let mut is_good = whole == 1 || (whole > 1 && !rest[end..].starts_with('0'));
        end += whole;
        let mut is_float = false;
        if rest[end..].starts_with('.') {
            let fraction = digits(end + 1);
            is_good &= fraction > 0;
            is_float = true;
            end += 1 + fraction;
        }
        if rest[end..].starts_with(['e', 'E']) {
            let sign = usize::from(rest[end + 1..].starts_with(['+', '-']));
            let exponent = digits(end + 1 + sign);
            is_good &= exponent > 0;
            is_float = true;
            end += 1 + sign + exponent;
        }
        // A number must not run into a name or another number.
        let tail = rest[end..].find(|char: char| !is_name(char) && char != '.').unwrap_or(rest.len() - end);
        let (text, pos) = (&rest[..end + tail], self.pos());
        self.at += end + tail;
        if !is_good || tail > 0 {
            return Err(Error::syntax(pos, format!("`{}` is not a valid number", excerpt(text))));
        }
        Ok(if is_float { Kind::Float(text) } else { Kind::Int(text) })
    }

    fn string(&mut self) -> Result<Kind<'a>, Error> {
        let rest = self.rest();
        let (quote, len) = match rest.strip_prefix(BLOCK_QUOTE) {
            Some(block) => (BLOCK_QUOTE, block_len(block)),
            None => ("\"", line_len(&rest[1..])),
        };
        let Some(len) = len else {
            let Pos { line, column } = self.pos();
            return Err(Error::UnterminatedString { line, column });
        };
        let text = &rest[quote.len()..quote.len() + len];
        self.at += len + 2 * quote.len();
        Ok(if quote == BLOCK_QUOTE { Kind::BlockString(text) } else { Kind::String(text) })
    }
}

const BLOCK_QUOTE: &str = "\"\"\"";

fn is_name(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_'
}

/// Length of a string up to its quote, or nothing if its line ends before.
fn line_len(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at),
            // What is escaped may be a line's end, which ends the string all the same.
            b'\\' if !matches!(bytes.get(at + 1), Some(b'\n' | b'\r')) => at += 2,
            b'\n' | b'\r' => return None,
            _ => at += 1,
        }
    }
}

fn block_len(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let end = from + text[from..].find(BLOCK_QUOTE)?;
        if !text[..end].ends_with('\\') {
            return Some(end);
        }
        from = end + BLOCK_QUOTE.len();
    }
}
