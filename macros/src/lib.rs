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

/// Makes an activity of an `async fn(ctx: &ActivityContext<C>, input: I) -> Result<O, ActivityError>`.
///
/// The function becomes a unit struct of the same name, which workflows and workers name it by.
/// The input may be left out, and so may the type `C` of the checkpoint; both are `()` then.
///
/// | option | value | without it |
/// |---|---|---|
/// | `name` | text | the name of the function |
/// | `queue` | text | the queue of the run |
/// | `schedule_to_start`, `schedule_to_close`, `heartbeat` | duration | no limit |
/// | `start_to_close` | duration | that of `ActivityOptions::default()` |
/// | `retry(…)` | `initial`, `backoff`, `max_interval`, `max_attempts`, `non_retryable("A", "B")` | `RetryPolicy::default()` |
///
/// A duration is a text of whole numbers with the units `d`, `h`, `m`, `s` and `ms`, such as `"1h 30m"`.
#[proc_macro_attribute]
pub fn activity(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    activity::expand(arguments.into(), item.clone()).unwrap_or_else(|error| beside(&error, &item)).into()
}

/// Makes a workflow of an inherent `impl` block with one `#[run]` method.
///
/// The method is an `async fn(ctx: &Context<Self>, input: I) -> Result<O, WorkflowError>`; the input may be left out.
/// The documentation of the block, or else of the method, describes the workflow to its users.
///
/// | option | value | without it |
/// |---|---|---|
/// | `name` | text | the name of the type in snake case |
/// | `queue` | text | that of `WorkflowOptions::default()` |
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
