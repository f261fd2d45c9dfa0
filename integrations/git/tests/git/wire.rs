//! A server of which a test decides every byte.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// Waits so long between two bytes of an answer that comes byte by byte.
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    stopping: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Wire {
    /// Serves each connection on a thread of its own.
    pub(crate) fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stopping, serve) = (Arc::new(AtomicBool::new(false)), Arc::new(serve));
        let is_over = Arc::clone(&stopping);
        let listener = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                let serve = Arc::clone(&serve);
                std::thread::spawn(move || serve(stream));
            }
        });
        Self { address, stopping, listener: Some(listener) }
    }

    /// Gives each request this answer.
    pub(crate) fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |mut stream| {
            if head(&stream).is_some() {
                let _ = stream.write_all(&answer);
            }
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/a.git", self.address)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        self.listener.take().unwrap().join().unwrap();
    }
}

/// The lines of a request before its body, whose body is read too.
pub(crate) fn head(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head).ok().filter(|size| *size > 0)?;
    }
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    Some(head)
}

/// Sends one byte after the other until the other side hangs up.
pub(crate) fn dribble(stream: &mut TcpStream, begun: impl FnOnce()) {
    let mut begun = Some(begun);
    while stream.write_all(b"x").is_ok() {
        if let Some(begun) = begun.take() {
            begun();
        }
        std::thread::park_timeout(PAUSE);
    }
}
