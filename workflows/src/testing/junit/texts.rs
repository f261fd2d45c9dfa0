//! Whatever a message or an output holds, the verdicts are read.

use super::tests::{assert_told, read, told};
use crate::testing::report::{
    MESSAGE_BYTES_MAX,
    Verdict::{Failed, Passed, Skipped},
};

#[test]
fn no_character_of_a_message_changes_a_verdict() {
    for message in [
        "&#0;",
        "&#x1b;[31m",
        "&#xD83D;&#xDE00;",
        "&unknown;",
        "a & b",
        "&",
        "&#xFFFFFFFF;",
        "]]&gt; ]]>",
        "\u{1b}\u{0}\u{ffff}",
    ] {
        let text = format!(
            "<testsuite><testcase name='a'><failure message=\"{message}\">{message}</failure></testcase>\
             <testcase name='b'><system-out>{message}</system-out></testcase>\
             <testcase name='c'><failure><![CDATA[{}]]></failure></testcase></testsuite>",
            message.replace("]]>", "")
        );
        let messages = assert_told(&text, &[("a", Failed), ("b", Passed), ("c", Failed)]);
        assert!(!messages[0].contains(|one: char| one.is_control()), "{messages:?}");
    }
    assert_eq!(
        told("<testsuite><testcase name='a'><failure>&#xD83D;&#xDE00; a & b &x;</failure></testcase></testsuite>")[0].2,
        "😀 a & b &x;"
    );
    for message in ["1 < 2", "<unknown>:0", "vector<int> and </b>", "a <- b", "<b attribute>"] {
        let text = format!(
            "<testsuite><testcase name='a'><failure message=\"{message}\">{message}</failure></testcase>\
             <testcase name='b'><system-out>{message}</system-out></testcase></testsuite>"
        );
        assert_eq!(assert_told(&text, &[("a", Failed), ("b", Passed)])[0], message);
    }
    // In a section of characters, nothing is a reference.
    assert_eq!(
        told("<testsuite><testcase name='a'><failure><![CDATA[&lt; &amp;]]>&lt;</failure></testcase></testsuite>")[0].2,
        "&lt; &amp;<"
    );
}

#[test]
fn what_begins_like_markup_in_a_text_and_has_no_end_is_text() {
    for message in [
        "i <n;",
        "x <y z=\"1\"",
        "x <y z='>",
        "<b &foo;",
        "<!-- x",
        "<!x y",
        "<!DOCTYPE x [",
        "<!DOCTYPE html>",
        "<?php echo 1;",
        "<?php echo 1; ?>",
        "<failed",
        "</b",
        "<",
        "a <b <c> <d",
    ] {
        let text = format!(
            "<testsuite><testcase name='a'><failure>{message}</failure></testcase><testcase name='b'>\
             <properties><property name='x'>{message}</property></properties>\
             <system-out>{message}</system-out><system-err>{message}</system-err></testcase>\
             <testcase name='c'><error><stacktrace>{message}</stacktrace></error></testcase>\
             <testcase name='d'><skipped>{message}</skipped></testcase></testsuite>"
        );
        let messages = assert_told(&text, &[("a", Failed), ("b", Passed), ("c", Failed), ("d", Skipped)]);
        assert_eq!(messages, [message, "", message, message]);
    }
    // What a test printed in a section of characters stays there, and without its end the report is cut off.
    let forged = "</system-out></testcase><testcase name='b'/></testsuite>";
    for printed in [forged.to_owned(), format!("<!-- {forged}"), format!("<![CDATA[{forged}")] {
        let cut = format!("<testsuite><testcase name='a'><system-out><![CDATA[{printed}");
        read(&cut).unwrap_err();
        let whole = format!("{cut}]]></system-out></testcase></testsuite>");
        assert_told(&whole, &[("a", Passed)]);
    }
}

#[test]
fn what_a_test_wrote_explains_a_failure_of_one_line() {
    for (testcase, expected) in [
        (
            "<failure message='Failed'/><system-out>1 &lt; 2\n</system-out><system-err>3</system-err>",
            "Failed\n1 < 2\n3",
        ),
        ("<system-out><![CDATA[a &amp; ]]]]><![CDATA[> b]]></system-out><failure/>", "a &amp; ]]> b"),
        (
            "<failure/><system-out>]]> <failure/> </testcase> </x></system-out>",
            "]]> <failure/> </testcase> </x>",
        ),
        ("<failure>two\nlines</failure><system-out>more</system-out>", "two\nlines"),
        ("<error message='no'/><system-out/>", "no"),
    ] {
        let text =
            format!("<testsuite><testcase name='a'>{testcase}</testcase><testcase name='b'/></testsuite>");
        assert_eq!(assert_told(&text, &[("a", Failed), ("b", Passed)]), [expected, ""]);
    }
    let text = "<testsuite><testcase name='a'><system-out>failed</system-out></testcase></testsuite>";
    assert_eq!(assert_told(text, &[("a", Passed)]), [""]);
    let long = "x".repeat(1 << 20);
    let text = format!(
        "<testsuite><testcase name='a'><failure/><system-out>{long}</system-out></testcase></testsuite>"
    );
    assert_eq!(told(&text)[0].2.len(), MESSAGE_BYTES_MAX);
}

#[test]
fn a_message_of_many_pieces_is_read_to_its_bound() {
    for (piece, expected) in
        [("&amp;", "&"), ("&", "&"), ("< ", "< "), ("</x>", "</x>"), ("<x", "<x"), ("&#65;", "A")]
    {
        let pieces = piece.repeat(MESSAGE_BYTES_MAX);
        let report =
            format!("<testsuite><testcase name='a'><failure>{pieces}</failure></testcase></testsuite>");
        let message = told(&report).remove(0).2;
        assert!(
            message.len() <= MESSAGE_BYTES_MAX && message.starts_with(&expected.repeat(300)),
            "{message}"
        );
    }
    let attribute = format!("<failure message='{}'/>", "&#x41;".repeat(2 * MESSAGE_BYTES_MAX));
    let message =
        told(&format!("<testsuite><testcase name='a'>{attribute}</testcase></testsuite>")).remove(0).2;
    assert!(message.starts_with(&"A".repeat(4_000)) && message.ends_with("[…]"), "{message}");
}
