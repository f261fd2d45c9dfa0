use async_graphql::{Description, Object};
use ctutor_engine::failure;

use crate::graphql::scalar::Json;

/// An error as recorded.
#[derive(Debug, Clone, Description)]
pub struct Failure(failure::Failure);

#[Object(use_type_description)]
impl Failure {
    /// What went wrong, for people.
    async fn message(&self) -> &str {
        &self.0.message
    }

    /// Class of the error, as raised.
    #[graphql(name = "type")]
    async fn kind(&self) -> &str {
        &self.0.kind
    }

    /// No retry policy tries again.
    async fn non_retryable(&self) -> bool {
        self.0.non_retryable
    }

    /// What the code added for programs.
    async fn details(&self) -> Option<Json> {
        self.0.details.as_ref().map(Json::from)
    }

    /// The failure that led to this one.
    async fn cause(&self) -> Option<Failure> {
        self.0.cause.as_deref().map(Failure::from)
    }
}

impl From<&failure::Failure> for Failure {
    fn from(failure: &failure::Failure) -> Self {
        Self(failure.clone())
    }
}
