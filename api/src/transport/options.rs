//! The bounds of the transports.

use std::time::Duration;

use super::{guard::Limits, origins::Origins};

/// How the transports behave. The defaults are meant for production.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What a document may ask for.
    pub limits: Limits,
    /// Whether documents may request the schema. All callers have a valid token.
    pub introspection: Introspection,
    /// Requests over HTTP.
    pub http: HttpOptions,
    /// Subscriptions over HTTP.
    pub sse: SseOptions,
    /// Parsed documents that are kept.
    pub documents: DocumentsOptions,
    /// Everything over WebSockets.
    pub websocket: WebSocketOptions,
}

/// Who may use `__schema` and `__type`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Introspection {
    /// Every caller with a valid token.
    #[default]
    Enabled,
    /// No caller.
    Disabled,
}

/// Bounds of a request over HTTP.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Bytes of a body: 2 MiB and 64 KiB.
    pub body_bytes_max: usize,
    /// Time for a body to arrive: 30 s.
    pub body_timeout: Duration,
    /// Requests in one batch: 5. They run one after the other.
    pub batch_requests_max: usize,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            body_bytes_max: (2 * 1024 + 64) * 1024,
            body_timeout: Duration::from_secs(30),
            batch_requests_max: 5,
        }
    }
}

/// Bounds of an event stream.
#[derive(Debug, Clone)]
pub struct SseOptions {
    /// Time between two comments that keep proxies from closing a silent stream: 12 s.
    pub keep_alive_interval: Duration,
    /// Streams of one subject at a time: 100.
    pub subject_streams_max: usize,
    /// Events that wait for a slow client: 64. When they are full, the subscription is not asked for more.
    pub queue_events_max: usize,
    /// Time for room in the queue, after which the stream ends: 10 s.
    pub write_timeout: Duration,
}

impl Default for SseOptions {
    fn default() -> Self {
        Self {
            keep_alive_interval: Duration::from_secs(12),
            subject_streams_max: 100,
            queue_events_max: 64,
            write_timeout: Duration::from_secs(10),
        }
    }
}

/// Bounds of the cache of valid documents.
#[derive(Debug, Clone)]
pub struct DocumentsOptions {
    /// Documents: 512. None turns the cache off.
    pub cached_max: usize,
    /// The longest text that is kept: 16 KiB.
    pub cached_bytes_max: usize,
    /// Bytes of all texts that are kept: 1 MiB. A tree is some thirty times its text.
    pub cached_total_bytes_max: usize,
}

impl Default for DocumentsOptions {
    fn default() -> Self {
        Self { cached_max: 512, cached_bytes_max: 16 * 1024, cached_total_bytes_max: 1024 * 1024 }
    }
}

/// Bounds of a socket.
#[derive(Debug, Clone)]
pub struct WebSocketOptions {
    /// Which pages may open sockets.
    pub origins: Origins,
    /// Time until `connection_init`: 3 s.
    pub init_timeout: Duration,
    /// Time between two pings: 12 s.
    pub ping_interval: Duration,
    /// Intervals without a sign of life after which a socket is dropped: 2.
    pub silences_max: u32,
    /// Time for one message to leave: 10 s.
    pub write_timeout: Duration,
    /// Time for a client to answer a close: 2 s.
    pub close_timeout: Duration,
    /// Operations at a time: 100.
    pub operations_max: usize,
    /// Sockets of one subject at a time: 20.
    pub subject_sockets_max: usize,
    /// Messages that wait for a slow client: 64.
    pub queue_messages_max: usize,
    /// Bytes of a message from a client: 256 KiB.
    pub message_bytes_max: usize,
    /// Bytes of the buffer that each socket keeps for reading: 8 KiB.
    pub read_buffer_bytes: usize,
}

impl Default for WebSocketOptions {
    fn default() -> Self {
        Self {
            origins: Origins::default(),
            init_timeout: Duration::from_secs(3),
            ping_interval: Duration::from_secs(12),
            silences_max: 2,
            write_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(2),
            operations_max: 100,
            subject_sockets_max: 20,
            queue_messages_max: 64,
            message_bytes_max: 256 * 1024,
            read_buffer_bytes: 8 * 1024,
        }
    }
}
