use std::{fmt, path::Path, str::FromStr};

use url::Url;

use crate::RepositoryUrl;

/// A server, or a part of one, that URLs are compared to: `https://gitlab.example.org/` or
/// `https://gitlab.example.org/courses/`.
///
/// The parts of both URLs are compared and never their text, so that `https://gitlab.example.org.evil/`, another port,
/// user information, `..` or an encoded separator lead nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlPrefix(Url);

/// A string is not a valid [`UrlPrefix`]. The error does not repeat it: it may be a secret on the wrong line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a URL prefix is `https://`, `http://`, `ssh://` or `file://`, a host and a path that ends with `/`, \
     without password, query and fragment"
)]
pub struct MalformedPrefix;

impl UrlPrefix {
    /// Whether a repository lies below it.
    #[must_use]
    pub fn covers(&self, url: &RepositoryUrl) -> bool {
        if has_encoded_separator(url.as_str()) {
            return false;
        }
        let Some(url) = whole(url) else { return false };
        let names_user = !self.0.username().is_empty();
        url.scheme() == self.0.scheme()
            && host(&url) == host(&self.0)
            && port(&url) == port(&self.0)
            && (!names_user || url.username() == self.0.username())
            && url.path().starts_with(self.0.path())
    }

    /// The widest prefix that covers a repository: its whole server.
    #[must_use]
    pub fn of_server(url: &RepositoryUrl) -> Option<Self> {
        let mut url = whole(url)?;
        url.set_path("/");
        url.as_str().parse().ok()
    }
}

impl FromStr for UrlPrefix {
    type Err = MalformedPrefix;

    fn from_str(text: &str) -> Result<Self, MalformedPrefix> {
        let text = if Path::new(text).is_absolute() { format!("file://{text}") } else { text.to_owned() };
        let url = Url::parse(&text).map_err(|_| MalformedPrefix)?;
        let has_user = match url.scheme() {
            "https" | "http" => !url.username().is_empty(),
            "ssh" => false,
            "file" => !url.username().is_empty() || url.host_str().is_some(),
            _ => return Err(MalformedPrefix),
        };
        let is_whole = text.contains("://")
            && !text.contains(|c: char| c == '\\' || c.is_control())
            && !has_user
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.path().ends_with('/')
            && (url.scheme() == "file" || url.host_str().is_some_and(|host| !host.is_empty()))
            && !has_encoded_separator(&text);
        if is_whole { Ok(Self(url)) } else { Err(MalformedPrefix) }
    }
}

impl fmt::Display for UrlPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// As a URL, in which `..` is resolved; a plain path becomes one, too.
fn whole(url: &RepositoryUrl) -> Option<Url> {
    let text = url.as_str();
    if Path::new(text).is_absolute() { Url::parse(&format!("file://{text}")) } else { Url::parse(text) }.ok()
}

fn host(url: &Url) -> Option<String> {
    // Only of `http` and `https` are hosts brought into lower case when they are read.
    url.host_str().map(str::to_ascii_lowercase)
}

fn port(url: &Url) -> Option<u16> {
    url.port_or_known_default().or_else(|| (url.scheme() == "ssh").then_some(22))
}

/// Whether decoding the path would give other folders than those that are compared here.
fn has_encoded_separator(url: &str) -> bool {
    let url = url.to_ascii_lowercase();
    ["%2f", "%5c", "%2e", "%25"].iter().any(|code| url.contains(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(prefix: &str, url: &str) -> bool {
        prefix.parse::<UrlPrefix>().unwrap().covers(&url.parse().unwrap())
    }

    #[test]
    fn a_prefix_covers_what_lies_below_it_however_it_is_written() {
        for (prefix, url) in [
            ("https://gitlab.example.org/", "https://gitlab.example.org/a.git"),
            ("https://gitlab.example.org/", "HTTPS://GitLab.Example.ORG:443/a.git"),
            ("https://GitLab.example.org:443/courses/", "https://gitlab.example.org/courses/x/a.git"),
            ("https://gitlab.example.org/b/", "https://gitlab.example.org/a/../b/a.git"),
            ("ssh://gitlab.example.org/", "git@GitLab.example.org:group/a.git"),
            ("ssh://git@gitlab.example.org:22/group/", "ssh://git@gitlab.example.org/group/a.git"),
            ("file:///srv/courses/", "/srv/courses/a.git"),
            ("/srv/courses/", "file:///srv/courses/a.git"),
        ] {
            assert!(covers(prefix, url), "{prefix} {url}");
        }
    }

    #[test]
    fn what_only_looks_like_a_prefix_does_not_cover() {
        for (prefix, url) in [
            ("https://gitlab.example.org/", "https://gitlab.example.org.evil/a.git"),
            ("https://gitlab.example.org/", "https://evil/gitlab.example.org/a.git"),
            ("https://gitlab.example.org/", "https://gitlab.example.org:8443/a.git"),
            ("https://gitlab.example.org/", "http://gitlab.example.org/a.git"),
            ("https://gitlab.example.org/", "http://gitlab.example.org:443/a.git"),
            ("https://gitlab.example.org/b/", "https://gitlab.example.org/b/../a.git"),
            ("https://gitlab.example.org/b/", "https://gitlab.example.org/b/%2E%2e/a.git"),
            ("https://gitlab.example.org/b/", "https://gitlab.example.org/b/..%2fa.git"),
            ("https://gitlab.example.org/b/", "https://gitlab.example.org/b/%252e%252e/a.git"),
            ("https://gitlab.example.org/b/", "https://gitlab.example.org/bb/a.git"),
            ("ssh://git@gitlab.example.org/", "lea@gitlab.example.org:a.git"),
            ("ssh://gitlab.example.org/", "ssh://git@gitlab.example.org:2222/a.git"),
            ("/srv/courses/", "/srv/courses/../private.git"),
            ("/srv/courses/", "/srv/courses-2/a.git"),
            ("/srv/courses/", "/srv/private/%2e%2e/courses/a.git"),
        ] {
            assert!(!covers(prefix, url), "{prefix} {url}");
        }
    }

    #[test]
    fn a_text_that_is_no_whole_prefix_is_refused() {
        for text in [
            "",
            "gitlab.example.org",
            "https://gitlab.example.org/a",
            "https://user@gitlab.example.org/",
            "https://user:password@gitlab.example.org/",
            "https://gitlab.example.org/?a",
            "https://gitlab.example.org/#a",
            "https:\\\\gitlab.example.org/",
            "https:gitlab.example.org/",
            "ftp://gitlab.example.org/",
            "ssh:///a/",
            "file://host/a/",
            "glpat-1",
        ] {
            text.parse::<UrlPrefix>().unwrap_err();
        }
    }

    #[test]
    fn the_server_of_a_url_is_a_prefix_of_it() {
        let url = "https://gitlab.example.org:8443/a/b.git".parse().unwrap();
        let server = UrlPrefix::of_server(&url).unwrap();
        assert_eq!(server.to_string(), "https://gitlab.example.org:8443/");
        assert!(server.covers(&url));
    }
}
