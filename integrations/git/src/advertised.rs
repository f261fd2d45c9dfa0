//! The references that a repository has, and which of them a revision means.

use std::collections::{BTreeSet, HashMap};

use git2::Oid;
use unicode_normalization::UnicodeNormalization;

use crate::{Error, Naming, Revision, repository_url::RepositoryUrl};

const HEADS: &str = "refs/heads/";
const TAGS: &str = "refs/tags/";
/// What Git writes after the name of a tag to tell what it finally means.
pub(crate) const PEELED: &str = "^{}";
/// The file that references are collected in.
pub(crate) const PACKED: &str = "packed-refs";
/// Why a reference that a server lists without an object means nothing.
const WITHOUT_OBJECT: &str =
    "the server lists it without the ID of an object, as one whose file is half written";
/// How many names an error lists.
const LISTED_MAX: usize = 10;

/// What a repository says about its references before anything is fetched.
#[derive(Clone, Debug, Default)]
pub(crate) struct Advertised {
    refs: Vec<(String, Oid)>,
    unreadable: Vec<Unreadable>,
    /// What `HEAD` names, if it names a branch and that is told.
    head: Option<String>,
}

/// A reference that is there and cannot be read, so that it means no object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) name: String,
    pub(crate) reason: String,
}

/// A reference that a revision means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) name: String,
    pub(crate) id: Oid,
}

impl Advertised {
    pub(crate) fn new(refs: impl IntoIterator<Item = (String, Oid)>) -> Self {
        Self { refs: refs.into_iter().collect(), ..Self::default() }
    }

    /// What a server lists. Git gives a reference that it cannot read the ID of zeros.
    pub(crate) fn listed(refs: impl IntoIterator<Item = (String, Oid)>) -> Self {
        let (broken, refs) = refs.into_iter().partition::<Vec<_>, _>(|(_, id)| id.is_zero());
        let unreadable =
            broken.into_iter().map(|(name, _)| Unreadable { name, reason: WITHOUT_OBJECT.to_owned() });
        Self { refs, unreadable: unreadable.collect(), head: None }
    }

    /// With the branch that `HEAD` names.
    pub(crate) fn with_head(self, head: Option<String>) -> Self {
        Self { head, ..self }
    }

    /// With what cannot be read in a repository of this machine.
    pub(crate) fn with_unreadable(self, unreadable: Vec<Unreadable>, head: Option<String>) -> Self {
        Self { unreadable, head, ..self }
    }

    /// Some reference that points to this object, also through a tag.
    pub(crate) fn pointing_to(&self, id: Oid) -> Option<&str> {
        let (name, _) = self.refs.iter().find(|(_, target)| *target == id)?;
        Some(name.strip_suffix(PEELED).unwrap_or(name))
    }

    /// The targets of all branches and tags.
    pub(crate) fn tips(&self) -> impl Iterator<Item = Oid> {
        let is_tip =
            |name: &str| !name.ends_with(PEELED) && (name.starts_with(HEADS) || name.starts_with(TAGS));
        self.refs.iter().filter(move |(name, _)| is_tip(name)).map(|(_, id)| *id)
    }

    /// All branches and tags, first those that point to a commit whose ID starts with these digits.
    pub(crate) fn starting_with(&self, digits: &str) -> Vec<Reference> {
        let is_tip = |name: &str| name.starts_with(HEADS) || name.starts_with(TAGS);
        let mut tips: Vec<Reference> = self.all().filter(|reference| is_tip(&reference.name)).collect();
        // A server may list a hundred thousand, so that each is looked up in a table, and once.
        let peeled: HashMap<&str, Oid> =
            self.refs.iter().filter_map(|(name, id)| Some((name.strip_suffix(PEELED)?, *id))).collect();
        tips.sort_by_cached_key(|tip| {
            let meanings = [Some(&tip.id), peeled.get(tip.name.as_str())];
            !meanings.into_iter().flatten().any(|id| id.to_string().starts_with(digits))
        });
        tips
    }

