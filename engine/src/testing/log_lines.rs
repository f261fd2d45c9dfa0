//! Catches log lines as JSON, at the level that the program has by default.

use std::{
    io,
    sync::{Mutex, OnceLock, PoisonError},
};

use serde_json::Value;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::ids::RunId;

/// The lines of this process. The test workers have threads of their own, so lines are caught in all threads.
static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static CAUGHT: OnceLock<()> = OnceLock::new();

/// The lines that were written since they are caught; other tests of the process may have written some of them.
pub(crate) struct LogLines(());

impl LogLines {
    pub(crate) fn catch() -> Self {
        CAUGHT.get_or_init(|| {
            let lines = tracing_subscriber::fmt()
                .json()
                .flatten_event(true)
                .with_env_filter(EnvFilter::new("warn,ctutor=info,sqlx_core::pool=off,sqlx::pool=off"))
                .with_writer(Written);
            lines.init();
        });
        Self(())
    }

    /// The lines whose fields name the run, in their order.
    pub(crate) fn of_run(&self, run_id: RunId) -> Vec<Value> {
        self.all().into_iter().filter(|line| line["run.id"] == run_id.to_string()).collect()
    }

    /// The lines whose message contains this text, in their order.
    pub(crate) fn containing(&self, text: &str) -> Vec<Value> {
        let contains = |line: &Value| line["message"].as_str().is_some_and(|message| message.contains(text));
        self.all().into_iter().filter(contains).collect()
    }

    #[expect(clippy::unused_self, reason = "a value of this type proves that lines are caught")]
    fn all(&self) -> Vec<Value> {
        let written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&written);
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

struct Written;

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WRITTEN.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Written {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}
