//! Errors told at the field that made them.
//!
//! The library sets the path of an error anew at every list and object that the error passes on its way up, so
//! that the outermost is left. The first to see it knows better: its path goes along, and is put back at the end.

use async_graphql::{PathSegment, QueryPathNode, ServerError, Value, to_value};

/// Where the path travels in the extensions of an error. It is taken out before anybody sees it.
const KEY: &str = "ctutor.path";

/// Notes where an error was seen, if nobody has before.
pub(super) fn keep(mut error: ServerError, place: &QueryPathNode<'_>) -> ServerError {
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get(KEY).is_none() {
        extensions.set(KEY, to_value(place).expect("names and numbers have a form as values"));
    }
    error
}

/// Gives an error the path that was noted.
pub(super) fn restore(error: &mut ServerError) {
    let Some(extensions) = &mut error.extensions else { return };
    let Some(Value::List(path)) = extensions.get(KEY).cloned() else { return };
    extensions.unset(KEY);
    error.path = path.into_iter().filter_map(segment).collect();
}

fn segment(value: Value) -> Option<PathSegment> {
    match value {
        Value::String(name) => Some(PathSegment::Field(name)),
        Value::Number(index) => index.as_u64()?.try_into().ok().map(PathSegment::Index),
        _ => None,
    }
}
