//! Reports with words and elements that are in no table.

use super::{
    fault::Unknown,
    read,
    tests::{assert_told, told},
};
use crate::testing::report::Verdict::{Failed, Passed};

#[test]
fn an_unknown_state_is_named_with_its_place() {
    let text =
        "<testsuite name='s'>\n <testcase name='a'/>\n <testcase name='b' status='shrug'/>\n</testsuite>";
    let reported = read::read(text).unwrap();
    let expected = Unknown::OfTest {
        attribute: "status".to_owned(),
        word: "shrug".to_owned(),
        test: "s::b".to_owned(),
        line: 3,
    };
    assert_eq!(reported.unknown, Some(expected));
    let messages = assert_told(text, &[("s::a", Passed), ("s::b", Failed)]);
    let start = "unknown state `shrug` in the attribute `status` of the test `s::b` at line 3; expected";
    assert!(messages[1].starts_with(start), "{messages:?}");

    let text = "<testsuite>\n<testcase name='a'><system-out>x\n</system-out>\n<shrug message='m'>2 is\n<b>not</b> 3</shrug></testcase>\
                <testcase name='b'/></testsuite>";
    let element = Unknown::Element { element: "shrug".to_owned(), test: "a".to_owned(), line: 4 };
    assert_eq!(read::read(text).unwrap().unknown, Some(element));
    let messages = assert_told(text, &[("a", Failed), ("b", Passed)]);
    assert!(messages[0].ends_with("or `system-out`\nm\n2 is\n<b>not</b> 3"), "{messages:?}");

    let text = "<testsuites><testsuite name='s' status='shrug'><testcase name='a'/></testsuite>\
                <testsuite name='t'><testcase name='b'/></testsuite></testsuites>";
    let messages = assert_told(text, &[("s::a", Failed), ("t::b", Passed)]);
    let start = "suite `s`: unknown state `shrug` in the attribute `status` of the suite `s` at line 1";
    assert!(messages[0].starts_with(start), "{messages:?}");
    assert!(matches!(read::read(text).unwrap().unknown, Some(Unknown::OfSuite { .. })));
}

/// What is not known may be the failure or the skip that its suite counts, and no test passes by it.
#[test]
fn an_unknown_state_fails_its_own_test_alone() {
    for counts in [
        "",
        "tests='2' failures='1'",
        "skipped='1'",
        "errors='1' skipped='0'",
        "passed='1'",
        "result='failed'",
    ] {
        for unknown in [
            "<testcase name='b' status='shrug'/>",
            "<testcase name='b' status='passed' result='shrug'/>",
            "<testcase name='b'><shrug/></testcase>",
            "<testcase name='b'><steps><step status='shrug'/></steps></testcase>",
            "<testcase name='b' status='shrug'><skipped type='todo'/></testcase>",
            "<testcase name='b' status='shrug'><failure/></testcase>",
        ] {
            if counts.starts_with("skipped") && unknown.contains("failure") {
                continue;
            }
            let report = format!("<testsuite {counts}><testcase name='a'/>{unknown}</testsuite>");
            assert_told(&report, &[("a", Passed), ("b", Failed)]);
        }
    }
    // One unknown state explains one failure, and none beside a failure that is told.
    for report in [
        "<testsuite failures='2'><testcase name='a'/><testcase name='b' status='shrug'/></testsuite>",
        "<testsuite failures='2'><testcase name='a'/><testcase name='b' status='shrug'><shrug/><failure/></testcase></testsuite>",
        "<testsuite skipped='1'><testcase name='a'/><testcase name='b' status='shrug'><failure/></testcase></testsuite>",
        "<testsuite><testcase name='a'/><testcase status='shrug'/></testsuite>",
        "<testsuites status='shrug'><testsuite><testcase name='a'/></testsuite></testsuites>",
        "<testsuites><testsuite status='shrug'/><testsuite><testcase name='a'/></testsuite></testsuites>",
        "<testsuite><testcase name='a'><testcase name='b' status='shrug'/></testcase></testsuite>",
    ] {
        assert!(
            told(report).iter().all(|(_, verdict, _)| *verdict == Failed),
            "{report}: {:?}",
            told(report)
        );
    }
}
