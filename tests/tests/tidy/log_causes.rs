//! Log lines print errors with their causes: `error = %chain(&error)`.
//!
//! Our errors never print their causes themselves, so `%error` or `{error}` in a log line loses the reason. This test
//! reads the source of every crate for log macros that print an error in any other way.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::workspace::sources;

const MACROS: &[&str] = &["error", "warn", "info", "debug", "trace", "event"];
/// Names that always mean an error, besides those that a file binds in `Err(…)` or declares with an error type.
const ALWAYS: &[&str] = &["error", "err", "e", "fault"];
/// Files of crates that must not depend on the engine, whose errors print all of their text themselves.
const WITHOUT_CAUSES: &[(&str, &str)] = &[
    ("integrations/git/src/cache.rs", "git2::Error has no source"),
    ("integrations/git/src/fetch.rs", "`Mirror` and `Damaged` have no source"),
    ("integrations/sandbox/src/cgroup.rs", "io::Error of the operating system has no source"),
    ("integrations/sandbox/src/users.rs", "io::Error of the operating system has no source"),
    ("integrations/sandbox/src/sandbox.rs", "the one cause is a field beside it"),
];

#[test]
fn log_lines_print_errors_with_their_causes() {
    let mut faults = Vec::new();
    let mut excused = BTreeSet::new();
    let products = sources().into_iter().filter(|(path, _)| !path.starts_with("tests"));
    for (path, text) in products {
        let name = path.display().to_string();
        let found = without_causes(&text);
        match WITHOUT_CAUSES.iter().find(|(excused, _)| *excused == name) {
            Some((file, _)) if !found.is_empty() => drop(excused.insert(*file)),
            _ => faults.extend(found.iter().map(|fault| format!("{name}: {fault}"))),
        }
    }
    assert!(faults.is_empty(), "print errors as `error = %chain(&error)`:\n{}", faults.join("\n"));
    let listed: BTreeSet<&str> = WITHOUT_CAUSES.iter().map(|(file, _)| *file).collect();
    assert_eq!(excused, listed, "files that need no exception any more");
}

#[test]
fn errors_are_found_in_every_form_of_a_log_line() {
    for refused in [
        r#"fn f(x: &io::Error) { tracing::warn!(%x, "it failed"); }"#,
        r#"fn f(x: &(dyn std::error::Error + 'static)) { warn!(reason = x, "it failed"); }"#,
        r#"match r { Err(x) => warn!(?x, "it failed"), Ok(()) => {} }"#,
        r#"match r { Err(x @ Error::Closed) => error!(reason = %x, "it failed"), _ => {} }"#,
        r#"if let Err(x) = r { tracing::info!(run.id = %id, "it failed: {x}"); }"#,
        r#"if let Err(x) = r { tracing::info!("it failed: {x:?}"); }"#,
        r#"if let Err(x) = r { tracing::info!("it failed: {}", x); }"#,
        r#"if let Err(x) = r { tracing::error!(error = x.to_string(), "it failed"); }"#,
        r#"if let Err(x) = r { tracing::debug!(error = &x as &dyn std::error::Error, "it failed"); }"#,
        r#"r.map_err(|x| trace!(reason = %x, "it failed"));"#,
        r#"tracing::warn!(%error, "it failed");"#,
    ] {
        assert_eq!(without_causes(refused).len(), 1, "{refused}");
    }
    for accepted in [
        r#"if let Err(x) = r { tracing::warn!(error = %chain(&x), "it failed"); }"#,
        r#"if let Err(x) = r { tracing::warn!(error = %ctutor_engine::chain(&*x), run.id = %id, "it failed"); }"#,
        r#"if let Err(x) = r { tracing::warn!(code = x.code(), "it failed"); }"#,
        r#"#[error("{error}")] struct Failed { error: String }"#,
        r#"if let Err(x) = r { println!("{x}"); }"#,
    ] {
        let found = without_causes(accepted);
        assert!(found.is_empty(), "{accepted}: {found:?}");
    }
}

