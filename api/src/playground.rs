//! The playground: a page of ours, built beforehand and carried in the binary.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use rust_embed::{EmbeddedFile, RustEmbed};

/// The built page. Debug builds read the folder as it is when they are asked.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../web/playground/dist"]
#[allow_missing = true]
struct Files;

const INDEX: &str = "index.html";

/// What is shown when the page was not built.
const NOT_BUILT: &str = "<!doctype html>
<html lang=\"en\">
<head><meta charset=\"utf-8\"><title>ctutor</title></head>
<body>
<h1>ctutor is running</h1>
<p>The playground is not part of this build. To have it, build the page and then the binary again:</p>
<pre>cd web/playground &amp;&amp; npm ci &amp;&amp; npm run build</pre>
<p>The API is at <code>/graphql</code>, its REST twin at <code>/tasks</code>; both want a bearer token.</p>
</body>
</html>
";

/// Answers `GET /` and the files that the page asks for.
pub(crate) async fn answer(request: Request) -> Response<Body> {
    let path = request.uri().path().trim_start_matches('/');
    let path = if path.is_empty() { INDEX } else { path };
    let policy = content_security_policy(request.headers());
    match find(path) {
        Some(found) => file(path, found, request.headers(), policy),
        None if path == INDEX => page(NOT_BUILT.into(), policy),
        None => plain(StatusCode::NOT_FOUND, "not found\n"),
    }
}

struct Found {
    file: EmbeddedFile,
    is_gzip: bool,
}

/// The build leaves one form of each file: compressed where that pays.
fn find(path: &str) -> Option<Found> {
    if let Some(file) = Files::get(path) {
        return Some(Found { file, is_gzip: false });
    }
    Files::get(&format!("{path}.gz")).map(|file| Found { file, is_gzip: true })
}

fn file(path: &str, found: Found, asked: &HeaderMap, policy: HeaderValue) -> Response<Body> {
    let etag = entity_tag(&found.file);
    let mut response = if asked.get(header::IF_NONE_MATCH) == Some(&etag) {
        with_status(StatusCode::NOT_MODIFIED, Body::empty())
    } else {
        Response::new(Body::from(found.file.data))
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if found.is_gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    // The names of assets have a hash of their content in them, so they never change.
    let caching =
        if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

fn page(text: Body, policy: HeaderValue) -> Response<Body> {
    let mut response = Response::new(text);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(INDEX)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// An answer for people.
pub(crate) fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = with_status(status, text.into());
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

fn with_status(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

fn entity_tag(file: &EmbeddedFile) -> HeaderValue {
    let hash: String = file.metadata.sha256_hash()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::try_from(format!("\"{hash}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("ttf") => "font/ttf",
        Some("woff2") => "font/woff2",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

/// The page may load only what comes from here, and may talk to nobody else: a token is typed into it.
///
/// The host is repeated for its sockets, since not every browser counts them as `'self'`.
fn content_security_policy(headers: &HeaderMap) -> HeaderValue {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).filter(|host| is_host(host));
    let sockets = host.map(|host| format!(" ws://{host} wss://{host}")).unwrap_or_default();
    let policy = format!(
        "default-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; \
         worker-src 'self' blob:; connect-src 'self'{sockets}; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'self'"))
}

/// What comes from a header must not be able to add words to the policy.
fn is_host(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    !text.is_empty() && text.len() < 256 && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy_for(host: &'static str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static(host));
        content_security_policy(&headers).to_str().unwrap().to_owned()
    }

    #[test]
    fn the_policy_names_the_host_for_sockets_and_nothing_that_is_no_host() {
        assert!(
            policy_for("localhost:8000")
                .contains("connect-src 'self' ws://localhost:8000 wss://localhost:8000;")
        );
        assert!(policy_for("[::1]:8000").contains("ws://[::1]:8000"));
        assert!(policy_for("x; script-src *").contains("connect-src 'self';"));
    }

    #[tokio::test]
    async fn without_a_build_the_page_says_how_to_make_one() {
        let response = page(NOT_BUILT.into(), policy_for("localhost").parse().unwrap());
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        assert!(String::from_utf8_lossy(&body).contains("npm run build"));
    }

    #[tokio::test]
    async fn unknown_files_and_ways_out_of_the_folder_are_not_found() {
        for path in ["/assets/none.js", "/../Cargo.toml", "/%2e%2e/Cargo.toml", "/..%2fCargo.toml"] {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            assert_eq!(answer(request).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }
}
