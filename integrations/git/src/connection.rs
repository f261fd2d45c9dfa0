//! One connection to a server: reading its references and receiving objects.

use std::cell::{Cell, RefCell};

use git2::{
    AutotagOption, CertificateCheckStatus, Cred, CredentialType, Direction, FetchOptions, RemoteCallbacks,
    RemoteRedirect,
};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    Error, Options, Progress, Source, Watch,
    advertised::Advertised,
    answer::{self, Answer},
    certificate, fault,
    line::Line,
    phase::Phase,
    secret::without_secret,
    server_words, ssh,
};

/// How many bytes of what the server tells during a fetch are kept, from its end.
const TOLD_BYTES_MAX: usize = 2000;

/// The server to ask, and on whose behalf.
pub(crate) struct Server<'a> {
    pub(crate) source: &'a Source,
    pub(crate) secret: Option<&'a SecretString>,
    pub(crate) options: &'a Options,
    pub(crate) watch: &'a Watch,
    pub(crate) line: &'a Line,
}

/// What came of receiving.
pub(crate) struct Received<T> {
    pub(crate) objects: usize,
    pub(crate) advertised: Advertised,
    /// What was decided once the references were known.
    pub(crate) decision: T,
}

/// What the callbacks note for the error.
#[derive(Default)]
struct Notes {
    offered: Cell<bool>,
    stopped: RefCell<Option<Error>>,
    host_key: RefCell<Option<String>>,
    certificate: RefCell<Option<String>>,
    told: RefCell<Vec<u8>>,
    phase: Cell<Phase>,
}

