//! The sockets that libgit2 talks to servers over.
//!
//! They do what libgit2's own do, and are known to the [`Line`] of the checkout, which can hang them up. libgit2 takes
//! the descriptor out of them to talk SSH itself, and so they have the layout of its own: the type `git_socket_stream`
//! of its `streams/socket.h`, in the version that is built into this crate.
#![expect(unsafe_code, reason = "libgit2 takes streams only as structures of C")]

use std::{
    ffi::{CStr, CString, c_char, c_int, c_uint, c_void},
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    os::fd::AsRawFd,
    ptr, slice,
    sync::{Arc, OnceLock},
    time::Duration,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::line::Line;

/// `GIT_STREAM_VERSION`.
const VERSION: c_int = 1;
/// `GIT_STREAM_STANDARD`.
const STANDARD: c_int = 1;
/// `GIT_ERROR_NET`.
const CLASS_NET: c_int = 12;
const FAILED: c_int = -1;
/// `GIT_TIMEOUT`.
const TIMED_OUT: c_int = -37;
const NO_DESCRIPTOR: c_int = -1;

/// How long a server may send and take nothing.
static SILENCE_MAX: OnceLock<Duration> = OnceLock::new();

/// `git_stream`.
#[repr(C)]
struct Stream {
    version: c_int,
    is_encrypted_and_knows_proxies: c_uint,
    timeout_ms: c_int,
    connect_timeout_ms: c_int,
    connect: Option<unsafe extern "C" fn(*mut Socket) -> c_int>,
    certificate: Option<unsafe extern "C" fn()>,
    set_proxy: Option<unsafe extern "C" fn()>,
    read: Option<unsafe extern "C" fn(*mut Socket, *mut c_void, usize) -> isize>,
    write: Option<unsafe extern "C" fn(*mut Socket, *const c_char, usize, c_int) -> isize>,
    close: Option<unsafe extern "C" fn(*mut Socket) -> c_int>,
    free: Option<unsafe extern "C" fn(*mut Socket)>,
}

/// `git_socket_stream`, and what is ours after it.
#[repr(C)]
struct Socket {
    stream: Stream,
    host: *mut c_char,
    port: *mut c_char,
    descriptor: c_int,
    place: (String, String),
    connection: Option<Arc<TcpStream>>,
    line: Option<Line>,
}

/// `git_stream_registration`.
#[repr(C)]
struct Registration {
    version: c_int,
    init: Option<unsafe extern "C" fn(*mut *mut Socket, *const c_char, *const c_char) -> c_int>,
    wrap: Option<unsafe extern "C" fn()>,
}

unsafe extern "C" {
    fn git_stream_register(kind: c_int, registration: *mut Registration) -> c_int;
    fn git_error_set_str(class: c_int, message: *const c_char) -> c_int;
}

/// Lets libgit2 connect with these sockets from now on. It must have been initialized.
pub(crate) fn register(silence_max: Duration) {
    let _ = SILENCE_MAX.set(silence_max);
    let mut registration = Registration { version: VERSION, init: Some(init), wrap: None };
    // SAFETY: libgit2 copies the structure under a lock of its own.
    if unsafe { git_stream_register(STANDARD, &raw mut registration) } != 0 {
        tracing::warn!("libgit2 does not take the sockets that a checkout can hang up");
    }
}

impl Socket {
    fn new(host: String, port: String) -> Self {
        let stream = Stream {
            version: VERSION,
            is_encrypted_and_knows_proxies: 0,
            timeout_ms: 0,
            connect_timeout_ms: 0,
            connect: Some(connect),
            certificate: None,
            set_proxy: None,
            read: Some(read),
            write: Some(write),
            close: Some(close),
            free: Some(free),
        };
        Self {
            stream,
            host: ptr::null_mut(),
            port: ptr::null_mut(),
            descriptor: NO_DESCRIPTOR,
            place: (host, port),
            connection: None,
            line: Line::current(),
        }
    }

    fn connect(&mut self) -> io::Result<()> {
        let (host, port) = &self.place;
        let host = host.trim_matches(['[', ']']);
        let port: u16 = port.parse().map_err(io::Error::other)?;
        let mut fault = io::Error::other("its name has no address");
        for address in (host, port).to_socket_addrs()? {
            let connected = match silence_max() {
                Some(silence_max) => TcpStream::connect_timeout(&address, silence_max),
                None => TcpStream::connect(address),
            };
            match connected {
                Ok(stream) => {
                    stream.set_nonblocking(true)?;
                    let stream = Arc::new(stream);
                    if let Some(line) = &self.line {
                        line.note(&stream);
                    }
                    self.descriptor = stream.as_raw_fd();
                    self.connection = Some(stream);
                    return Ok(());
                }
                Err(refused) if refused.kind() == io::ErrorKind::TimedOut => return Err(refused),
                Err(refused) => fault = refused,
            }
        }
        Err(fault)
    }

    fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut stream = self.connected()?;
        let size = once_ready(stream, PollFlags::IN, || stream.read(into))?;
        if let Some(line) = &self.line {
            line.count(size as u64);
            if line.is_exhausted() {
                return Err(io::Error::other("more was received than is allowed"));
            }
        }
        Ok(size)
    }

    fn write(&self, from: &[u8]) -> io::Result<usize> {
        let mut stream = self.connected()?;
        once_ready(stream, PollFlags::OUT, || stream.write(from))
    }

    fn connected(&self) -> io::Result<&TcpStream> {
        self.connection.as_deref().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn close(&mut self) {
        self.descriptor = NO_DESCRIPTOR;
        self.connection = None;
    }
}

/// Zero means without a bound, as it does to libgit2.
fn silence_max() -> Option<Duration> {
    SILENCE_MAX.get().copied().filter(|silence_max| !silence_max.is_zero())
}

/// Does what may have to wait for the other side.
fn once_ready<T>(
    stream: &TcpStream,
    readiness: PollFlags,
    mut work: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let silence_max = silence_max().and_then(|silence_max| Timespec::try_from(silence_max).ok());
    loop {
        match work() {
            Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => {}
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => continue,
            outcome => return outcome,
        }
        match poll(&mut [PollFd::new(stream, readiness)], silence_max.as_ref()) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(fault) => return Err(fault.into()),
        }
    }
}

