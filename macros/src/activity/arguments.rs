use std::time::Duration;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{LitStr, Result};

use super::retry::Retry;
use crate::{duration, options};

const KNOWN: &[&str] = &[
    "name",
    "queue",
    "schedule_to_start",
    "start_to_close",
    "schedule_to_close",
    "heartbeat",
    "retry",
    "early",
];

/// The arguments of `#[activity(…)]`.
#[derive(Default)]
pub(super) struct Arguments {
    pub(super) name: Option<LitStr>,
    queue: Option<LitStr>,
    schedule_to_start: Option<Duration>,
    start_to_close: Option<Duration>,
    schedule_to_close: Option<Duration>,
    heartbeat: Option<Duration>,
    retry: Option<Retry>,
    early: bool,
}

impl Arguments {
    pub(super) fn parse(tokens: TokenStream) -> Result<Self> {
        let mut arguments = Self::default();
        options::parse_all(tokens, KNOWN, |key, input| {
            match key.to_string().as_str() {
                "name" => arguments.name = Some(options::name(input)?),
                "queue" => arguments.queue = Some(options::name(input)?),
                "schedule_to_start" => arguments.schedule_to_start = Some(options::timeout(input)?),
                "start_to_close" => arguments.start_to_close = Some(options::timeout(input)?),
                "schedule_to_close" => arguments.schedule_to_close = Some(options::timeout(input)?),
                "heartbeat" => arguments.heartbeat = Some(options::timeout(input)?),
                "retry" => arguments.retry = Some(Retry::parse(input)?),
                "early" => arguments.early = true,
                _ => return Err(options::unknown(key, KNOWN)),
            }
            Ok(())
        })?;
        Ok(arguments)
    }

    /// The body of `Activity::options`.
    pub(super) fn options_body(&self) -> TokenStream {
        let queue =
            self.queue.as_ref().map(|queue| quote! { ::ctutor_engine::ids::TaskQueue::trusted(#queue) });
        let fields = [
            (quote!(task_queue), queue),
            (quote!(schedule_to_start), self.schedule_to_start.map(duration::tokens)),
            (quote!(start_to_close), self.start_to_close.map(duration::tokens)),
            (quote!(schedule_to_close), self.schedule_to_close.map(duration::tokens)),
            (quote!(heartbeat), self.heartbeat.map(duration::tokens)),
        ];
        let mut assignments: Vec<TokenStream> = fields
            .into_iter()
            .filter_map(|(field, value)| value.map(|value| assign_some(&field, &value)))
            .collect();
        assignments.extend(self.retry.as_ref().and_then(Retry::assignment));
        assignments.extend(self.early.then(|| quote! { options.early = true; }));
        options::body(&quote!(::ctutor_engine::activity::ActivityOptions), &assignments)
    }
}

fn assign_some(field: &impl ToTokens, value: &TokenStream) -> TokenStream {
    quote! { options.#field = ::core::option::Option::Some(#value); }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(tokens: TokenStream) -> String {
        Arguments::parse(tokens).unwrap_or_else(|error| panic!("{error}")).options_body().to_string()
    }

    fn fault(tokens: TokenStream) -> String {
        Arguments::parse(tokens).err().expect("a fault").to_string()
    }

    #[test]
    fn only_the_options_given_are_assigned() {
        let options = quote!(::ctutor_engine::activity::ActivityOptions);
        let default = quote!(<#options as ::core::default::Default>::default());
        assert_eq!(body(quote!()), default.to_string());
        assert_eq!(body(quote!(name = "other")), default.to_string());
        assert_eq!(body(quote!(retry())), default.to_string());

        let expected = quote! {
            let mut options = #default;
            options.task_queue = ::core::option::Option::Some(::ctutor_engine::ids::TaskQueue::trusted("slow"));
            options.heartbeat = ::core::option::Option::Some(::core::time::Duration::from_millis(10000u64));
            options
        };
        assert_eq!(body(quote!(heartbeat = "10s", queue = "slow")), expected.to_string());

        let expected = quote! {
            let mut options = #default;
            options.early = true;
            options
        };
        assert_eq!(body(quote!(early)), expected.to_string());
    }

    #[test]
    fn an_unknown_option_is_answered_with_the_known_ones() {
        assert_eq!(
            fault(quote!(start_to_end = "1s")),
            "unknown option `start_to_end`; known: `name`, `queue`, `schedule_to_start`, `start_to_close`, \
             `schedule_to_close`, `heartbeat`, `retry`, `early`"
        );
    }

    #[test]
    fn a_timeout_of_zero_is_refused() {
        assert_eq!(
            fault(quote!(start_to_close = "0s")),
            "a timeout must be longer than zero; leave it out for none"
        );
    }
}
