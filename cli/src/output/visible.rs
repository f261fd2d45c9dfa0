//! Strings from outside, made safe to print: what a user or a student's program wrote must not control the terminal
//! of the reader.

/// The string with `�` for every character that controls a terminal; line ends and tabs stay.
pub(crate) fn visible(text: &str) -> String {
    let steers = |character: char| steers(character) && !matches!(character, '\n' | '\t');
    text.replace("\r\n", "\n").replace(steers, "\u{fffd}")
}

/// The same in one line.
pub(crate) fn in_one_line(text: &str) -> String {
    visible(text.trim()).replace(['\n', '\t'], " ")
}

/// JSON text that people may look at, in several lines. For programs it is the same value, with its numbers as they
/// were written.
pub(crate) fn pretty_json(json: &str) -> String {
    escaped(&laid_out(json, |level| format!("\n{}", "  ".repeat(level)), ": "))
}

/// The same in one line.
pub(crate) fn compact_json(json: &str) -> String {
    escaped(&laid_out(json, |_| String::new(), ":"))
}

/// JSON text with other space between its parts, which all stay as they are.
fn laid_out(json: &str, line: impl Fn(usize) -> String, colon: &str) -> String {
    let (mut text, mut level) = (String::with_capacity(json.len()), 0_usize);
    let (mut in_string, mut is_escaped) = (false, false);
    for character in json.chars() {
        if in_string {
            in_string = is_escaped || character != '"';
            is_escaped = character == '\\' && !is_escaped;
            text.push(character);
            continue;
        }
        let is_end = matches!(character, '}' | ']');
        if is_end {
            level = level.saturating_sub(1);
        }
        let after_start = text.ends_with(['{', '[']);
        match character {
            ' ' | '\t' | '\n' | '\r' => continue,
            ':' => text += colon,
            _ if is_end && after_start => text.push(character),
            _ => {
                if is_end || (after_start && level > 0) {
                    text += &line(level);
                }
                text.push(character);
            }
        }
        match character {
            '"' => in_string = true,
            '{' | '[' => level += 1,
            ',' => text += &line(level),
            _ => {}
        }
    }
    text
}

/// XML that people may look at. For programs it has the same strings.
pub(crate) fn visible_xml(xml: &str) -> String {
    with_escapes(
        xml,
        |character| steers(character) && !matches!(character, '\n' | '\t' | '\r'),
        |number| format!("&#x{number:x};"),
    )
}

/// Escapes characters that JSON allows in its strings but that control a terminal.
fn escaped(json: &str) -> String {
    with_escapes(
        json,
        |character| steers(character) && character != '\n',
        |number| format!("\\u{number:04x}"),
    )
}

fn with_escapes(text: &str, is_escaped: fn(char) -> bool, escape: fn(u32) -> String) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            character if is_escaped(character) => escaped += &escape(character.into()),
            character => escaped.push(character),
        }
    }
    escaped
}

/// Control characters, and those that change the writing direction: an ID could look like another one.
fn steers(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const HOSTILE: &str = "a\u{1b}[2J\u{7}\u{7f}\u{9b}1m\r\u{202e}b";

    #[test]
    fn what_steers_a_terminal_is_shown_and_not_done() {
        assert_eq!(visible(HOSTILE), "a\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}1m\u{fffd}\u{fffd}b");
        assert_eq!(visible("ä 中 🙂\r\n\tb\n"), "ä 中 🙂\n\tb\n");
        assert_eq!(in_one_line(" a\r\nb\tc\n"), "a b c");
    }

    #[test]
    fn xml_has_the_same_strings_without_controls() {
        assert_eq!(visible_xml("<a b=\"\u{9b}1m\">\u{202e}ä\n\t</a>"), "<a b=\"&#x9b;1m\">&#x202e;ä\n\t</a>");
    }

    #[test]
    fn json_is_laid_out_and_its_parts_stay_as_they_were_written() {
        let text = "{ \"a [\" :[1E2,\n{},[ ] , \"\\\"{ ,:\\\\\"],\"b\":{\"c\":-0}}";
        let expected = "{\"a [\":[1E2,{},[],\"\\\"{ ,:\\\\\"],\"b\":{\"c\":-0}}";
        assert_eq!(compact_json(text), expected);
        assert_eq!(compact_json(&pretty_json(text)), expected);
        for value in
            [json!({"a": [1, {}, [[]], {"b": "x\"{"}], "c": null}), json!([]), json!("a"), json!([[1]])]
        {
            assert_eq!(pretty_json(&value.to_string()), format!("{value:#}"));
        }
    }

    #[test]
    fn json_is_the_same_value_without_controls() {
        let value = json!({HOSTILE: [HOSTILE, "ä 中 🙂\n\t\"\\"]});
        for text in [pretty_json(&value.to_string()), compact_json(&value.to_string())] {
            assert!(!text.contains(|character| steers(character) && character != '\n'), "{text:?}");
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
    }
}
