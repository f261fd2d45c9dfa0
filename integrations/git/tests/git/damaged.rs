//! Repositories that lack objects, and mirrors that have lost some.

use std::fs;

use ctutor_git::Error;
use git2::ObjectType;

use crate::upstream::{By, EACH_WAY, Upstream};

#[tokio::test]
async fn a_repository_that_lacks_an_object_is_damaged_and_says_so() {
    for by in EACH_WAY {
        for lost in ["file", "folder", "commit"] {
            let upstream = Upstream::new();
            let file = upstream.raw(ObjectType::Blob, b"1");
            let folder = upstream.tree(&[("100644", b"a", file)]);
            let tree = upstream.tree(&[("40000", b"src", folder)]);
            let commit = upstream.commit_of(tree, &[]);
            upstream.set("refs/heads/main", commit);
            upstream.set("refs/heads/other", upstream.commit("other", &[]));
            let (id, path) = match lost {
                "file" => (file, "src/a"),
                "folder" => (folder, "src"),
                _ => (commit, ""),
            };
            upstream.remove_object(id);
            let error = upstream.commit_at(by, "main").await.unwrap_err();
            let told = error.to_string();
            assert!(told.contains(&id.to_string()), "{by:?} {lost}: {told}");
            // A server that does not have the commit yet would say the same.
            if matches!(by, By::Http) && lost == "commit" {
                assert!(matches!(error, Error::Withheld { .. }), "{by:?} {lost}: {error:?}");
                assert!(error.is_of_the_content_if_it_lasts() && error.is_retryable());
            } else {
                assert!(matches!(error, Error::Damaged { .. }), "{by:?} {lost}: {error:?}");
                assert!(error.is_of_the_content() && !error.is_retryable());
            }
            assert!(matches!(by, By::Http) || told.contains(path), "{told}");
            // What does not need it is fine.
            assert_eq!(upstream.checkout(by, "other").await.unwrap().file("a"), "other", "{by:?} {lost}");
        }
    }
}

