use async_graphql::{Context, Description, Object, Result};
use ctutor_engine::failure;

use crate::graphql::{extension::charge, scalar::Json};

/// Why a run or an activity failed.
#[derive(Debug, Clone, Description)]
pub struct Failure(failure::Failure);

#[Object(use_type_description)]
impl Failure {
    /// Error message for people.
    async fn message(&self, ctx: &Context<'_>) -> Result<&str> {
        charge(ctx, self.0.message.len())?;
        Ok(&self.0.message)
    }

    /// Type of the error, as named by the code that raised it.
    #[graphql(name = "type")]
    async fn kind(&self) -> &str {
        &self.0.kind
    }

    /// If true, never retried, whatever the retry policy says.
    async fn non_retryable(&self) -> bool {
        self.0.non_retryable
    }

    /// Structured data that the code added to the error.
    async fn details(&self, ctx: &Context<'_>) -> Option<Result<Json>> {
        Json::answer_opt(ctx, self.0.details.as_ref())
    }

    /// The failure that caused this one.
    async fn cause(&self) -> Option<Failure> {
        self.0.cause.as_deref().map(Failure::from)
    }
}

impl From<&failure::Failure> for Failure {
    fn from(failure: &failure::Failure) -> Self {
        Self(failure.clone())
    }
}
