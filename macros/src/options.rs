//! What the options of both attributes have in common.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Error, Ident, LitStr, Result, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
};

use crate::duration;

/// The engine's bound for names of queues, workflow types and activity types.
const LONGEST_NAME_BYTES: usize = 200;

/// Reads `key …, key …` and refuses repeats; `set` reads what follows a key and refuses unknown ones.
pub(crate) fn parse_list(
    input: ParseStream<'_>,
    known: &[&str],
    mut set: impl FnMut(&Ident, ParseStream<'_>) -> Result<()>,
) -> Result<()> {
    let mut seen: Vec<Ident> = Vec::new();
    while !input.is_empty() {
        if !input.peek(Ident::peek_any) {
            return Err(input.error(format!("expected an option; known: {}", quoted(known))));
        }
        let key = input.call(Ident::parse_any)?;
        if seen.contains(&key) {
            return Err(Error::new(key.span(), format!("option `{key}` is given twice")));
        }
        set(&key, input)?;
        seen.push(key);
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(())
}

/// As [`parse_list`], of all the tokens between the parentheses of an attribute.
pub(crate) fn parse_all(
    tokens: TokenStream,
    known: &[&str],
    set: impl FnMut(&Ident, ParseStream<'_>) -> Result<()>,
) -> Result<()> {
    (|input: ParseStream<'_>| parse_list(input, known, set)).parse2(tokens)
}

/// The error for an option that does not exist.
pub(crate) fn unknown(key: &Ident, known: &[&str]) -> Error {
    Error::new(key.span(), format!("unknown option `{key}`; known: {}", quoted(known)))
}

/// Reads `= "text"` that names something; the rules are those of the engine, which trusts names in code.
pub(crate) fn name(input: ParseStream<'_>) -> Result<LitStr> {
    input.parse::<Token![=]>()?;
    let literal = text(input, "expected a string such as \"name\"")?;
    let value = literal.value();
    let fault = if value.trim().is_empty() {
        "a name must not be blank".to_owned()
    } else if value.len() > LONGEST_NAME_BYTES {
        format!("a name of {} bytes is too long, at most {LONGEST_NAME_BYTES} are allowed", value.len())
    } else if value.chars().any(char::is_control) {
        "a name must not have control characters".to_owned()
    } else {
        return Ok(literal);
    };
    Err(Error::new(literal.span(), fault))
}

/// Reads `= "10m"`, a time that something may take: more than none.
pub(crate) fn timeout(input: ParseStream<'_>) -> Result<Duration> {
    let (literal, duration) = duration(input)?;
    if duration.is_zero() {
        return Err(Error::new(literal.span(), "a timeout must be longer than zero; leave it out for none"));
    }
    Ok(duration)
}

/// Reads `= "10m"`, a time to wait: zero is as good as any.
pub(crate) fn interval(input: ParseStream<'_>) -> Result<Duration> {
    duration(input).map(|(_, duration)| duration)
}

/// Parses a string literal, or says what was expected.
pub(crate) fn text(input: ParseStream<'_>, expected: &str) -> Result<LitStr> {
    if !input.peek(LitStr) {
        return Err(input.error(expected));
    }
    input.parse()
}

/// The body of `options()`: the type's default with these assignments to `options` on top.
pub(crate) fn body(options: &TokenStream, assignments: &[TokenStream]) -> TokenStream {
    let default = quote! { <#options as ::core::default::Default>::default() };
    if assignments.is_empty() {
        return default;
    }
    quote! {
        let mut options = #default;
        #(#assignments)*
        options
    }
}

fn duration(input: ParseStream<'_>) -> Result<(LitStr, Duration)> {
    input.parse::<Token![=]>()?;
    let literal = text(input, "expected a duration as a string, such as \"10m\"")?;
    match duration::parse(&literal.value()) {
        Ok(duration) => Ok((literal, duration)),
        Err(fault) => Err(Error::new(literal.span(), fault)),
    }
}

fn quoted(known: &[&str]) -> String {
    let known: Vec<String> = known.iter().map(|key| format!("`{key}`")).collect();
    known.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tokens: TokenStream) -> std::result::Result<(), String> {
        const KNOWN: &[&str] = &["name", "after"];
        parse_all(tokens, KNOWN, |key, input| match key.to_string().as_str() {
            "name" => name(input).map(drop),
            "after" => timeout(input).map(drop),
            _ => Err(unknown(key, KNOWN)),
        })
        .map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_read_in_any_order_with_or_without_a_last_comma() {
        assert_eq!(read(quote!()), Ok(()));
        assert_eq!(read(quote!(name = "a", after = "1s")), Ok(()));
        assert_eq!(read(quote!(after = "1s", name = "a",)), Ok(()));
    }

    #[test]
    fn a_wrong_option_is_refused_with_its_fault() {
        let long = "x".repeat(201);
        for (tokens, fault) in [
            (quote!(nam = "a"), "unknown option `nam`; known: `name`, `after`"),
            (quote!(type = "a"), "unknown option `type`; known: `name`, `after`"),
            (quote!("a"), "expected an option; known: `name`, `after`"),
            (quote!(name = "a", name = "b"), "option `name` is given twice"),
            (quote!(name = "a" after = "1s"), "expected `,`"),
            (quote!(name("a")), "expected `=`"),
            (quote!(name = 1), "expected a string such as \"name\""),
            (quote!(name = " "), "a name must not be blank"),
            (quote!(name = "a\nb"), "a name must not have control characters"),
            (quote!(name = #long), "a name of 201 bytes is too long, at most 200 are allowed"),
            (quote!(after = 10), "expected a duration as a string, such as \"10m\""),
            (quote!(after = "0s"), "a timeout must be longer than zero; leave it out for none"),
            (
                quote!(after = "1y"),
                "`1y` is not a valid duration: unknown unit `y`; known: `d`, `h`, `m`, `s`, `ms`",
            ),
        ] {
            let source = tokens.to_string();
            assert_eq!(read(tokens), Err(fault.to_owned()), "{source}");
        }
    }
}
