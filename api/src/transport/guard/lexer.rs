//! The first gate: one pass over the text, no recursion.

use super::{Error, Limit, Limits, bound};

/// What the pass has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scan {
    /// Tokens, strings counting one each and comments none.
    pub tokens: usize,
    /// The deepest nesting of brackets.
    pub nesting: usize,
}

/// Bounds bytes, tokens and nesting of a document's text.
///
/// It splits strings and comments exactly as the parser does: a bracket that is text here is text there.
///
/// # Errors
///
/// [`Error::Exceeded`] at the first token beyond a limit, [`Error::UnterminatedString`].
pub fn scan(text: &str, limits: &Limits) -> Result<Scan, Error> {
    let bytes = text.as_bytes();
    bound(Limit::DocumentBytes, bytes.len() as u64, limits.document_bytes_max as u64)?;
    let mut seen = Scan::default();
    let mut open: usize = 0;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let end = match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => {
                at += 1;
                continue;
            }
            b'#' => {
                at += line_len(&bytes[at..]);
                continue;
            }
            b'{' | b'[' | b'(' => {
                open += 1;
                seen.nesting = seen.nesting.max(open);
                bound(Limit::Nesting, open as u64, limits.nesting_max as u64)?;
                at + 1
            }
            b'}' | b']' | b')' => {
                // A closing bracket too many is the parser's to report; it stops right there.
                open = open.saturating_sub(1);
                at + 1
            }
            b'"' => at + string_len(&bytes[at..]).ok_or_else(|| unterminated(text, at))?,
            _ => at + word_len(&bytes[at..]),
        };
        seen.tokens += 1;
        bound(Limit::Tokens, seen.tokens as u64, limits.tokens_max as u64)?;
        at = end;
    }
    Ok(seen)
}

pub(super) fn line_len(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(bytes.len())
}

/// Length of a name, a number, or of one other character.
fn word_len(bytes: &[u8]) -> usize {
    let word = bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    word.max(1)
}

/// Length of the string or block string at the start, quotes included, or nothing if it does not end.
pub(super) fn string_len(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(br#"""""#) {
        return block_string_len(bytes);
    }
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            b'\n' | b'\r' => return None,
            _ => at += 1,
        }
    }
}

fn block_string_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 3;
    loop {
        let rest = bytes.get(at..)?;
        if rest.is_empty() {
            return None;
        }
        if rest.starts_with(br#"""""#) {
            return Some(at + 3);
        }
        at += if rest.starts_with(br#"\""""#) { 4 } else { 1 };
    }
}

fn unterminated(text: &str, at: usize) -> Error {
    let (line, column) = place(text, at);
    Error::UnterminatedString { line, column }
}

/// The one-based line and column of a byte of the text.
pub(super) fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