/// The uses of errors in log macros that do not go through `chain`.
fn without_causes(source: &str) -> Vec<String> {
    let tokens: Vec<TokenTree> = source.parse::<TokenStream>().unwrap().into_iter().collect();
    let mut errors: BTreeSet<String> = ALWAYS.iter().map(|name| (*name).to_owned()).collect();
    find_errors(&tokens, &mut errors);
    let mut found = Vec::new();
    find_macros(&tokens, &errors, &mut found);
    found
}

/// Names that are bound by `Err(…)`, by a closure of `map_err` and its like, or that have an error type.
fn find_errors(tokens: &[TokenTree], errors: &mut BTreeSet<String>) {
    for (index, token) in tokens.iter().enumerate() {
        if let TokenTree::Group(group) = token {
            find_errors(&inside(group), errors);
        }
        let Some(name) = ident(token) else { continue };
        let next = tokens.get(index + 1);
        if let Some(TokenTree::Group(arguments)) = next
            && arguments.delimiter() == Delimiter::Parenthesis
        {
            let mut bound = inside(arguments).into_iter().skip_while(|token| punct(token) == Some('|'));
            let binds = matches!(name.as_str(), "Err" | "map_err" | "inspect_err" | "or_else");
            if let Some(bound) = bound.next().as_ref().and_then(ident)
                && binds
                && bound.starts_with(char::is_lowercase)
            {
                errors.insert(bound);
            }
        }
        let is_path = tokens.get(index + 2).and_then(punct) == Some(':');
        if next.and_then(punct) == Some(':') && !is_path && has_error_type(&tokens[index + 2..]) {
            errors.insert(name);
        }
    }
}

fn has_error_type(tokens: &[TokenTree]) -> bool {
    let of_type = tokens.iter().take_while(|token| !matches!(punct(token), Some(',' | ';' | '=')));
    of_type.take(16).any(|token| match token {
        TokenTree::Group(group) => {
            group.delimiter() == Delimiter::Parenthesis && has_error_type(&inside(group))
        }
        token => ident(token).is_some_and(|name| name.ends_with("Error") || name == "DbErr"),
    })
}

fn find_macros(tokens: &[TokenTree], errors: &BTreeSet<String>, found: &mut Vec<String>) {
    for (index, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        let is_macro = index >= 2
            && punct(&tokens[index - 1]) == Some('!')
            && ident(&tokens[index - 2]).is_some_and(|name| MACROS.contains(&name.as_str()));
        let tokens = inside(group);
        if is_macro { check(&tokens, errors, found) } else { find_macros(&tokens, errors, found) }
    }
}

/// Finds errors among the arguments of a log macro, except within `chain(…)`.
fn check(tokens: &[TokenTree], errors: &BTreeSet<String>, found: &mut Vec<String>) {
    for (index, token) in tokens.iter().enumerate() {
        let previous = index.checked_sub(1).map(|index| &tokens[index]);
        let next = tokens.get(index + 1);
        match token {
            TokenTree::Group(group) => {
                if previous.and_then(ident).is_none_or(|name| name != "chain") {
                    check(&inside(group), errors, found);
                }
            }
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                let names = errors.iter().filter(|name| {
                    text.contains(&format!("{{{name}}}")) || text.contains(&format!("{{{name}:"))
                });
                found.extend(names.map(|name| format!("`{{{name}}}` in {text}")));
            }
            TokenTree::Ident(name) if errors.contains(&name.to_string()) => {
                let is_field_name = next.and_then(punct) == Some('=');
                let is_part = previous.and_then(punct).is_some_and(|before| matches!(before, '.' | ':'));
                let method =
                    tokens.get(index + 2).and_then(ident).filter(|_| next.and_then(punct) == Some('.'));
                let is_printed = method.is_none_or(|method| method == "to_string");
                if !is_field_name && !is_part && is_printed {
                    found.push(format!("`{name}` without `chain`"));
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

fn inside(group: &proc_macro2::Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}

fn ident(token: &TokenTree) -> Option<String> {
    if let TokenTree::Ident(ident) = token { Some(ident.to_string()) } else { None }
}

fn punct(token: &TokenTree) -> Option<char> {
    if let TokenTree::Punct(punct) = token { Some(punct.as_char()) } else { None }
}
