//! Origins of web pages, as browsers name them in the header `Origin` (RFC 6454).

mod error;
mod read;

use std::{fmt, str::FromStr};

use serde::Deserialize;

pub use error::OriginError;

/// Pages that may call from elsewhere: one origin, all subdomains of a host, `null`, or `*` for every page.
///
/// It is kept as browsers write it: scheme and host in lower case, international names in their ASCII form, and no port
/// where it is the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Origin(Pattern);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Any,
    Exact(String),
    /// What stands before and after the labels of the subdomain: `https://` and `.example.com:8443`.
    Subdomains(String, String),
}

impl Origin {
    /// Whether a page of this origin may call.
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        match &self.0 {
            Pattern::Any => true,
            Pattern::Exact(allowed) => allowed.eq_ignore_ascii_case(origin),
            Pattern::Subdomains(before, after) => {
                let origin = origin.to_ascii_lowercase();
                let inner =
                    origin.strip_prefix(before.as_str()).and_then(|rest| rest.strip_suffix(after.as_str()));
                inner.is_some_and(|labels| !labels.is_empty() && !labels.contains(['/', ':', '@']))
            }
        }
    }

    /// Whether it stands for every page.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.0 == Pattern::Any
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        read::pattern(text).map(Self)
    }
}

impl TryFrom<String> for Origin {
    type Error = OriginError;

    fn try_from(text: String) -> Result<Self, OriginError> {
        text.parse()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Pattern::Any => f.write_str("*"),
            Pattern::Exact(origin) => f.write_str(origin),
            Pattern::Subdomains(before, after) => write!(f, "{before}*{after}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_kept_as_browsers_write_it() {
        for (text, kept) in [
            ("https://console.example.com", "https://console.example.com"),
            (" HTTPS://Console.Example.com/ ", "https://console.example.com"),
            ("https://console.example.com:443", "https://console.example.com"),
            ("http://localhost:80/", "http://localhost"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("https://münchen.example", "https://xn--mnchen-3ya.example"),
            ("https://*.Example.com:8443", "https://*.example.com:8443"),
            ("tauri://localhost", "tauri://localhost"),
            ("chrome-extension://abcdef", "chrome-extension://abcdef"),
            ("http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000"),
            ("http://127.1", "http://127.0.0.1"),
            ("https://*.localhost:3000", "https://*.localhost:3000"),
            ("https://localhost:", "https://localhost"),
            ("null", "null"),
            ("*", "*"),
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), kept);
        }
    }