/// Tells libgit2 a fault, and returns its code for it.
fn failed(what: &str, fault: &io::Error) -> c_int {
    let is_silence = fault.kind() == io::ErrorKind::TimedOut;
    let reason = if is_silence { "timed out".to_owned() } else { fault.to_string() };
    if let Ok(message) = CString::new(format!("{what}: {reason}")) {
        // SAFETY: libgit2 copies the text into the error of this thread.
        unsafe { git_error_set_str(CLASS_NET, message.as_ptr()) };
    }
    if is_silence { TIMED_OUT } else { FAILED }
}

fn told(what: &str, outcome: io::Result<usize>) -> isize {
    match outcome {
        Ok(size) => isize::try_from(size).unwrap_or(isize::MAX),
        Err(fault) => failed(what, &fault) as isize,
    }
}

/// The name of a host or a port.
///
/// # Safety
///
/// It is a string of C.
unsafe fn text(text: *const c_char) -> String {
    // SAFETY: the caller says so.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

// SAFETY of the following: libgit2 calls each with a socket that `init` made and `free` has not taken yet, from one
// thread at a time, and with buffers of the lengths that it says.

unsafe extern "C" fn init(out: *mut *mut Socket, host: *const c_char, port: *const c_char) -> c_int {
    // SAFETY: both are strings, and there is room for the pointer.
    unsafe { *out = Box::into_raw(Box::new(Socket::new(text(host), text(port)))) };
    0
}

unsafe extern "C" fn connect(socket: *mut Socket) -> c_int {
    // SAFETY: as said above.
    let socket = unsafe { &mut *socket };
    match socket.connect() {
        Ok(()) => 0,
        Err(fault) => failed(&format!("failed to connect to {}", socket.place.0), &fault),
    }
}

unsafe extern "C" fn read(socket: *mut Socket, into: *mut c_void, size: usize) -> isize {
    // SAFETY: as said above.
    let (socket, into) = unsafe { (&*socket, slice::from_raw_parts_mut(into.cast(), size)) };
    told("could not read from the connection", socket.read(into))
}

unsafe extern "C" fn write(socket: *mut Socket, from: *const c_char, size: usize, _flags: c_int) -> isize {
    // SAFETY: as said above.
    let (socket, from) = unsafe { (&*socket, slice::from_raw_parts(from.cast(), size)) };
    told("could not write to the connection", socket.write(from))
}

unsafe extern "C" fn close(socket: *mut Socket) -> c_int {
    // SAFETY: as said above.
    unsafe { (*socket).close() };
    0
}

unsafe extern "C" fn free(socket: *mut Socket) {
    // SAFETY: `init` made it, and libgit2 does not use it any more.
    drop(unsafe { Box::from_raw(socket) });
}
