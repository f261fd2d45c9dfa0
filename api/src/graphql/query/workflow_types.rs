use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use crate::{
    app::App,
    graphql::{
        error::store_fault,
        page::{Connection, PAGE_ITEMS, page_cost, page_size, slice},
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
            50, &PAGE_ITEMS, child_complexity
        )"#)]
    async fn workflow_types(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Page size, from 1 to 100.", default_with = "Some(50)")] first: Option<i32>,
        #[graphql(desc = "Return items after this cursor.")] after: Option<String>,
    ) -> Result<Connection<WorkflowType>> {
        let size = page_size("first", first, 50, &PAGE_ITEMS)?;
        let types = ctx.data_unchecked::<Arc<App>>().client.workflow_types().await;
        let types = types.map_err(|error| store_fault(&error))?;
        let types: Vec<WorkflowType> = types.into_iter().map(Into::into).collect();
        slice(types, WorkflowType::place, size, after.as_deref())
    }
}
