#![doc = include_str!("../README.md")]

mod cache;
mod error;
mod mirror;
mod objects;
mod options;
mod prefix;
pub mod private_folder;
mod secret;
mod source;
mod ssh;
mod tree;
mod watch;

pub use cache::{Checkout, RepositoryCache};
pub use error::Error;
pub use options::{LocalSources, Options};
pub use prefix::{MalformedPrefix, UrlPrefix};
pub use secret::{NoSecrets, Secret, SecretRef, SecretSource, SecretUnavailable};
pub use source::{CommitId, Credential, RepositoryUrl, Revision, Source};
pub use tree::Written;
pub use watch::{Progress, Watch};