    /// What `HEAD` points to.
    ///
    /// # Errors
    ///
    /// [`Error::EmptyRepository`], [`Error::NoDefaultBranch`] or [`Error::Damaged`].
    pub(crate) fn default_branch(&self, url: &RepositoryUrl) -> Result<Reference, Error> {
        if let Some(head) = self.reference("HEAD") {
            return Ok(head);
        }
        // A server tells what `HEAD` names only if that can be read, so that any branch may be the one.
        self.check_readable(url, |name| {
            name == "HEAD" || self.head.as_deref().map_or(name.starts_with(HEADS), |head| head == name)
        })?;
        self.check_not_empty(url)?;
        Err(Error::NoDefaultBranch { url: url.clone(), branches: self.branches() })
    }

    /// The reference that a name means, if there is one.
    ///
    /// A full name means itself. A short one means a branch or a tag; one that both have is refused unless they mean
    /// the same commit, since Git would take the tag where people mean the branch.
    ///
    /// # Errors
    ///
    /// [`Error::AmbiguousRevision`] or [`Error::Damaged`].
    pub(crate) fn named(&self, name: &str, url: &RepositoryUrl) -> Result<Option<Reference>, Error> {
        let composed = name.nfc().collect::<String>();
        let found = self.candidates(|known| known == name);
        // macOS decomposes the names of branches that it keeps in files.
        let found = if found.is_empty() && !name.is_ascii() {
            self.candidates(|known| known.nfc().eq(composed.chars()))
        } else {
            found
        };
        let meanings: BTreeSet<Oid> = found.iter().map(|reference| self.peeled(reference)).collect();
        if meanings.len() > 1 {
            return Err(Error::AmbiguousRevision {
                url: url.clone(),
                revision: Revision::Name(name.to_owned()),
                naming: Naming::Reference,
                candidates: list(found.iter().map(|reference| reference.name.as_str())),
            });
        }
        if found.is_empty() {
            self.check_readable(url, |known| {
                ["", "refs/", TAGS, HEADS].iter().any(|prefix| known.strip_prefix(prefix) == Some(name))
            })?;
        }
        Ok(found.into_iter().next())
    }

    /// # Errors
    ///
    /// [`Error::Damaged`] when one of these references cannot be read, or the file that any may be in.
    fn check_readable(&self, url: &RepositoryUrl, is_meant: impl Fn(&str) -> bool) -> Result<(), Error> {
        let message = match self.unreadable.iter().find(|reference| is_meant(&reference.name)) {
            Some(Unreadable { name, reason }) => {
                format!("the reference `{}` cannot be read: {reason}", name.escape_debug())
            }
            None => match self.unreadable.iter().find(|reference| reference.name == PACKED) {
                Some(Unreadable { reason, .. }) => format!("the file `{PACKED}` cannot be read: {reason}"),
                None => return Ok(()),
            },
        };
        Err(Error::Damaged { url: url.clone(), message })
    }

    /// # Errors
    ///
    /// [`Error::EmptyRepository`] when there is nothing that a revision could mean, [`Error::Damaged`] when nothing of
    /// what there is can be read.
    pub(crate) fn check_not_empty(&self, url: &RepositoryUrl) -> Result<(), Error> {
        if !self.refs.is_empty() {
            return Ok(());
        }
        self.check_readable(url, |_| true)?;
        Err(Error::EmptyRepository { url: url.clone() })
    }

