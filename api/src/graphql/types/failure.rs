use async_graphql::{Context, Description, Object, Result};
use ctutor_engine::failure;

use crate::graphql::{extension::charge, scalar::Json};

/// An error as recorded.
#[derive(Debug, Clone, Description)]
pub struct Failure(failure::Failure);

#[Object(use_type_description)]
impl Failure {
    /// What went wrong, for people.
    async fn message(&self, ctx: &Context<'_>) -> Result<&str> {
        charge(ctx, self.0.message.len())?;
        Ok(&self.0.message)
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
    async fn details(&self, ctx: &Context<'_>) -> Option<Result<Json>> {
        Json::answer_opt(ctx, self.0.details.as_ref())
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
