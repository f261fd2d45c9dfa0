//! Hostile documents. Bounded work is shown by what the guard counts, never by a clock.

use std::fmt::Write;

use ctutor_api::transport::guard::{self, Cost, Error, Limit, Limits};

fn check(text: &str) -> Result<Cost, Error> {
    guard::parse(text, &Limits::default()).map(|(_, cost)| cost)
}

fn exceeded(text: &str) -> (Limit, u64, u64) {
    match check(text) {
        Err(Error::Exceeded { limit, found, allowed }) => (limit, found, allowed),
        other => panic!("not refused by a limit: {other:?}"),
    }
}

/// Fragments that each spread the next one twice.
fn bomb(levels: usize) -> String {
    let mut text = "{ node { ...F0 } }\n".to_owned();
    for n in 0..levels {
        writeln!(text, "fragment F{n} on Node {{ ...F{next} ...F{next} }}", next = n + 1).unwrap();
    }
    write!(text, "fragment F{levels} on Node {{ id }}").unwrap();
    text
}

#[test]
fn a_fragment_bomb_is_counted_without_being_expanded() {
    let text = bomb(34);
    assert!(text.len() < 1_600, "{}", text.len());
    let (limit, found, allowed) = exceeded(&text);
    assert_eq!((limit, allowed), (Limit::Fields, 2_000));
    assert!(found > 1 << 34, "{found}");
    let told = check(&text).unwrap_err().to_string();
    assert!(told.starts_with("the document has more than 1000000000 "), "{told}");

    let unlimited =
        Limits { fields_max: u64::MAX, fragments_max: u64::MAX, levels_max: u64::MAX, ..Limits::default() };
    let (_, cost) = guard::parse(&bomb(34), &unlimited).unwrap();
    assert!(cost.steps < 300, "{}", cost.steps);
}

#[test]
fn counts_saturate() {
    let unlimited =
        Limits { fields_max: u64::MAX, fragments_max: u64::MAX, levels_max: u64::MAX, ..Limits::default() };
    let (_, cost) = guard::parse(&bomb(90), &unlimited).unwrap();
    assert_eq!(cost.fields, u64::MAX);
}

#[test]
fn steps_grow_with_the_text_only() {
    let unlimited =
        Limits { fields_max: u64::MAX, fragments_max: u64::MAX, levels_max: u64::MAX, ..Limits::default() };
    let steps = |levels| guard::parse(&bomb(levels), &unlimited).unwrap().1.steps;
    assert_eq!(steps(40) - steps(30), steps(30) - steps(20));
}

#[test]
fn nested_braces_do_not_reach_the_parser() {
    assert_eq!(exceeded(&"{".repeat(100_000)), (Limit::Nesting, 51, 50));
    let told = check(&"{".repeat(100_000)).unwrap_err().to_string();
    assert!(told.starts_with("the document has at least 51 nested brackets, at most 50"), "{told}");
    assert_eq!(exceeded(&format!("{{a(b:{})}}", "[".repeat(99_000))), (Limit::Nesting, 51, 50));
    assert_eq!(exceeded(&"{a".repeat(40_000)), (Limit::Nesting, 51, 50));
    assert_eq!(exceeded(&format!("query($a:{}", "[".repeat(9_000))), (Limit::Nesting, 51, 50));
    assert_eq!(exceeded(&"{".repeat(100_001)), (Limit::DocumentBytes, 100_001, 100_000));
}

#[test]
fn brackets_in_strings_and_comments_are_text() {
    let braces = "{".repeat(1_000);
    check(&format!("{{ a(b: \"{braces}\") }}")).unwrap();
    check(&format!("{{ a(b: \"\\\"{braces}\") }}")).unwrap();
    check(&format!("{{ a(b: \"\"\"{braces}\\\"\"\" \" {braces}\"\"\") }}")).unwrap();
    check(&format!("# {braces}\n{{ a }}")).unwrap();
    check(&format!("# {braces}\r{{ a }}")).unwrap();
    assert_eq!(exceeded(&format!("{{ a(b: \"\", c: {braces}")).0, Limit::Nesting);
}

#[test]
fn a_string_without_end_is_told_with_its_place() {
    let unterminated =
        |text: &str| matches!(check(text), Err(Error::UnterminatedString { line: 2, column: 6 }));
    assert!(unterminated("{\n a(b:\"x\n)}"));
    assert!(unterminated("{\n a(b:\"x"));
    assert!(unterminated("{\n a(b:\"\"\"x\" }\\\"\"\""));
}

#[test]
fn aliases_are_counted_through_fragments() {
    let aliases = |count| (0..count).map(|n| format!("a{n}: hello ")).collect::<String>();
    assert_eq!(exceeded(&format!("{{ {} }}", aliases(6_000))).0, Limit::Aliases);
    assert_eq!(exceeded(&format!("{{ {} }}", aliases(10_000))).0, Limit::DocumentBytes);
    assert_eq!(exceeded(&format!("{{{}}}", "a:b ".repeat(10_000))).0, Limit::Tokens);
    let nested = format!("{{ node {{ ...F }} b: node {{ ...F }} }} fragment F on Node {{ {} }}", aliases(30));
    assert_eq!(exceeded(&nested), (Limit::Aliases, 61, 60));
}

#[test]
fn fragments_that_spread_themselves_are_named() {
    let cycle = |text: &str| match check(text) {
        Err(Error::FragmentCycle { fragment }) => fragment,
        other => panic!("not a cycle: {other:?}"),
    };
    assert_eq!(cycle("{ ...A } fragment A on Query { ...A }"), "A");
    assert_eq!(cycle("{ ...B } fragment B on Query { ...C } fragment C on Query { ...B }"), "B");
    // `A` leads to the cycle but is not of it.
    assert_eq!(
        cycle("{ hello } fragment A on Q { ...C } fragment C on Q { ...D } fragment D on Q { ...C }"),
        "C"
    );
    assert_eq!(cycle("{ hello } fragment Unused on Query { node { ...Unused } }"), "Unused");
}

