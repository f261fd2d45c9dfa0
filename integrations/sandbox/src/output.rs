use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::Captured;

const CHUNK_BYTES: usize = 16 << 10;
/// A line that is longer comes in pieces.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Where a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// A line of output, without its end.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    pub stream: Stream,
    pub bytes: &'a [u8],
}

/// Reads one stream of the child, keeps its beginning and cuts it into lines.
pub(crate) struct Reader<R> {
    pipe: Option<R>,
    stream: Stream,
    chunk: Box<[u8]>,
    line: Vec<u8>,
    pub(crate) captured: Captured,
    captured_bytes_max: usize,
    pub(crate) read_bytes: u64,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(crate) fn new(pipe: Option<R>, stream: Stream, captured_bytes_max: usize) -> Self {
        Self {
            pipe,
            stream,
            chunk: vec![0; CHUNK_BYTES].into_boxed_slice(),
            line: Vec::new(),
            captured: Captured::default(),
            captured_bytes_max,
            read_bytes: 0,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Waits for output; it may be dropped without losing any. Returns how many bytes there are in the chunk.
    pub(crate) async fn fill(&mut self) -> io::Result<usize> {
        match &mut self.pipe {
            Some(pipe) => pipe.read(&mut self.chunk).await,
            None => Ok(0),
        }
    }

    /// Handles what [`fill`](Self::fill) returned.
    pub(crate) fn take(&mut self, filled: io::Result<usize>, on_line: &mut (dyn FnMut(Line<'_>) + Send)) {
        // A pipe that cannot be read has nothing more to tell; how the command ended is known from elsewhere.
        let size = filled.unwrap_or(0);
        if size == 0 {
            self.pipe = None;
            if !self.line.is_empty() {
                on_line(Line { stream: self.stream, bytes: &self.line });
                self.line.clear();
            }
            return;
        }
        self.read_bytes += size as u64;
        let chunk = &self.chunk[..size];
        self.captured.push(chunk, self.captured_bytes_max);
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            let ended = self.line.last() == Some(&b'\n');
            if ended {
                self.line.pop();
            }
            if ended || self.line.len() >= LINE_BYTES_MAX {
                on_line(Line { stream: self.stream, bytes: &self.line });
                self.line.clear();
            }
        }
    }
}
