use axum::{Json, extract::State};

use super::{Twin, caller::Caller, error::Error, query::NoParameters};

/// The names of the workflow types.
pub(super) async fn types(
    State(twin): State<Twin>,
    _: Caller,
    _: NoParameters,
) -> Result<Json<Vec<String>>, Error> {
    let types = twin.app.client.workflow_types().await.map_err(|error| Error::store(&error))?;
    Ok(Json(types.into_iter().map(|known| known.name.as_str().to_owned()).collect()))
}
