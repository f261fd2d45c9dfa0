//! Tells a repository that is broken from a server that is not well for a moment.
//!
//! Git on a server that cannot read a commit ends without a word, as one that is killed for want of memory does; and one
//! of several servers that lags behind says that it has not what another one lists, as one that has lost it does.
//! A moment passes: each sighting is a failed attempt that is repeated later, and what is seen in every attempt of
//! [`DELAYS`] and once more is the repository. Another fault in between means that the server is not well, so that the
//! count begins anew. The count is a checkpoint, so that it does not matter which worker makes the next attempt.

use std::time::Duration;

use ctutor_git::Error;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long to wait after each sighting. Long enough for a server to be started again, or to catch up.
const DELAYS: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(15)];

/// In how many attempts, one after the other, a repository has looked broken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Doubt {
    sightings: usize,
}

/// What follows from an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is what it says.
    Plain,
    /// To be looked at once more after this time.
    Doubtful { delay: Duration },
    /// It has lasted: the content of the repository is at fault.
    Lasted,
}

impl Doubt {
    /// The doubt after an attempt that ended with this error, and what follows.
    pub(super) fn after(self, error: &Error) -> (Self, Verdict) {
        if !error.is_of_the_content_if_it_lasts() {
            return (Self::default(), Verdict::Plain);
        }
        let verdict = match DELAYS.get(self.sightings) {
            Some(delay) => Verdict::Doubtful { delay: *delay },
            None => Verdict::Lasted,
        };
        (Self { sightings: self.sightings.saturating_add(1) }, verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_seen_in_attempts_one_after_the_other_has_lasted() {
        let url = || "https://git.example/a.git".parse().unwrap();
        let seen = Error::Speechless { url: url(), asked: "`main`".to_owned() };
        let other = Error::Answered { url: url(), status: 503, retry_after: None };
        let verdicts = |errors: &[&Error]| {
            let mut doubt = Doubt::default();
            let judge = |error: &&Error| {
                let (next, verdict) = doubt.after(error);
                doubt = next;
                verdict
            };
            errors.iter().map(judge).collect::<Vec<_>>()
        };
        let [first, second] = DELAYS.map(|delay| Verdict::Doubtful { delay });
        assert_eq!(
            verdicts(&[&seen, &seen, &seen, &seen]),
            [first, second, Verdict::Lasted, Verdict::Lasted]
        );
        assert_eq!(
            verdicts(&[&other, &seen, &seen, &other, &seen]),
            [Verdict::Plain, first, second, Verdict::Plain, first]
        );
    }
}
