//! A Git server over HTTP: the real `git http-backend` behind a small CGI host.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use base64_lite::encode;
use git2::{Index, IndexEntry, IndexTime, Oid, Repository, Signature, Time};

/// How the server meets its callers.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    Open,
    Basic {
        username: String,
        password: String,
    },
    Status(u16),
    /// Repeats the credential in its refusal.
    Echo,
    /// Repeats the header of the credential in the words of the Git protocol.
    EchoInGit,
    /// Sends callers to another server.
    Redirect(String),
    /// Accepts and never answers.
    Silent,
    /// Lists its references, and what it sends of them is spoiled.
    Spoiled(Spoiled),
}

/// What becomes of the answer that holds the objects.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Spoiled {
    Empty,
    /// The connection ends before the body begins.
    Torn,
    /// Nothing after the first packet line.
    AfterNak,
    /// In whole chunks, and not all of it.
    Half,
    /// Its end is that of the connection.
    WithoutLength,
    /// A server that says why it sends nothing.
    Busy,
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) url: String,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    manner: Manner,
    requests: AtomicUsize,
    credentials: AtomicUsize,
    stopping: AtomicBool,
    held: Mutex<Vec<TcpStream>>,
}

impl Server {
    pub(crate) fn start(root: &Path, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            manner,
            requests: AtomicUsize::new(0),
            credentials: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            held: Mutex::default(),
        });
        let host = Arc::clone(&shared);
        let listener = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if host.stopping.load(Ordering::SeqCst) {
                    return;
                }
                let host = Arc::clone(&host);
                std::thread::spawn(move || host.serve(stream));
            }
        });
        Self { url, shared, listener: Some(listener) }
    }

    pub(crate) fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// How many requests came with an `Authorization` header.
    pub(crate) fn credentials(&self) -> usize {
        self.shared.credentials.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.shared.held.lock().unwrap().clear();
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
        self.listener.take().unwrap().join().unwrap();
    }
}

#[derive(Default)]
struct Request {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|size| *size > 0)?;
        let mut words = line.split_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let mut request = Self { method, path: path.to_owned(), query: query.to_owned(), ..Self::default() };
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            request.headers.push((name.to_owned(), value.trim().to_owned()));
        }
        if let Some(length) = request.header("content-length").and_then(|text| text.parse().ok()) {
            request.body = vec![0; length];
            reader.read_exact(&mut request.body).ok()?;
        } else if request.header("transfer-encoding").is_some() {
            loop {
                let mut size = String::new();
                reader.read_line(&mut size).ok()?;
                let size = usize::from_str_radix(size.trim(), 16).ok()?;
                let mut chunk = vec![0; size + 2];
                reader.read_exact(&mut chunk).ok()?;
                request.body.extend_from_slice(&chunk[..size]);
                if size == 0 {
                    break;
                }
            }
        }
        Some(request)
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) {
        if matches!(self.manner, Manner::Silent) {
            self.requests.fetch_add(1, Ordering::SeqCst);
            self.held.lock().unwrap().push(stream);
            return;
        }
        let Some(request) = Request::read(&stream) else { return };
        self.requests.fetch_add(1, Ordering::SeqCst);
        let authorization = request.header("authorization").map(str::to_owned);
        self.credentials.fetch_add(usize::from(authorization.is_some()), Ordering::SeqCst);
        let reply = match &self.manner {
            Manner::Open | Manner::Silent => self.run_backend(&request),
            Manner::Spoiled(how) if request.method == "POST" => how.spoil(&self.run_backend(&request)),
            Manner::Spoiled(_) => self.run_backend(&request),
            Manner::Status(status) => reply(*status, &[], b"no"),
            Manner::Redirect(to) => {
                let place = format!("Location: {to}{}?{}", request.path, request.query);
                reply(302, &[&place], b"")
            }
            Manner::Echo => match authorization {
                Some(text) => reply(500, &[&format!("X-Echo: {text}")], text.as_bytes()),
                None => reply(401, &["WWW-Authenticate: Basic realm=\"git\""], b""),
            },
            Manner::EchoInGit => match authorization {
                Some(text) => {
                    let line = |text: &str| format!("{:04x}{text}", text.len() + 4);
                    let words = line(&format!("ERR you sent {text}"));
                    let body = format!("{}0000{words}", line("# service=git-upload-pack\n"));
                    let kind = "Content-Type: application/x-git-upload-pack-advertisement";
                    reply(200, &[kind], body.as_bytes())
                }
                None => reply(401, &["WWW-Authenticate: Basic realm=\"git\""], b""),
            },
            Manner::Basic { username, password } => {
                let wanted = format!("Basic {}", encode(format!("{username}:{password}").as_bytes()));
                if authorization.as_deref() == Some(&wanted) {
                    self.run_backend(&request)
                } else {
                    reply(401, &["WWW-Authenticate: Basic realm=\"git\""], b"who are you?")
                }
            }
        };
        let _ = stream.write_all(&reply);
    }

    fn run_backend(&self, request: &Request) -> Vec<u8> {
        let mut child = Command::new("git")
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", &self.root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("PATH_INFO", &request.path)
            .env("QUERY_STRING", &request.query)
            .env("REQUEST_METHOD", &request.method)
            .env("CONTENT_TYPE", request.header("content-type").unwrap_or_default())
            .env("CONTENT_LENGTH", request.body.len().to_string())
            .env("HTTP_CONTENT_ENCODING", request.header("content-encoding").unwrap_or_default())
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "safe.directory")
            .env("GIT_CONFIG_VALUE_0", "*")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let body = request.body.clone();
        let feeder = std::thread::spawn(move || {
            let _ = stdin.write_all(&body);
        });
        let output = child.wait_with_output().unwrap().stdout;
        feeder.join().unwrap();
        let end = output.windows(4).position(|four| four == b"\r\n\r\n").expect("CGI headers");
        let headers = String::from_utf8_lossy(&output[..end]).into_owned();
        let status = headers
            .lines()
            .find_map(|line| line.strip_prefix("Status: "))
            .map_or(200, |text| text[..3].parse().unwrap());
        let headers: Vec<&str> = headers.lines().filter(|line| !line.starts_with("Status:")).collect();
        reply(status, &headers, &output[end + 4..])
    }
}

