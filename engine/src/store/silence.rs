//! Something that takes connections and says nothing that PostgreSQL would say.
//!
//! Servers of other protocols wait for the end of a line, or for more bytes, and so does a server that hangs. The driver
//! only knows that it waits.

use std::{fmt, io, time::Duration};

use sea_orm::sqlx::postgres::PgConnectOptions;
use tokio::{
    net::{TcpStream, UnixStream},
    time::timeout,
};

/// Longest wait for a connection that is only to show that it can be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The connection was made, and then nothing came.
#[derive(Debug)]
struct Silent;

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what listens there takes the connection and does not answer as PostgreSQL does")
    }
}

impl std::error::Error for Silent {}

/// What is wrong with a server to which no session could be made in time.
pub(super) async fn timed_out(server: &PgConnectOptions) -> io::Error {
    let connecting = async {
        match server.get_socket() {
            Some(folder) => {
                let socket = folder.join(format!(".s.PGSQL.{}", server.get_port()));
                UnixStream::connect(socket).await.map(drop)
            }
            None => TcpStream::connect((server.get_host(), server.get_port())).await.map(drop),
        }
    };
    match timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok(())) => io::Error::new(io::ErrorKind::TimedOut, Silent),
        Ok(Err(error)) => error,
        Err(_) => io::ErrorKind::TimedOut.into(),
    }
}

/// Whether it was found by [`timed_out`].
pub(super) fn is_silent(error: &io::Error) -> bool {
    error.get_ref().and_then(|error| error.downcast_ref::<Silent>()).is_some()
}
