// The examples need the engine, which tests them.
#![cfg_attr(not(doctest), doc = include_str!("../README.md"))]

mod activity;
mod doc;
mod duration;
mod options;
mod signature;
mod workflow;

use proc_macro::TokenStream;
use quote::quote;

/// Turns an `async fn(ctx: &ActivityContext<C>, input: I) -> Result<O, ActivityError>` into an activity.
///
/// The function is replaced by a unit struct of the same name, which workflows call and workers register.
/// The input and the checkpoint type `C` may be omitted; they are `()` then.
///
/// | option | value | without it |
/// |---|---|---|
/// | `name` | string | the name of the function |
/// | `queue` | string | the task queue of the run |
/// | `schedule_to_start`, `schedule_to_close`, `heartbeat` | duration | no limit |
/// | `start_to_close` | duration | that of `ActivityOptions::default()` |
/// | `early` | none: the word alone | an attempt starts when the step that schedules it is durable |
/// | `retry(…)` | `initial`, `backoff`, `max_interval`, `max_attempts`, `non_retryable("A", "B")` | `RetryPolicy::default()` |
///
/// A duration is a string of whole numbers with the units `d`, `h`, `m`, `s` and `ms`, such as `"1h 30m"`.
#[proc_macro_attribute]
pub fn activity(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    activity::expand(arguments.into(), item.clone()).unwrap_or_else(|error| beside(&error, &item)).into()
}

/// Turns an inherent `impl` block with one `#[run]` method into a workflow.
///
/// The method is an `async fn(ctx: &Context<Self>, input: I) -> Result<O, WorkflowError>`; the input may be omitted.
/// The documentation of the block, or else of the method, describes the workflow to its users.
///
/// | option | value | without it |
/// |---|---|---|
/// | `name` | string | the name of the type in snake case |
/// | `queue` | string | that of `WorkflowOptions::default()` |
/// | `execution_timeout` | duration such as `"5m"` | that of `WorkflowOptions::default()` |
#[proc_macro_attribute]
pub fn workflow(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    workflow::expand(arguments.into(), item.clone())
        .unwrap_or_else(|error| beside(&error, &workflow::without_markers(item)))
        .into()
}

/// The error beside the code as it was written: without the code, every use of it would be an error too.
fn beside(error: &syn::Error, item: &proc_macro2::TokenStream) -> proc_macro2::TokenStream {
    let error = error.to_compile_error();
    quote! { #error #item }
}
