//! What is done around every request, whatever it asks for.
//!
//! One extension for all of it: each one costs an allocation a field.

mod bounds;
mod error_paths;

use std::sync::Arc;

use async_graphql::{
    Response, ServerError, ServerResult, ValidationResult, Value, async_trait,
    extensions::{
        Extension, ExtensionContext, ExtensionFactory, NextExecute, NextResolve, NextValidation, ResolveInfo,
    },
};

pub(super) use bounds::{Bounds, charge};

use super::page_sizes::PageSizes;

#[derive(Debug)]
pub(super) struct Around(pub(super) Bounds, pub(super) PageSizes);

impl ExtensionFactory for Around {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self(self.0, self.1))
    }
}

#[async_trait::async_trait]
impl Extension for Around {
    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let result = self.1.within(next.run(ctx)).await?;
        self.0.check(&result)?;
        Ok(result)
    }

    async fn execute(
        &self,
        ctx: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        let mut response = next.run_with_data(ctx, operation_name, self.0.budget()).await;
        response.errors.iter_mut().for_each(error_paths::restore);
        response
    }

    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let place = info.path_node;
        next.run(ctx, info).await.map_err(|error| error_paths::keep(error, place))
    }
}
