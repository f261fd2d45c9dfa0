use std::time::Duration;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Ident, Lit, LitInt, LitStr, Result, Token, parenthesized, parse::ParseStream, token};

use crate::{duration, options};

const KNOWN: &[&str] = &["initial", "backoff", "max_interval", "max_attempts", "non_retryable"];

/// The arguments of `retry(…)`.
#[derive(Default)]
pub(super) struct Retry {
    initial: Option<Duration>,
    backoff: Option<f64>,
    max_interval: Option<Duration>,
    max_attempts: Option<u32>,
    non_retryable: Vec<LitStr>,
}

impl Retry {
    pub(super) fn parse(input: ParseStream<'_>) -> Result<Self> {
        let content = in_parentheses(input, "retry")?;
        let mut retry = Self::default();
        let mut max_interval_key: Option<Ident> = None;
        options::parse_list(&content, KNOWN, |key, input| {
            match key.to_string().as_str() {
                "initial" => retry.initial = Some(options::interval(input)?),
                "backoff" => retry.backoff = Some(backoff(input)?),
                "max_interval" => {
                    retry.max_interval = Some(options::interval(input)?);
                    max_interval_key = Some(key.clone());
                }
                "max_attempts" => retry.max_attempts = Some(attempts(input)?),
                "non_retryable" => retry.non_retryable = classes(input)?,
                _ => return Err(options::unknown(key, KNOWN)),
            }
            Ok(())
        })?;
        match (max_interval_key, retry.initial, retry.max_interval) {
            (Some(key), Some(initial), Some(max_interval)) if max_interval < initial => {
                Err(Error::new(key.span(), "`max_interval` must not be shorter than `initial`"))
            }
            _ => Ok(retry),
        }
    }

    /// The assignment of the policy; `None` when nothing is said.
    pub(super) fn assignment(&self) -> Option<TokenStream> {
        let non_retryable = &self.non_retryable;
        let calls: Vec<TokenStream> = [
            self.initial.map(duration::tokens).map(|wait| quote! { .initial_interval(#wait) }),
            self.backoff.map(|factor| quote! { .backoff_coefficient(#factor) }),
            self.max_interval.map(duration::tokens).map(|wait| quote! { .maximum_interval(#wait) }),
            self.max_attempts.map(|attempts| quote! { .maximum_attempts(#attempts) }),
            (!non_retryable.is_empty()).then(|| quote! { .non_retryable_error_types([#(#non_retryable),*]) }),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!calls.is_empty()).then(|| quote! { options.retry = options.retry #(#calls)*; })
    }
}

fn in_parentheses<'a>(input: ParseStream<'a>, key: &str) -> Result<syn::parse::ParseBuffer<'a>> {
    if !input.peek(token::Paren) {
        return Err(input.error(format!("expected parentheses, as in `{key}(…)`")));
    }
    let content;
    parenthesized!(content in input);
    Ok(content)
}

fn backoff(input: ParseStream<'_>) -> Result<f64> {
    const EXPECTED: &str = "expected a number of at least 1, such as 2.0";
    input.parse::<Token![=]>()?;
    let literal = input.parse::<Lit>().map_err(|error| Error::new(error.span(), EXPECTED))?;
    let factor = match &literal {
        Lit::Float(number) => number.base10_parse::<f64>()?,
        Lit::Int(number) => number.base10_parse::<f64>()?,
        _ => return Err(Error::new(literal.span(), EXPECTED)),
    };
    if factor.is_finite() && factor >= 1.0 { Ok(factor) } else { Err(Error::new(literal.span(), EXPECTED)) }
}

fn attempts(input: ParseStream<'_>) -> Result<u32> {
    const EXPECTED: &str = "expected a whole number of attempts; 0 means no limit";
    input.parse::<Token![=]>()?;
    let literal = input.parse::<LitInt>().map_err(|error| Error::new(error.span(), EXPECTED))?;
    literal.base10_parse().map_err(|_| Error::new(literal.span(), EXPECTED))
}

fn classes(input: ParseStream<'_>) -> Result<Vec<LitStr>> {
    let content = in_parentheses(input, "non_retryable")?;
    let mut classes = Vec::new();
    while !content.is_empty() {
        let class = options::text(&content, "expected a failure type as a string, such as \"Validation\"")?;
        if class.value().trim().is_empty() {
            return Err(Error::new(class.span(), "a failure type must not be blank"));
        }
        classes.push(class);
        if !content.is_empty() {
            content.parse::<Token![,]>()?;
        }
    }
    Ok(classes)
}

#[cfg(test)]
mod tests {
    use syn::parse::Parser;

    use super::*;

    fn read(tokens: TokenStream) -> std::result::Result<String, String> {
        Retry::parse
            .parse2(tokens)
            .map(|retry| retry.assignment().unwrap_or_default().to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn only_what_is_given_changes_the_policy() {
        assert_eq!(read(quote!(())), Ok(String::new()));
        let all = quote!((
            initial = "1s",
            backoff = 2,
            max_interval = "10s",
            max_attempts = 3,
            non_retryable("A", "B"),
        ));
        let expected = quote! {
            options.retry = options.retry
                .initial_interval(::core::time::Duration::from_millis(1000u64))
                .backoff_coefficient(2f64)
                .maximum_interval(::core::time::Duration::from_millis(10000u64))
                .maximum_attempts(3u32)
                .non_retryable_error_types(["A", "B"]);
        };
        assert_eq!(read(all), Ok(expected.to_string()));
    }

    #[test]
    fn a_wrong_policy_is_refused_with_its_fault() {
        let number = "expected a number of at least 1, such as 2.0";
        let attempts = "expected a whole number of attempts; 0 means no limit";
        let class = "expected a failure type as a string, such as \"Validation\"";
        for (tokens, fault) in [
            (quote!(= 3), "expected parentheses, as in `retry(…)`"),
            (
                quote!((initial_interval = "1s")),
                "unknown option `initial_interval`; known: `initial`, `backoff`, `max_interval`, \
                 `max_attempts`, `non_retryable`",
            ),
            (quote!((backoff = 0.5)), number),
            (quote!((backoff = "2")), number),
            (quote!((backoff = fast)), number),
            (quote!((max_attempts = 2.5)), attempts),
            (quote!((max_attempts = -1)), attempts),
            (quote!((max_attempts = 5000000000)), attempts),
            (quote!((non_retryable = "A")), "expected parentheses, as in `non_retryable(…)`"),
            (quote!((non_retryable(A))), class),
            (quote!((non_retryable(""))), "a failure type must not be blank"),
            (
                quote!((max_interval = "1s", initial = "2s")),
                "`max_interval` must not be shorter than `initial`",
            ),
        ] {
            let source = tokens.to_string();
            assert_eq!(read(tokens), Err(fault.to_owned()), "{source}");
        }
    }
}
