use std::time::Duration;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{LitStr, Result};

use crate::{duration, options};

const KNOWN: &[&str] = &["name", "queue", "execution_timeout"];

/// The arguments of `#[workflow(…)]`.
#[derive(Default)]
pub(super) struct Arguments {
    pub(super) name: Option<LitStr>,
    queue: Option<LitStr>,
    execution_timeout: Option<Duration>,
}

impl Arguments {
    pub(super) fn parse(tokens: TokenStream) -> Result<Self> {
        let mut arguments = Self::default();
        options::parse_all(tokens, KNOWN, |key, input| {
            match key.to_string().as_str() {
                "name" => arguments.name = Some(options::name(input)?),
                "queue" => arguments.queue = Some(options::name(input)?),
                "execution_timeout" => arguments.execution_timeout = Some(options::timeout(input)?),
                _ => return Err(options::unknown(key, KNOWN)),
            }
            Ok(())
        })?;
        Ok(arguments)
    }

    /// The body of `Workflow::options`.
    pub(super) fn options_body(&self) -> TokenStream {
        let queue = self
            .queue
            .as_ref()
            .map(|queue| quote! { options.task_queue = ::ctutor_engine::ids::TaskQueue::trusted(#queue); });
        let execution_timeout = self
            .execution_timeout
            .map(duration::tokens)
            .map(|timeout| quote! { options.execution_timeout = ::core::option::Option::Some(#timeout); });
        let assignments: Vec<TokenStream> = queue.into_iter().chain(execution_timeout).collect();
        options::body(&quote!(::ctutor_engine::workflow::WorkflowOptions), &assignments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_options_given_are_assigned() {
        let body = |tokens| Arguments::parse(tokens).unwrap_or_else(|error| panic!("{error}")).options_body();
        let default =
            quote!(<::ctutor_engine::workflow::WorkflowOptions as ::core::default::Default>::default());
        assert_eq!(body(quote!(name = "other")).to_string(), default.to_string());
        let expected = quote! {
            let mut options = #default;
            options.task_queue = ::ctutor_engine::ids::TaskQueue::trusted("slow");
            options.execution_timeout = ::core::option::Option::Some(::core::time::Duration::from_millis(300000u64));
            options
        };
        assert_eq!(body(quote!(execution_timeout = "5m", queue = "slow")).to_string(), expected.to_string());
    }

    #[test]
    fn an_unknown_option_is_answered_with_the_known_ones() {
        let error = Arguments::parse(quote!(timeout = "5m")).err().expect("a fault");
        assert_eq!(
            error.to_string(),
            "unknown option `timeout`; known: `name`, `queue`, `execution_timeout`"
        );
    }
}
