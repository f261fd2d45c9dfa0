use super::*;

fn captured(text: &str) -> Captured {
    output(text.as_bytes(), false)
}

fn output(bytes: &[u8], truncated: bool) -> Captured {
    let mut captured = Captured::default();
    captured.bytes.extend_from_slice(bytes);
    captured.truncated = truncated;
    captured
}

fn exact(expected: &str, found: &str, ignore: Ignore) -> Result<(), String> {
    let how = Comparison { ignore, ignore_case: false };
    compare(&Expected::Exact(expected.to_owned()), how, &captured(found))
}

fn contains(part: &str, found: &str, ignore: Ignore) -> bool {
    let how = Comparison { ignore, ignore_case: false };
    compare(&Expected::Contains(part.to_owned()), how, &captured(found)).is_ok()
}

#[test]
fn each_value_ignores_what_those_before_it_do_and_more() {
    use Ignore::{FinalNewlines, LineEndings, Nothing, TrailingWhitespace, Whitespace};

    for (expected, found, first) in [
        ("a\nb\n", "a\nb\n", Nothing),
        ("a\nb", "a\nb\n\n", FinalNewlines),
        ("a\nb", "a\nb\r\n", FinalNewlines),
        ("a\nb\n", "a\r\nb\r\n", LineEndings),
        ("a\nb\n", "a\rb\r", LineEndings),
        ("a\nb\n", "a \r\nb\t", TrailingWhitespace),
        ("a\n\nb", "a\n\u{a0} \nb\n \n", TrailingWhitespace),
        ("a b\nc", "  a\t b c", Whitespace),
    ] {
        for ignore in [Nothing, FinalNewlines, LineEndings, TrailingWhitespace, Whitespace] {
            let found_right = exact(expected, found, ignore).is_ok();
            assert_eq!(found_right, ignore >= first, "{expected:?} {found:?} {ignore:?}");
        }
    }
    for ignore in [Nothing, FinalNewlines, LineEndings, TrailingWhitespace, Whitespace] {
        for (expected, found) in [("a b", "ab"), ("a", "A"), ("", "a"), ("é", "e\u{301}")] {
            exact(expected, found, ignore).unwrap_err();
        }
    }
    exact("a\n\nb", "a\nb", TrailingWhitespace).unwrap_err();
}

#[test]
fn texts_that_look_alike_are_told_apart() {
    for (expected, found, lines) in [
        (
            "area\nb",
            "area\r\nb",
            "column 5: expected a line feed (U+000A), found a carriage return (U+000D) (only the line endings differ)\nexpected: area␊\nfound:    area␍␊\n(␊ line feed, ␍ carriage return)",
        ),
        (
            "a",
            "a ",
            "column 2: expected the end of the output, found a space (only whitespace at the ends of lines differs)\nexpected: a\nfound:    a·\n(· space)",
        ),
        (
            "a b",
            "a\u{a0}b",
            "column 2: expected a space, found a no-break space (U+00A0) (only whitespace differs)\nexpected: a b\nfound:    a<U+00A0>b",
        ),
        (
            "a b",
            "a\tb",
            "column 2: expected a space, found a tab (U+0009) (only whitespace differs)\nexpected: a·b\nfound:    a␉b\n(· space, ␉ tab)",
        ),
        (
            "a",
            "\u{feff}a",
            "column 1: expected `a`, found a byte order mark (U+FEFF)\nexpected: a\nfound:    <U+FEFF>a",
        ),
        (
            "ab",
            "a\u{200b}b",
            "column 2: expected `b`, found a zero-width space (U+200B)\nexpected: ab\nfound:    a<U+200B>b",
        ),
        (
            "é",
            "e\u{301}",
            "column 1: expected `é` (U+00E9), found `e` (only the form of characters differs: composed or decomposed letters, or characters that Unicode calls compatible)\nexpected: é\nfound:    e<U+0301>",
        ),
        (
            "e",
            "e\u{301}",
            "column 2: expected the end of the output, found a combining character (U+0301)\nexpected: e\nfound:    e<U+0301>",
        ),
        ("a·b", "a b", "column 2: expected `·` (U+00B7), found a space\nexpected: a·b\nfound:    a b"),
        (
            "Yes",
            "yes",
            "column 1: expected `Y`, found `y` (only upper and lower case differ)\nexpected: Yes\nfound:    yes",
        ),
    ] {
        let message = exact(expected, found, Ignore::FinalNewlines).unwrap_err();
        let start = "the output differs from the expected one in line 1, ";
        let first = message.split("\n\n").next().unwrap();
        assert_eq!(first.strip_prefix(start), Some(lines), "{message}");
    }
}

