//! The REST API for scripts: `/tasks`, the calls that the course system documents.
//!
//! A task is a run, its ID is the workflow ID, and a call that names a task means the latest run of that ID.

mod attempts;
mod body;
mod caller;
mod cancel;
mod cut;
mod delete;
mod error;
mod list;
mod query;
mod result;
mod status;
mod submit;
mod task;
mod task_id;
mod task_info;
mod task_result;
mod types;
mod workers;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    http::{HeaderValue, header},
    middleware,
    response::Response,
    routing::{delete, get, post},
};
use tokio_util::sync::CancellationToken;

pub use error::code;
pub(crate) use error::no_route;
pub use status::TaskStatus;
pub use task_info::{Progress, TaskInfo};
pub use task_result::TaskResult;

use crate::{TokenVerifier, app::App};

/// State that the calls share.
#[derive(Debug, Clone)]
pub(crate) struct Twin {
    pub(crate) app: Arc<App>,
    pub(crate) verifier: TokenVerifier,
    pub(crate) body_bytes_max: usize,
    pub(crate) body_timeout: Duration,
    /// Longest wait for the end of a task that a caller may ask for.
    pub(crate) wait_max: Duration,
    /// Ends calls that wait for a task.
    pub(crate) shutdown: CancellationToken,
}

/// The routes. The router prefers fixed words to IDs, whatever the order of the routes.
pub(crate) fn router(twin: Twin) -> Router {
    Router::new()
        .route("/tasks", get(list::list))
        .route("/tasks/", get(list::list))
        .route("/tasks/submit", post(submit::submit))
        .route("/tasks/types", get(types::types))
        .route("/tasks/workers/status", get(workers::status))
        .route("/tasks/{task_id}", get(task::describe).delete(delete::delete))
        .route("/tasks/{task_id}/status", get(task::describe))
        .route("/tasks/{task_id}/result", get(result::result))
        .route("/tasks/{task_id}/cancel", delete(cancel::cancel))
        .route("/task", get(task::describe).delete(delete::delete))
        .route("/task/status", get(task::describe))
        .route("/task/result", get(result::result))
        .route("/task/cancel", delete(cancel::cancel))
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(middleware::map_response(keep_out_of_caches))
        .with_state(twin)
}

/// Responses depend on the caller, so no cache may store them.
async fn keep_out_of_caches(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
