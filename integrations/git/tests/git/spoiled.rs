//! Servers and proxies that list a repository's references, and do not send the objects.

use std::sync::Arc;

use ctutor_git::{NoSecrets, Options, RepositoryCache, Source, Watch};

use crate::{
    support::{Manner, Server, Spoiled},
    upstream::Upstream,
};

#[tokio::test]
async fn an_answer_that_ends_early_is_no_fault_of_the_repository() {
    let upstream = Upstream::new();
    let commit = upstream.commit("1", &[]);
    upstream.set("refs/heads/main", commit);
    let id = commit.to_string();
    for (how, expected) in [
        (Spoiled::Empty, "is empty; if this lasts, look at the logs of the server"),
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
            assert!(error.to_string().contains(expected), "{how:?} {revision}: {error}");
        }
    }
}
