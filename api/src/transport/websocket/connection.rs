//! The life of a socket, see the table of the module above.

use std::sync::Arc;

use async_graphql::{Executor, ServerError};
use axum::extract::ws::{Message, WebSocket};
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::tungstenite;

use super::super::Service;
use super::super::auth::{AuthError, Authenticate, Caller, strip_bearer};
use super::super::deadline::Deadline;
use super::super::error::{code, coded};
use super::super::params::Params;
use super::super::subjects::Seat;
use super::close::Close;
use super::message::{FromClient, FromServer, InitPayload};
use super::operation::{self, Outlet};
use super::operations::{Operations, Refused};
use super::writer::{Control, Item, Writer};

/// Answers of the reader that wait to be written. A client that makes more without reading them is cut off.
const CONTROLS_MAX: usize = 256;

/// How a socket ends.
enum Ending {
    /// The server closes it.
    Close(Close),
    /// The client closes it.
    Closed,
    /// It is broken, or the client does not answer any more.
    Gone,
}

impl From<Close> for Ending {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}

/// Serves a socket to its end.
pub(super) async fn serve<E: Executor, A: Authenticate>(service: Arc<Service<E, A>>, socket: WebSocket) {
    let _open = service.gauges.open_socket();
    let options = service.options.websocket.clone();
    let is_spoken = socket.protocol().is_some();
    let (sink, mut stream) = socket.split();
    let (control, controls) = mpsc::channel(CONTROLS_MAX);
    let (queue, items) = mpsc::channel(options.queue_messages_max);
    let operations = Operations::default();
    let writer = Writer {
        sink,
        control: controls,
        queue: items,
        operations: operations.clone(),
        write_timeout: options.write_timeout,
    };
    let mut writer = Box::pin(writer.run());
    let ending = if is_spoken {
        let connection = Connection::new(service, control.clone(), queue, operations);
        // In one task, yet neither waits for the other: an idle socket costs one task, and a stalled
        // write does not keep the reader from seeing what the client says.
        tokio::select! {
            ending = connection.run(&mut stream) => ending,
            () = &mut writer => Ending::Gone,
        }
    } else {
        Close::subprotocol().into()
    };
    match ending {
        Ending::Close(close) => {
            let say = async { tokio::join!(control.send(Control::Close(close)), writer) };
            let _ = timeout(options.write_timeout, say).await;
        }
        Ending::Closed => {}
        Ending::Gone => return,
    }
    // Reading on until both sides have closed. It writes the answer to a close of the client; and bytes left
    // unread would reset the connection, so that the client would not see why we close.
    let _ = timeout(options.close_timeout, async { while let Some(Ok(_)) = stream.next().await {} }).await;
}

struct Connection<E, A: Authenticate> {
    service: Arc<Service<E, A>>,
    control: mpsc::Sender<Control>,
    queue: mpsc::Sender<Item>,
    operations: Operations,
    /// Dropped with the connection, which aborts them.
    tasks: JoinSet<()>,
    ready: Option<Ready<A::Caller>>,
    silences: u32,
}

/// What is known once the client has shown its token.
struct Ready<C> {
    caller: C,
    expiry: Deadline,
    _seat: Option<Seat>,
}

impl<E: Executor, A: Authenticate> Connection<E, A> {
    fn new(
        service: Arc<Service<E, A>>,
        control: mpsc::Sender<Control>,
        queue: mpsc::Sender<Item>,
        operations: Operations,
    ) -> Self {
        Self { service, control, queue, operations, tasks: JoinSet::new(), ready: None, silences: 0 }
    }

    async fn run(mut self, stream: &mut SplitStream<WebSocket>) -> Ending {
        let options = &self.service.options.websocket;
        let period = options.ping_interval;
        let mut ping = interval_at(Instant::now() + period, period);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut init = Box::pin(Deadline::after(options.init_timeout).reached());
        let mut expiry = Box::pin(Deadline::NEVER.reached());
        let shutdown = self.service.shutdown.clone();
        let mut shutdown = Box::pin(shutdown.cancelled_owned());
        loop {
            // Ends first: a client that never stops to send cannot outlive its token.
            let ending = tokio::select! {
                biased;
                () = &mut shutdown => Err(Close::shutting_down().into()),
                () = &mut init, if self.ready.is_none() => Err(Close::init_timeout().into()),
                () = &mut expiry => Err(Close::forbidden(AuthError::Expired.to_string()).into()),
                _ = ping.tick() => self.ping(),
                Some(_) = self.tasks.join_next(), if !self.tasks.is_empty() => Ok(()),
                message = stream.next() => {
                    let was_ready = self.ready.is_some();
                    let result = self.receive(message);
                    if let Some(ready) = self.ready.as_ref().filter(|_| !was_ready) {
                        expiry.set(ready.expiry.reached());
                    }
                    result
                }
            };
            if let Err(ending) = ending {
                return ending;
            }
        }
    }

