//! Repositories that Git keeps in ways of their own, and references that are half written or oddly named.

use std::fs;

use ctutor_git::Error;
use git2::{ObjectType, Oid};

use crate::upstream::{By, EACH_WAY, Upstream};

fn with_main(content: &str) -> (Upstream, Oid) {
    let upstream = Upstream::new();
    let commit = upstream.commit(content, &[]);
    upstream.set("refs/heads/main", commit);
    (upstream, commit)
}

#[tokio::test]
async fn a_branch_whose_file_is_half_written_is_damage_and_no_empty_repository() {
    for by in EACH_WAY {
        for content in ["", "0", "0123456789012345678901234567890", "garbage\n"] {
            let (upstream, commit) = with_main("1");
            fs::write(upstream.path().join("refs/heads/main"), content).unwrap();
            for revision in ["main", "heads/main", "refs/heads/main", "HEAD"] {
                let error = upstream.commit_at(by, revision).await.unwrap_err();
                assert!(matches!(error, Error::Damaged { .. }), "{by:?} {content:?} {revision}: {error:?}");
                let told = error.to_string();
                assert!(told.contains("the reference `refs/heads/main` cannot be read: "), "{told}");
                assert!(error.is_of_the_content() && !error.is_retryable());
            }
            // What does not need it is fine.
            upstream.set("refs/heads/other", commit);
            let id = commit.to_string();
            for revision in ["other", &id, &id[..10]] {
                let found = upstream.commit_at(by, revision).await;
                assert_eq!(found.map_err(|error| error.to_string()), Ok(id.clone()), "{by:?} {content:?}");
            }
            let error = upstream.commit_at(by, "main").await.unwrap_err();
            assert!(matches!(error, Error::Damaged { .. }), "{by:?} {content:?}: {error:?}");
            let error = upstream.commit_at(by, "none").await.unwrap_err();
            assert!(matches!(error, Error::UnknownRevision { .. }), "{by:?} {content:?}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_head_that_is_half_written_is_damage() {
    for head in ["", "ref: ", "0123"] {
        let (upstream, commit) = with_main("1");
        fs::write(upstream.path().join("HEAD"), head).unwrap();
        let error = upstream.checkout_default(By::Path).await.unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{head:?}: {error:?}");
        assert!(error.to_string().contains("`HEAD`"), "{head:?}: {error}");
        assert_eq!(upstream.commit_at(By::Path, "main").await.unwrap(), commit.to_string());
    }
}

#[tokio::test]
async fn packed_references_that_are_half_written_are_damage() {
    let (upstream, commit) = with_main("1");
    fs::remove_file(upstream.path().join("refs/heads/main")).unwrap();
    let whole = format!("# pack-refs with: peeled fully-peeled sorted\n{commit} refs/heads/main\n");
    fs::write(upstream.path().join("packed-refs"), &whole).unwrap();
    for by in EACH_WAY {
        assert_eq!(upstream.commit_at(by, "main").await.unwrap(), commit.to_string());
    }
    for cut in [60, 85, 86, whole.len() - 3] {
        fs::write(upstream.path().join("packed-refs"), &whole[..cut]).unwrap();
        let error = upstream.commit_at(By::Path, "main").await.unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{cut}: {error:?}");
    }
}

#[tokio::test]
async fn names_with_unusual_characters_are_branches_like_others() {
    let long = "x".repeat(200);
    for by in EACH_WAY {
        let upstream = Upstream::new();
        for name in
            ["100%", "a%20b", "a\u{a0}b", "u\u{308}bung", "-dash", "#7", "emoji-😀", "a@b", "a'b\"c", &long]
        {
            let commit = upstream.commit(name, &[]);
            upstream.set(&format!("refs/heads/{name}"), commit);
            assert_eq!(upstream.checkout(by, name).await.unwrap().file("a"), name, "{by:?}");
        }
        assert_eq!(upstream.checkout(by, "\u{fc}bung").await.unwrap().file("a"), "u\u{308}bung", "{by:?}");
        let told = upstream.told(by, upstream.checkout(by, "main\u{a0}").await);
        assert_eq!(told, "`URL` has no commit, branch or tag `main\\u{a0}`", "{by:?}");
        upstream.set("refs/tags/a\u{202e}b", upstream.raw(ObjectType::Blob, b"1"));
        let told = upstream.told(by, upstream.checkout(by, "a\u{202e}b").await);
        assert_eq!(told, "`a\\u{202e}b` of `URL` is a blob, expected a commit", "{by:?}");
    }
}

#[tokio::test]
async fn tags_lead_to_commits_whatever_their_tagger_says() {
    for by in EACH_WAY {
        let (upstream, commit) = with_main("1");
        let tree = upstream.tree(&[]);
        let tag = |name: &str, target: Oid, kind: &str, tagger: &str| {
            let text = format!("object {target}\ntype {kind}\ntag {name}\n{tagger}\nTag\n");
            let id = upstream.raw(ObjectType::Tag, text.as_bytes());
            upstream.set(&format!("refs/tags/{name}"), id);
            id
        };
        for (name, tagger) in
            [("bad", "tagger nobody\n"), ("old", ""), ("late", "tagger A <a> 99999999999999999999 +9\n")]
        {
            let inner = tag(name, commit, "commit", tagger);
            assert_eq!(upstream.commit_at(by, name).await.unwrap(), commit.to_string(), "{by:?} {name}");
            tag(&format!("{name}-of"), inner, "tag", tagger);
            let outer = format!("{name}-of");
            assert_eq!(upstream.commit_at(by, &outer).await.unwrap(), commit.to_string(), "{by:?} {outer}");
        }
        tag("folder", tree, "tree", "tagger A <a> 1 +0000\n");
        let told = upstream.told(by, upstream.checkout(by, "folder").await);
        assert_eq!(told, "`folder` of `URL` is a tree, expected a commit", "{by:?}");
        let lost = Oid::from_bytes(&[7; 20]).unwrap();
        tag("lost", lost, "commit", "tagger A <a> 1 +0000\n");
        let error = upstream.commit_at(by, "lost").await.unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{by:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_work_tree_elsewhere_replaced_objects_and_grafts_change_nothing() {
    for by in EACH_WAY {
        let (upstream, first) = with_main("1");
        let (second, other) = (upstream.commit("2", &[first]), upstream.commit("replaced", &[]));
        upstream.set("refs/heads/main", second);
        upstream.set(&format!("refs/replace/{second}"), other);
        fs::create_dir_all(upstream.path().join("info")).unwrap();
        fs::write(upstream.path().join("info/grafts"), format!("{second}\n")).unwrap();
        let config = upstream.path().join("config");
        let text = fs::read_to_string(&config).unwrap();
        let text = text.replace("bare = true", "bare = false");
        fs::write(&config, format!("{text}\tworktree = /nowhere\n")).unwrap();
        assert_eq!(upstream.checkout(by, "main").await.unwrap().file("a"), "2", "{by:?}");
        // A server goes by its grafts and does not have what they cut off.
        if matches!(by, By::Path) {
            assert_eq!(upstream.commit_at(by, &first.to_string()).await.unwrap(), first.to_string());
        }
    }
}

#[tokio::test]
async fn objects_of_an_alternate_repository_are_found_and_a_lost_one_is_damage() {
    for by in EACH_WAY {
        let (upstream, _) = with_main("1");
        let objects = upstream.path().join("objects");
        let elsewhere = upstream.folder.path().join("alternate");
        fs::rename(&objects, &elsewhere).unwrap();
        fs::create_dir_all(objects.join("info")).unwrap();
        fs::create_dir_all(objects.join("pack")).unwrap();
        fs::write(objects.join("info/alternates"), format!("{}\n", elsewhere.display())).unwrap();
        assert_eq!(upstream.checkout(by, "main").await.unwrap().file("a"), "1", "{by:?}");
        fs::remove_dir_all(&elsewhere).unwrap();
        upstream.set("refs/heads/next", Oid::from_bytes(&[7; 20]).unwrap());
        let error = upstream.commit_at(by, "next").await.unwrap_err();
        assert!(error.is_of_the_content() || error.is_of_the_content_if_it_lasts(), "{by:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_repository_that_keeps_references_in_tables_is_told_or_read() {
    let (upstream, commit) = Upstream::with_format("--ref-format=reftable");
    assert_eq!(upstream.commit_at(By::Http, "main").await.unwrap(), commit);
    let told = upstream.told(By::Path, upstream.checkout(By::Path, "main").await);
    let expected = "the repository `URL` has the Git extension `extensions.refstorage`, with which the worker cannot \
                    read it as files; run `git refs migrate --ref-format=files` there";
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_partial_clone_says_what_it_lacks() {
    let (upstream, _) = with_main("1");
    let path = upstream.path().display().to_string();
    upstream.git(&["--git-dir", &path, "config", "uploadpack.allowFilter", "true"]);
    let partial = upstream.folder.path().join("served/b.git");
    let from = format!("file://{path}");
    upstream.git(&["clone", "-q", "--bare", "--filter=blob:none", &from, partial.to_str().unwrap()]);
    let whole = upstream.folder.path().join("whole.git");
    fs::rename(upstream.path(), &whole).unwrap();
    fs::rename(&partial, upstream.path()).unwrap();
    upstream.git(&[
        "--git-dir",
        &path,
        "remote",
        "set-url",
        "origin",
        &format!("file://{}", whole.display()),
    ]);
    let error = upstream.commit_at(By::Path, "main").await.unwrap_err();
    assert!(error.is_of_the_content() && !error.is_retryable(), "{error:?}");
    let remedy =
        "it is a partial clone, which has not all objects; run `git fetch --refetch --no-filter` there";
    assert!(error.to_string().ends_with(remedy), "{error}");
    upstream.git(&["--git-dir", &path, "fetch", "-q", "--refetch", "--no-filter"]);
    assert_eq!(upstream.checkout(By::Path, "main").await.unwrap().file("a"), "1");
}
