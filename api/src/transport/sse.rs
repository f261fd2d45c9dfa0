//! Event streams: the distinct connections mode of `graphql-sse`.
//!
//! One HTTP request is one operation. Each reply is an event `next`, the end an event `complete`.
//! A stream that ends without `complete` was cut: by the end of the token, by a shutdown, or because the client
//! did not read. A comment says which, and clients come back with their cursor.

use std::convert::Infallible;
use std::sync::Arc;

use async_graphql::Executor;
use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;

use super::auth::{Authenticate, Caller};
use super::deadline::Deadline;
use super::document::Prepared;
use super::error::RequestError;
use super::gauges::Open;
use super::options::SseOptions;
use super::refusal::Refusal;
use super::reply::Reply;
use super::subjects::Seat;
use super::{Service, execute};

const COMPLETE: &[u8] = b"event: complete\ndata: \n\n";
const KEEP_ALIVE: &[u8] = b":\n\n";
const EXPIRED: &[u8] = b": the token has expired\n\n";
const SHUTTING_DOWN: &[u8] = b": the server is shutting down\n\n";

/// Responds with a stream. A request that cannot be executed is reported as its only event.
pub(super) fn respond<E: Executor, A: Authenticate>(
    service: &Arc<Service<E, A>>,
    caller: &A::Caller,
    prepared: Result<Prepared, RequestError>,
) -> Result<Response<Body>, Refusal> {
    let allowed = service.options.sse.subject_streams_max;
    let seat = match caller.subject() {
        Some(subject) => {
            let seat = service.stream_subjects.take(subject, allowed);
            Some(seat.ok_or(Refusal::TooManyStreams { allowed })?)
        }
        None => None,
    };
    let replies = match prepared {
        Ok(prepared) => execute::stream(&service.executor, prepared),
        Err(error) => stream::once(async { Reply::refused(error) }).boxed(),
    };
    let options = service.options.sse.clone();
    let (events, mut waiting) = mpsc::channel(options.queue_events_max);
    let feed = Feed {
        replies,
        events,
        options,
        expiry: Deadline::at(caller.expires_at()),
        shutdown: service.shutdown.clone(),
        _open: service.gauges.open_event_stream(),
        _seat: seat,
    };
    // A task of its own: the server asks a body for more only while the client reads, and a token
    // must end and a subscription be let go even if it does not.
    tokio::spawn(feed.run());
    let body = stream::poll_fn(move |context| waiting.poll_recv(context)).map(Ok::<Bytes, Infallible>);
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Proxies of the nginx family hold answers back otherwise.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

struct Feed {
    replies: BoxStream<'static, Reply>,
    events: mpsc::Sender<Bytes>,
    options: SseOptions,
    expiry: Deadline,
    shutdown: CancellationToken,
    _open: Open,
    _seat: Option<Seat>,
}

impl Feed {
    async fn run(mut self) {
        let period = self.options.keep_alive_interval;
        let mut keep_alive = interval_at(Instant::now() + period, period);
        keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let shutdown = self.shutdown.clone();
        let mut ended = Box::pin(shutdown.cancelled()).fuse();
        let mut expired = Box::pin(self.expiry.reached());
        loop {
            let event = tokio::select! {
                biased;
                () = &mut ended => return self.last_word(SHUTTING_DOWN),
                () = &mut expired => return self.last_word(EXPIRED),
                () = self.events.closed() => return,
                reply = self.replies.next() => match reply {
                    Some(reply) => next_event(&reply),
                    None => {
                        self.send(Bytes::from_static(COMPLETE)).await;
                        return;
                    }
                },
                _ = keep_alive.tick() => Bytes::from_static(KEEP_ALIVE),
            };
            if !self.send(event).await {
                return;
            }
            keep_alive.reset();
        }
    }

    /// Whether there is a client that still reads.
    async fn send(&mut self, event: Bytes) -> bool {
        matches!(timeout(self.options.write_timeout, self.events.send(event)).await, Ok(Ok(())))
    }

    /// Sent only if there is room: the server no longer waits for the client.
    fn last_word(&self, comment: &'static [u8]) {
        let _ = self.events.try_send(Bytes::from_static(comment));
    }
}

fn next_event(reply: &Reply) -> Bytes {
    event("next", &reply.to_json())
}

/// An event whose data ends where the data ends, and not at a line break within it.
///
/// Payloads stand in a reply as they were written, and JSON may have line breaks between its values. A client joins the
/// lines with a line feed, which has the same meaning there; within strings JSON escapes them.
fn event(name: &str, data: &[u8]) -> Bytes {
    let mut event = format!("event: {name}\n").into_bytes();
    event.reserve(data.len() + 16);
    let mut rest = Some(data);
    while let Some(lines) = rest {
        let end = lines.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        event.extend(b"data: ");
        event.extend(&lines[..end.unwrap_or(lines.len())]);
        event.push(b'\n');
        rest = end.map(|end| match &lines[end..] {
            [b'\r', b'\n', after @ ..] | [_, after @ ..] => after,
            [] => unreachable!("the line ends at a byte"),
        });
    }
    event.push(b'\n');
    event.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_data_is_a_line_of_data() {
        for (data, lines) in [
            ("", "data: \n"),
            ("{}", "data: {}\n"),
            ("[1,\n2]", "data: [1,\ndata: 2]\n"),
            ("[1,\r2]", "data: [1,\ndata: 2]\n"),
            ("[1,\r\n2]", "data: [1,\ndata: 2]\n"),
            ("[1,\n\r\r\n2]\n", "data: [1,\ndata: \ndata: \ndata: 2]\ndata: \n"),
        ] {
            let expected = format!("event: next\n{lines}\n");
            assert_eq!(event("next", data.as_bytes()), expected.as_bytes(), "{data:?}");
        }
    }
}
