//! Brings a commit into a mirror.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeSet, HashSet, VecDeque},
    fs::File,
};

use git2::Oid;
use secrecy::SecretString;

use crate::{
    CommitId, Error, Naming, Revision,
    advertised::{Advertised, Reference, list},
    connection::{Received, Server},
    local::{Copying, Local},
    mirror::{Age, Mirror},
    objects::{Objects, Peeled, damaged},
    refs,
    search::listed_and_refused,
};

/// What a fetch asks for when a commit may be anywhere. libgit2 only selects with it; nothing has these names here.
const BRANCHES_AND_TAGS: [&str; 2] = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];

/// How many commits of one short ID an error lists.
const CANDIDATES_MAX: usize = 10;

/// What a server was asked for.
#[derive(Default)]
enum Asked {
    #[default]
    Nothing,
    One,
    All(Advertised),
}

impl Mirror {
    /// Brings what the revision means into the mirror, and returns its commit.
    pub(crate) fn fetch(&self) -> Result<CommitId, Error> {
        let _lock = self.lock(File::lock)?;
        let (repository, age) = self.open_or_create()?;
        // Another task may have fetched it while this one waited for the lock.
        if let Revision::Commit(commit) = &self.source.revision
            && self.objects(&repository)?.has_commit(commit)
        {
            return Ok(commit.clone());
        }
        let commit = self.bring(&repository).or_else(|error| match error {
            // What earlier fetches left here may be the reason. If it is not, the second attempt says so.
            Error::Mirror { .. } | Error::Damaged { .. } | Error::PartialClone { .. } if age == Age::Old => {
                tracing::info!(mirror = self.key, %error, "a mirror is fetched anew");
                drop(repository);
                self.clear()?;
                self.bring(&self.open_or_create()?.0)
            }
            error => Err(error),
        })?;
        self.make_room();
        Ok(commit)
    }

    fn bring(&self, repository: &git2::Repository) -> Result<CommitId, Error> {
        if self.source.url.is_local() { self.copy(repository) } else { self.download(repository) }
    }

    fn copy(&self, mirror: &git2::Repository) -> Result<CommitId, Error> {
        let local = Local::open(&self.source.url)?;
        self.copy_from(&local, mirror).map_err(|error| match error {
            Error::Damaged { url, message } if local.is_partial() => Error::PartialClone { url, message },
            error => error,
        })
    }

    fn copy_from(&self, local: &Local, mirror: &git2::Repository) -> Result<CommitId, Error> {
        let url = &self.source.url;
        let objects = self.objects(local.repository())?;
        let advertised = local.advertised(&objects).map_err(|fault| damaged(url, fault.message()))?;
        advertised.check_not_empty(url)?;
        let found = match &self.source.revision {
            Revision::Commit(commit) => self.meaning(&objects, commit)?,
            revision => match self.reference(&advertised, revision)? {
                Some(reference) => Some(self.peel(&objects, reference.id)?),
                None => self.short(&objects, &advertised)?,
            },
        };
        let commit = found.ok_or_else(|| match local.is_shallow() {
            true => Error::Shallow { url: url.clone(), revision: self.source.revision.clone() },
            false => self.lost_or_unknown(&objects, &advertised),
        })?;
        if !self.objects(mirror)?.has_commit(&commit) {
            let objects = self.objects(local.repository())?;
            let (options, watch) = (&self.options, &self.watch);
            Copying { from: local.repository(), objects, into: mirror, url, options, watch }.run(&commit)?;
            self.bound_size(mirror)?;
        }
        Ok(commit)
    }

