//! What a fault of libgit2 means that it met while it talked to a server.

use crate::{Error, answer, not_git, phase::Phase, repository_url::RepositoryUrl, server_words, ssh};

/// Classifies a fault of libgit2 while talking to `url`. `message` has been cleared of secrets by the caller.
pub(crate) fn classified(url: &RepositoryUrl, fault: &git2::Error, message: String, phase: Phase) -> Error {
    use git2::{ErrorClass as Class, ErrorCode as Code};

    let url = url.clone();
    if let Some(status) = http_status(fault) {
        return match status {
            401 | 403 => Error::AuthenticationRefused { url },
            404 | 410 => Error::RepositoryNotFound { url },
            status => Error::Answered { url, status, retry_after: answer::retry_after() },
        };
    }
    if server_words::is_other_object_format(&message) {
        return Error::UnsupportedFormat { url };
    }
    if let Some(message) = server_words::reported(&message) {
        return Error::Reported { url, message: ssh::one_line(message) };
    }
    if let Some(reason) = not_git::reason(fault, &message, phase) {
        return Error::NotGit { url, reason };
    }
    match (fault.code(), fault.class()) {
        (Code::Auth, _) if url.is_ssh() && ssh::agent_answers() => Error::SshKeyRefused { url },
        (Code::Auth, _) if url.is_ssh() => Error::SshAgentUnavailable { url },
        (Code::Auth, _) => Error::AuthenticationRefused { url },
        (Code::Eof, Class::Ssh) => Error::HungUp { url, message: ssh::one_line(&message) },
        (Code::Eof, _) if phase != Phase::Receiving => Error::HungUp { url, message: "nothing".to_owned() },
        (Code::Timeout | Code::Eof, _) => Error::Network { url, message },
        (code, class)
            if code == Code::Certificate
                || (class == Class::Ssl && server_words::is_refused_certificate(&message)) =>
        {
            Error::CertificateRefused { url, message, certificate: String::new() }
        }
        // The network's faults have a class of their own, so that this is one of this machine's files.
        (_, Class::Os) if phase != Phase::Connecting => Error::Mirror { url, message },
        (_, Class::Net | Class::Http | Class::Ssl | Class::Ssh | Class::Os) => {
            Error::Network { url, message }
        }
        (_, Class::Indexer | Class::Zlib) => Error::Damaged { url, message },
        // libgit2 reads the mirror here, to tell the server what it has already.
        _ => Error::Mirror { url, message },
    }
}

/// libgit2 gives the status only in its message.
fn http_status(fault: &git2::Error) -> Option<u16> {
    if fault.class() != git2::ErrorClass::Http {
        return None;
    }
    fault.message().strip_prefix("unexpected http status code: ")?.trim().parse().ok()
}
