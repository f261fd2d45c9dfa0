//! Reads origins as people write them. The host is read as browsers do (WHATWG URL); what they would mend in silence, or
//! what no page can have, is refused with the text to write.

use std::net::Ipv6Addr;

use url::{Host, ParseError, Url};

use super::{OriginError, Pattern};

/// Schemes of addresses whose pages have no origin of their own, or that are not of pages.
const SCHEMES_WITHOUT_PAGES: [&str; 7] =
    ["about", "blob", "data", "ftp", "javascript", "mailto", "view-source"];

/// What people put around an item of a list in other languages.
const WRAPPERS: [char; 11] = ['[', ']', '(', ')', '{', '}', '<', '>', '"', '\'', '`'];

/// The pattern that a text stands for.
pub(super) fn pattern(text: &str) -> Result<Pattern, OriginError> {
    let text = text.trim();
    match text {
        "*" => return Ok(Pattern::Any),
        "null" => return Ok(Pattern::Exact("null".to_owned())),
        _ => {}
    }
    check_user(text)?;
    check_words(text)?;
    check_around(text)?;
    check_within(text)?;
    let (scheme, rest) = scheme(text)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    check_port(text, authority)?;
    match rest.strip_prefix("*.") {
        Some(host) => subdomains(text, scheme, host),
        None => exact(text, text).map(Pattern::Exact),
    }
}

/// A user name or password is refused first, so that nothing repeats it.
fn check_user(text: &str) -> Result<(), OriginError> {
    let Some((before, host)) = text.rsplit_once('@') else { return Ok(()) };
    let scheme = before.split_once("://").map_or("https", |(scheme, _)| scheme);
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    let reason = "has a user name or password, which browsers do not send";
    Err(OriginError::of_secret(reason, format_args!("{scheme}://{host}")))
}

fn check_words(text: &str) -> Result<(), OriginError> {
    match text.to_ascii_lowercase().as_str() {
        "" => Err(OriginError::new(
            text,
            "has no scheme, for it is empty",
            "write one such as `https://console.example.com`",
        )),
        "null" => Err(OriginError::write(text, "is not the word that browsers send", "null")),
        "all" | "any" | "every" | "true" | "yes" => {
            Err(OriginError::new(text, "is not an origin", "write `*` for every page"))
        }
        "none" | "no" | "false" | "off" => Err(OriginError::new(
            text,
            "is not an origin",
            "leave the list empty to allow no page of another origin",
        )),
        _ => Ok(()),
    }
}

/// Quotes and brackets of JSON, YAML or a shell.
fn check_around(text: &str) -> Result<(), OriginError> {
    let start = text.trim_start_matches(WRAPPERS);
    let mut inner = start.trim_end_matches(WRAPPERS);
    if start.contains("://[") && !inner.contains(']') {
        // The bracket of an IPv6 address.
        inner = start.find(']').map_or(inner, |at| &start[..=at]);
    }
    if inner.len() == text.len() {
        return Ok(());
    }
    let reason = "has quotes or brackets around it";
    Err(OriginError::new(text, reason, format!("write `{}`, and separate several with commas", inner.trim())))
}

/// What separates several, and what browsers would drop.
fn check_within(text: &str) -> Result<(), OriginError> {
    let is_between = |character: char| character.is_whitespace() || matches!(character, ',' | ';' | '|');
    let parts: Vec<&str> = text.split(is_between).filter(|part| !part.is_empty()).collect();
    if parts.len() > 1 && parts.iter().all(|part| part.contains("://") || matches!(*part, "*" | "null")) {
        let reason = "is more than one origin";
        return Err(OriginError::new(
            text,
            reason,
            format!("separate them with a comma: `{}`", parts.join(",")),
        ));
    }
    match text.chars().find(|character| is_between(*character) || character.is_control()) {
        Some(found) => {
            let without: String =
                text.chars().filter(|character| !is_between(*character) && !character.is_control()).collect();
            let reason = format!("has the character {found:?} in it, which no origin has");
            Err(OriginError::write(&text.escape_debug().to_string(), reason, without))
        }
        None => Ok(()),
    }
}

