//! Every code that a user can meet has its entry in `docs/errors`, and no entry speaks of a code that is gone.

use std::{collections::BTreeSet, fs};

use syn::{
    Expr, ExprCall, ExprLit, ImplItemFn, Item, ItemConst, ItemMod, Lit,
    visit::{self, Visit},
};

use crate::{
    assert_none,
    workspace::{metadata, sources},
};

/// Names of the functions that make a failure of the type that their first argument names.
const MAKERS: &[&str] = &["non_retryable", "retryable", "failed"];

/// Where the product's code is. Failures of the samples stand for those of anybody's own code.
const PRODUCT: &[&str] = &["engine/src", "workflows/src/testing"];

/// Rooms of test code within it.
const TESTS: &[&str] = &["engine/src/testing", "engine/src/simulation.rs"];

#[test]
fn every_code_of_graphql_has_its_entry() {
    let (graphql, _rest) = api_codes();
    assert_same(&graphql, &headings("graphql.md"), "docs/errors/graphql.md");
}

#[test]
fn every_code_of_rest_has_its_entry() {
    let (_graphql, rest) = api_codes();
    assert_same(&rest, &rows("rest.md"), "docs/errors/rest.md");
}

#[test]
fn every_user_error_has_its_entry() {
    let schema = page("../../schema.graphql");
    let (_, values) = schema.split_once("enum UserErrorCode {").unwrap();
    let (values, _) = values.split_once('}').unwrap();
    let values = values.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('"'));
    let values: BTreeSet<String> = values.map(str::to_owned).collect();
    assert!(values.len() > 3, "{values:?}");
    assert_same(&values, &headings("user-errors.md"), "docs/errors/user-errors.md");
}

#[test]
fn every_close_code_has_its_entry() {
    let close = page("../../api/src/transport/websocket/close.rs");
    let codes: BTreeSet<String> = close
        .split("Self::new(")
        .skip(1)
        .map(|call| call.chars().take_while(char::is_ascii_digit).collect())
        .filter(|code: &String| !code.is_empty())
        .collect();
    assert!(codes.len() > 3, "{codes:?}");
    assert_same(&codes, &rows("websocket.md"), "docs/errors/websocket.md");
}

#[test]
fn every_failure_type_has_its_entry() {
    let mut failures = Failures::default();
    for (path, text) in sources() {
        let is_in = |folders: &[&str]| folders.iter().any(|folder| path.starts_with(folder));
        let is_test = is_in(TESTS) || path.iter().any(|part| part == "tests" || part == "tests.rs");
        if is_in(PRODUCT) && !is_test {
            failures.visit_file(&syn::parse_file(&text).unwrap());
        }
    }
    assert!(failures.0.len() > 10, "{:?}", failures.0);
    assert_same(&failures.0, &headings("failures.md"), "docs/errors/failures.md");
}

fn assert_same(codes: &BTreeSet<String>, entries: &BTreeSet<String>, page: &str) {
    let missing = codes.difference(entries).map(|code| format!("`{code}` has no entry in {page}"));
    let gone =
        entries.difference(codes).map(|code| format!("{page} speaks of `{code}`, which nothing tells"));
    assert_none(&missing.chain(gone).collect::<Vec<_>>());
}

fn page(name: &str) -> String {
    fs::read_to_string(metadata().workspace_root.join("docs/errors").join(name)).unwrap()
}

/// What the headings of a page name, each in backticks.
fn headings(name: &str) -> BTreeSet<String> {
    let page = page(name);
    let headings = page.lines().filter_map(|line| line.strip_prefix("## "));
    let entries: Vec<String> = headings.flat_map(quoted).collect();
    let codes: BTreeSet<String> = entries.iter().cloned().collect();
    assert_eq!(codes.len(), entries.len(), "docs/errors/{name} has two entries for one code: {entries:?}");
    codes
}

/// What the first cells of the table of a page name.
fn rows(name: &str) -> BTreeSet<String> {
    let page = page(name);
    let cells = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let is_code = |cell: &&str| cell.chars().any(|c| c.is_ascii_digit());
    cells
        .filter(is_code)
        .flat_map(|cell| cell.split(", "))
        .map(|code| code.trim_matches('`').to_owned())
        .collect()
}

fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The codes of the API, for GraphQL and for REST: the constants of its modules `code` and `codes`.
fn api_codes() -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut graphql, mut rest) = (Codes::default(), Codes::default());
    for (path, text) in sources().into_iter().filter(|(path, _)| path.starts_with("api/src")) {
        let codes = if path.starts_with("api/src/rest") { &mut rest } else { &mut graphql };
        codes.visit_file(&syn::parse_file(&text).unwrap());
    }
    assert!(graphql.0.len() > 10 && rest.0.len() > 5, "{:?} {:?}", graphql.0, rest.0);
    (graphql.0, rest.0)
}

#[derive(Default)]
struct Codes(BTreeSet<String>);

impl<'ast> Visit<'ast> for Codes {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        let Some((_, items)) = &module.content else { return };
        if ["code", "codes"].iter().any(|name| module.ident == name) {
            let constants = items.iter().filter_map(|item| match item {
                Item::Const(ItemConst { expr, .. }) => string(expr),
                _ => None,
            });
            self.0.extend(constants);
        }
    }
}

/// The types of the failures that code makes.
#[derive(Default)]
struct Failures(BTreeSet<String>);

impl Failures {
    /// Strings that look like a type: `NotRegistered`.
    fn take(&mut self, expression: &Expr) {
        let is_type = |text: &String| {
            text.starts_with(|c: char| c.is_ascii_uppercase())
                && text.chars().all(|c| c.is_ascii_alphabetic())
        };
        self.0.extend(string(expression).filter(is_type));
    }
}

impl<'ast> Visit<'ast> for Failures {
    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if let Expr::Path(function) = &*call.func {
            let mut last = function.path.segments.iter().rev().map(|segment| segment.ident.to_string());
            let name = last.next().unwrap_or_default();
            let of = last.next().unwrap_or_default();
            if (MAKERS.contains(&name.as_str()) || (name == "new" && of == "Failure"))
                && let Some(first) = call.args.first()
            {
                self.take(first);
            }
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }

    /// `fn kind(&self)` of an error, and what is chosen by `match` and handed on as `kind`.
    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if function.sig.ident == "kind" {
            Arms(self).visit_block(&function.block);
        }
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if let (syn::Pat::Ident(name), Some(init)) = (&local.pat, &local.init)
            && name.ident == "kind"
        {
            Arms(self).visit_expr(&init.expr);
        }
        visit::visit_local(self, local);
    }

    fn visit_item_const(&mut self, constant: &'ast ItemConst) {
        if constant.ident == "TOO_LARGE" {
            self.take(&constant.expr);
        }
    }
}

/// The strings that the arms of a `match` give.
struct Arms<'a>(&'a mut Failures);

impl<'ast> Visit<'ast> for Arms<'_> {
    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        self.0.take(&arm.body);
    }
}

fn string(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}
