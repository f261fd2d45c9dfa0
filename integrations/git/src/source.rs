use crate::{Credential, Error, MalformedRevision, RepositoryUrl, Revision};

/// What to check out.
#[derive(Clone, Debug)]
pub struct Source {
    pub url: RepositoryUrl,
    pub revision: Revision,
    pub credential: Option<Credential>,
}

impl Source {
    /// A source without a credential.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUrl`], [`Error::CredentialInUrl`] or [`Error::InvalidRevision`]; none repeats an invalid URL.
    pub fn parse(url: &str, revision: &str) -> Result<Self, Error> {
        let url: RepositoryUrl = url.parse()?;
        match revision.parse() {
            Ok(revision) => Ok(Self { url, revision, credential: None }),
            Err(MalformedRevision { revision, reason }) => {
                Err(Error::InvalidRevision { url: Some(url), revision, reason })
            }
        }
    }

    /// A source that means the default branch of its repository, without a credential.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUrl`] or [`Error::CredentialInUrl`]; neither repeats its input.
    pub fn default_branch(url: &str) -> Result<Self, Error> {
        Ok(Self { url: url.parse()?, revision: Revision::Default, credential: None })
    }

    #[must_use]
    pub fn with_credential(mut self, credential: Credential) -> Self {
        self.credential = Some(credential);
        self
    }
}
