//! The schema in the tree is the schema that is served.

use std::{fs, path::Path};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../schema.graphql");

#[test]
fn the_schema_file_is_what_the_code_prints() {
    let printed = ctutor_api::graphql::sdl();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(Path::new(FILE), &printed).unwrap();
    }
    let kept = fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        kept == printed,
        "schema.graphql is out of date; `UPDATE_SCHEMA=1 cargo nextest run -p ctutor-api schema` writes it anew"
    );
}

#[test]
fn every_element_of_the_schema_is_described() {
    let printed = ctutor_api::graphql::sdl();
    let mut lines = printed.lines().map(str::trim).peekable();
    let mut described = false;
    let mut undescribed = Vec::new();
    let mut is_schema_block = false;
    while let Some(line) = lines.next() {
        if line.starts_with("schema") {
            is_schema_block = true;
        }
        if line.starts_with("\"\"\"") {
            while lines.next().is_some_and(|line| !line.ends_with("\"\"\"")) {}
            described = true;
            continue;
        }
        let is_description = line.starts_with('"');
        let is_element =
            !(line.is_empty() || is_description || ["}", ")", "{"].iter().any(|end| line.starts_with(end)));
        if is_element && !described && !is_schema_block && !line.starts_with("directive ") {
            undescribed.push(line.to_owned());
        }
        if line == "}" {
            is_schema_block = false;
        }
        described = is_description;
    }
    assert!(undescribed.is_empty(), "without description: {undescribed:#?}");
}

/// A single participle such as "Accepted." does not say who did what when.
#[test]
fn descriptions_say_more_than_one_word() {
    let printed = ctutor_api::graphql::sdl();
    let lines =
        printed.lines().map(str::trim).filter(|line| line.starts_with('"') && !line.starts_with("\"\"\""));
    let short: Vec<_> = lines.filter(|line| line.split_whitespace().count() < 2).collect();
    assert!(short.is_empty(), "too short to understand: {short:#?}");
}
