use std::sync::Arc;

use async_graphql::{Context, Object};

use crate::{Principal, app::App, graphql::types::Viewer};

#[derive(Debug, Default)]
pub(super) struct ViewerQuery;

#[Object]
impl ViewerQuery {
    /// The caller, as identified by the access token.
    async fn viewer(&self, ctx: &Context<'_>) -> Viewer {
        let app = ctx.data_unchecked::<Arc<App>>();
        Viewer::new(ctx.data_unchecked::<Principal>(), &app.policy)
    }
}