#[tokio::test]
async fn a_corrupt_object_is_damage_too() {
    for by in EACH_WAY {
        for garbage in [b"".as_slice(), b"garbage"] {
            let upstream = Upstream::new();
            upstream.set("refs/heads/main", upstream.commit("content of a file", &[]));
            let id = git2::Oid::hash_object(ObjectType::Blob, b"content of a file").unwrap();
            fs::remove_file(upstream.object_file(id)).unwrap();
            fs::write(upstream.object_file(id), garbage).unwrap();
            let error = upstream.commit_at(by, "main").await.unwrap_err();
            assert!(matches!(error, Error::Damaged { .. }), "{by:?} {garbage:?}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_pack_that_is_corrupt_or_cut_off_is_damage_and_ends() {
    for by in EACH_WAY {
        for how in ["flipped", "half", "empty", "no index", "index half"] {
            let upstream = Upstream::new();
            let text: String =
                (0..3000_u32).map(|number| format!("{:x} ", number.wrapping_mul(2_654_435_761))).collect();
            upstream.set("refs/heads/main", upstream.commit(&text, &[]));
            let path = upstream.path().display().to_string();
            upstream.git(&["--git-dir", &path, "repack", "-a", "-d", "-q"]);
            let packs = fs::read_dir(upstream.path().join("objects/pack")).unwrap();
            let files: Vec<_> = packs.map(|file| file.unwrap().path()).collect();
            let ending = if how.contains("index") { "idx" } else { "pack" };
            let file =
                files.iter().find(|file| file.extension().is_some_and(|found| found == ending)).unwrap();
            let mut content = fs::read(file).unwrap();
            let middle = content.len() / 2;
            fs::remove_file(file).unwrap();
            match how {
                "flipped" => content[middle] ^= 0xff,
                "empty" => content.clear(),
                _ => content.truncate(middle),
            }
            if how != "no index" {
                fs::write(file, content).unwrap();
            }
            let error = upstream.commit_at(by, "main").await.unwrap_err();
            // A server that cannot read its pack has not what it lists.
            match (by, how) {
                (By::Path, _) | (_, "flipped") => {
                    assert!(error.is_of_the_content(), "{by:?} {how}: {error:?}");
                }
                _ => assert!(error.is_of_the_content_if_it_lasts(), "{how}: {error:?}"),
            }
        }
    }
}

#[tokio::test]
async fn an_object_that_is_cut_off_is_damage_and_ends() {
    // Content that does not compress, so that every cut is in the middle of it.
    let text: String =
        (0..300_u32).map(|number| format!("{:x} ", number.wrapping_mul(2_654_435_761))).collect();
    for kind in ["commit", "folder", "file"] {
        for part in [0, 1, 2, 25, 75, 99] {
            let upstream = Upstream::new();
            let file = upstream.raw(ObjectType::Blob, text.as_bytes());
            let folder = upstream.tree(&[("100644", b"a", file)]);
            let tree = upstream.tree(&[("40000", b"src", folder)]);
            let commit = upstream.commit_of(tree, &[]);
            upstream.set("refs/heads/main", commit);
            let id = [("commit", commit), ("folder", folder), ("file", file)]
                .into_iter()
                .find_map(|(name, id)| (name == kind).then_some(id))
                .unwrap();
            let whole = fs::read(upstream.object_file(id)).unwrap();
            let length = if part < 10 { part } else { whole.len() * part / 100 };
            fs::remove_file(upstream.object_file(id)).unwrap();
            fs::write(upstream.object_file(id), &whole[..length]).unwrap();
            // In an alternate of an alternate, too.
            for name in ["b", "c"] {
                let objects = upstream.path().join("objects");
                let elsewhere = upstream.folder.path().join(name);
                let error = upstream.commit_at(By::Path, "main").await.unwrap_err();
                assert!(matches!(error, Error::Damaged { .. }), "{kind} {part}: {error:?}");
                assert!(error.to_string().contains(&id.to_string()), "{kind} {part}: {error}");
                fs::rename(&objects, &elsewhere).unwrap();
                fs::create_dir_all(objects.join("info")).unwrap();
                fs::write(objects.join("info/alternates"), format!("../../../{name}\n")).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_commit_that_a_branch_names_and_nobody_can_read_is_no_unknown_one() {
    for lost in ["missing", "garbage", "another"] {
        for by in EACH_WAY {
            let upstream = Upstream::new();
            let commit = upstream.commit("1", &[]);
            upstream.set("refs/heads/main", commit);
            let other = upstream.object_file(upstream.raw(ObjectType::Blob, b"hello"));
            upstream.remove_object(commit);
            match lost {
                "missing" => {}
                "garbage" => fs::write(upstream.object_file(commit), "garbage").unwrap(),
                _ => drop(fs::copy(other, upstream.object_file(commit)).unwrap()),
            }
            let id = commit.to_string();
            for revision in [&id, &id[..10]] {
                let error = upstream.commit_at(by, revision).await.unwrap_err();
                let is_unknown = matches!(error, Error::UnknownRevision { .. });
                assert!(!is_unknown, "{by:?} {lost} {revision}: {error:?}");
            }
            let error = upstream.commit_at(by, "0123456789").await.unwrap_err();
            assert!(
                !matches!(by, By::Path) || matches!(error, Error::UnknownRevision { .. }),
                "{lost}: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn references_that_cannot_be_read_are_no_fault_of_the_network() {
    let upstream = Upstream::new();
    upstream.set("refs/heads/main", upstream.commit("1", &[]));
    fs::write(upstream.path().join("packed-refs"), "garbage\n").unwrap();
    // Git says nothing over HTTP, so that only asking again tells what it is.
    let error = upstream.commit_at(By::Http, "main").await.unwrap_err();
    assert!(error.is_retryable() && error.is_of_the_content_if_it_lasts(), "{error:?}");
    let told = error.to_string().replace(&upstream.url(By::Http), "URL");
    assert!(
        told.starts_with("Git on the server of `URL` ended without a word when asked for its references"),
        "{told}"
    );
    let error = upstream.commit_at(By::Path, "main").await.unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
}

#[tokio::test]
async fn a_commit_that_a_server_cannot_read_is_damage_if_that_lasts() {
    for part in [25, 75, 99, 100] {
        let upstream = Upstream::new();
        let commit = upstream.commit("1", &[]);
        upstream.set("refs/heads/main", commit);
        let whole = fs::read(upstream.object_file(commit)).unwrap();
        fs::remove_file(upstream.object_file(commit)).unwrap();
        let content = if part == 100 { b"garbage" } else { &whole[..whole.len() * part / 100] };
        fs::write(upstream.object_file(commit), content).unwrap();
        let id = commit.to_string();
        for revision in ["main", "HEAD", &id, &id[..10]] {
            let error = upstream.commit_at(By::Http, revision).await.unwrap_err();
            assert!(matches!(error, Error::Speechless { .. }), "{part} {revision}: {error:?}");
            assert!(error.is_retryable() && !error.is_of_the_content(), "{error:?}");
            assert!(error.is_of_the_content_if_it_lasts(), "{error:?}");
        }
        // It was a moment, or somebody has mended it.
        fs::write(upstream.object_file(commit), &whole).unwrap();
        for revision in ["main", "HEAD", &id, &id[..10]] {
            assert_eq!(upstream.commit_at(By::Http, revision).await.unwrap(), id, "{part} {revision}");
        }
    }
}

#[tokio::test]
async fn history_that_is_lost_does_not_matter_to_a_copy() {
    let upstream = Upstream::new();
    let first = upstream.commit("1", &[]);
    upstream.set("refs/heads/main", upstream.commit("2", &[first]));
    upstream.remove_object(first);
    assert_eq!(upstream.checkout(By::Path, "main").await.unwrap().file("a"), "2");
    let error = upstream.commit_at(By::Http, "main").await.unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
}

#[tokio::test]
async fn a_mirror_that_has_lost_something_is_fetched_anew() {
    for by in EACH_WAY {
        let upstream = Upstream::new();
        let first = upstream.commit("1", &[]);
        upstream.set("refs/heads/main", first);
        upstream.checkout(by, "main").await.unwrap();
        for round in ["packs", "one pack", "references"] {
            let mirror = upstream.mirror();
            match round {
                "packs" => fs::remove_dir_all(mirror.join("objects/pack")).unwrap(),
                "one pack" => {
                    let packs = fs::read_dir(mirror.join("objects/pack")).unwrap().flatten();
                    for pack in
                        packs.filter(|file| file.path().extension().is_some_and(|kind| kind == "pack"))
                    {
                        fs::remove_file(pack.path()).unwrap();
                    }
                }
                _ => fs::write(mirror.join("packed-refs"), "garbage\n").unwrap(),
            }
            for revision in ["main".to_owned(), first.to_string()] {
                assert_eq!(upstream.checkout(by, &revision).await.unwrap().file("a"), "1", "{by:?} {round}");
            }
            let next = upstream.commit(round, &[first]);
            upstream.set("refs/heads/next", next);
            assert_eq!(upstream.checkout(by, "next").await.unwrap().file("a"), round, "{by:?}");
        }
    }
}
