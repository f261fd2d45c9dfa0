//! Servers that send one byte after the other, which is never a silence.

use std::{
    io::Write,
    net::TcpStream,
    path::Path,
    sync::{Arc, mpsc},
    time::Duration,
};

use ctutor_git::{Error, NoSecrets, Options, RepositoryCache, Source, Watch};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    upstream::{By, Upstream},
    wire::{Wire, dribble, head},
};

/// How long a connection may take to end that nobody waits for. It ends at once.
const END_MAX: Duration = Duration::from_secs(20);
const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/x-git-upload-pack-";

/// Where an answer begins to come byte by byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slow {
    Tls,
    Ssh,
    Head,
    List,
    Negotiation,
    Pack,
}

const EACH: [Slow; 6] = [Slow::Tls, Slow::Ssh, Slow::Head, Slow::List, Slow::Negotiation, Slow::Pack];

impl Slow {
    fn url(self, server: &Wire) -> String {
        match self {
            Self::Tls => server.url().replace("http:", "https:"),
            Self::Ssh => server.url().replace("http://", "ssh://git@"),
            _ => server.url(),
        }
    }

    /// What comes at once.
    fn start(self, stream: &TcpStream, list: &str) -> Vec<u8> {
        // The head of a record, and of a line before the version of SSH.
        match self {
            Self::Tls => return b"\x16\x03\x03\x40\x00".to_vec(),
            Self::Ssh => return b"hello ".to_vec(),
            _ => {}
        }
        let asked = head(stream).unwrap_or_default();
        let (chunk, packet) = ("fffff\r\n", "fff0");
        let text = match self {
            Self::Head => "HTTP/1.1 200 OK\r\nX: ".to_owned(),
            Self::List => format!("{CHUNKED}advertisement\r\n\r\n{chunk}{packet}"),
            _ if asked.starts_with("GET") => {
                format!("{CHUNKED}advertisement\r\n\r\n{:x}\r\n{list}\r\n0\r\n\r\n", list.len())
            }
            Self::Negotiation => format!("{CHUNKED}result\r\n\r\n{chunk}{packet}"),
            _ => format!("{CHUNKED}result\r\n\r\n{chunk}0008NAK\n{packet}\u{1}PACK"),
        };
        text.into_bytes()
    }

    fn is_slow(self, sent: &[u8]) -> bool {
        matches!(self, Self::Tls | Self::Ssh) || !sent.ends_with(b"\r\n0\r\n\r\n")
    }
}

fn cache(folder: &Path, timeout: Duration) -> RepositoryCache {
    let options = Options { timeout, checkouts_at_once_max: 1, ..Options::default() };
    RepositoryCache::new(folder, options, Arc::new(NoSecrets)).unwrap()
}

/// A list with one branch.
fn list(commit: git2::Oid) -> String {
    let branch = format!("{commit} refs/heads/main\0side-band-64k ofs-delta\n");
    format!("001e# service=git-upload-pack\n0000{:04x}{branch}0000", branch.len() + 4)
}

#[tokio::test]
async fn a_server_that_answers_byte_by_byte_is_hung_up_on_and_its_place_is_free() {
    let upstream = Upstream::new();
    let commit = upstream.commit("1", &[]);
    upstream.set("refs/heads/main", commit);
    let good = Source::parse(&upstream.url(By::Http), "main").unwrap();
    let list = list(commit);
    for slow in EACH {
        let begun = Arc::new(Notify::new());
        let (ended, end) = mpsc::channel();
        let (bell, list) = (Arc::clone(&begun), list.clone());
        let server = Wire::start(move |mut stream| {
            let mut start = slow.start(&stream, &list);
            while !slow.is_slow(&start) {
                stream.write_all(&start).unwrap();
                start = slow.start(&stream, &list);
            }
            stream.write_all(&start).unwrap();
            dribble(&mut stream, || bell.notify_one());
            let _ = ended.send(());
        });
        let folder = upstream.folder.path().join(format!("{slow:?}"));
        let cache = cache(&folder, Options::default().timeout);
        let source = Source::parse(&slow.url(&server), "main").unwrap();
        let cancel = CancellationToken::new();
        let (watch, into) = (Watch::new(cancel.clone()), folder.join("out"));
        let outcome = tokio::join!(cache.checkout(&source, &into, &watch), async {
            begun.notified().await;
            cancel.cancel();
        });
        assert!(matches!(outcome.0, Err(Error::Canceled)), "{slow:?}: {outcome:?}");
        end.recv_timeout(END_MAX).unwrap_or_else(|_| panic!("{slow:?}: the connection goes on"));
        cache.checkout(&good, &into, &Watch::default()).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_answers_byte_by_byte_meets_the_time_limit() {
    let upstream = Upstream::new();
    let (ended, end) = mpsc::channel();
    let server = Wire::start(move |mut stream| {
        stream.write_all(&Slow::List.start(&stream, "")).unwrap();
        dribble(&mut stream, || {});
        let _ = ended.send(());
    });
    let cache = cache(&upstream.folder.path().join("slow"), Duration::from_secs(1));
    let source = Source::parse(&server.url(), "main").unwrap();
    let error = cache.checkout(&source, &upstream.folder.path().join("out"), &Watch::default()).await;
    assert!(matches!(&error, Err(Error::TimedOut { timeout_ms: 1000, .. })), "{error:?}");
    assert!(error.unwrap_err().is_retryable());
    // Nothing is told if the limit was met before there was a connection.
    drop(server);
    assert_ne!(end.recv_timeout(END_MAX), Err(mpsc::RecvTimeoutError::Timeout));
}

#[tokio::test]
async fn a_list_of_references_without_an_end_is_given_up() {
    let upstream = Upstream::new();
    let server = Wire::start(|mut stream| {
        let _ = head(&stream);
        let _ = stream.write_all(format!("{CHUNKED}advertisement\r\n\r\n").as_bytes());
        let name = "x".repeat(1000);
        let line = format!("{:040} refs/heads/{name}\n", 1);
        let packet = format!("{:04x}{line}", line.len() + 4);
        let chunk = format!("{:x}\r\n{packet}\r\n", packet.len());
        while stream.write_all(chunk.as_bytes()).is_ok() {}
    });
    let options = Options { references_bytes_max: 100_000, ..Options::default() };
    let folder = upstream.folder.path().join("endless");
    let cache = RepositoryCache::new(&folder, options, Arc::new(NoSecrets)).unwrap();
    for revision in ["main", "0123456", "0123456789012345678901234567890123456789"] {
        let source = Source::parse(&server.url(), revision).unwrap();
        let error = cache.checkout(&source, &folder.join("out"), &Watch::default()).await.unwrap_err();
        assert_eq!(error.to_string(), "the repository exceeds `references_bytes_max` of 100000");
    }
}
