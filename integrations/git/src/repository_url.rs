use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use url::{Host, Url};

const URL_BYTES_MAX: usize = 2048;
/// Tokens of forges are longer.
const SSH_USER_BYTES_MAX: usize = 24;
const TOKEN_PREFIXES: [&str; 3] = ["glpat-", "ghp_", "github_pat_"];

/// A checked URL that carries no credential, and is therefore safe to show.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RepositoryUrl {
    text: String,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Place {
    Http { origin: String },
    Ssh,
    Local,
}

/// A string is not a valid [`RepositoryUrl`]. The error does not repeat it: it may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedUrl {
    #[error("the repository URL is invalid: {reason}")]
    Invalid { reason: &'static str },
    #[error("the repository URL carries a credential; name a secret by reference instead")]
    Credential,
}

impl RepositoryUrl {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn is_local(&self) -> bool {
        self.place == Place::Local
    }

    /// The path of a local repository.
    pub(crate) fn local_path(&self) -> Option<PathBuf> {
        if self.place != Place::Local {
            return None;
        }
        let path = Path::new(&self.text);
        if path.is_absolute() {
            return Some(path.to_owned());
        }
        Url::parse(&self.text).ok()?.to_file_path().ok()
    }

    pub(crate) fn is_ssh(&self) -> bool {
        self.place == Place::Ssh
    }

    /// Whether a credential for this repository may be shown to `other`, where a redirection may have led.
    pub(crate) fn shares_origin(&self, other: &str) -> bool {
        match &self.place {
            Place::Http { origin } => {
                Url::parse(other).is_ok_and(|other| other.origin().ascii_serialization() == *origin)
            }
            Place::Ssh | Place::Local => true,
        }
    }

    /// Whether what is sent there is readable on the network.
    pub(crate) fn is_in_the_clear(&self) -> bool {
        let Ok(url) = Url::parse(&self.text) else { return false };
        let is_here = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        url.scheme() == "http" && !is_here
    }

    fn parse_url(url: &Url) -> Result<Self, MalformedUrl> {
        let place = match url.scheme() {
            "http" | "https" => {
                // A user name alone is refused as well: forges take a token in its place.
                if !url.username().is_empty() || url.password().is_some() {
                    return Err(MalformedUrl::Credential);
                }
                Place::Http { origin: url.origin().ascii_serialization() }
            }
            "ssh" => {
                if url.password().is_some() || !(url.username().is_empty() || is_user(url.username())) {
                    return Err(MalformedUrl::Credential);
                }
                Place::Ssh
            }
            "file" => Place::Local,
            _ => {
                return Err(MalformedUrl::Invalid {
                    reason: "expected the scheme `https`, `http`, `ssh` or `file`",
                });
            }
        };
        if place != Place::Local && url.host_str().is_none_or(str::is_empty) {
            return Err(MalformedUrl::Invalid { reason: "it has no host" });
        }
        Ok(Self { text: url.as_str().to_owned(), place })
    }

    /// The short form of SSH: `git@host:path`.
    fn parse_scp(text: &str) -> Option<Result<Self, MalformedUrl>> {
        let (authority, path) = text.split_once(':')?;
        // `user:password@host` has its colon first, and so its `@` in the path.
        if path.contains('@') {
            return Some(Err(MalformedUrl::Credential));
        }
        let (user, host) = authority.split_once('@')?;
        if host.is_empty() || host.contains('/') {
            return None;
        }
        let long = format!("ssh://{user}@{host}/{}", path.trim_start_matches('/'));
        Some(match Url::parse(&long) {
            Ok(url) => Self::parse_url(&url),
            Err(_) => Err(MalformedUrl::Invalid { reason: "it is not a URL" }),
        })
    }
}

impl FromStr for RepositoryUrl {
    type Err = MalformedUrl;

    fn from_str(text: &str) -> Result<Self, MalformedUrl> {
        if text.is_empty() || text.len() > URL_BYTES_MAX {
            return Err(MalformedUrl::Invalid { reason: "it is empty or longer than 2048 bytes" });
        }
        if text.contains(|c: char| c.is_control() || c == '\\') {
            return Err(MalformedUrl::Invalid { reason: "it has a control character or a backslash" });
        }
        // A token in a query or a fragment, which a path of SSH or of this machine may have as well.
        if text.contains(['?', '#']) {
            return Err(MalformedUrl::Credential);
        }
        if Path::new(text).is_absolute() {
            return Ok(Self { text: text.to_owned(), place: Place::Local });
        }
        if text.contains("://") {
            let url = Url::parse(text).map_err(|_| MalformedUrl::Invalid { reason: "it is not a URL" })?;
            return Self::parse_url(&url);
        }
        Self::parse_scp(text)
            .unwrap_or(Err(MalformedUrl::Invalid { reason: "it is neither a URL nor an absolute path; expected `https://…`, `http://…`, `ssh://…`, `user@host:path` or a path" }))
    }
}

/// The login of a machine. A token in its place is longer, or has capitals.
fn is_user(name: &str) -> bool {
    name.len() <= SSH_USER_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
        && !TOKEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

impl fmt::Display for RepositoryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
