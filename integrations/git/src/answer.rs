//! The start of a server's last answer over HTTP, as it came.
//!
//! libgit2 skips a packet line `ERR` where it waits for `ACK` or `NAK`, and takes a body without a length for an empty
//! one. Both look to its callers like a connection that was cut off, and only its trace tells them apart.

use std::{cell::RefCell, sync::Once, time::Duration};

use git2::TraceLevel;

/// How much of an answer is kept: its headers and its first packet lines.
const KEPT_BYTES_MAX: usize = 8192;
const REQUEST: &[u8] = b"Sending request:";
/// What `git http-backend` writes before the list, which another program makes.
const BEGUN_LIST: &[u8] = b"001e# service=git-upload-pack\n0000";
const ENCODINGS: [&str; 5] = ["gzip", "x-gzip", "deflate", "br", "zstd"];
const RECEIVED: &[u8] = b"Received:\n";

thread_local! {
    static ANSWER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What an answer holds that ended before libgit2 had what it waited for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The server's reason, in the words of the Git protocol.
    Refusal(String),
    /// A body whose end is that of the connection. HTTP allows it, and libgit2 reads none of it.
    WithoutLength,
    /// A whole body of no bytes, with the content type of Git, which libgit2 insists on.
    Empty,
    /// Not even its headers.
    Missing,
    CutOff,
}

/// Keeps the answers that each thread receives from now on.
pub(crate) fn keep() {
    static ONCE: Once = Once::new();

    ONCE.call_once(|| {
        if let Err(fault) = git2::trace_set(TraceLevel::Trace, note) {
            tracing::warn!(reason = fault.message(), "libgit2 does not tell what servers answer");
        }
    });
}

/// Forgets what this thread has received.
pub(crate) fn forget() {
    ANSWER.with_borrow_mut(Vec::clear);
}

/// What the last answer to this thread was.
pub(crate) fn last() -> Answer {
    ANSWER.with_borrow(|answer| read(answer))
}

/// Whether the last answer is a list of references that Git began. If it is over for HTTP and not for Git, the program that
/// Git runs for it has ended without a word. A connection that was cut off is another error of libgit2.
pub(crate) fn is_begun_list() -> bool {
    ANSWER.with_borrow(|answer| {
        let Some((headers, body)) = parts(answer) else { return false };
        body_of(&headers, body).is_some_and(|body| body.starts_with(BEGUN_LIST))
    })
}

/// Whether the list of references in the last answer begins so.
pub(crate) fn list_begins_with(start: &[u8]) -> bool {
    ANSWER.with_borrow(|answer| {
        let Some((headers, body)) = parts(answer) else { return false };
        let body = body_of(&headers, body).unwrap_or_default();
        body.strip_prefix(BEGUN_LIST).unwrap_or(body).starts_with(start)
    })
}

/// How the body of the last answer is encoded, if it is. Other values could be anything, also a credential.
pub(crate) fn encoding() -> Option<&'static str> {
    let told = header("content-encoding:")?;
    ENCODINGS.into_iter().find(|encoding| *encoding == told)
}

/// How long the last answer asks to wait. The other form, the time of day, depends on two clocks and is not read.
pub(crate) fn retry_after() -> Option<Duration> {
    header("retry-after:")?.parse().ok().map(Duration::from_secs)
}

/// The value of a header of the last answer, in lower case.
fn header(start: &str) -> Option<String> {
    ANSWER.with_borrow(|answer| {
        let (headers, _) = parts(answer)?;
        headers.lines().find_map(|line| line.strip_prefix(start)).map(|value| value.trim().to_owned())
    })
}

/// Requests come past here too, with their credentials, and are not kept.
fn note(_: TraceLevel, line: &[u8]) {
    ANSWER.with_borrow_mut(|answer| {
        if line.starts_with(REQUEST) {
            answer.clear();
        } else if let Some(received) = line.strip_prefix(RECEIVED) {
            let room = KEPT_BYTES_MAX - answer.len();
            answer.extend(received.iter().take(room));
        }
    });
}

