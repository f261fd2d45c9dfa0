use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, Once, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedMutexGuard, Semaphore},
    time::Instant,
};

use crate::{
    CommitId, Error, LocalSources, Options, SecretSource, Source, Watch, Written, answer,
    line::Line,
    mirror::{self, Mirror},
    private_folder,
};

/// A folder of bare mirrors, from which commits are checked out. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RepositoryCache {
    folder: Arc<Path>,
    options: Arc<Options>,
    secrets: Arc<dyn SecretSource>,
    fetching: Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>,
    places: Arc<Semaphore>,
}

/// A commit whose files are in `path`.
#[derive(Clone, Debug)]
pub struct Checkout {
    /// The commit that the revision meant.
    pub commit: CommitId,
    pub path: PathBuf,
    pub written: Written,
}

impl RepositoryCache {
    /// Opens the cache in `folder`, which is created if it is missing. Other users cannot read it, since it holds what
    /// credentials gave access to. Other processes may share it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the folder cannot be created.
    pub fn new(
        folder: impl Into<PathBuf>,
        options: Options,
        secrets: Arc<dyn SecretSource>,
    ) -> Result<Self, Error> {
        let folder = folder.into();
        for folder in [folder.clone(), folder.join("mirrors"), folder.join("locks")] {
            private_folder::make(&folder).map_err(Error::io("making the repository cache"))?;
        }
        bound_silence(options.server_timeout);
        #[cfg(unix)]
        crate::socket::register(options.server_timeout);
        answer::keep();
        let places = Arc::new(Semaphore::new(options.checkouts_at_once_max.max(1)));
        let (folder, options, fetching) = (folder.into(), Arc::new(options), Arc::default());
        Ok(Self { folder, options, secrets, fetching, places })
    }

    /// Writes the files of the source's revision to `into`, which must not exist yet or be empty.
    ///
    /// If this returns an error, `into` is unchanged. Dropping the future stops the work.
    ///
    /// # Errors
    ///
    /// Any [`Error`]; [`Error::is_retryable`] tells whether another attempt makes sense.
    pub async fn checkout(&self, source: &Source, into: &Path, watch: &Watch) -> Result<Checkout, Error> {
        if source.url.is_local() && self.options.local_sources == LocalSources::Refused {
            return Err(Error::LocalSourceRefused { url: source.url.clone() });
        }
        let sources = &self.options.sources;
        if !sources.is_empty() && !sources.iter().any(|prefix| prefix.covers(&source.url)) {
            return Err(Error::SourceRefused { url: source.url.clone() });
        }
        let place = tokio::select! {
            biased;
            () = watch.cancel.cancelled() => return Err(Error::Canceled),
            place = Arc::clone(&self.places).acquire_owned() => place.map_err(|_| Error::Canceled)?,
        };
        let deadline = Instant::now() + self.options.timeout;
        // Where libgit2 looks at no token, the end of the connection stops it.
        let line = Line::default();
        let _cut_when_dropped = line.cut_when_dropped();
        // The work has a token of its own, so that the time limit and a dropped future end it too.
        let stop = watch.cancel.child_token();
        let _stop_when_dropped = stop.clone().drop_guard();
        let mirror = Mirror {
            folder: Arc::clone(&self.folder),
            key: mirror::key(source),
            source: source.clone(),
            secrets: Arc::clone(&self.secrets),
            options: Arc::clone(&self.options),
            watch: Watch { cancel: stop, progress: watch.progress.clone() },
            line,
            _place: Arc::new(place),
        };
        let work = async {
            let commit = self.bring(&mirror).await?;
            match lay_out(&mirror, &commit, into).await {
                // A file of the mirror may be damaged and not the repository; what is received anew tells.
                Err(Error::Damaged { .. } | Error::Mirror { .. }) => {
                    let broken = mirror.clone();
                    blocking(move || broken.clear_alone()).await?;
                    let commit = self.bring(&mirror).await?;
                    lay_out(&mirror, &commit, into).await
                }
                outcome => outcome,
            }
        };
        tokio::select! {
            biased;
            () = watch.cancel.cancelled() => Err(Error::Canceled),
            outcome = tokio::time::timeout_at(deadline, work) => outcome.unwrap_or_else(|_| {
                Err(Error::TimedOut { url: source.url.clone(), timeout_ms: self.options.timeout.as_millis() })
            }),
        }
    }

    async fn bring(&self, mirror: &Mirror) -> Result<CommitId, Error> {
        let finder = mirror.clone();
        if let Some(commit) = blocking(move || finder.find()).await? {
            return Ok(commit);
        }
        // Tasks of this process queue up here and not at the file lock, where each would hold a thread.
        let turn = self.turn(&mirror.key).await;
        let fetcher = mirror.clone();
        blocking(move || {
            let _turn = turn;
            fetcher.fetch()
        })
        .await
    }

    async fn turn(&self, key: &str) -> OwnedMutexGuard<()> {
        let queue = {
            let mut queues = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
            queues.retain(|_, queue| Arc::strong_count(queue) > 1);
            Arc::clone(queues.entry(key.to_owned()).or_default())
        };
        queue.lock_owned().await
    }
}

async fn lay_out(mirror: &Mirror, commit: &CommitId, into: &Path) -> Result<Checkout, Error> {
    let (reader, wanted, place) = (mirror.clone(), commit.clone(), into.to_owned());
    let written = blocking(move || reader.lay_out(&wanted, &place)).await?;
    Ok(Checkout { commit: commit.clone(), path: into.to_owned(), written })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(fault) if fault.is_panic() => std::panic::resume_unwind(fault.into_panic()),
        Err(_) => Err(Error::Canceled),
    }
}

/// Without this, a server that accepts a connection and never answers would block its thread forever.
fn bound_silence(timeout: Duration) {
    static ONCE: Once = Once::new();

    ONCE.call_once(|| {
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        #[expect(unsafe_code, reason = "git2 offers these two settings of libgit2 only as unsafe functions")]
        // SAFETY: they write two integers that libgit2 reads when it connects. This runs once, before the first
        // cache exists, so that no connection of this crate is being made at the same time.
        let outcome = unsafe {
            git2::opts::set_server_connect_timeout_in_milliseconds(timeout_ms)
                .and_then(|()| git2::opts::set_server_timeout_in_milliseconds(timeout_ms))
        };
        if let Err(fault) = outcome {
            tracing::warn!(error = %fault, "libgit2 refuses a time-out for silent servers");
        }
    });
}
