//! Pages of lists.

use async_graphql::{ComplexObject, Context, Error, ErrorExtensions, OutputType, SimpleObject};

use super::{
    cursor::{self, Cursor},
    error::{bad_argument, coded},
    page_sizes::{List, PageSizes},
    types::{Activity, HistoryEvent, TaskQueue, Worker, WorkflowType},
};
use crate::transport::code;

/// Counting a list stops here.
pub(super) const COUNT_MAX: u32 = 10_001;

/// Position of a page within its list.
#[derive(Debug, Clone, Default, PartialEq, Eq, SimpleObject)]
pub struct PageInfo {
    /// Whether more items follow this page.
    pub has_next_page: bool,
    /// Whether there are items before this page.
    pub has_previous_page: bool,
    /// Cursor of the first item; null if the page is empty.
    pub start_cursor: Option<String>,
    /// Cursor of the last item; null if the page is empty.
    pub end_cursor: Option<String>,
}

/// One page of a list.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(
    complex,
    concrete(name = "ActivityConnection", params(Activity)),
    concrete(name = "HistoryEventConnection", params(HistoryEvent)),
    concrete(name = "TaskQueueConnection", params(TaskQueue)),
    concrete(name = "WorkerConnection", params(Worker)),
    concrete(name = "WorkflowTypeConnection", params(WorkflowType))
)]
pub struct Connection<T: OutputType + Clone>
where
    Edge<T>: OutputType,
{
    /// The items of the page with their cursors.
    pub edges: Vec<Edge<T>>,
    /// Position of the page within the list.
    pub page_info: PageInfo,
    /// Number of items in the whole list.
    pub total_count: i64,
}

#[ComplexObject]
impl<T: OutputType + Clone> Connection<T>
where
    Edge<T>: OutputType,
{
    /// The items of the page without their cursors.
    async fn nodes(&self) -> Vec<T> {
        self.edges.iter().map(|edge| edge.node.clone()).collect()
    }
}

/// An item of a list, with its cursor.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(
    concrete(name = "ActivityEdge", params(Activity)),
    concrete(name = "HistoryEventEdge", params(HistoryEvent)),
    concrete(name = "TaskQueueEdge", params(TaskQueue)),
    concrete(name = "WorkerEdge", params(Worker)),
    concrete(name = "WorkflowTypeEdge", params(WorkflowType))
)]
pub struct Edge<T: OutputType> {
    /// The item.
    pub node: T,
    /// Cursor of the item, for `after`.
    pub cursor: String,
}

/// The size of a page of a list: what was asked for, or the default as far as the configuration allows it.
///
/// # Errors
/// When it is not within the allowed range, telling the argument, what was found and what is allowed.
pub(super) fn page_size(
    ctx: &Context<'_>,
    argument: &'static str,
    found: Option<i32>,
    default: u32,
    list: List,
) -> Result<u32, Error> {
    checked(argument, found, default, ctx.data_unchecked::<PageSizes>().max(list))
}

fn checked(argument: &'static str, found: Option<i32>, default: u32, max: u32) -> Result<u32, Error> {
    let Some(found) = found else { return Ok(default.min(max)) };
    match u32::try_from(found) {
        Ok(size) if (1..=max).contains(&size) => Ok(size),
        _ => {
            let error = bad_argument(argument, found, format_args!("1 to {max}"));
            Err(error.extend_with(|_, extensions| extensions.set("max", max)))
        }
    }
}

/// The error for two arguments that exclude each other.
pub(super) fn exclusive(one: &str, other: &str) -> Error {
    coded(code::BAD_USER_INPUT, format!("`{one}` and `{other}` cannot be combined"))
}

