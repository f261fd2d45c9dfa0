use std::sync::Arc;

use async_graphql::{Context, Error, Object, Result};
use ctutor_engine::client::{self, PageDirection, PageRequest};

use crate::{
    ListBounds, Principal,
    app::App,
    graphql::{
        cursor::{self, RunCursor},
        error::store_fault,
        input::{WorkflowFilter, WorkflowOrder},
        page::{PageInfo, either_size, exclusive, page_cost, page_size},
        page_sizes::List,
        types::{WorkflowExecutionConnection, WorkflowExecutionEdge},
    },
};

/// Runs of a page when nothing is said.
const PAGE_ITEMS_DEFAULT: u32 = 20;

#[derive(Debug, Default)]
pub(super) struct WorkflowsQuery;

#[Object]
impl WorkflowsQuery {
    /// Runs that the caller may see, newest first unless `orderBy` is given.
    #[expect(clippy::too_many_arguments, reason = "they are those of the field")]
    #[graphql(complexity = r#"page_cost(
            either_size(
                __ctx.param_value(__variables_definition, __field, "first", None),
                __ctx.param_value(__variables_definition, __field, "last", None),
            ),
            20, List::Items, child_complexity
        )"#)]
    async fn workflows(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Return the first runs of the list, at least 1. The configuration of the server sets the maximum: `graphql.page_items_max`, by default 100. If `last` is not given either, defaults to 20, or to the maximum if that is smaller."
        )]
        first: Option<i32>,
        #[graphql(desc = "Return items after this cursor.")] after: Option<String>,
        #[graphql(
            desc = "Return the last runs of the list, at least 1 and at most as many as `first`. Cannot be combined with `first`."
        )]
        last: Option<i32>,
        #[graphql(desc = "Return runs before this cursor.")] before: Option<String>,
        #[graphql(desc = "Return only runs that match this filter.")] filter: Option<WorkflowFilter>,
        #[graphql(desc = "Sort order of the list.")] order_by: Option<WorkflowOrder>,
    ) -> Result<WorkflowExecutionConnection> {
        let order = order_by.map(client::WorkflowOrder::from).unwrap_or_default();
        let page = PageArguments { first, after, last, before }.request(ctx, order)?;
        let filter = filter.unwrap_or_default().into_engine(ctx.data_unchecked::<ListBounds>())?;
        let caller = ctx.data_unchecked::<Principal>().caller();
        let client = &ctx.data_unchecked::<Arc<App>>().client;
        let found = client.list(&caller, &filter, order, &page).await.map_err(|error| store_fault(&error))?;
        Ok(connection(found, order, filter))
    }
}

struct PageArguments {
    first: Option<i32>,
    after: Option<String>,
    last: Option<i32>,
    before: Option<String>,
}

impl PageArguments {
    fn request(self, ctx: &Context<'_>, order: client::WorkflowOrder) -> Result<PageRequest, Error> {
        let is_backward = match (&self.first, &self.last) {
            (Some(_), Some(_)) => return Err(exclusive("first", "last")),
            (None, None) => self.before.is_some(),
            (_, last) => last.is_some(),
        };
        if is_backward {
            if self.after.is_some() {
                return Err(exclusive("after", if self.last.is_some() { "last" } else { "before" }));
            }
            let items = page_size(ctx, "last", self.last, PAGE_ITEMS_DEFAULT, List::Items)?;
            return page_request(items, PageDirection::Backward, ("before", self.before), order);
        }
        if self.before.is_some() {
            return Err(exclusive("before", "first"));
        }
        let items = page_size(ctx, "first", self.first, PAGE_ITEMS_DEFAULT, List::Items)?;
        page_request(items, PageDirection::Forward, ("after", self.after), order)
    }
}

fn page_request(
    items: u32,
    direction: PageDirection,
    (argument, text): (&'static str, Option<String>),
    order: client::WorkflowOrder,
) -> Result<PageRequest, Error> {
    let cursor = match text {
        None => None,
        Some(text) => {
            let cursor: RunCursor = cursor::decode(argument, &text)?;
            // A cursor of a list with another order would point to a place that means nothing here.
            if cursor.field != order.field {
                return Err(cursor::malformed(argument));
            }
            Some(cursor.place)
        }
    };
    Ok(PageRequest { items, direction, cursor, offset: 0 })
}

fn connection(
    page: client::Page<client::WorkflowExecution>,
    order: client::WorkflowOrder,
    filter: client::WorkflowFilter,
) -> WorkflowExecutionConnection {
    let edges: Vec<_> = page
        .items
        .into_iter()
        .map(|execution| WorkflowExecutionEdge {
            cursor: cursor::encode(&RunCursor { field: order.field, place: execution.cursor(order.field) }),
            node: execution.into(),
        })
        .collect();
    let page_info = PageInfo {
        has_next_page: page.has_next,
        has_previous_page: page.has_previous,
        start_cursor: edges.first().map(|edge| edge.cursor.clone()),
        end_cursor: edges.last().map(|edge| edge.cursor.clone()),
    };
    WorkflowExecutionConnection { edges, page_info, filter }
}
