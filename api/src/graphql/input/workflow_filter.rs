use async_graphql::{Error, InputObject};
use ctutor_engine::client;

use crate::{
    ListBounds,
    graphql::{error::too_many, scalar::DateTime, types::WorkflowStatus},
};

/// Filter for runs. A run must meet all given conditions. The configuration of the server sets how many filters there may
/// be in total (`graphql.filters_max`, by default 50), how deep they may be nested (`graphql.filter_depth_max`, by default
/// 4) and how many values a list may have (`graphql.filter_values_max`, by default 100).
#[derive(Debug, Clone, Default, InputObject)]
pub struct WorkflowFilter {
    /// Status is one of these.
    pub statuses: Option<Vec<WorkflowStatus>>,
    /// Workflow type is one of these.
    pub types: Option<Vec<String>>,
    /// Workflow ID equals this string.
    pub workflow_id: Option<String>,
    /// Workflow ID starts with this string (case-sensitive).
    pub workflow_id_prefix: Option<String>,
    /// Task queue equals this string.
    pub task_queue: Option<String>,
    /// Accepted by the server within this time range.
    pub created: Option<TimeRange>,
    /// Started by a worker within this time range.
    pub started: Option<TimeRange>,
    /// Ended within this time range.
    pub closed: Option<TimeRange>,
    /// All of these filters match too.
    pub and: Option<Vec<WorkflowFilter>>,
    /// At least one of these filters matches too. Ignored if empty.
    pub or: Option<Vec<WorkflowFilter>>,
}

/// A time range. Omit an end to leave it open.
#[derive(Debug, Clone, Copy, InputObject)]
pub struct TimeRange {
    /// Start of the range, inclusive.
    pub from: Option<DateTime>,
    /// End of the range, exclusive.
    pub to: Option<DateTime>,
}

impl WorkflowFilter {
    /// The filter of the engine.
    ///
    /// # Errors
    /// When it is too deep or too large.
    pub(in crate::graphql) fn into_engine(
        self,
        bounds: &ListBounds,
    ) -> Result<client::WorkflowFilter, Error> {
        let mut filters = 0;
        self.convert(bounds, 1, &mut filters)
    }

    fn convert(
        self,
        bounds: &ListBounds,
        depth: usize,
        filters: &mut usize,
    ) -> Result<client::WorkflowFilter, Error> {
        *filters += 1;
        bound(("level of filters", "levels of filters"), depth, bounds.filter_depth_max)?;
        bound(("filter in all", "filters in all"), *filters, bounds.filters_max)?;
        let statuses = self.statuses.unwrap_or_default();
        let types = self.types.unwrap_or_default();
        let values = ("value in one list", "values in one list");
        bound(values, statuses.len().max(types.len()), bounds.filter_values_max)?;
        let mut inner = |list: Option<Vec<Self>>| -> Result<Vec<_>, Error> {
            list.unwrap_or_default()
                .into_iter()
                .map(|filter| filter.convert(bounds, depth + 1, filters))
                .collect()
        };
        Ok(client::WorkflowFilter {
            and: inner(self.and)?,
            or: inner(self.or)?,
            statuses: statuses.into_iter().map(Into::into).collect(),
            waiting: None,
            types,
            workflow_id: self.workflow_id,
            workflow_id_prefix: self.workflow_id_prefix,
            task_queue: self.task_queue,
            created: range(self.created),
            started: range(self.started),
            closed: range(self.closed),
        })
    }
}

fn bound(what: (&str, &str), found: usize, allowed: usize) -> Result<(), Error> {
    if found > allowed { Err(too_many("filter", found, allowed, what)) } else { Ok(()) }
}

fn range(range: Option<TimeRange>) -> client::TimeRange {
    range.map_or_else(client::TimeRange::default, |range| client::TimeRange {
        from: range.from.map(|time| time.0),
        to: range.to.map(|time| time.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> WorkflowFilter {
        match depth {
            1 => WorkflowFilter::default(),
            _ => WorkflowFilter { and: Some(vec![nested(depth - 1)]), ..WorkflowFilter::default() },
        }
    }

    #[test]
    fn a_name_that_nothing_can_have_is_no_fault() {
        for text in ["a\u{0}", "\n", ""] {
            let filter = WorkflowFilter {
                types: Some(vec![text.to_owned()]),
                workflow_id: Some(text.to_owned()),
                workflow_id_prefix: Some(text.to_owned()),
                task_queue: Some(text.to_owned()),
                ..WorkflowFilter::default()
            };
            let read = filter.into_engine(&ListBounds::default()).unwrap();
            assert_eq!((read.types, read.workflow_id.as_deref()), (vec![text.to_owned()], Some(text)));
        }
    }

    #[test]
    fn filters_are_bounded_in_depth_and_size() {
        let bounds =
            ListBounds { filter_depth_max: 3, filters_max: 7, filter_values_max: 5, ..ListBounds::default() };
        let read = |filter: WorkflowFilter| filter.into_engine(&bounds);
        assert!(read(nested(3)).is_ok());
        let error = read(nested(4)).unwrap_err();
        assert_eq!(error.message, "`filter` has 4 levels of filters, at most 3 are allowed");

        let wide = |width| WorkflowFilter { or: Some(vec![nested(1); width]), ..WorkflowFilter::default() };
        assert!(read(wide(6)).is_ok());
        assert!(read(wide(7)).is_err());

        let types =
            |count| WorkflowFilter { types: Some(vec![String::new(); count]), ..WorkflowFilter::default() };
        assert!(read(types(5)).is_ok());
        assert!(read(types(6)).is_err());
    }
}
