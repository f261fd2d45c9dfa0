use async_graphql::{Error, InputObject};
use ctutor_engine::client;

use crate::{
    ListBounds,
    graphql::{
        error::{bad_argument, too_many},
        scalar::DateTime,
        types::WorkflowStatus,
    },
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
        for (field, text) in [
            ("workflowId", self.workflow_id.as_deref()),
            ("workflowIdPrefix", self.workflow_id_prefix.as_deref()),
            ("taskQueue", self.task_queue.as_deref()),
        ] {
            searchable(field, text.unwrap_or_default())?;
        }
        types.iter().try_for_each(|name| searchable("types", name))?;
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

/// Refuses what no stored name can have: databases would answer differently, and one of them with an error.
fn searchable(field: &str, text: &str) -> Result<(), Error> {
    match text.chars().find(|character| character.is_control()) {
        Some(found) => {
            let found = format!("a string with the control character U+{:04X}", u32::from(found));
            Err(bad_argument(&format!("filter.{field}"), found, "a string without control characters"))
        }
        None => Ok(()),
    }
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
    fn a_control_character_is_refused_by_its_field() {
        let text = Some("a\u{0}".to_owned());
        for (field, filter) in [
            ("workflowId", WorkflowFilter { workflow_id: text.clone(), ..WorkflowFilter::default() }),
            (
                "workflowIdPrefix",
                WorkflowFilter { workflow_id_prefix: text.clone(), ..WorkflowFilter::default() },
            ),
            ("taskQueue", WorkflowFilter { task_queue: text.clone(), ..WorkflowFilter::default() }),
            (
                "types",
                WorkflowFilter { types: text.clone().map(|text| vec![text]), ..WorkflowFilter::default() },
            ),
        ] {
            let nested = WorkflowFilter { or: Some(vec![filter]), ..WorkflowFilter::default() };
            let message = nested.into_engine(&ListBounds::default()).unwrap_err().message;
            assert!(message.starts_with(&format!("`filter.{field}` is ")), "{message}");
            assert!(message.contains("U+0000"), "{message}");
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