    /// What a caller who named something that is not here may have meant, for the end of a message.
    pub(crate) fn hint(&self, revision: &Revision) -> String {
        let Revision::Name(name) = revision else { return String::new() };
        // A clone keeps the branches of its origin under these names.
        let local = ["refs/remotes/origin/", "remotes/origin/", "origin/"]
            .iter()
            .find_map(|prefix| name.strip_prefix(prefix))
            .filter(|name| !self.candidates(|known| known == *name).is_empty());
        if let Some(name) = local {
            return format!("; write `{}`, since `origin` is a name of clones alone", name.escape_debug());
        }
        let lower = name.to_lowercase();
        if let Some(known) = self.candidates(|known| known.to_lowercase() == lower).first() {
            let (name, known) = (name.escape_debug(), known.name.escape_debug());
            return format!("; `{known}` differs from `{name}` in upper and lower case");
        }
        let is_usual =
            matches!(name.trim_start_matches("refs/").trim_start_matches("heads/"), "main" | "master");
        match self.head.as_deref().and_then(|head| head.strip_prefix(HEADS)) {
            Some(head) if is_usual => format!("; its default branch is `{}`", head.escape_debug()),
            _ => String::new(),
        }
    }

    /// The references whose full name is wanted, else those whose name without `refs/`, `refs/tags/` or `refs/heads/`
    /// is.
    fn candidates(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<Reference> {
        let named = |prefixes: &[&str]| -> Vec<Reference> {
            let is_named =
                |full: &str| prefixes.iter().any(|prefix| full.strip_prefix(prefix).is_some_and(&is_wanted));
            self.all().filter(|reference| is_named(&reference.name)).collect()
        };
        let full = named(&[""]);
        if full.is_empty() { named(&["refs/", TAGS, HEADS]) } else { full }
    }

    fn all(&self) -> impl Iterator<Item = Reference> {
        let own = self.refs.iter().filter(|(name, _)| !name.ends_with(PEELED));
        own.map(|(name, id)| Reference { name: name.clone(), id: *id })
    }

    fn reference(&self, name: &str) -> Option<Reference> {
        self.all().find(|reference| reference.name == name)
    }

    fn peeled(&self, reference: &Reference) -> Oid {
        let name = format!("{}{PEELED}", reference.name);
        self.refs.iter().find(|(known, _)| *known == name).map_or(reference.id, |(_, id)| *id)
    }

    fn branches(&self) -> String {
        list(self.refs.iter().filter_map(|(name, _)| name.strip_prefix(HEADS)))
    }
}

/// Names for a message.
pub(crate) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut shown = Vec::new();
    let mut left_out = 0_usize;
    for name in names {
        if shown.len() < LISTED_MAX {
            shown.push(format!("`{}`", name.escape_debug()));
        } else {
            left_out += 1;
        }
    }
    match (shown.is_empty(), left_out) {
        (true, _) => "none".to_owned(),
        (false, 0) => shown.join(", "),
        (false, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advertised(refs: &[(&str, char)]) -> Advertised {
        let id = |digit: &char| Oid::from_str(&digit.to_string().repeat(40)).unwrap();
        Advertised::new(refs.iter().map(|(name, digit)| ((*name).to_owned(), id(digit))))
    }

    fn named(advertised: &Advertised, name: &str) -> Result<Option<String>, String> {
        let url = "https://git.example/a.git".parse().unwrap();
        let found = advertised.named(name, &url).map_err(|error| error.to_string())?;
        Ok(found.map(|reference| reference.name))
    }

    #[test]
    fn a_name_is_understood_in_every_form_that_git_knows() {
        let refs = advertised(&[
            ("HEAD", '1'),
            ("refs/heads/main", '1'),
            ("refs/heads/tags/odd", '2'),
            ("refs/heads/refs/heads/deep", '3'),
            ("refs/tags/v1", '4'),
            ("refs/tags/v1^{}", '1'),
            ("refs/merge-requests/7/head", '5'),
            ("refs/heads/u\u{308}bung", '6'),
        ]);
        for (name, full) in [
            ("main", "refs/heads/main"),
            ("heads/main", "refs/heads/main"),
            ("refs/heads/main", "refs/heads/main"),
            ("v1", "refs/tags/v1"),
            ("tags/v1", "refs/tags/v1"),
            ("refs/tags/v1", "refs/tags/v1"),
            ("tags/odd", "refs/heads/tags/odd"),
            ("refs/heads/deep", "refs/heads/refs/heads/deep"),
            ("merge-requests/7/head", "refs/merge-requests/7/head"),
            ("refs/merge-requests/7/head", "refs/merge-requests/7/head"),
            ("\u{fc}bung", "refs/heads/u\u{308}bung"),
        ] {
            assert_eq!(named(&refs, name), Ok(Some(full.to_owned())), "{name}");
        }
        for name in ["Main", "v1^{}", "7/head", "heads", "origin/main"] {
            assert_eq!(named(&refs, name), Ok(None), "{name}");
        }
    }

    #[test]
    fn a_branch_and_a_tag_of_one_name_are_told_apart_unless_they_mean_the_same() {
        let refs = |branch| {
            advertised(&[("refs/heads/v1", branch), ("refs/tags/v1", '4'), ("refs/tags/v1^{}", '1')])
        };
        assert_eq!(named(&refs('1'), "v1"), Ok(Some("refs/heads/v1".to_owned())));
        let told = named(&refs('2'), "v1").unwrap_err();
        assert_eq!(
            told,
            "`v1` is ambiguous in `https://git.example/a.git`; name one of `refs/heads/v1`, `refs/tags/v1`"
        );
        assert_eq!(named(&refs('2'), "heads/v1"), Ok(Some("refs/heads/v1".to_owned())));
    }

    #[test]
    fn a_hundred_thousand_references_are_sorted_by_what_they_mean() {
        let id = |number: u32| Oid::from_str(&format!("{number:040x}")).unwrap();
        let tags = (0..100_000).flat_map(|number| {
            let name = format!("refs/tags/{number}");
            [(format!("{name}{PEELED}"), id(number)), (name, id(1 << 31 | number))]
        });
        let digits = id(77_777).to_string();
        let sorted = Advertised::new(tags).starting_with(&digits);
        assert_eq!((sorted.len(), sorted[0].name.as_str()), (100_000, "refs/tags/77777"));
    }

    #[test]
    fn what_may_be_meant_by_an_unknown_name_is_told() {
        let refs =
            advertised(&[("refs/heads/trunk", '1'), ("refs/heads/Lab/\u{dc}", '2'), ("refs/tags/v1", '3')])
                .with_head(Some("refs/heads/trunk".to_owned()));
        let default = "; its default branch is `trunk`";
        let origin = "; write `trunk`, since `origin` is a name of clones alone";
        for (name, expected) in [
            ("origin/trunk", origin),
            ("remotes/origin/trunk", origin),
            ("refs/remotes/origin/trunk", origin),
            ("origin/none", ""),
            ("Trunk", "; `refs/heads/trunk` differs from `Trunk` in upper and lower case"),
            ("lab/\u{fc}", "; `refs/heads/Lab/\u{dc}` differs from `lab/\u{fc}` in upper and lower case"),
            ("V1", "; `refs/tags/v1` differs from `V1` in upper and lower case"),
            ("master", default),
            ("refs/heads/master", default),
            ("main", default),
            ("none", ""),
        ] {
            assert_eq!(refs.hint(&Revision::Name(name.to_owned())), expected, "{name}");
        }
        assert_eq!(advertised(&[("refs/heads/a", '1')]).hint(&Revision::Name("main".to_owned())), "");
    }

    #[test]
    fn a_repository_without_a_default_branch_says_what_it_has() {
        let url = "https://git.example/a.git".parse().unwrap();
        let told = |refs: &[(&str, char)]| advertised(refs).default_branch(&url).unwrap_err().to_string();
        assert_eq!(
            told(&[]),
            "the repository `https://git.example/a.git` is empty: nothing was pushed to it"
        );
        assert_eq!(
            told(&[("refs/heads/main", '1')]),
            "`HEAD` of `https://git.example/a.git` points to a branch that does not exist; \
             set a default branch there or name a branch, one of `main`"
        );
        assert_eq!(list((0..12).map(|_| "x")), format!("{} and 2 more", ["`x`"; 10].join(", ")));
    }
}