/// What a page costs: each item as much as what is asked of it. Sizes that will be refused count as the largest.
///
/// The expressions of fields read their argument with code of their own and pass on the result. The reading that
/// would be generated for them refuses a query whose variable is left out, though that is what nullable ones are for.
pub(super) fn page_cost<E>(
    size: Result<Option<i32>, E>,
    default: u32,
    list: List,
    child_complexity: usize,
) -> usize {
    let max = PageSizes::of_validation(list);
    let size = size.ok().flatten().map_or(default, |size| u32::try_from(size).unwrap_or(0));
    let size = usize::try_from(size.min(max)).unwrap_or(usize::MAX);
    size.saturating_mul(child_complexity).saturating_add(1)
}

/// The size of a page that may be read in either direction, for its cost; with both it is refused.
pub(super) fn either_size<E>(
    first: Result<Option<i32>, E>,
    last: Result<Option<i32>, E>,
) -> Result<Option<i32>, E> {
    Ok(first.ok().flatten().max(last.ok().flatten()))
}

/// Cuts a page out of a list that is small enough to be in memory, sorted by the key of its items.
///
/// # Errors
/// When `after` is not a valid cursor of the list.
pub(super) fn slice<T, K>(
    items: Vec<T>,
    key: impl Fn(&T) -> K,
    size: u32,
    after: Option<&str>,
) -> Result<Connection<T>, Error>
where
    T: OutputType + Clone,
    Edge<T>: OutputType,
    K: Cursor + Ord,
{
    let after: Option<K> = after.map(|text| cursor::decode("after", text)).transpose()?;
    let total = items.len();
    let skipped = after.map_or(0, |after| items.partition_point(|item| key(item) <= after));
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let edges: Vec<_> = items
        .into_iter()
        .skip(skipped)
        .take(size)
        .map(|node| Edge { cursor: cursor::encode(&key(&node)), node })
        .collect();
    let page_info = PageInfo {
        has_next_page: skipped + edges.len() < total,
        has_previous_page: skipped > 0,
        start_cursor: edges.first().map(|edge| edge.cursor.clone()),
        end_cursor: edges.last().map(|edge| edge.cursor.clone()),
    };
    Ok(Connection { edges, page_info, total_count: i64::try_from(total).unwrap_or(i64::MAX) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_outside_the_range_are_refused_with_what_was_found_and_is_allowed() {
        assert_eq!(checked("first", None, 20, 100).unwrap(), 20);
        assert_eq!(checked("first", None, 20, 7).unwrap(), 7);
        assert_eq!(checked("first", Some(1), 20, 100).unwrap(), 1);
        assert_eq!(checked("first", Some(100), 20, 100).unwrap(), 100);
        for wrong in [0, -1, 101, 1_001, i32::MIN, i32::MAX] {
            let error = checked("first", Some(wrong), 20, 100).unwrap_err();
            assert_eq!(error.message, format!("`first` is {wrong}, expected 1 to 100"));
            let extensions = error.extensions.unwrap();
            assert_eq!(extensions.get("code"), Some(&"BAD_USER_INPUT".into()));
            assert_eq!(extensions.get("argument"), Some(&"first".into()));
            assert_eq!(extensions.get("found"), Some(&wrong.into()));
            assert_eq!(extensions.get("allowed"), Some(&"1 to 100".into()));
            assert_eq!(extensions.get("max"), Some(&100.into()));
        }
    }

    #[tokio::test]
    async fn the_cost_of_a_page_is_bounded_and_cannot_overflow() {
        let sizes = PageSizes { items_max: 100, history_items_max: 500 };
        sizes
            .within(async {
                let cost = |size, child| page_cost(Ok::<_, ()>(size), 20, List::Items, child);
                assert_eq!(cost(None, 3), 61);
                assert_eq!(cost(Some(5), 3), 16);
                assert_eq!(cost(Some(-5), 3), 1);
                assert_eq!(cost(Some(i32::MAX), 3), 301);
                assert_eq!(cost(Some(2), usize::MAX), usize::MAX);
                assert_eq!(page_cost(Err("left out"), 20, List::Items, 3), 61);
                assert_eq!(page_cost(Ok::<_, ()>(Some(i32::MAX)), 20, List::History, 3), 1_501);
            })
            .await;
    }
}