    #[test]
    fn other_text_is_refused_with_the_remedy() {
        for (text, told) in [
            (
                "console.example.com",
                "`console.example.com` has no scheme; write `https://console.example.com`",
            ),
            ("localhost:3000", "has no scheme; write `http://localhost:3000`"),
            ("//console.example.com/x", "has no scheme; write `https://console.example.com`"),
            ("::1", "has no scheme; write `https://[::1]`"),
            ("", "the origin has no scheme, for it is empty"),
            ("https:/a.example", "does not have `://` behind `https`; write `https://a.example`"),
            ("HTTP:a.example:8080/x", "does not have `://` behind `http`; write `http://a.example:8080`"),
            ("https//a.example", "write `https://a.example`"),
            ("https:\\\\a.example", "write `https://a.example`"),
            ("https:///a.example/x", "has more than two slashes behind `https:`; write `https://a.example`"),
            ("https://", "it has no host"),
            ("https:", "it has no host"),
            ("tauri://", "it has no host"),
            ("NULL", "write `null`"),
            ("all", "write `*` for every page"),
            ("none", "leave the list empty"),
            (
                "https://a.example https://b.example",
                "separate them with a comma: `https://a.example,https://b.example`",
            ),
            (
                "https://a;https://b",
                "is more than one origin; separate them with a comma: `https://a,https://b`",
            ),
            ("https://a,https://b", "is more than one origin; separate them with a comma"),
            (
                "https://exa mple.com",
                "has the character ' ' in it, which no origin has; write `https://example.com`",
            ),
            ("https://a\texample", "has the character '\\t' in it"),
            ("[\"https://a.example\"", "has quotes or brackets around it; write `https://a.example`, and"),
            ("'https://a.example'", "write `https://a.example`, and"),
            ("<http://[::1]>", "write `http://[::1]`, and"),
        ] {
            let error = text.parse::<Origin>().unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn what_no_page_has_is_refused_with_the_remedy() {
        for (text, told) in [
            ("https://example.com/console", "it has a path; write `https://example.com`"),
            ("https://example.com?x", "it has a query; write `https://example.com`"),
            ("https://example.com#x", "it has a fragment; write `https://example.com`"),
            ("https://*.example.com/x", "it has a path; write `https://*.example.com`"),
            ("https://a..example", "has a dot too many in its host; write `https://a.example`"),
            ("https://*..example.com", "has a dot too many in its host; write `https://*.example.com`"),
            ("https://a.example.:8443", "has a dot at the end of its host"),
            (
                "https://::1:3000",
                "has an IPv6 address without brackets; write `https://[::1:3000]`; a port stands behind",
            ),
            ("https://fe80::x", "has an IPv6 address without brackets; write it as in `http://[::1]:3000`"),
            ("http://[fe80::1%25eth0]", "is not an IPv6 address; write it in brackets and without a zone"),
            ("https://a.example:0", "has the port 0, which no page has; write `https://a.example`"),
            ("https://a.example:65536", "has the port `65536`, which is not a number from 1 to 65535"),
            ("https://a.example:+80", "has the port `+80`"),
            ("https://a.example:*", "in the place of a port; name each port"),
            ("https://1.2.3.256", "looks like an IPv4 address and is none"),
            ("https://*", "`*` in the wrong place"),
            ("https://a.*.com", "`*` in the wrong place"),
            ("*.example.com", "has no scheme; write `https://*.example.com`"),
            (
                "*://example.com",
                "in the place of its scheme; write `https://example.com`, and `http://example.com`",
            ),
            ("https://*.com", "stands for every page below `.com`; name a domain of yours"),
            ("http://*.1", "an IP address has no subdomains; write `http://0.0.0.1`"),
            ("file:///srv", "pages from files have none; write `null`"),
            ("data:text/html", "write `null`"),
            (
                "wss://a.example/graphql",
                "is the address of a socket, not the origin of a page; write `https://a.example`",
            ),
            ("javascript://x", "is not the origin of a page; write `https://` or"),
            ("FTP://h", "is not the origin of a page"),
        ] {
            let error = text.parse::<Origin>().unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn a_user_name_or_password_is_refused_and_not_repeated() {
        for text in
            ["https://ada:s3cret@example.com/x", "ada:s3cret@example.com", "[https://s3cret@example.com"]
        {
            let error = text.parse::<Origin>().unwrap_err().to_string();
            assert!(
                error.contains("has a user name or password, which browsers do not send; write `"),
                "{error}"
            );
            assert!(error.contains("https://example.com`") && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_page_is_allowed_by_its_whole_origin() {
        let allows = |pattern: &str, origin: &str| pattern.parse::<Origin>().unwrap().allows(origin);
        assert!(allows("https://Example.com", "https://example.com"));
        assert!(!allows("https://example.com", "http://example.com"));
        assert!(!allows("https://example.com", "https://example.com:8443"));
        assert!(allows("https://*.example.com", "https://a.b.example.com"));
        assert!(!allows("https://*.example.com", "https://example.com"));
        assert!(!allows("https://*.example.com", "https://evil.com/.example.com"));
        assert!(!allows("https://*.example.com", "https://a.example.com.evil.com"));
        assert!(allows("null", "null") && allows("*", "null") && !allows("https://null", "null"));
    }
}
