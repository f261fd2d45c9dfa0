//! Every way to name a commit, and repositories that have none to name.

use std::fs;

use ctutor_git::Error;
use git2::{ObjectType, Oid};

use crate::upstream::{AUTHOR, By, EACH_WAY, Upstream};

impl Upstream {
    fn tag(&self, name: &str, target: Oid, kind: &str) -> Oid {
        let text = format!("object {target}\ntype {kind}\ntag {name}\ntagger {AUTHOR}\n\nTag\n");
        let id = self.raw(ObjectType::Tag, text.as_bytes());
        self.set(&format!("refs/tags/{name}"), id);
        id
    }
}

#[tokio::test]
async fn a_commit_is_named_as_git_names_it() {
    for by in EACH_WAY {
        let upstream = Upstream::new();
        let first = upstream.commit("1", &[]);
        let second = upstream.commit("2", &[first]);
        let third = upstream.commit("3", &[second]);
        upstream.set("refs/heads/main", second);
        upstream.set("refs/heads/group/topic", third);
        upstream.set("refs/merge-requests/1/head", third);
        upstream.set("refs/tags/light", first);
        let annotated = upstream.tag("v1", first, "commit");
        upstream.tag("nested", annotated, "tag");
        let id = first.to_string();
        for (revision, expected) in [
            ("main", second),
            ("heads/main", second),
            ("refs/heads/main", second),
            ("HEAD", second),
            ("@", second),
            ("group/topic", third),
            ("heads/group/topic", third),
            ("refs/merge-requests/1/head", third),
            ("light", first),
            ("v1", first),
            ("tags/v1", first),
            ("refs/tags/v1", first),
            ("nested", first),
            (id.as_str(), first),
            (&id.to_uppercase(), first),
            (&annotated.to_string(), first),
            (&id[..12], first),
            (&id[..7].to_uppercase(), first),
        ] {
            let found = upstream.commit_at(by, revision).await;
            assert_eq!(
                found.map_err(|error| error.to_string()),
                Ok(expected.to_string()),
                "{by:?} {revision}"
            );
        }
        assert_eq!(upstream.checkout_default(by).await.unwrap().commit, second.to_string());
        for (revision, hint) in [
            ("origin/main", "`origin/main`; write `main`, since `origin` is a name of clones alone"),
            ("master", "`master`; its default branch is `main`"),
            ("Main", "`Main`; `refs/heads/main` differs from `Main` in upper and lower case"),
        ] {
            let told = upstream.told(by, upstream.checkout(by, revision).await);
            assert_eq!(told, format!("`URL` has no commit, branch or tag {hint}"), "{by:?}");
        }
        for revision in ["Main", "master", "origin/main", "refs/heads/v1", "tags/main", "0000000"] {
            let error = upstream.commit_at(by, revision).await.unwrap_err();
            assert!(matches!(error, Error::UnknownRevision { .. }), "{by:?} {revision}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_short_id_of_two_commits_lists_both_and_one_of_other_objects_is_not_confused() {
    for by in EACH_WAY {
        let upstream = Upstream::new();
        // Sixteen bits meet soon.
        let mut seen = std::collections::BTreeMap::new();
        let mut parents = Vec::new();
        let (one, two) = loop {
            let id = upstream.commit(&parents.len().to_string(), &parents);
            parents = vec![id];
            if let Some(other) = seen.insert(id.to_string()[..4].to_owned(), id) {
                break (other, id);
            }
            parents.truncate(1);
        };
        upstream.set("refs/heads/main", two);
        let told = upstream.told(by, upstream.checkout(by, &one.to_string()[..4]).await);
        let mut ids = [one.to_string(), two.to_string()];
        ids.sort();
        let expected =
            format!("`{}` is ambiguous in `URL`; name one of `{}`, `{}`", &ids[0][..4], ids[0], ids[1]);
        assert_eq!(told, expected, "{by:?}");
        // Whoever pushes to the repository cannot change that.
        let error = upstream.checkout(by, &one.to_string()[..4]).await.unwrap_err();
        assert!(!error.is_of_the_content() && !error.is_retryable(), "{by:?}: {error:?}");
    }
}

#[tokio::test]
async fn an_id_of_something_else_is_told_alike_in_full_and_shortened_and_is_no_fault_of_the_content() {
    for by in EACH_WAY {
        let upstream = Upstream::new();
        let commit = upstream.commit("1", &[]);
        upstream.set("refs/heads/main", commit);
        let tree = upstream.repository.find_commit(commit).unwrap().tree_id();
        let file = upstream.repository.find_tree(tree).unwrap().get_name("a").unwrap().id();
        let of_tree = upstream.tag("of-tree", tree, "tree");
        let of_tag = upstream.tag("of-tag", of_tree, "tag");
        for (id, kind) in [(tree, "tree"), (file, "blob"), (of_tree, "tree"), (of_tag, "tree")] {
            let id = id.to_string();
            // By itself, and with what earlier requests have left in the mirror.
            for revision in [&id[..10], &id, &id[..10]] {
                let error = upstream.commit_at(by, revision).await.unwrap_err();
                assert!(!error.is_of_the_content() && !error.is_retryable(), "{by:?} {revision}: {error:?}");
                let told = error.to_string().replace(&upstream.url(by), "URL");
                assert_eq!(told, format!("`{revision}` of `URL` is a {kind}, expected a commit"), "{by:?}");
            }
        }
        // What a tag means was pushed.
        let error = upstream.commit_at(by, "of-tag").await.unwrap_err();
        assert!(error.is_of_the_content() && !error.is_retryable(), "{by:?}: {error:?}");
        let good = upstream.tag("good", commit, "commit").to_string();
        for revision in [&good[..10], &good] {
            let found = upstream.commit_at(by, revision).await;
            assert_eq!(found.map_err(|error| error.to_string()), Ok(commit.to_string()), "{by:?} {revision}");
        }
    }
}

#[tokio::test]
async fn a_name_wins_over_a_short_id_and_two_meanings_of_a_name_are_refused() {
    for by in EACH_WAY {
        let upstream = Upstream::new();
        let (first, second) = (upstream.commit("1", &[]), upstream.commit("2", &[]));
        upstream.set("refs/heads/main", first);
        let name = &first.to_string()[..8];
        upstream.set(&format!("refs/heads/{name}"), second);
        assert_eq!(upstream.commit_at(by, name).await.unwrap(), second.to_string());

        upstream.tag("both", first, "commit");
        upstream.set("refs/heads/both", second);
        let told = upstream.told(by, upstream.checkout(by, "both").await);
        let expected = "`both` is ambiguous in `URL`; name one of `refs/heads/both`, `refs/tags/both`";
        assert_eq!(told, expected, "{by:?}");
        assert_eq!(upstream.commit_at(by, "tags/both").await.unwrap(), first.to_string());
        upstream.set("refs/heads/both", first);
        assert_eq!(upstream.commit_at(by, "both").await.unwrap(), first.to_string());
    }
}

#[tokio::test]
async fn a_repository_without_the_commit_says_what_it_lacks() {
    for by in EACH_WAY {
        let upstream = Upstream::new();
        for revision in ["main", "HEAD", "0123456789012345678901234567890123456789", "0123456"] {
            let told = upstream.told(by, upstream.checkout(by, revision).await);
            assert_eq!(told, "the repository `URL` is empty: nothing was pushed to it", "{by:?} {revision}");
        }
        upstream.set("refs/heads/trunk", upstream.commit("1", &[]));
        let told = upstream.told(by, upstream.checkout_default(by).await);
        let expected = "`HEAD` of `URL` points to a branch that does not exist; \
             set a default branch there or name a branch, one of `trunk`";
        assert_eq!(told, expected, "{by:?}");

        let file = upstream.raw(ObjectType::Blob, b"1");
        upstream.tag("data", file, "blob");
        let told = upstream.told(by, upstream.checkout(by, "data").await);
        assert_eq!(told, "`data` of `URL` is a blob, expected a commit", "{by:?}");
        let tree = upstream.tree(&[("100644", b"a", file)]);
        upstream.set("refs/heads/folder", tree);
        let error = upstream.commit_at(by, "folder").await.unwrap_err();
        assert!(error.is_of_the_content() && !error.is_retryable(), "{by:?}: {error:?}");
        assert!(error.to_string().ends_with("is a tree, expected a commit"), "{by:?}: {error}");
    }
}

#[tokio::test]
async fn the_default_branch_may_have_any_name_and_head_may_be_detached() {
    for by in EACH_WAY {
        let upstream = Upstream::new();
        let (first, second) = (upstream.commit("1", &[]), upstream.commit("2", &[]));
        upstream.set("refs/heads/main", first);
        upstream.set("refs/heads/trunk", second);
        upstream.repository.set_head("refs/heads/trunk").unwrap();
        assert_eq!(upstream.checkout_default(by).await.unwrap().commit, second.to_string());
        fs::write(upstream.path().join("HEAD"), format!("{first}\n")).unwrap();
        assert_eq!(upstream.checkout_default(by).await.unwrap().commit, first.to_string());
    }
}

#[tokio::test]
async fn a_shallow_clone_says_that_it_is_one() {
    let upstream = Upstream::new();
    let first = upstream.commit("1", &[]);
    let second = upstream.commit("2", &[first]);
    upstream.set("refs/heads/main", second);
    let shallow = upstream.folder.path().join("served/b.git");
    let from = format!("file://{}", upstream.path().display());
    upstream.git(&["clone", "-q", "--bare", "--depth=1", &from, shallow.to_str().unwrap()]);
    fs::remove_dir_all(upstream.path()).unwrap();
    fs::rename(&shallow, upstream.path()).unwrap();

    let remedy = "cannot be fetched from `URL`, which is a shallow clone without its whole history; \
         run `git fetch --unshallow` there";
    let told = upstream.told(By::Http, upstream.checkout(By::Http, "main").await);
    assert_eq!(told, format!("`main` {remedy}"));
    // What it has can be copied.
    assert_eq!(upstream.checkout(By::Path, "main").await.unwrap().file("a"), "2");
    let told = upstream.told(By::Path, upstream.checkout(By::Path, &first.to_string()).await);
    assert_eq!(told, format!("`{first}` {remedy}"));
}

#[tokio::test]
async fn a_sha256_repository_says_that_it_is_one() {
    let (upstream, commit) = Upstream::with_format("--object-format=sha256");
    for by in EACH_WAY {
        let told = upstream.told(by, upstream.checkout(by, "main").await);
        let expected =
            "the repository `URL` uses the object format SHA-256; only SHA-1 repositories are supported";
        assert_eq!(told, expected, "{by:?}");
        let told = upstream.told(by, upstream.checkout(by, &commit).await);
        let expected = format!(
            "the revision `{commit}` is invalid: it is the ID of a SHA-256 commit; only SHA-1 repositories are supported"
        );
        assert_eq!(told, expected);
    }
}

/// Only root can give a folder away; the test says nothing elsewhere.
#[cfg(unix)]
#[tokio::test]
async fn a_repository_of_another_user_names_the_owner_and_the_remedy() {
    let upstream = Upstream::new();
    upstream.set("refs/heads/main", upstream.commit("1", &[]));
    if std::os::unix::fs::chown(upstream.path(), Some(4_000_000), None).is_err() {
        return;
    }
    ignore_git_configuration(upstream.folder.path());
    let told = upstream.told(By::Path, upstream.checkout(By::Path, "main").await);
    let expected = "the repository `URL` belongs to user 4000000 and the worker runs as user `root` (0); \
         change its owner, or run `git config --global --add safe.directory 'URL'` as the worker's user";
    assert_eq!(told, expected);
}

/// Whoever runs the tests may have allowed every folder.
#[cfg(unix)]
#[expect(unsafe_code, reason = "git2 offers this setting of libgit2 only as an unsafe function")]
fn ignore_git_configuration(folder: &std::path::Path) {
    use git2::ConfigLevel::{Global, System, XDG};

    for level in [System, XDG, Global] {
        // SAFETY: nothing else runs in the process of this test that reads the setting.
        unsafe { git2::opts::set_search_path(level, folder.join("none")).unwrap() };
    }
}
