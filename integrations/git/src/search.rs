//! Looks for a commit in one branch or tag after the other, where one that is broken fails the fetch of all.

use std::fmt::Display;

use git2::{Oid, Repository};
use secrecy::SecretString;

use crate::{
    CommitId, Error, Revision,
    advertised::{Advertised, Reference},
    connection::Received,
    mirror::Mirror,
    objects::damaged,
    refs, server_words,
};

/// How many references are fetched alone, each over a connection of its own.
const REFERENCES_MAX: usize = 100;

impl Mirror {
    /// Brings the branches and tags of `listed` into the mirror until one holds the commit. `error` is why they cannot be
    /// fetched at once.
    pub(crate) fn download_each(
        &self,
        repository: &Repository,
        secret: Option<&SecretString>,
        listed: &Advertised,
        error: Error,
    ) -> Result<CommitId, Error> {
        let is_too_large = matches!(error, Error::LimitExceeded { .. });
        if !(is_too_large || is_of_one_reference(&error)) {
            return Err(error);
        }
        let digits = self.source.revision.digits().unwrap_or_default();
        let references = listed.starting_with(&digits);
        let is_all = references.len() <= REFERENCES_MAX;
        let mut fault: Option<Error> = None;
        for reference in references.into_iter().take(REFERENCES_MAX) {
            match self.download_reference(repository, secret, &reference) {
                Ok(received) => self.store(repository, &received, Some(reference.id))?,
                // What may pass comes first: the commit may be in it.
                Err(other) if is_of_one_reference(&other) => {
                    if fault.as_ref().is_none_or(|known| !known.is_retryable()) {
                        fault = Some(listed_and_refused(other, &reference.name.escape_debug()));
                    }
                    continue;
                }
                Err(other) => return Err(other),
            }
            let objects = self.objects(repository)?;
            let found = match &self.source.revision {
                Revision::Commit(commit) => self.meaning(&objects, commit)?,
                _ => self.short(&objects, listed)?,
            };
            if let Some(commit) = found {
                return Ok(commit);
            }
        }
        match fault {
            Some(fault) => Err(fault),
            None if is_all => Err(self.lost_or_unknown(&self.objects(repository)?, listed)),
            None => Err(error),
        }
    }

    fn download_reference(
        &self,
        repository: &Repository,
        secret: Option<&SecretString>,
        reference: &Reference,
    ) -> Result<Received<Oid>, Error> {
        let one = vec![refs::asking(&reference.name, reference.id)];
        self.server(secret).receive(repository, |_| Ok((one, reference.id)))
    }
}

/// Whether another reference may be whole where this one failed.
fn is_of_one_reference(error: &Error) -> bool {
    matches!(
        error,
        Error::Damaged { .. }
            | Error::HungUp { .. }
            | Error::Unanswered { .. }
            | Error::Speechless { .. }
            | Error::Withheld { .. }
            | Error::Reported { .. }
    )
}

/// The error for a reference that a server lists and does not send: damage if the server says that it cannot read an
/// object. Without such words it may be a fault of the server, or of a proxy before it.
pub(crate) fn listed_and_refused(error: Error, name: &impl Display) -> Error {
    match error {
        Error::HungUp { url, message } | Error::Reported { url, message }
            if server_words::is_not_ours(&message) =>
        {
            Error::Withheld { url, name: name.to_string(), message }
        }
        Error::HungUp { url, message } | Error::Reported { url, message }
            if server_words::is_of_an_object(&message) =>
        {
            damaged(&url, &format!("the server lists `{name}`, and when asked for it said: {message}"))
        }
        Error::Speechless { url, .. } => Error::Speechless { url, asked: format!("`{name}`") },
        error => error,
    }
}