#[test]
fn what_only_looks_right_is_told_by_its_code() {
    for (expected, found, lines) in [
        ("a", "\u{430}", "column 1: expected `a`, found `а` (U+0430)\nexpected: a\nfound:    <U+0430>"),
        ("2-3", "2–3", "column 2: expected `-`, found `–` (U+2013)\nexpected: 2-3\nfound:    2<U+2013>3"),
        (
            "가",
            "\u{1100}\u{1161}",
            "column 1: expected `가` (U+AC00), found `\u{1100}` (U+1100) (only the form of characters differs: composed or decomposed letters, or characters that Unicode calls compatible)\nexpected: <U+AC00>\nfound:    <U+1100>\u{1161}",
        ),
        (
            "5 \u{fb01}",
            "5 fi",
            "column 3: expected `\u{fb01}` (U+FB01), found `f` (only the form of characters differs: composed or decomposed letters, or characters that Unicode calls compatible)\nexpected: 5 <U+FB01>\nfound:    5 fi",
        ),
        (
            "a\u{c}",
            "a",
            "column 2: expected a form feed (U+000C), found the end of the output (only whitespace at the ends of lines differs)\nexpected: a␌\nfound:    a\n(␌ form feed)",
        ),
        (
            "ab",
            "a\u{202e}b",
            "column 2: expected `b`, found an invisible character for the direction of text (U+202E)\nexpected: ab\nfound:    a<U+202E>b",
        ),
        ("ä b", "a b", "column 1: expected `ä` (U+00E4), found `a`\nexpected: ä b\nfound:    a b"),
    ] {
        let message = exact(expected, found, Ignore::FinalNewlines).unwrap_err();
        let start = "the output differs from the expected one in line 1, ";
        assert_eq!(message.strip_prefix(start), Some(lines), "{message}");
    }
}

#[test]
fn a_missing_end_of_the_last_line_is_named_where_it_counts() {
    let message = exact("a\n", "a", Ignore::Nothing).unwrap_err();
    let expected = "the output differs from the expected one in line 1, column 2: expected a line feed (U+000A), found \
        the end of the output (only the line endings at the end differ)\nexpected: a␊\nfound:    a\n(␊ line feed)";
    assert_eq!(message, expected);
    let message = exact("a", "a\n\n", Ignore::Nothing).unwrap_err();
    assert!(message.contains("column 2: expected the end of the output, found a line feed"), "{message}");
}

#[test]
fn lines_around_the_difference_are_shown() {
    let expected: String = (1..=40).map(|number| format!("line {number}\n")).collect();
    let found = expected.replace("line 30", "line 3O");
    let message = exact(&expected, &found, Ignore::FinalNewlines).unwrap_err();
    let start = "the output differs from the expected one in line 30, column 7: expected `0`, found `O`\n\
        expected: line 30\nfound:    line 3O\n\nexpected output:\n…\nline 27\n";
    assert!(message.starts_with(start), "{message}");
    assert!(
        message.ends_with("line 3O\nline 31\nline 32\nline 33\nline 34\nline 35\nline 36\n…"),
        "{message}"
    );

    let long = "x".repeat(1 << 20);
    let message = exact(&format!("{long}a"), &format!("{long}b"), Ignore::FinalNewlines).unwrap_err();
    assert!(message.contains("line 1, column 1048577: expected `a`, found `b`"), "{}", message.len());
    assert!(
        message.len() < 1_000 && message.contains("found:    …xxxx") && message.ends_with("xb"),
        "{message}"
    );
}

#[test]
fn what_is_left_out_of_the_comparison_does_not_hide_the_place() {
    let message = exact("a\nb c\n", "a  \r\nb d\n", Ignore::TrailingWhitespace).unwrap_err();
    assert!(message.contains("line 2, column 3: expected `c`, found `d`\n"), "{message}");
    let message = exact("a b c", "a\nb\nd", Ignore::Whitespace).unwrap_err();
    assert!(
        message.contains("line 3, column 1 (line 1 of the expected output): expected `c`, found `d`"),
        "{message}"
    );
}

#[test]
fn no_output_and_output_that_is_not_text_are_said_to_be_so() {
    let message = exact("a", "", Ignore::FinalNewlines).unwrap_err();
    assert_eq!(message, "the program wrote nothing to standard output, which should be\na");
    exact("", "", Ignore::Nothing).unwrap();
    exact("\n", "", Ignore::FinalNewlines).unwrap();

    let expected = Expected::Exact("Fl\u{fffd}che".to_owned());
    let latin = output(b"Fl\xe4che", false);
    let message = compare(&expected, Comparison::default(), &latin).unwrap_err();
    assert!(message.contains("the output is not UTF-8: byte 0xE4 in line 1, column 3"), "{message}");

    let cut = output(b"a\xc3", true);
    let message = compare(&Expected::Exact("ab".to_owned()), Comparison::default(), &cut).unwrap_err();
    assert!(message.contains("only the first 2 bytes") && !message.contains("UTF-8:"), "{message}");
}