    /// Counts an interval without a sign of life, and asks for one.
    fn ping(&mut self) -> Result<(), Ending> {
        // The count is of pings since the client was last heard.
        if self.silences >= self.service.options.websocket.silences_max {
            return Err(Ending::Gone);
        }
        self.silences += 1;
        self.say(Control::Ping)
    }

    fn receive(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), Ending> {
        self.silences = 0;
        let allowed = self.service.options.websocket.message_bytes_max;
        match message {
            None => Err(Ending::Gone),
            Some(Ok(Message::Close(_))) => Err(Ending::Closed),
            Some(Err(error)) => Err(broken(error, allowed)),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Text(text))) if text.len() > allowed => {
                Err(Close::message_too_long(allowed).into())
            }
            Some(Ok(Message::Binary(data))) if data.len() > allowed => {
                Err(Close::message_too_long(allowed).into())
            }
            Some(Ok(Message::Binary(_))) => {
                Err(Close::bad_message("expected a text message, found a binary one").into())
            }
            Some(Ok(Message::Text(text))) => {
                let message = FromClient::parse(&text).map_err(Close::bad_message)?;
                self.obey(message)
            }
        }
    }

    fn obey(&mut self, message: FromClient) -> Result<(), Ending> {
        match message {
            FromClient::ConnectionInit(payload) => self.init(&payload),
            FromClient::Ping(payload) => self.pong(payload.as_deref()),
            FromClient::Pong => Ok(()),
            FromClient::Subscribe { id, params } => self.subscribe(&id, params),
            FromClient::Complete { id } => {
                self.operations.cancel(&id);
                Ok(())
            }
        }
    }

    fn init(&mut self, payload: &InitPayload) -> Result<(), Ending> {
        if self.ready.is_some() {
            return Err(Close::second_init().into());
        }
        let caller = self.authenticate(payload).map_err(|error| Close::forbidden(error.to_string()))?;
        let sockets_max = self.service.options.websocket.subject_sockets_max;
        let seat = match caller.subject() {
            Some(subject) => {
                let seat = self.service.socket_subjects.take(subject, sockets_max);
                Some(seat.ok_or_else(|| Close::too_many_sockets(sockets_max))?)
            }
            None => None,
        };
        let expiry = Deadline::at(caller.expires_at());
        self.ready = Some(Ready { caller, expiry, _seat: seat });
        self.say(Control::Text(FromServer::ConnectionAck.to_text()))
    }

    fn authenticate(&self, payload: &InitPayload) -> Result<A::Caller, AuthError> {
        let authorization = payload.authorization();
        let token = match authorization.as_deref() {
            Some(value) => Some(strip_bearer(value).ok_or(AuthError::Malformed("it is not `Bearer TOKEN`"))?),
            None => None,
        };
        self.service.authenticator.authenticate(token)
    }

    fn pong(&self, payload: Option<&RawValue>) -> Result<(), Ending> {
        self.say(Control::Text(FromServer::Pong { payload }.to_text()))
    }

    fn subscribe(&mut self, id: &str, params: Result<Box<Params>, ServerError>) -> Result<(), Ending> {
        let Some(ready) = &self.ready else { return Err(Close::unauthorized().into()) };
        let operations_max = self.service.options.websocket.operations_max;
        let generation = match self.operations.begin(id, operations_max) {
            Ok(generation) => generation,
            Err(Refused::IdTaken) => return Err(Close::id_taken(id).into()),
            Err(Refused::TooMany) => {
                let text = format!("a socket may run at most {operations_max} operations at the same time");
                return self.refuse_operation(id, coded(code::TOO_MANY_OPERATIONS, text));
            }
        };
        let params = match params {
            Ok(params) => *params,
            Err(error) => {
                self.operations.finish(id, generation);
                return self.refuse_operation(id, error);
            }
        };
        let outlet = Outlet { id: id.into(), generation, queue: self.queue.clone() };
        let operation = operation::run(self.service.clone(), ready.caller.clone(), params, outlet);
        let task = self.tasks.spawn(operation);
        self.operations.attach(id, generation, task);
        Ok(())
    }

    fn refuse_operation(&self, id: &str, error: ServerError) -> Result<(), Ending> {
        self.say(Control::Text(FromServer::Error { id, payload: &[error] }.to_text()))
    }

    /// Says something past the queue. If even that is full, the client does not read.
    fn say(&self, control: Control) -> Result<(), Ending> {
        self.control.try_send(control).map_err(|_| Ending::Gone)
    }
}

/// How a socket ends that cannot be read any more.
fn broken(error: axum::Error, allowed: usize) -> Ending {
    use tungstenite::error::{CapacityError, Error};

    match error.into_inner().downcast_ref::<Error>() {
        Some(Error::Capacity(CapacityError::MessageTooLong { .. })) => {
            Close::message_too_long(allowed).into()
        }
        Some(Error::Utf8(_)) => Close::not_utf8().into(),
        Some(Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => {
            Ending::Gone
        }
        Some(Error::Protocol(_)) => Close::protocol_violated().into(),
        _ => Ending::Gone,
    }
}
