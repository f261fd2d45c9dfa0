//! Which pages may open a socket.

use axum::http::{HeaderMap, Uri, header};

use crate::Origin;

/// The pages whose scripts may open sockets.
///
/// Browsers let any page open a socket anywhere and say only where the page is from. A token is needed besides,
/// so this is a second line of defense. Clients other than browsers send no origin and are allowed.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    allowed: Vec<Origin>,
}

impl Origins {
    /// Pages of the host that serves the socket. This is the default.
    pub fn same_host() -> Self {
        Self::default()
    }

    /// Pages of these origins too.
    pub fn and(mut self, origins: impl IntoIterator<Item = Origin>) -> Self {
        self.allowed.extend(origins);
        self
    }

    pub(super) fn allow(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else { return true };
        let (Ok(origin), None) = (origin.to_str(), origins.next()) else { return false };
        self.allowed.iter().any(|allowed| allowed.allows(origin)) || is_same_host(origin, headers)
    }
}

/// Compares host and port; a missing port is that of the origin's scheme.
fn is_same_host(origin: &str, headers: &HeaderMap) -> bool {
    let Ok(origin) = origin.parse::<Uri>() else { return false };
    let default_port = match origin.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return false,
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let Some(Ok(host)) = host.map(str::parse::<axum::http::uri::Authority>) else { return false };
    let Some(authority) = origin.authority() else { return false };
    authority.host().eq_ignore_ascii_case(host.host())
        && authority.port_u16().unwrap_or(default_port) == host.port_u16().unwrap_or(default_port)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn is_allowed(origins: &Origins, origin: Option<&'static str>, host: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static(host));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        }
        origins.allow(&headers)
    }

    #[test]
    fn the_same_host_and_listed_origins_are_allowed() {
        let same = Origins::same_host();
        assert!(is_allowed(&same, None, "example.com"));
        assert!(is_allowed(&same, Some("https://example.com"), "example.com"));
        assert!(is_allowed(&same, Some("http://example.com:80"), "example.com"));
        assert!(is_allowed(&same, Some("http://localhost:8080"), "localhost:8080"));
        assert!(!is_allowed(&same, Some("http://localhost:3000"), "localhost:8080"));
        assert!(!is_allowed(&same, Some("https://evil.example"), "example.com"));
        assert!(!is_allowed(&same, Some("null"), "example.com"));
        assert!(!is_allowed(&same, Some("https://example.com.evil.example"), "example.com"));
        let listed = Origins::same_host().and(["http://localhost:3000/".parse().expect("an origin")]);
        assert!(is_allowed(&listed, Some("http://localhost:3000"), "localhost:8080"));
    }
}
