//! Answers of web servers that are not what Git expects.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use ctutor_git::{Error, NoSecrets, Options, RepositoryCache, Source, Watch};
use tempfile::TempDir;

use crate::wire::Wire;

const LIST: &str = "200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement";

async fn error_of(url: &str) -> Error {
    let folder = TempDir::new().unwrap();
    let cache = folder.path().join("cache");
    let cache = RepositoryCache::new(cache, Options::default(), Arc::new(NoSecrets)).unwrap();
    let source = Source::parse(url, "main").unwrap();
    cache.checkout(&source, &folder.path().join("out"), &Watch::default()).await.unwrap_err()
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn what_is_no_git_repository_is_told_as_what_it_is_and_not_asked_again() {
    let page = b"<html><title>Sign in</title></html>".as_slice();
    let version_2 = b"000eversion 2\n000bls-refs0000".as_slice();
    let begun = [b"001e# service=git-upload-pack\n0000", version_2].concat();
    let compressed = [b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03".as_slice(), &[7; 40]].concat();
    for (head, body, expected) in [
        ("200 OK\r\nContent-Type: text/html; charset=utf-8", page, "a web page (`text/html; charset=utf-8`)"),
        ("200 OK\r\nContent-Type: text/plain", b"0123 refs/heads/main\n", "(the dumb protocol of Git,"),
        ("200 OK\r\nContent-Type: application/json", b"{}", "the content type `application/json`, expected"),
        ("200 OK", b"x", "its answer has no `Content-Type`"),
        (&format!("{LIST}\r\nContent-Encoding: gzip"), &compressed, "(`Content-Encoding: gzip`)"),
        (LIST, version_2, "it speaks only version 2 of the Git protocol"),
        (LIST, &begun, "it speaks only version 2 of the Git protocol"),
        ("302 Go\r\nLocation: /a.git/info/refs?service=git-upload-pack", b"", "it redirects in circles"),
        ("302 Go", b"", "it redirects and does not say where to"),
        (
            "302 Go\r\nLocation: ftp://x/a.git",
            b"",
            "it redirects where it is not followed: cannot redirect from",
        ),
    ] {
        let server = Wire::answering(answer(head, body));
        let error = error_of(&server.url()).await;
        let told = error.to_string();
        let start = format!("`{}` does not answer as a Git repository: it", server.url());
        assert!(told.starts_with(&start) && told.contains(expected), "{head:?}: {told}");
        assert!(!error.is_retryable() && !error.is_of_the_content(), "{head:?}: {error:?}");
    }
}

#[tokio::test]
async fn what_ends_early_or_is_garbled_may_pass() {
    let list = answer(LIST, b"001e# service=git-upload-pack\n0000003d0123");
    for sent in [Vec::new(), b"garbage\r\n\r\n".to_vec(), answer(LIST, b""), answer(LIST, b"zzzz"), list] {
        let server = Wire::answering(sent.clone());
        let error = error_of(&server.url()).await;
        let sent = String::from_utf8_lossy(&sent);
        assert!(error.is_retryable() && !error.is_of_the_content(), "{sent:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_server_says_how_long_to_wait() {
    for (head, expected) in [
        ("429 No\r\nRetry-After: 7", Some(7)),
        ("503 No\r\nretry-after:  120 ", Some(120)),
        ("503 No\r\nRetry-After: Wed, 21 Oct 2037 07:28:00 GMT", None),
        ("503 No\r\nRetry-After: -1", None),
        ("503 No", None),
        ("400 No\r\nRetry-After: 7", None),
    ] {
        let server = Wire::answering(answer(head, b"no"));
        let error = error_of(&server.url()).await;
        assert_eq!(error.retry_after(), expected.map(Duration::from_secs), "{head:?}: {error:?}");
    }
}

/// A server whose certificate nobody vouches for, made by the real `openssl`.
struct SelfSigned {
    folder: TempDir,
    process: Child,
    url: String,
}

impl SelfSigned {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        openssl(&folder)
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "2"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key", "-out", "certificate"])
            .output()
            .unwrap();
        let mut process = openssl(&folder)
            .args(["s_server", "-accept", "127.0.0.1:0", "-key", "key", "-cert", "certificate", "-www"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut accepting =
            lines.map_while(Result::ok).filter_map(|line| Some(line.strip_prefix("ACCEPT ")?.to_owned()));
        let url = format!("https://{}/a.git", accepting.next().unwrap());
        Self { folder, process, url }
    }

    fn fingerprint(&self) -> String {
        let command = ["x509", "-noout", "-fingerprint", "-sha256", "-in", "certificate"];
        let output = openssl(&self.folder).args(command).output().unwrap().stdout;
        String::from_utf8(output).unwrap().trim().split_once('=').unwrap().1.to_owned()
    }
}

impl Drop for SelfSigned {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn openssl(folder: &TempDir) -> Command {
    let mut command = Command::new("openssl");
    command.current_dir(folder.path());
    command
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_named_with_the_remedy() {
    let server = SelfSigned::start();
    let error = error_of(&server.url).await;
    assert!(matches!(error, Error::CertificateRefused { .. }) && !error.is_retryable(), "{error:?}");
    let told = error.to_string();
    let start = format!(
        "the certificate of `{}` is not accepted: the SSL certificate is invalid; it is the one with the SHA-256 \
         fingerprint `{}`; ",
        server.url,
        server.fingerprint()
    );
    assert!(told.starts_with(&start) && told.contains("`SSL_CERT_FILE` of the worker"), "{told}");
}
