//! Reports errors at the field that caused them.
//!
//! The library sets the path of an error anew at every list and object that the error passes on its way up, so
//! that only the outermost is left. So the path of the first field is kept in the error, and restored at the end.

use async_graphql::{PathSegment, QueryPathNode, ServerError, Value, to_value};

/// Key in the extensions of an error under which its path is kept. It is removed before the response is sent.
const KEY: &str = "ctutor.path";

/// Records where an error occurred, unless that is recorded already.
pub(super) fn keep(mut error: ServerError, place: &QueryPathNode<'_>) -> ServerError {
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get(KEY).is_none() {
        extensions.set(KEY, to_value(place).expect("names and numbers have a form as values"));
    }
    error
}

/// Gives an error the path that was recorded.
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