#[test]
fn the_encoding_in_which_an_output_is_right_is_told() {
    let utf16: Vec<u8> = "\u{feff}größe\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bare: Vec<u8> = "größe".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let ascii: Vec<u8> = "a b".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (expected, bytes, name) in [
        ("größe\n", b"gr\xf6\xdfe\n".as_slice(), "ISO-8859-1 or Windows-1252"),
        ("€", b"\x80", "ISO-8859-1 or Windows-1252"),
        ("größe", &utf16, "UTF-16"),
        ("größe", &bare, "UTF-16"),
        ("a b", &ascii, "UTF-16"),
    ] {
        for expected in [Expected::Exact(expected.to_owned()), Expected::Contains(expected.to_owned())] {
            let how = Comparison { ignore: Ignore::LineEndings, ignore_case: false };
            let message = compare(&expected, how, &output(bytes, false)).unwrap_err();
            let words =
                format!("; it would be right in the encoding {name}: the program has to write UTF-8\n");
            assert!(message.contains(&words), "{message}");
        }
    }
    for (expected, bytes) in [("Ã¤", "ä".as_bytes()), ("a", b"\xe4"), ("a", b"b"), ("a", b"a\0")] {
        let message =
            compare(&Expected::Exact(expected.to_owned()), Comparison::default(), &output(bytes, false));
        assert!(!message.clone().unwrap_err().contains("encoding"), "{message:?}");
    }
}

#[test]
fn letters_that_are_composed_otherwise_are_told_as_such() {
    for (expected, found) in [("größe\n", "gro\u{308}ße"), ("x²", "x2"), ("fi", "\u{fb01}")] {
        let message = exact(expected, found, Ignore::FinalNewlines).unwrap_err();
        assert!(message.contains(" (only the form of characters differs: composed or"), "{message}");
    }
}

#[test]
fn a_part_is_found_with_the_same_rules() {
    use Ignore::{FinalNewlines, LineEndings, Nothing, TrailingWhitespace, Whitespace};

    for (part, found, first) in [
        ("b", "abc", Nothing),
        ("b\n", "a\nb", FinalNewlines),
        ("a\nb", "a\r\nb", LineEndings),
        ("a\nb", "a \nb", TrailingWhitespace),
        ("a b", "x a\nb y", Whitespace),
    ] {
        for ignore in [Nothing, FinalNewlines, LineEndings, TrailingWhitespace, Whitespace] {
            assert_eq!(contains(part, found, ignore), ignore >= first, "{part:?} {found:?} {ignore:?}");
        }
    }
    assert!(!contains("1\n", "12\n", FinalNewlines) && !contains("1 ", "12", Whitespace));
    let how = Comparison::default();
    let message = compare(&Expected::Contains("a\nb".to_owned()), how, &captured("a\r\nb")).unwrap_err();
    let expected = "the output does not contain what it should (only the line endings differ)\nexpected to contain:\n\
        a␊\nb\noutput:\na␍␊\nb\n(␊ line feed, ␍ carriage return)";
    assert_eq!(message, expected);
    for (part, found, lines) in [
        ("é", "the e\u{301}", "expected to contain:\né\noutput:\nthe·e<U+0301>\n(· space)"),
        ("ab", "a\u{200b}b", "expected to contain:\nab\noutput:\na<U+200B>b"),
    ] {
        let message = compare(&Expected::Contains(part.to_owned()), how, &captured(found)).unwrap_err();
        assert!(message.ends_with(lines), "{message}");
    }
    let cut = compare(&Expected::Contains("a b".to_owned()), how, &output(b"a\tb", true)).unwrap_err();
    assert!(cut.contains("expected to contain:\na·b\noutput:\na␉b"), "{cut}");
    // What was kept of a long output may be enough.
    let cut = output(b"abc", true);
    compare(&Expected::Contains("b".to_owned()), how, &cut).unwrap();
}

#[test]
fn of_an_output_that_was_cut_nothing_is_guessed() {
    let cut = output(b"a b   ", true);
    let how = Comparison { ignore: Ignore::Whitespace, ignore_case: false };
    let message = compare(&Expected::Exact("a b".to_owned()), how, &cut).unwrap_err();
    assert!(message.contains("found more output than is compared"), "{message}");
    assert!(!message.contains("only upper and lower case"), "{message}");
}
