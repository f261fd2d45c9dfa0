use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use crate::{
    app::App,
    graphql::{
        error::store_fault,
        page::{Connection, page_cost, page_size, slice},
        page_sizes::List,
        types::WorkflowType,
    },
};

#[derive(Debug, Default)]
pub(super) struct WorkflowTypesQuery;

#[Object]
impl WorkflowTypesQuery {
    /// Workflow types that workers have registered, sorted by name.
    #[graphql(complexity = r#"page_cost(
            __ctx.param_value(__variables_definition, __field, "first", None),
            50, List::Items, child_complexity
        )"#)]
    async fn workflow_types(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Page size, at least 1. The configuration of the server sets the maximum: `graphql.page_items_max`, by default 100. Defaults to 50, or to the maximum if that is smaller."
        )]
        first: Option<i32>,
        #[graphql(desc = "Return items after this cursor.")] after: Option<String>,
    ) -> Result<Connection<WorkflowType>> {
        let size = page_size(ctx, "first", first, 50, List::Items)?;
        let types = ctx.data_unchecked::<Arc<App>>().client.workflow_types().await;
        let types = types.map_err(|error| store_fault(&error))?;
        let types: Vec<WorkflowType> = types.into_iter().map(Into::into).collect();
        slice(types, WorkflowType::place, size, after.as_deref())
    }
}
