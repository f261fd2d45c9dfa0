//! Checks out a revision of a repository, as a worker does; tests run it where each needs its own environment.
//!
//! `cargo run --package ctutor-git --example checkout -- ssh://git@gitlab.example/demo/triangle.git main FOLDER`
//!
//! Prints the commit. The exit status is 75 (`EX_TEMPFAIL`) for a retryable error and 1 for any other.

use std::{env, path::Path, process::ExitCode, sync::Arc};

use ctutor_git::{Error, NoSecrets, Options, RepositoryCache, Source, Watch};

const MAY_PASS: u8 = 75;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, revision, folder] = arguments.as_slice() else {
        eprintln!("usage: checkout URL REVISION FOLDER");
        return ExitCode::from(2);
    };
    match checkout(url, revision, Path::new(folder)).await {
        Ok(commit) => {
            println!("{commit}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            if error.is_retryable() { ExitCode::from(MAY_PASS) } else { ExitCode::FAILURE }
        }
    }
}

async fn checkout(url: &str, revision: &str, folder: &Path) -> Result<String, Error> {
    let cache =
        RepositoryCache::new(folder.with_extension("cache"), Options::default(), Arc::new(NoSecrets))?;
    let source = Source::parse(url, revision)?;
    Ok(cache.checkout(&source, folder, &Watch::default()).await?.commit.to_string())
}
