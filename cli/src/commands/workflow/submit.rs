//! Starting a run once, however often it takes to be heard.
//!
//! Every start carries an idempotency key, the user's or one that is made here. A start whose answer was lost may have
//! taken effect; sent again with the same key, it gives the run that it started.

use std::{process::ExitCode, time::Duration};

use ctutor_engine::payload::Payload;
use serde_json::json;

use crate::{
    client::{Client, Error, Object, StartInput},
    exit,
    follow::retrying,
    output,
    shutdown::Interrupt,
};

/// What to say when the first call of a start finds no server.
const NOT_TRIED_AGAIN: &str =
    "nothing was started; the first call of a start is not tried again unless `--retry-for 5m` asks for it";

/// How a start is sent.
#[derive(Debug)]
pub(super) struct Submission {
    input: StartInput,
    key: String,
    has_own_key: bool,
    /// How long to try again; `None` leaves it to the kind of the failure.
    pub(super) retry_for: Option<Duration>,
    /// How long to try again when nothing else is said.
    pub(super) patience: Duration,
}

/// What became of it.
pub(super) enum Submitted {
    /// The payload of the mutation, and whether it was this command that started the run.
    Answered { payload: Payload, is_ours: bool },
    /// A signal came first.
    Interrupted(ExitCode),
}

impl Submission {
    /// A start with this input and the user's key, if there is one.
    pub(super) fn new(mut input: StartInput, own_key: Option<&str>) -> Self {
        let key = own_key.map_or_else(random_key, ToOwned::to_owned);
        input.fields.insert("idempotencyKey".to_owned(), json!(key));
        Self { input, key, has_own_key: own_key.is_some(), retry_for: None, patience: Duration::ZERO }
    }

    /// Sends it until it is answered.
    pub(super) async fn send(&self, client: &Client, interrupt: &mut Interrupt) -> anyhow::Result<Submitted> {
        let mut progress = Progress::default();
        let answered = tokio::select! {
            biased;
            code = interrupt.next() => {
                output::note(self.unknown());
                return Ok(Submitted::Interrupted(code));
            }
            answered = self.answered(client, &mut progress) => answered,
        };
        match answered {
            Ok(payload) => {
                let fields: Object = client.decode(&payload)?;
                let is_ours = fields.get("created") == Some(true) || (progress.was_lost && !self.has_own_key);
                Ok(Submitted::Answered { payload, is_ours })
            }
            Err(error) if progress.was_lost => Err(exit::with_advice(&error, self.unknown())),
            Err(error) if self.was_not_tried_again(&error) => Err(exit::with_advice(&error, NOT_TRIED_AGAIN)),
            Err(error) => Err(error),
        }
    }

    /// Whether the start ended with its first call, where another one may have reached the server.
    fn was_not_tried_again(&self, error: &anyhow::Error) -> bool {
        self.retry_for.is_none()
            && error.downcast_ref::<Error>().is_some_and(|error| error.is_unsent() && error.is_passing())
    }

    async fn answered(&self, client: &Client, progress: &mut Progress) -> anyhow::Result<Payload> {
        let retry_for = |error: &Error| {
            progress.was_lost |= !error.is_unsent();
            // A server that was never there is more likely a wrong address than a server that restarts.
            let implied = if progress.was_lost { self.patience } else { Duration::ZERO };
            self.retry_for.unwrap_or(implied)
        };
        retrying(retry_for, async || client.start_workflow(&self.input).await).await
    }

    fn unknown(&self) -> String {
        format!(
            "it is not known whether the workflow was started; the same command with `--idempotency-key {}` gives the \
             run that was started, or starts it",
            output::quoted(&self.key)
        )
    }
}

#[derive(Debug, Default)]
struct Progress {
    /// A request was sent, and its answer did not come.
    was_lost: bool,
}

#[expect(clippy::disallowed_methods, reason = "a key that no other start has")]
fn random_key() -> String {
    format!("cli-{:032x}", rand::random::<u128>())
}