/// The scheme of a page, and what stands behind `://`.
fn scheme(text: &str) -> Result<(&str, &str), OriginError> {
    let Some((scheme, rest)) = text.split_once("://") else { return Err(without_scheme(text)) };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let lower = scheme.to_ascii_lowercase();
    match lower.as_str() {
        "file" => {
            Err(OriginError::write(text, "is not the origin of a page: pages from files have none", "null"))
        }
        "ws" => Err(OriginError::write(
            text,
            "is the address of a socket, not the origin of a page",
            format_args!("http://{host}"),
        )),
        "wss" => Err(OriginError::write(
            text,
            "is the address of a socket, not the origin of a page",
            format_args!("https://{host}"),
        )),
        known if SCHEMES_WITHOUT_PAGES.contains(&known) => Err(OriginError::new(
            text,
            "is not the origin of a page",
            "write `https://` or `http://` with its host",
        )),
        "*" => Err(OriginError::new(
            text,
            "has a `*` in the place of its scheme",
            format!("write `https://{host}`, and `http://{host}` as another item if it is needed"),
        )),
        "http" | "https" if host.is_empty() && rest.trim_start_matches('/').is_empty() => {
            Err(OriginError::new(
                text,
                "is not an origin: it has no host",
                "write one such as `https://console.example.com`",
            ))
        }
        "http" | "https" if host.is_empty() => {
            let reason = format!("has more than two slashes behind `{lower}:`");
            Err(OriginError::write(text, reason, format_args!("{lower}://{}", host_of(rest))))
        }
        _ => Ok((scheme, rest)),
    }
}

/// The host of what stands behind a scheme.
fn host_of(rest: &str) -> &str {
    rest.trim_start_matches(['/', '\\']).split(['/', '\\', '?', '#']).next().unwrap_or_default()
}

fn without_scheme(text: &str) -> OriginError {
    let lower = text.to_ascii_lowercase();
    for scheme in ["https", "http"] {
        let Some(rest) = lower.strip_prefix(scheme).filter(|rest| rest.starts_with([':', '/', '\\'])) else {
            continue;
        };
        return match host_of(rest.trim_start_matches(':')) {
            "" => OriginError::new(
                text,
                "is not an origin: it has no host",
                "write one such as `https://console.example.com`",
            ),
            host => OriginError::write(
                text,
                format!("does not have `://` behind `{scheme}`"),
                format_args!("{scheme}://{host}"),
            ),
        };
    }
    if lower.starts_with("data:") || lower.starts_with("about:") || lower.starts_with("blob:") {
        return OriginError::write(text, "is not the origin of a page: such pages have none", "null");
    }
    let host = host_of(text);
    let is_local = ["localhost", "127.", "[::1]", "0.0.0.0"]
        .iter()
        .any(|local| host.to_ascii_lowercase().starts_with(local));
    let scheme = if is_local { "http" } else { "https" };
    match host.parse::<Ipv6Addr>() {
        Ok(address) => OriginError::write(text, "has no scheme", format_args!("{scheme}://[{address}]")),
        Err(_) => OriginError::write(text, "has no scheme", format_args!("{scheme}://{host}")),
    }
}

/// The parser says little of ports, and takes the end of an IPv6 address without brackets for one.
fn check_port(text: &str, authority: &str) -> Result<(), OriginError> {
    let is_bracketed = authority.starts_with('[');
    let Some((host, port)) = authority.rsplit_once(':').filter(|(_, port)| !port.contains(']')) else {
        return Ok(());
    };
    let bare = text.split_once("://").map_or("https", |(scheme, _)| scheme);
    if !is_bracketed && host.contains(':') {
        let remedy = match authority.parse::<Ipv6Addr>() {
            Ok(address) => {
                format!(
                    "write `{bare}://[{address}]`; a port stands behind the brackets, as in `http://[::1]:3000`"
                )
            }
            Err(_) => "write it as in `http://[::1]:3000`".to_owned(),
        };
        return Err(OriginError::new(text, "has an IPv6 address without brackets", remedy));
    }
    match port {
        "" => Ok(()),
        "*" => Err(OriginError::new(
            text,
            "has a `*` in the place of a port",
            "name each port in an item of its own",
        )),
        port => match port.parse::<u16>() {
            Ok(0) => Err(OriginError::write(
                text,
                "has the port 0, which no page has",
                format_args!("{bare}://{host}"),
            )),
            Ok(_) if port.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
            _ => {
                let reason = format!("has the port `{port}`, which is not a number from 1 to 65535");
                Err(OriginError::new(text, reason, format!("write `{bare}://{host}`, or a port that is one")))
            }
        },
    }
}

