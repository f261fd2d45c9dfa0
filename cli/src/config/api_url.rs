use std::{fmt, net::IpAddr, str::FromStr};

use reqwest::Url;
use serde::Deserialize;

use super::password;

/// The address of a ctutor, without the path of its endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ApiUrl(pub(crate) Url);

/// Why a string is no such address. What may hold a password is not repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    NoScheme {
        remedy: String,
    },
    Scheme(String),
    /// The token has the only place where a request can carry a password.
    UserInfo,
    Query,
    Fragment,
    Malformed(String),
}

impl ApiUrl {
    /// Whether it leads to this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(self.0.host_str().unwrap_or_default())
    }
}

impl fmt::Display for ApiUrl {
    /// It has nothing that may not be shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl TryFrom<String> for ApiUrl {
    type Error = Fault;

    fn try_from(text: String) -> Result<Self, Fault> {
        let text = text.trim();
        let Some((scheme, rest)) = text.split_once("://") else { return Err(without_scheme(text)) };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(Fault::UserInfo);
        }
        if !["http", "https"].iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
            return Err(Fault::Scheme(scheme.to_owned()));
        }
        match Url::parse(text) {
            // A password with a `/` ends the authority, so that its begin stands for a port.
            Err(_) if password::seems_unencoded(text) => Err(Fault::UserInfo),
            Err(error) => Err(Fault::Malformed(in_words(error).to_owned())),
            Ok(url) if url.query().is_some() => Err(Fault::Query),
            Ok(url) if url.fragment().is_some() => Err(Fault::Fragment),
            Ok(url) => Ok(Self(url)),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoScheme { remedy } => write!(f, "it has no scheme; write `{remedy}`"),
            Self::Scheme(scheme) => write!(f, "its scheme is `{scheme}`, not `http` or `https`"),
            Self::UserInfo => f.write_str(
                "it has a user or a password, which the API does not take; remove all up to the `@`, and pass a token \
                 with CTUTOR_TOKEN or `--token`",
            ),
            Self::Query => f.write_str("it has a query; remove the `?` and what follows"),
            Self::Fragment => f.write_str("it has a fragment; remove the `#` and what follows"),
            Self::Malformed(reason) => f.write_str(reason),
        }
    }
}

type ParseError = <Url as FromStr>::Err;

fn in_words(error: ParseError) -> &'static str {
    match error {
        ParseError::EmptyHost => "it has no host",
        ParseError::InvalidPort => "its port is not a number from 0 to 65535",
        ParseError::IdnaError | ParseError::InvalidDomainCharacter => {
            "its host has a character that no name of a host has, such as a space"
        }
        ParseError::InvalidIpv4Address => "its host looks like an IPv4 address and is none",
        ParseError::InvalidIpv6Address => "its host in brackets is not an IPv6 address",
        _ => "it is not a URL",
    }
}

fn without_scheme(text: &str) -> Fault {
    if text.contains('@') {
        return Fault::UserInfo;
    }
    // A colon before a port stands where one after a scheme would, and an IPv6 address has several.
    let bare = text.trim_start_matches('/');
    let authority = bare.split('/').next().unwrap_or_default();
    let text = match authority.parse::<IpAddr>() {
        Ok(IpAddr::V6(_)) => bare.replacen(authority, &format!("[{authority}]"), 1),
        _ => bare.to_owned(),
    };
    let host = match authority.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None if authority.parse::<IpAddr>().is_ok() => authority,
        None => authority.split(':').next().unwrap_or_default(),
    };
    if host.is_empty() {
        return Fault::Malformed("it has no host".to_owned());
    }
    let scheme = if is_loopback(host) { "http" } else { "https" };
    Fault::NoScheme { remedy: format!("{scheme}://{text}") }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_as_people_write_it() {
        for (text, shown) in [
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
            (" HTTPS://Example.org/ctutor/\n", "https://example.org/ctutor"),
            ("http://[::1]:8000/", "http://[::1]:8000"),
            ("http://münchen.example", "http://xn--mnchen-3ya.example"),
            ("http://host:8000/a@b", "http://host:8000/a@b"),
        ] {
            assert_eq!(ApiUrl::try_from(text.to_owned()).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_address_is_told_with_the_remedy_and_without_a_password() {
        for (text, fault) in [
            ("localhost:8000", "it has no scheme; write `http://localhost:8000`"),
            ("127.0.0.1:8000/", "it has no scheme; write `http://127.0.0.1:8000/`"),
            ("[::1]:8000", "it has no scheme; write `http://[::1]:8000`"),
            ("::1", "it has no scheme; write `http://[::1]`"),
            ("//example.org/ctutor", "it has no scheme; write `https://example.org/ctutor`"),
            ("", "it has no host"),
            ("ftp://example.org", "its scheme is `ftp`, not `http` or `https`"),
            ("http://ada:s3cret@example.org", "remove all up to the `@`"),
            ("http://s3cret@example.org", "remove all up to the `@`"),
            ("http://ada:p/s3cret@example.org", "remove all up to the `@`"),
            ("ada:s3cret@example.org", "remove all up to the `@`"),
            ("http://example.org/?x=1", "it has a query"),
            ("http://example.org/#token=s3cret", "it has a fragment"),
            ("http://example.org:99999", "its port is not a number from 0 to 65535"),
            ("http://", "it has no host"),
            ("http://:80", "it has no host"),
            ("http://a b", "its host has a character that no name of a host has"),
            ("http://1.2.3.999", "looks like an IPv4 address and is none"),
            ("http://[::g]", "is not an IPv6 address"),
        ] {
            let told = ApiUrl::try_from(text.to_owned()).unwrap_err().to_string();
            assert!(told.contains(fault) && !told.contains("s3cret"), "{text}: {told}");
        }
    }

    #[test]
    fn addresses_of_this_machine_are_known() {
        for (url, expected) in [
            ("http://localhost:8000", true),
            ("http://127.0.0.2", true),
            ("http://[::1]:80", true),
            ("http://example.org", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(ApiUrl::try_from(url.to_owned()).unwrap().is_loopback(), expected, "{url}");
        }
    }
}