impl Spoiled {
    fn spoil(self, whole: &[u8]) -> Vec<u8> {
        const KIND: &str = "Content-Type: application/x-git-upload-pack-result";

        let end = whole.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let body = &whole[end + 4..];
        match self {
            Self::Empty => reply(200, &[KIND], b""),
            Self::Torn => {
                format!("HTTP/1.1 200 Any\r\nContent-Length: {}\r\n{KIND}\r\n\r\n", body.len()).into_bytes()
            }
            Self::AfterNak => reply(200, &[KIND], &body[..8]),
            Self::Half => {
                let half = &body[..body.len() / 2];
                let head = format!("HTTP/1.1 200 Any\r\nTransfer-Encoding: chunked\r\n{KIND}\r\n\r\n");
                let size = format!("{:x}\r\n", half.len());
                [head.as_bytes(), size.as_bytes(), half, b"\r\n0\r\n\r\n"].concat()
            }
            Self::WithoutLength => {
                let head = format!("HTTP/1.1 200 Any\r\nConnection: close\r\n{KIND}\r\n\r\n");
                [head.as_bytes(), body].concat()
            }
            Self::Busy => reply(200, &[KIND], b"001dERR try again in a minute"),
        }
    }
}

fn reply(status: u16, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut text =
        format!("HTTP/1.1 {status} Any\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// A file of a commit: mode, path, content.
pub(crate) type Entry<'a> = (u32, &'a str, &'a [u8]);

pub(crate) const FILE: u32 = 0o100_644;
pub(crate) const PROGRAM: u32 = 0o100_755;
pub(crate) const LINK: u32 = 0o120_000;
pub(crate) const SUBMODULE: u32 = 0o160_000;

/// Commits exactly these entries to `branch` of the bare repository at `path`, which is made if need be.
pub(crate) fn commit(path: &Path, branch: &str, entries: &[Entry<'_>]) -> String {
    let repository = Repository::open_bare(path).or_else(|_| Repository::init_bare(path)).unwrap();
    let mut index = Index::new().unwrap();
    for (mode, name, content) in entries {
        let id = match *mode {
            SUBMODULE => Oid::from_str(std::str::from_utf8(content).unwrap()).unwrap(),
            _ => repository.blob(content).unwrap(),
        };
        index.add(&entry(*mode, name, id)).unwrap();
    }
    let tree = repository.find_tree(index.write_tree_to(&repository).unwrap()).unwrap();
    let author = Signature::new("Lea", "lea@uni.example", &Time::new(1_700_000_000, 0)).unwrap();
    let reference = format!("refs/heads/{branch}");
    let parent = repository.find_reference(&reference).ok().map(|head| head.peel_to_commit().unwrap());
    let parents: Vec<_> = parent.iter().collect();
    repository.commit(Some(&reference), &author, &author, "Work", &tree, &parents).unwrap().to_string()
}

fn entry(mode: u32, name: &str, id: Oid) -> IndexEntry {
    IndexEntry {
        ctime: IndexTime::new(0, 0),
        mtime: IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: name.into(),
    }
}

pub(crate) mod base64_lite {
    pub(crate) fn encode(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for three in bytes.chunks(3) {
            let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
                << (8 * (3 - three.len()));
            for place in 0..4 {
                let digit = DIGITS[(word >> (18 - 6 * place) & 63) as usize];
                text.push(if place <= three.len() { digit as char } else { '=' });
            }
        }
        text
    }
}