/// `*.` and a host.
fn subdomains(text: &str, scheme: &str, host: &str) -> Result<Pattern, OriginError> {
    let url = format!("{scheme}://{host}");
    let origin = exact(text, &url)?;
    let parsed = Url::parse(&url).ok();
    match parsed.as_ref().and_then(Url::host) {
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => {
            return Err(OriginError::write(
                text,
                "is not an origin: an IP address has no subdomains",
                origin,
            ));
        }
        Some(Host::Domain(domain)) if !domain.contains('.') && domain != "localhost" => {
            let reason = format!("stands for every page below `.{domain}`");
            return Err(OriginError::new(
                text,
                reason,
                "name a domain of yours, as in `https://*.example.com`, or write `*`",
            ));
        }
        _ => {}
    }
    let (scheme, host) = origin.split_once("://").unwrap_or_default();
    Ok(Pattern::Subdomains(format!("{scheme}://"), format!(".{host}")))
}

/// The origin of a URL that has no more than that.
fn exact(shown: &str, url: &str) -> Result<String, OriginError> {
    if url.contains('*') {
        let remedy = "write `*` alone for every page, or `https://*.example.com`";
        return Err(OriginError::new(shown, "has a `*` in the wrong place", remedy));
    }
    let parsed = Url::parse(url).map_err(|error| malformed(shown, error))?;
    let Some(host) = parsed.host().filter(|host| *host != Host::Domain("")) else {
        return Err(malformed(shown, ParseError::EmptyHost));
    };
    let port = parsed.port().map_or_else(String::new, |port| format!(":{port}"));
    let host = host.to_string().to_ascii_lowercase();
    check_dots(shown, parsed.scheme(), &host, &port)?;
    let origin = format!("{}://{host}{port}", parsed.scheme());
    let more = match () {
        () if !matches!(parsed.path(), "" | "/") => "a path",
        () if parsed.query().is_some() => "a query",
        () if parsed.fragment().is_some() => "a fragment",
        () => return Ok(origin),
    };
    let text = with_star(shown, &origin);
    Err(OriginError::write(shown, format!("is more than an origin: it has {more}"), text))
}

/// A dot too many makes another host of it.
fn check_dots(shown: &str, scheme: &str, host: &str, port: &str) -> Result<(), OriginError> {
    let labels: Vec<&str> = host.split('.').filter(|label| !label.is_empty()).collect();
    let tidy = labels.join(".");
    if tidy == host {
        return Ok(());
    }
    let reason = if host.contains("..") || host.starts_with('.') {
        "has a dot too many in its host"
    } else {
        "has a dot at the end of its host, which makes it another origin than the one without"
    };
    Err(OriginError::write(shown, reason, with_star(shown, &format!("{scheme}://{tidy}{port}"))))
}

/// An origin for all subdomains again, where it was read without the `*.` in front.
fn with_star(shown: &str, origin: &str) -> String {
    if shown.contains("://*.") { origin.replacen("://", "://*.", 1) } else { origin.to_owned() }
}

/// The faults of the parser in plain words.
fn malformed(shown: &str, error: ParseError) -> OriginError {
    let (reason, remedy) = match error {
        ParseError::EmptyHost => ("it has no host", "write one such as `https://console.example.com`"),
        ParseError::InvalidIpv4Address => (
            "its host looks like an IPv4 address and is none",
            "write four numbers from 0 to 255, as in `http://192.0.2.1`",
        ),
        ParseError::InvalidIpv6Address => (
            "its host is not an IPv6 address",
            "write it in brackets and without a zone, as in `http://[::1]:3000`",
        ),
        ParseError::IdnaError => (
            "its host is not a valid international name",
            "write the name as the address bar of a browser shows it",
        ),
        _ => ("its host has a character that no host has", "write one such as `https://console.example.com`"),
    };
    OriginError::new(shown, format!("is not an origin: {reason}"), remedy)
}
