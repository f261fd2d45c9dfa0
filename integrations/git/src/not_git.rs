//! Answers of web servers that are not what Git over HTTP would answer, in words that say what is there instead.
//!
//! Whoever waits gets the same again, so that these are not repeated. A server that is not well says so by its status.

use git2::ErrorClass;

use crate::{answer, phase::Phase, ssh::one_line};

const OTHER_TYPE: &str = "invalid content-type: ";
/// How the list of references begins that a server sends which speaks version 2 of the protocol to everybody.
const VERSION_2: &[u8] = b"000eversion 2\n";

/// What is wrong with an answer that is not Git's, if it is that which made libgit2 fail. `message` has been cleared of
/// secrets.
pub(crate) fn reason(fault: &git2::Error, message: &str, phase: Phase) -> Option<String> {
    match fault.class() {
        ErrorClass::Http => of_http(message, phase),
        ErrorClass::Net if message.starts_with("cannot redirect ") => {
            Some(format!("it redirects where it is not followed: {}", one_line(message)))
        }
        ErrorClass::Net if phase == Phase::Connecting => of_list(),
        _ => None,
    }
}

fn of_http(message: &str, phase: Phase) -> Option<String> {
    let reason = match message {
        "too many redirects or authentication replays" => "it redirects in circles, or too often".to_owned(),
        "redirect without location" => "it redirects and does not say where to".to_owned(),
        "unexpected redirect" => "it redirects the request for objects, which is not followed".to_owned(),
        // Later it is a proxy's page in place of an answer of Git, whose list was there before.
        _ if phase != Phase::Connecting => return None,
        "no content-type header in response" => "its answer has no `Content-Type`".to_owned(),
        _ => of_type(message.strip_prefix(OTHER_TYPE)?.trim_matches('\'')),
    };
    Some(reason)
}

fn of_type(found: &str) -> String {
    let plain = found.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let found = one_line(found);
    match plain.as_str() {
        "text/html" | "application/xhtml+xml" => format!(
            "it answers with a web page (`{found}`), as a page to sign in does, or an address that is not that of a \
             repository; compare it with the address to clone from"
        ),
        "text/plain" | "application/octet-stream" => format!(
            "it answers with a file (`{found}`), as a web server does that only has the files of a repository (the \
             dumb protocol of Git, which is not supported); serve it by `git http-backend`"
        ),
        _ => format!("it answers with the content type `{found}`, expected a list of references"),
    }
}

/// What the list of references is, if libgit2 could not read it.
fn of_list() -> Option<String> {
    if let Some(encoding) = answer::encoding() {
        return Some(format!(
            "its answer is encoded (`Content-Encoding: {encoding}`) though nobody asked for that; turn it off for \
             Git in the server, or in the proxy before it"
        ));
    }
    answer::list_begins_with(VERSION_2)
        .then(|| "it speaks only version 2 of the Git protocol, expected version 0 or 1".to_owned())
}
