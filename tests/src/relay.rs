//! An address that leads to one PostgreSQL server or another, as the name of a primary does.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use tempfile::TempDir;
use tokio::{
    io::copy_bidirectional,
    net::{UnixListener, UnixStream},
    task::JoinHandle,
};

use crate::postgres::{SOCKET, Server};

/// A socket whose connections are passed on. Those that are there stay where they lead.
#[derive(Debug)]
pub struct Relay {
    folder: TempDir,
    target: Arc<Mutex<PathBuf>>,
    accepting: JoinHandle<()>,
}

impl Relay {
    /// Listens, in the runtime of the caller, for connections to this server.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn to(server: &Server) -> Result<Self> {
        let folder = TempDir::with_prefix("ctutor-relay-")?;
        let listener = UnixListener::bind(folder.path().join(SOCKET))?;
        let target = Arc::new(Mutex::new(server.socket()));
        let accepting = tokio::spawn(accept(listener, target.clone()));
        Ok(Self { folder, target, accepting })
    }

    /// New connections lead to this server from now on.
    pub fn lead_to(&self, server: &Server) {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = server.socket();
    }

    /// URL of a database of the server that it leads to.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.folder.path().display())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: UnixListener, target: Arc<Mutex<PathBuf>>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let target = target.lock().unwrap_or_else(PoisonError::into_inner).clone();
        tokio::spawn(async move {
            // A server that is away is one that closes the connection at once.
            if let Ok(mut server) = UnixStream::connect(&target).await {
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}