impl Server<'_> {
    /// Connects, lets `decide` choose what to ask for, and stores it in `repository`. No reference is changed there.
    ///
    /// # Errors
    ///
    /// Whatever `decide` returns, or why the server could not be asked.
    pub(crate) fn receive<T>(
        &self,
        repository: &git2::Repository,
        decide: impl FnOnce(&Advertised) -> Result<(Vec<String>, T), Error>,
    ) -> Result<Received<T>, Error> {
        self.line.over(|| self.receive_over_line(repository, decide))
    }

    fn receive_over_line<T>(
        &self,
        repository: &git2::Repository,
        decide: impl FnOnce(&Advertised) -> Result<(Vec<String>, T), Error>,
    ) -> Result<Received<T>, Error> {
        self.check()?;
        self.line.allow(self.options.references_bytes_max);
        answer::forget();
        let notes = Notes::default();
        let told = |fault: git2::Error| self.explain(&fault, &notes);
        let mut remote = repository.remote_anonymous(self.source.url.as_str()).map_err(told)?;
        let mut connection =
            remote.connect_auth(Direction::Fetch, Some(self.callbacks(&notes)), None).map_err(told)?;
        let listed = connection.list().map_err(told)?;
        let default = listed.iter().find(|head| head.name() == "HEAD").and_then(|head| head.symref_target());
        let advertised = Advertised::listed(listed.iter().map(|head| (head.name().to_owned(), head.oid())))
            .with_head(default.map(str::to_owned));
        // From here on the callbacks bound what is received.
        self.line.allow(u64::MAX);
        let (refspecs, decision) = decide(&advertised)?;
        notes.phase.set(Phase::Asking);
        answer::forget();
        let mut options = FetchOptions::new();
        options
            .remote_callbacks(self.callbacks(&notes))
            .download_tags(AutotagOption::None)
            .follow_redirects(RemoteRedirect::Initial);
        connection.remote().download(&refspecs, Some(&mut options)).map_err(told)?;
        let objects = connection.remote().stats().received_objects();
        Ok(Received { objects, advertised, decision })
    }

    fn explain(&self, fault: &git2::Error, notes: &Notes) -> Error {
        if let Some(error) = notes.stopped.take() {
            return error;
        }
        if self.watch.cancel.is_cancelled() {
            return Error::Canceled;
        }
        if self.line.is_exhausted() {
            return Error::LimitExceeded {
                limit: "references_bytes_max",
                max: self.options.references_bytes_max,
            };
        }
        let url = self.source.url.clone();
        if fault.code() == git2::ErrorCode::Certificate
            && let Some(host_key) = notes.host_key.take()
        {
            return Error::UnknownHostKey { url, host_key };
        }
        if notes.phase.get() == Phase::Connecting && server_words::is_shallow_list(fault.message()) {
            return Error::Shallow { url, revision: self.source.revision.clone() };
        }
        let shown = |text: &str| without_secret(text, self.source.credential.as_ref().zip(self.secret));
        let message = shown(fault.message());
        let told = notes.told.take();
        if let Some(error) = server_words::fault_in(&told, &url, shown) {
            return error;
        }
        let is_over = fault.code() == git2::ErrorCode::Eof && fault.class() != git2::ErrorClass::Ssh;
        match notes.phase.get() {
            Phase::Asking if is_over => return self.over(shown),
            Phase::Connecting if is_over && answer::is_begun_list() => {
                return Error::Speechless { url, asked: "its references".to_owned() };
            }
            _ => {}
        }
        match fault::classified(&url, fault, message, notes.phase.get()) {
            Error::CertificateRefused { url, message, .. } => {
                let shown = notes.certificate.take();
                let certificate = shown.map(|shown| format!("it is {shown}; ")).unwrap_or_default();
                Error::CertificateRefused { url, message, certificate }
            }
            error => error,
        }
    }

    /// The error of an answer that ended before anything was received.
    fn over(&self, shown: impl Fn(&str) -> String) -> Error {
        let (url, revision) = (self.source.url.clone(), self.source.revision.clone());
        let answer = match answer::last() {
            Answer::Refusal(message) => {
                return Error::Reported { url, message: ssh::one_line(&shown(&message)) };
            }
            Answer::WithoutLength => {
                "has neither `Content-Length` nor `Transfer-Encoding: chunked`, one of which libgit2 needs"
            }
            Answer::Empty => return Error::Speechless { url, asked: format!("`{revision}`") },
            Answer::Missing => "did not come",
            Answer::CutOff => "is cut off",
        };
        Error::Unanswered { url, revision, answer }
    }

    fn callbacks<'a>(&'a self, notes: &'a Notes) -> RemoteCallbacks<'a> {
        let mut callbacks = RemoteCallbacks::new();
        callbacks.credentials(|url, user, wanted| self.credential(url, user, wanted, &notes.offered));
        // Only to say which one it was: libgit2 has compared a key with `known_hosts`, and a certificate with those of
        // the system, and its judgment stands.
        callbacks.certificate_check(|shown, _| {
            notes.host_key.replace(shown.as_hostkey().and_then(ssh::describe));
            notes.certificate.replace(shown.as_x509().map(|shown| certificate::describe(shown.data())));
            Ok(CertificateCheckStatus::CertificatePassthrough)
        });
        callbacks.sideband_progress(|text| {
            let mut told = notes.told.borrow_mut();
            told.extend_from_slice(text);
            let excess = told.len().saturating_sub(TOLD_BYTES_MAX);
            told.drain(..excess);
            !self.watch.cancel.is_cancelled()
        });
        callbacks.transfer_progress(|progress| {
            notes.phase.set(Phase::Receiving);
            match self.judge(&progress) {
                Ok(()) => true,
                Err(error) => {
                    notes.stopped.replace(Some(error));
                    false
                }
            }
        });
        callbacks
    }

    fn judge(&self, progress: &git2::Progress<'_>) -> Result<(), Error> {
        self.check()?;
        let received_bytes = progress.received_bytes() as u64;
        let objects_total = progress.total_objects() as u64;
        if received_bytes > self.options.received_bytes_max {
            return Err(Error::LimitExceeded {
                limit: "received_bytes_max",
                max: self.options.received_bytes_max,
            });
        }
        if objects_total > self.options.objects_max {
            return Err(Error::LimitExceeded { limit: "objects_max", max: self.options.objects_max });
        }
        let objects = progress.received_objects() as u64;
        self.watch.tell(Progress::Receiving { objects, objects_total, received_bytes });
        Ok(())
    }

    /// Returns the credential. libgit2 asks again for as long as it gets one, hence `offered`.
    fn credential(
        &self,
        url: &str,
        user: Option<&str>,
        wanted: CredentialType,
        offered: &Cell<bool>,
    ) -> Result<Cred, git2::Error> {
        let refused = |text| git2::Error::new(git2::ErrorCode::Auth, git2::ErrorClass::Http, text);
        if wanted.contains(CredentialType::USERNAME) {
            return Cred::username(user.unwrap_or("git"));
        }
        if offered.replace(true) {
            return Err(refused("the credential was refused"));
        }
        if wanted.contains(CredentialType::SSH_KEY) {
            return Cred::ssh_key_from_agent(user.unwrap_or("git"));
        }
        let (Some(credential), Some(secret)) = (&self.source.credential, self.secret) else {
            return Err(refused("a credential is required and none is configured"));
        };
        if !self.source.url.shares_origin(url) {
            return Err(refused("another host asked for the credential"));
        }
        Cred::userpass_plaintext(&credential.username, secret.expose_secret())
    }

    fn check(&self) -> Result<(), Error> {
        if self.watch.cancel.is_cancelled() { Err(Error::Canceled) } else { Ok(()) }
    }
}
