//! Servers and proxies that list a repository's references, and do not send the objects.

use std::sync::Arc;

use ctutor_git::{NoSecrets, Options, RepositoryCache, Source, Watch};

use crate::{
    support::{Manner, Server, Spoiled},
    upstream::{By, Upstream},
};

#[tokio::test]
async fn an_answer_that_ends_early_is_no_fault_of_the_repository() {
    let upstream = Upstream::new();
    let commit = upstream.commit("1", &[]);
    upstream.set("refs/heads/main", commit);
    let id = commit.to_string();
    for (how, expected) in [
        (Spoiled::Empty, "ended without a word when asked for `"),
        (Spoiled::Torn, "cannot be reached: "),
        (Spoiled::AfterNak, "is cut off; if this lasts,"),
        (Spoiled::Half, ""),
        (Spoiled::WithoutLength, "has neither `Content-Length` nor `Transfer-Encoding: chunked`"),
        (Spoiled::Busy, "reported an error: try again in a minute"),
    ] {
        let server = Server::start(upstream.path().parent().unwrap(), Manner::Spoiled(how));
        let folder = upstream.folder.path().join(format!("{how:?}"));
        let cache = RepositoryCache::new(&folder, Options::default(), Arc::new(NoSecrets)).unwrap();
        for revision in ["main", "HEAD", &id, &id[..10]] {
            let source = Source::parse(&format!("{}/a.git", server.url), revision).unwrap();
            let error = cache.checkout(&source, &folder.join("out"), &Watch::default()).await.unwrap_err();
            assert!(error.is_retryable() && !error.is_of_the_content(), "{how:?} {revision}: {error:?}");
            let is_of_git = matches!(how, Spoiled::Empty);
            assert_eq!(error.is_of_the_content_if_it_lasts(), is_of_git, "{how:?} {revision}: {error:?}");
            assert!(error.to_string().contains(expected), "{how:?} {revision}: {error}");
        }
    }
}

#[tokio::test]
async fn a_commit_by_its_id_is_found_whatever_other_branches_lack() {
    for lost in ["file", "commit", "garbage"] {
        let upstream = Upstream::new();
        let first = upstream.commit("1", &[]);
        let second = upstream.commit("2", &[first]);
        upstream.set("refs/heads/main", second);
        let broken = upstream.commit("lost", &[]);
        upstream.set("refs/heads/a-broken", broken);
        let file = git2::Oid::hash_object(git2::ObjectType::Blob, b"lost").unwrap();
        match lost {
            "file" => upstream.remove_object(file),
            "commit" => upstream.remove_object(broken),
            _ => {
                upstream.remove_object(broken);
                std::fs::write(upstream.object_file(broken), "garbage").unwrap();
            }
        }
        for commit in [second, first] {
            let id = commit.to_string();
            for revision in [&id, &id[..10]] {
                let found = upstream.commit_at(By::Http, revision).await;
                assert_eq!(found.map_err(|error| error.to_string()), Ok(id.clone()), "{lost} {revision}");
                std::fs::remove_dir_all(upstream.mirror()).unwrap();
            }
        }
        // It could be in what cannot be fetched.
        let error = upstream.commit_at(By::Http, "0123456").await.unwrap_err();
        assert_eq!(error.is_of_the_content(), lost == "file", "{lost}: {error:?}");
        assert_eq!(error.is_of_the_content_if_it_lasts(), lost != "file", "{lost}: {error:?}");
    }
}
