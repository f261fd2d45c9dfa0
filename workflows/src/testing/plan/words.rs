//! What a parser says of a plan, in words for those who write plans.

/// Types of Rust and of its parser, and what they are in a plan.
const WORDS: [(&str, &str); 5] = [
    ("expected u64", "expected a whole number that is not negative, without quotes"),
    ("expected i32", "expected a whole number, without quotes"),
    ("expected a boolean", "expected `true` or `false`, without quotes"),
    ("expected a sequence", "expected a list in brackets, such as `[\"a\", \"b\"]`"),
    ("wanted string or table", "expected one string in quotes"),
];

/// The error with its place and the line that it quotes.
pub(super) fn of(fault: &toml::de::Error) -> String {
    let whole = fault.to_string();
    let whole = whole.trim_end();
    let message = fault.message();
    // What is quoted stays as it is.
    match whole.strip_suffix(message.trim_end()) {
        Some(place) => format!("{place}{}", plain(message.trim_end())),
        None => whole.to_owned(),
    }
}

fn plain(message: &str) -> String {
    let replaced = WORDS.iter().find_map(|(types, words)| {
        let start = message.strip_suffix(types)?;
        Some(format!("{start}{words}"))
    });
    replaced.unwrap_or_else(|| message.to_owned())
}
