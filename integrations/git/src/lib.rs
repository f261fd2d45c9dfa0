#![doc = include_str!("../README.md")]

mod cache;
mod error;
mod mirror;
mod options;
mod source;
mod ssh;
mod tree;
mod watch;

pub use cache::{Checkout, RepositoryCache};
pub use error::Error;
pub use options::{LocalSources, Options};
pub use source::{
    CommitId, Credential, NoSecrets, RepositoryUrl, Revision, SecretRef, SecretSource, SecretUnavailable,
    Source,
};
pub use tree::Written;
pub use watch::{Progress, Watch};
