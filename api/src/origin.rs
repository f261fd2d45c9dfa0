//! Origins of web pages, as browsers name them in the header `Origin` (RFC 6454).

use std::{fmt, str::FromStr};

use serde::Deserialize;
use url::{Host, Url};

/// Schemes of addresses whose pages have no origin of their own, or that are not of pages.
const SCHEMES_WITHOUT_PAGES: [&str; 10] =
    ["about", "blob", "data", "file", "ftp", "javascript", "mailto", "view-source", "ws", "wss"];

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

/// Why text does not name an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// There is no scheme.
    #[error("`{0}` has no scheme; write `https://{0}`")]
    Scheme(String),
    /// No page has an origin of this scheme.
    #[error("`{0}` is not the origin of a page; write `https://` or `http://` with its host")]
    NoPage(String),
    /// There are several.
    #[error("`{0}` is more than one origin; separate them with a comma")]
    Several(String),
    /// There is more than scheme, host and port.
    #[error("`{found}` is more than an origin; write `{origin}`")]
    More {
        /// The text.
        found: String,
        /// Its origin.
        origin: String,
    },
    /// `*` stands in a place where it means nothing.
    #[error("`{0}` has a `*` in the wrong place; write `*` alone for every page, or `https://*.example.com`")]
    Star(String),
    /// The rest.
    #[error("`{0}` is not an origin: {1}")]
    Malformed(String, String),
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
        let text = text.trim();
        match text {
            "*" => return Ok(Self(Pattern::Any)),
            "null" => return Ok(Self(Pattern::Exact("null".to_owned()))),
            _ => {}
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(match text.contains('*') {
                true => OriginError::Star(text.to_owned()),
                false => OriginError::Scheme(text.trim_end_matches('/').to_owned()),
            });
        };
        if SCHEMES_WITHOUT_PAGES.contains(&scheme.to_ascii_lowercase().as_str()) {
            return Err(OriginError::NoPage(text.to_owned()));
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains([';', ',']) {
            return Err(OriginError::Several(text.to_owned()));
        }
        if let Some(host) = rest.strip_prefix("*.") {
            let url = format!("{scheme}://{host}");
            let origin = exact(text, &url)?;
            if Url::parse(&url).is_ok_and(|url| matches!(url.host(), Some(Host::Ipv4(_) | Host::Ipv6(_)))) {
                let reason = "an IP address has no subdomains".to_owned();
                return Err(OriginError::Malformed(text.to_owned(), reason));
            }
            let (scheme, host) = origin.split_once("://").unwrap_or_default();
            return Ok(Self(Pattern::Subdomains(format!("{scheme}://"), format!(".{host}"))));
        }
        exact(text, text).map(Pattern::Exact).map(Self)
    }
}

/// The origin of a URL that has no more than that.
fn exact(shown: &str, url: &str) -> Result<String, OriginError> {
    let malformed = |reason: &str| OriginError::Malformed(shown.to_owned(), reason.to_owned());
    if url.contains('*') {
        return Err(OriginError::Star(shown.to_owned()));
    }
    let parsed = Url::parse(url).map_err(|error| malformed(&error.to_string()))?;
    let host =
        parsed.host().filter(|host| *host != Host::Domain("")).ok_or_else(|| malformed("it has no host"))?;
    let port = parsed.port().map_or_else(String::new, |port| format!(":{port}"));
    let origin = format!("{}://{}{port}", parsed.scheme(), host.to_string().to_ascii_lowercase());
    let is_bare = matches!(parsed.path(), "" | "/")
        && parsed.query().is_none()
        && parsed.fragment().is_none()
        && parsed.username().is_empty()
        && parsed.password().is_none();
    if is_bare { Ok(origin) } else { Err(OriginError::More { found: shown.to_owned(), origin }) }
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
            ("null", "null"),
            ("*", "*"),
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), kept);
        }
    }

    #[test]
    fn other_text_is_refused_with_the_remedy() {
        for (text, remedy) in [
            ("console.example.com", "has no scheme; write `https://console.example.com`"),
            ("localhost:3000", "has no scheme; write `https://localhost:3000`"),
            ("", "has no scheme"),
            ("https://example.com/console", "write `https://example.com`"),
            ("https://ada:x@example.com", "write `https://example.com`"),
            ("https://example.com?x", "write `https://example.com`"),
            ("https://*", "`*` in the wrong place"),
            ("*.example.com", "`*` in the wrong place"),
            ("https://a.*.com", "`*` in the wrong place"),
            ("https://", "is not an origin"),
            ("file:///srv", "is not the origin of a page; write `https://`"),
            ("javascript://x", "is not the origin of a page"),
            ("FTP://h", "is not the origin of a page"),
            ("http://*.1", "an IP address has no subdomains"),
            ("https://a;https://b", "is more than one origin; separate them with a comma"),
            ("https://a,https://b", "is more than one origin; separate them with a comma"),
            ("tauri://", "it has no host"),
            ("https://exa mple.com", "is not an origin"),
            ("https://example.com:99999", "is not an origin"),
        ] {
            let error = text.parse::<Origin>().unwrap_err().to_string();
            assert!(error.contains(remedy), "{text}: {error}");
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
