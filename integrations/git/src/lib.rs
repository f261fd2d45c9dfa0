#![doc = include_str!("../README.md")]

mod advertised;
mod answer;
mod cache;
mod certificate;
mod connection;
mod error;
mod fault;
mod fetch;
mod line;
mod local;
mod loose;
mod mirror;
mod not_git;
mod objects;
mod options;
#[cfg(unix)]
mod owner;
mod phase;
mod prefix;
pub mod private_folder;
mod refs;
mod repository_url;
mod revision;
mod search;
mod secret;
mod server_words;
#[cfg(unix)]
mod socket;
mod source;
mod ssh;
mod tree;
mod watch;

pub use cache::{Checkout, RepositoryCache};
pub use error::Error;
pub use options::{LocalSources, Options};
pub use prefix::{MalformedPrefix, UrlPrefix};
pub use repository_url::{MalformedUrl, RepositoryUrl};
pub use revision::{CommitId, MalformedRevision, Naming, Revision};
pub use secret::{Credential, NoSecrets, Secret, SecretRef, SecretSource, SecretUnavailable};
pub use source::Source;
pub use tree::Written;
pub use watch::{Progress, Watch};
