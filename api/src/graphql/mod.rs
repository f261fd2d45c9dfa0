//! The GraphQL schema: one file an operation or a group of types.

mod cursor;
mod error;
mod extension;
mod id;
pub mod input;
mod loader;
mod mutation;
mod page;
mod page_sizes;
mod query;
pub mod scalar;
mod subscription;
pub mod types;

use std::sync::Arc;

use async_graphql::{SDLExportOptions, SchemaBuilder, ValidationMode};

pub use error::codes;
pub use id::NodeId;
pub use mutation::Mutation;
pub use page::{Connection, Edge, PageInfo};
pub use query::Query;
pub use subscription::Subscription;

use crate::{ListBounds, app::App, transport::validation};
use extension::{Around, Bounds};

/// The schema with its data.
pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// The schema, ready to be served. Must be called within a Tokio runtime.
///
/// No page has more items than the engine gives.
pub(crate) fn schema(
    app: Arc<App>,
    lists: ListBounds,
    complexity_max: usize,
    response_bytes_max: usize,
) -> Schema {
    let loaders = loader::Loaders::new(&app.client);
    let limits = app.client.limits();
    let pages = page_sizes::PageSizes {
        items_max: lists.page_items_max.min(limits.page_items_max),
        history_items_max: limits.history_page_items_max,
    };
    let bounds = Bounds { complexity_max, response_bytes_max };
    builder()
        .extension(Around(bounds, pages))
        .data(bounds)
        .data(lists)
        .data(pages)
        .data(loaders)
        .data(app)
        .finish()
}

/// The rules that documents must keep before the schema executes them.
pub(crate) fn rules() -> validation::Schema {
    validation::Schema::parse(&sdl())
        .expect("the text that the schema prints is a schema")
        .with_scalar("DateTime", scalar::DateTime::check)
        .with_scalar("Duration", scalar::Duration::check)
}

/// The text of the schema, the same at each call.
#[must_use]
pub fn sdl() -> String {
    let options = SDLExportOptions::new()
        .sorted_fields()
        .sorted_arguments()
        .sorted_enum_items()
        .include_specified_by()
        .prefer_single_line_descriptions()
        .use_space_ident()
        .indent_width(2);
    let text = builder().finish().sdl_with_options(options);
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let mut text = lines.join("\n");
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(Query::default(), Mutation::default(), Subscription::default())
        // No field gives it: each item of a stream implements it.
        .register_output_type::<types::StreamItem>()
        // Documents have been judged by our own rules, which leave no gap.
        .validation_mode(ValidationMode::Fast)
}