    fn download(&self, repository: &git2::Repository) -> Result<CommitId, Error> {
        let secret = self.secret()?;
        let Revision::Commit(commit) = &self.source.revision else {
            return self.download_named(repository, secret.as_ref());
        };
        // Forges serve a commit by its ID, also one that no branch holds any more. Others have to be asked for all.
        let asked = Cell::new(false);
        match self.download_commit(repository, commit, secret.as_ref(), &asked) {
            // They refuse in ways of their own, some by closing the connection.
            Err(
                Error::Mirror { .. }
                | Error::Reported { .. }
                | Error::Damaged { .. }
                | Error::HungUp { .. }
                | Error::Unanswered { .. }
                | Error::Speechless { .. }
                | Error::Network { .. },
            ) if asked.get() => {}
            outcome => return outcome,
        }
        let listed = RefCell::default();
        let all = |advertised: &Advertised| {
            listed.replace(advertised.clone());
            Ok((BRANCHES_AND_TAGS.map(str::to_owned).to_vec(), ()))
        };
        let received = match self.server(secret.as_ref()).receive(repository, all) {
            Ok(received) => received,
            Err(error) => return self.download_each(repository, secret.as_ref(), &listed.take(), error),
        };
        self.store(repository, &received, None)?;
        let objects = self.objects(repository)?;
        self.meaning(&objects, commit)?.ok_or_else(|| self.lost_or_unknown(&objects, &received.advertised))
    }

    fn download_commit(
        &self,
        repository: &git2::Repository,
        commit: &CommitId,
        secret: Option<&SecretString>,
        asked: &Cell<bool>,
    ) -> Result<CommitId, Error> {
        let id = Oid::from_str(commit.as_str()).map_err(|fault| self.broken(&fault))?;
        let received = self.server(secret).receive(repository, |advertised| {
            advertised.check_not_empty(&self.source.url)?;
            asked.set(true);
            let source = advertised.pointing_to(id).unwrap_or(commit.as_str());
            Ok((vec![refs::asking(source, id)], ()))
        })?;
        self.store(repository, &received, Some(id))?;
        let objects = self.objects(repository)?;
        self.meaning(&objects, commit)?.ok_or_else(|| self.lost_or_unknown(&objects, &received.advertised))
    }

    fn download_named(
        &self,
        repository: &git2::Repository,
        secret: Option<&SecretString>,
    ) -> Result<CommitId, Error> {
        let asked = RefCell::default();
        let received = match self.receive_named(repository, secret, &asked) {
            // The reference may have moved since it was listed, so that it is asked for once more.
            Err(
                Error::HungUp { .. }
                | Error::Unanswered { .. }
                | Error::Speechless { .. }
                | Error::Reported { .. },
            ) if matches!(*asked.borrow(), Asked::One) => self.receive_named(repository, secret, &asked),
            outcome => outcome,
        };
        let received = match (received, asked.take()) {
            (Ok(received), _) => received,
            (Err(error), Asked::One) => return Err(listed_and_refused(error, &self.source.revision)),
            (Err(error), Asked::All(listed)) => {
                return self.download_each(repository, secret, &listed, error);
            }
            (Err(error), Asked::Nothing) => return Err(error),
        };
        let wanted = received.decision.as_ref().map(|reference| reference.id);
        self.store(repository, &received, wanted)?;
        let objects = self.objects(repository)?;
        match wanted {
            Some(id) => self.peel(&objects, id),
            None => {
                let found = self.short(&objects, &received.advertised)?;
                found.ok_or_else(|| self.lost_or_unknown(&objects, &received.advertised))
            }
        }
    }

    fn receive_named(
        &self,
        repository: &git2::Repository,
        secret: Option<&SecretString>,
        asked: &RefCell<Asked>,
    ) -> Result<Received<Option<Reference>>, Error> {
        asked.take();
        self.server(secret).receive(repository, |advertised| {
            let reference = self.reference(advertised, &self.source.revision)?;
            let (refspecs, now_asked) = match &reference {
                Some(found) => (vec![refs::asking(&found.name, found.id)], Asked::One),
                None if self.source.revision.as_short_id().is_some() => {
                    (BRANCHES_AND_TAGS.map(str::to_owned).to_vec(), Asked::All(advertised.clone()))
                }
                None => return Err(self.unknown(advertised)),
            };
            asked.replace(now_asked);
            Ok((refspecs, reference))
        })
    }

    /// Bounds what was received and notes it for the next fetch.
    pub(crate) fn store<T>(
        &self,
        repository: &git2::Repository,
        received: &Received<T>,
        wanted: Option<Oid>,
    ) -> Result<(), Error> {
        if received.objects > 0 {
            self.bound_size(repository)?;
        }
        let known: HashSet<Oid> = received.advertised.tips().chain(wanted).collect();
        refs::keep(repository, &known).map_err(|fault| self.broken(&fault))
    }