#[test]
fn directives_are_counted_wherever_they_stand() {
    let many = "@a ".repeat(5_000);
    assert_eq!(exceeded(&format!("{{ hello {many} }}")), (Limit::Directives, 5_000, 100));
    assert_eq!(exceeded(&format!("query {many} {{ hello }}")).0, Limit::Directives);
    assert_eq!(exceeded(&format!("query($a: Int {many}) {{ hello }}")).0, Limit::Directives);
    assert_eq!(exceeded(&format!("{{ ...F }} fragment F on Query {many} {{ hello }}")).0, Limit::Directives);
    assert_eq!(exceeded(&format!("{{ ... {many} {{ hello }} }}")).0, Limit::Directives);
    assert_eq!(exceeded(&format!("{{ hello {} }}", "@a ".repeat(15_000))).0, Limit::Tokens);
}

#[test]
fn depth_counts_fields_through_fragments() {
    let chain = |levels: usize| format!("{}id{}", "node { ".repeat(levels - 1), " }".repeat(levels - 1));
    assert_eq!(check(&format!("{{ {} }}", chain(20))).unwrap().depth, 20);
    assert_eq!(exceeded(&format!("{{ {} }}", chain(21))), (Limit::Depth, 21, 20));
    let split = format!("{{ node {{ node {{ ...F }} }} }} fragment F on Node {{ {} }}", chain(19));
    assert_eq!(exceeded(&split), (Limit::Depth, 21, 20));
}

#[test]
fn root_fields_are_counted_through_fragments() {
    assert_eq!(exceeded(&format!("{{ {} }}", "hello ".repeat(51))), (Limit::RootFields, 51, 50));
    let fragment = format!("{{ hello ... {{ ...F }} }} fragment F on Query {{ {} }}", "hello ".repeat(50));
    assert_eq!(exceeded(&fragment), (Limit::RootFields, 51, 50));
    assert!(check(&format!("{{ node {{ {} }} }}", "id ".repeat(51))).is_ok());
}

#[test]
fn fragments_and_fields_have_bounds() {
    let fragments: String = (0..101).map(|n| format!(" fragment F{n} on Query {{ hello }}")).collect();
    assert_eq!(exceeded(&format!("{{ hello }}{fragments}")), (Limit::Fragments, 101, 100));
    assert_eq!(exceeded(&format!("{{ node {{ {} }} }}", "id ".repeat(2_000))), (Limit::Fields, 2_001, 2_000));
    // All operations of a document are validated, so all of them count.
    let operations: String =
        (0..2).map(|n| format!("query Q{n} {{ node {{ {} }} }}", "id ".repeat(1_000))).collect();
    assert_eq!(exceeded(&operations), (Limit::Fields, 2_002, 2_000));
}

#[test]
fn introspection_may_not_go_round() {
    let round = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }";
    assert_eq!(exceeded(round), (Limit::IntrospectionListDepth, 4, 3));
    let split = "{ __schema { types { ...T } } } fragment T on __Type { fields { type { ...U } } }
        fragment U on __Type { interfaces { possibleTypes { name } } }";
    assert_eq!(exceeded(split), (Limit::IntrospectionListDepth, 4, 3));
    let outside = "{ types { fields { args { types { fields { name } } } } } }";
    assert!(check(outside).is_ok(), "names mean nothing outside introspection");
    assert_eq!(
        exceeded(&format!("{{ {} }}", "__schema { types { name } } ".repeat(6))),
        (Limit::Introspections, 6, 5)
    );
}

#[test]
fn the_introspection_query_of_graphiql_passes() {
    let cost = check(super::http::INTROSPECTION).unwrap();
    assert_eq!(cost.introspection_list_depth, 3);
    assert!(cost.depth <= 15, "{}", cost.depth);
}

#[test]
fn what_is_not_graphql_is_a_syntax_error() {
    for text in ["", " ", "{", "}", "{ a ", "{ a(}) }", "query", "\u{0}", "{ a } }", "{ a(b: \"\\x\") }", "ä"]
    {
        assert!(matches!(check(text), Err(Error::Syntax { .. })), "{text}");
    }
}

#[test]
fn fragments_are_levels_too() {
    let inline =
        |levels: usize| format!("{{ {}id{} }}", "... { ".repeat(levels - 1), " }".repeat(levels - 1));
    assert_eq!(check(&inline(32)).unwrap().levels, 32);
    assert_eq!(exceeded(&inline(33)), (Limit::Levels, 33, 32));
    let chain = |levels: usize| {
        let mut text = "{ ...F1 }\n".to_owned();
        for n in 1..levels - 1 {
            writeln!(text, "fragment F{n} on Query {{ ...F{} }}", n + 1).unwrap();
        }
        write!(text, "fragment F{} on Query {{ id }}", levels - 1).unwrap();
        text
    };
    assert_eq!(check(&chain(32)).unwrap().levels, 32);
    assert_eq!(exceeded(&chain(33)), (Limit::Levels, 33, 32));
}

#[test]
fn what_is_expected_is_not_what_was_found() {
    for text in ["{viewer{}}", "query {}", "fragment F on Query{}", "{a ... {}}"] {
        let told = check(text).unwrap_err().to_string();
        assert!(told.contains("expected a field or `...`, found `}`"), "{text}: {told}");
    }
    let told = check("{ a 1 }").unwrap_err().to_string();
    assert!(told.contains("expected a field, `...` or `}`, found `1`"), "{told}");
}