fn read(answer: &[u8]) -> Answer {
    let Some((headers, body)) = parts(answer) else { return Answer::Missing };
    let Some(body) = body_of(&headers, body) else {
        return if has(&headers, "transfer-encoding:") { Answer::CutOff } else { Answer::WithoutLength };
    };
    match refusal(body) {
        Some(message) => Answer::Refusal(message),
        None if body.is_empty() && is_of_no_bytes(&headers) => Answer::Empty,
        None => Answer::CutOff,
    }
}

/// The headers in lower case, and what came after them.
fn parts(answer: &[u8]) -> Option<(String, &[u8])> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some((String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase(), &answer[end + 4..]))
}

fn has(headers: &str, start: &str) -> bool {
    headers.lines().any(|line| line.starts_with(start))
}

/// Whether nothing is missing of a body that has no bytes.
fn is_of_no_bytes(headers: &str) -> bool {
    let length = headers.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.is_none_or(|length| length.trim() == "0")
}

/// The body, of which no more than the first chunk; nothing if its length is not told, or the first chunk has not come.
fn body_of<'a>(headers: &str, body: &'a [u8]) -> Option<&'a [u8]> {
    if !has(headers, "transfer-encoding:") {
        return has(headers, "content-length:").then_some(body);
    }
    let end = body.windows(2).position(|two| two == b"\r\n")?;
    let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).ok()?.trim(), 16).ok()?;
    let chunk = &body[end + 2..];
    Some(&chunk[..size.min(chunk.len())])
}

/// The text of the packet line `ERR` that a body begins with, if it is whole.
fn refusal(body: &[u8]) -> Option<String> {
    let length = std::str::from_utf8(body.get(..4)?).ok()?;
    let line = body.get(4..usize::from_str_radix(length, 16).ok()?)?;
    Some(String::from_utf8_lossy(line.strip_prefix(b"ERR ")?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_by_its_headers_and_its_first_line() {
        let err = "0020ERR upload-pack: not our ref";
        let refused = || Answer::Refusal("upload-pack: not our ref".to_owned());
        for (headers, body, expected) in [
            ("Content-Length: 32", err, refused()),
            ("content-length: 32", err, refused()),
            ("Transfer-Encoding: chunked", &format!("20\r\n{err}\r\n0\r\n\r\n"), refused()),
            ("Content-Length: 32", "0020ERR upload-pack: not", Answer::CutOff),
            ("Content-Length: 0", "", Answer::Empty),
            ("Transfer-Encoding: chunked", "0\r\n\r\n", Answer::Empty),
            ("Transfer-Encoding: chunked", "", Answer::CutOff),
            ("Content-Length: 8", "", Answer::CutOff),
            ("Transfer-Encoding: chunked", "8\r\n0008NAK\n\r\n0\r\n\r\n", Answer::CutOff),
            ("Content-Length: 8", "0008NAK\n", Answer::CutOff),
            ("Content-Length: 8", "0003ERR ", Answer::CutOff),
            ("Connection: close", "0008NAK\n", Answer::WithoutLength),
        ] {
            let answer = format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n{body}");
            assert_eq!(read(answer.as_bytes()), expected, "{answer:?}");
        }
        assert_eq!(read(b"HTTP/1.1 200 OK\r\n"), Answer::Missing);
    }

    #[test]
    fn a_request_begins_a_new_answer_and_is_not_kept() {
        note(TraceLevel::Trace, b"Received:\nHTTP/1.1 401 No\r\n\r\n");
        note(TraceLevel::Trace, b"Sending request:\nAuthorization: Basic c2VjcmV0\r\n\r\n");
        note(TraceLevel::Trace, b"Received:\nHTTP/1.1 200 OK\r\nContent-Length: 8\r\n");
        note(TraceLevel::Trace, b"Received:\n\r\n0008NAK\n");
        let kept = ANSWER.with_borrow(|answer| String::from_utf8(answer.clone()).unwrap());
        assert_eq!(kept, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n0008NAK\n");
        note(TraceLevel::Trace, &[RECEIVED, &[b'x'; 2 * KEPT_BYTES_MAX]].concat());
        assert_eq!(ANSWER.with_borrow(Vec::len), KEPT_BYTES_MAX);
        forget();
        assert_eq!(last(), Answer::Missing);
    }
}