    /// The reference that a revision means; none for a commit ID.
    fn reference(&self, advertised: &Advertised, revision: &Revision) -> Result<Option<Reference>, Error> {
        let url = &self.source.url;
        match revision {
            Revision::Default => advertised.default_branch(url).map(Some),
            Revision::Commit(_) => Ok(None),
            Revision::Name(name) => {
                advertised.check_not_empty(url)?;
                advertised.named(name, url)
            }
        }
    }

    /// The commit that a full ID means, which may be that of a tag.
    pub(crate) fn meaning(&self, objects: &Objects<'_>, id: &CommitId) -> Result<Option<CommitId>, Error> {
        objects.meaning_of(id)?.map(|peeled| self.expect_commit(peeled, Naming::Id)).transpose()
    }

    /// The commit that a reference means.
    fn peel(&self, objects: &Objects<'_>, id: Oid) -> Result<CommitId, Error> {
        self.expect_commit(objects.peel(id)?, Naming::Reference)
    }

    fn expect_commit(&self, peeled: Peeled, naming: Naming) -> Result<CommitId, Error> {
        match peeled {
            Peeled::Commit(commit) => Ok(commit),
            Peeled::Other(kind) => Err(Error::NotACommit {
                url: self.source.url.clone(),
                revision: self.source.revision.clone(),
                naming,
                kind,
            }),
        }
    }

    /// The commit of the branches and tags that the revision is a short ID of, which may be that of a tag.
    pub(crate) fn short(
        &self,
        objects: &Objects<'_>,
        advertised: &Advertised,
    ) -> Result<Option<CommitId>, Error> {
        let Some(digits) = self.source.revision.as_short_id() else { return Ok(None) };
        let mut pending: VecDeque<Oid> = VecDeque::new();
        let mut seen: HashSet<Oid> = HashSet::new();
        let mut found: BTreeSet<CommitId> = BTreeSet::new();
        for tip in advertised.tips() {
            if let Ok(Peeled::Commit(commit)) = objects.peel(tip) {
                pending.extend(Oid::from_str(commit.as_str()));
                if tip.to_string().starts_with(&digits) {
                    found.insert(commit);
                }
            }
        }
        while let Some(id) = pending.pop_front() {
            if !seen.insert(id) {
                continue;
            }
            self.check()?;
            if seen.len() as u64 > self.options.objects_max {
                return Err(Error::LimitExceeded { limit: "objects_max", max: self.options.objects_max });
            }
            let commit = CommitId::from(id);
            if commit.as_str().starts_with(&digits) && found.len() <= CANDIDATES_MAX {
                found.insert(commit);
            }
            // A shallow clone has not all parents.
            pending.extend(objects.parents_of(id).unwrap_or_default());
        }
        if found.len() > 1 {
            return Err(Error::AmbiguousRevision {
                url: self.source.url.clone(),
                revision: self.source.revision.clone(),
                naming: Naming::Id,
                candidates: list(found.iter().map(CommitId::as_str)),
            });
        }
        Ok(found.pop_first())
    }

    /// The error for a commit ID that is not here: damage if a branch or a tag has it, and what it is if it is that of
    /// another object.
    pub(crate) fn lost_or_unknown(&self, objects: &Objects<'_>, listed: &Advertised) -> Error {
        let digits = self.source.revision.digits();
        let has = |id: &Oid| digits.as_ref().is_some_and(|digits| id.to_string().starts_with(digits));
        let judge = |peeled| self.expect_commit(peeled, Naming::Id);
        let fault = listed.tips().filter(has).find_map(|id| objects.peel(id).and_then(judge).err());
        let other = || judge(objects.peel(objects.starting_with(digits.as_ref()?)?).ok()?).err();
        fault.or_else(other).unwrap_or_else(|| self.unknown(listed))
    }

    pub(crate) fn unknown(&self, listed: &Advertised) -> Error {
        let (url, revision) = (self.source.url.clone(), self.source.revision.clone());
        let hint = listed.hint(&revision);
        Error::UnknownRevision { url, revision, hint }
    }

    pub(crate) fn server<'a>(&'a self, secret: Option<&'a SecretString>) -> Server<'a> {
        let (source, options, watch, line) = (&self.source, &self.options, &self.watch, &self.line);
        Server { source, secret, options, watch, line }
    }
}
