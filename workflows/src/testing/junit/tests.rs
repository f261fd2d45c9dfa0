//! Reports as frameworks write them, reports that are not well-formed, and our own.

use super::{
    case::Case,
    fault::{CASES_MAX, Fault},
    read, to_xml,
};
use crate::testing::report::{
    MESSAGE_BYTES_MAX, Report, Status, TestReport,
    Verdict::{self, Failed, Passed, Skipped},
};

pub(super) fn read(text: &str) -> Result<Vec<Case>, Fault> {
    read::read(text).map(|report| report.cases)
}

pub(super) fn told(text: &str) -> Vec<(String, Verdict, String)> {
    let told = |case: Case| (case.name, case.verdict, case.message.unwrap_or_default());
    read(text).unwrap().into_iter().map(told).collect()
}

/// Checks the names and verdicts, and returns the messages.
pub(super) fn assert_told(text: &str, expected: &[(&str, Verdict)]) -> Vec<String> {
    let told = told(text);
    let verdicts: Vec<_> = told.iter().map(|(name, verdict, _)| (name.as_str(), *verdict)).collect();
    assert_eq!(verdicts, expected);
    told.into_iter().map(|(.., message)| message).collect()
}

#[test]
fn pytest() {
    let messages = assert_told(
        include_str!("samples/pytest.xml"),
        &[
            ("tests.test_triangle::test_base", Passed),
            ("tests.test_triangle::test_area[2-3]", Failed),
            ("tests.test_triangle.TestMore::test_later", Skipped),
            ("tests.test_triangle::test_file", Failed),
            ("tests.test_broken", Failed),
        ],
    );
    let area = "assert 2.5 == 3\n +  where 2.5 = area_of(2, 3)\ndef test_area(base, height):\n>       assert";
    assert!(messages[1].starts_with(area), "{}", messages[1]);
    assert!(messages[1].ends_with("test_triangle.py:19: AssertionError"), "{}", messages[1]);
    assert_eq!(messages[2], "later\n/work/tests/test_triangle.py:30: later");
    assert_eq!(messages[4], "collection failure\nImportError while importing test module");
}

#[test]
fn jest() {
    let messages = assert_told(
        include_str!("samples/jest.xml"),
        &[("area of a triangle", Passed), ("area of a circle", Failed), ("halvings ends", Skipped)],
    );
    assert!(messages[1].contains("Expected: 3\nReceived: 2"), "{}", messages[1]);
}

#[test]
fn google_test() {
    let messages = assert_told(
        include_str!("samples/googletest.xml"),
        &[
            ("Triangle::Base", Passed),
            ("Triangle::Area", Failed),
            ("Triangle::DISABLED_Later", Skipped),
            ("Sizes/Halvings::End/0", Passed),
        ],
    );
    // What stands in the message and in the text is told once, and both failures are.
    assert_eq!(messages[1].matches("Which is: 2").count(), 1);
    assert!(messages[1].ends_with("triangle_test.cc:11\nagain"), "{}", messages[1]);
}

#[test]
fn ctest() {
    let messages = assert_told(
        include_str!("samples/ctest.xml"),
        &[("base", Passed), ("area", Failed), ("later", Skipped), ("needs_display", Skipped)],
    );
    let failed = "Failed\n<testcase name=\"forged\"/> 2 is not 3";
    assert_eq!(messages, ["", failed, "Disabled", "SKIP_RETURN_CODE=77"]);
}

#[test]
fn surefire() {
    let text = include_str!("samples/surefire.xml");
    let messages = assert_told(
        text,
        &[
            ("at.uni.TriangleTest::base", Passed),
            ("at.uni.TriangleTest::area", Failed),
            ("at.uni.TriangleTest::race", Passed),
            ("at.uni.TriangleTest::crash", Failed),
            ("at.uni.TriangleTest::later", Skipped),
        ],
    );
    assert!(messages[1].starts_with("expected: <3.0> but was: <2.0>\norg.opentest4j"), "{}", messages[1]);
    assert!(messages[1].contains("2.5") && !messages[1].contains("not a message"), "{}", messages[1]);
    assert_eq!(messages[2], "it failed before it passed: too slow\njava.lang.AssertionError: too slow");
    assert_eq!(messages[3], "java.lang.NullPointerException");
    assert!((read(text).unwrap()[0].seconds - 1200.25).abs() < f64::EPSILON);
}

#[test]
fn nextest() {
    let messages = assert_told(
        include_str!("samples/nextest.xml"),
        &[
            ("triangle::basic::area", Passed),
            ("triangle::basic::tests::halvings", Failed),
            ("triangle::basic::flaky", Passed),
        ],
    );
    assert!(messages[1].contains("attempt to divide by zero"), "{}", messages[1]);
}

#[test]
fn node() {
    let messages = assert_told(
        include_str!("samples/node.xml"),
        &[
            ("test::ok", Passed),
            ("test::skip", Skipped),
            ("test::skip2", Skipped),
            ("test::todo fails", Skipped),
            ("test::todo ok", Skipped),
            ("test::bad", Failed),
            ("test::runtime", Skipped),
            ("test::in", Passed),
            ("test::sk", Skipped),
        ],
    );
    assert!(messages[5].starts_with("'a & \\x00 😀' == 'b'\n[Error"), "{}", messages[5]);
}

#[test]
fn suites_in_suites_and_suites_that_fail() {
    let messages = assert_told(
        include_str!("samples/nested.xml"),
        &[
            ("area::adds", Failed),
            ("triangle::adds", Failed),
            ("triangle::adds", Failed),
            ("set-up of the database", Failed),
            ("test::top", Failed),
        ],
    );
    assert_eq!(messages[3], "no database\nECONNREFUSED");
}

#[test]
fn names_fit_into_a_line() {
    let text = format!(
        "\u{feff}<testsuite><testcase name='&#27;[31m&#10;\u{7}'/><testcase/><testcase name='{}'/></testsuite>",
        "ä".repeat(1000)
    );
    let told = told(&text);
    assert_eq!(told[0].0, "\\u{1b}[31m\\n\\u{7}");
    assert_eq!(told[1].0, "unnamed");
    assert_eq!(told[2].0, "ä".repeat(150));
}

#[test]
fn what_is_no_report_is_a_fault() {
    let root = |root: &str| Fault::Root { root: root.to_owned() };
    let no_xml = |start: &str| Fault::NoElement { start: start.to_owned() };
    let cut_off = |line, element: &str| Fault::CutOff { line, element: element.to_owned() };
    for (text, expected) in [
        ("", Fault::Empty),
        (" \u{feff}\n", Fault::Empty),
        ("<!-- nothing -->", no_xml("<!-- nothing -->")),
        ("{\"a\": 1}\n", no_xml("{\"a\": 1}")),
        ("[{\"name\": \"<b>\"}]", no_xml("[{\"name\": \"<b>\"}]")),
        ("\nExpected <int", no_xml("Expected <int")),
        ("PNG\r\n\u{1a}\0\u{fffd}", no_xml("PNG\\r\\n\\u{1a}\\u{0}\u{fffd}")),
        ("<!DOCTYPE html>\n<html/>", root("html")),
        ("<html/>", root("html")),
        ("<testcase name='a'/>", root("testcase")),
        ("<testsuite/><testsuite>", cut_off(1, "testsuite")),
        ("<testsuite>\n<testcase name='a'>\n<system-out>b\n", cut_off(4, "testcase")),
        ("a log\n<testsuites><testsuite><testcase name='a'/></testsuite>", cut_off(2, "testsuites")),
    ] {
        assert_eq!(read(text), Err(expected), "{text}");
    }
    let told = read("<!DOCTYPE html>\n<HTML></HTML>").unwrap_err().to_string();
    assert!(told.ends_with("`HTML`, expected `testsuites` or `testsuite`; it may be a web page"), "{told}");
    for text in [
        "<testsuite><testcase name='a'",
        "<testsuite><testcase name='a></testsuite>",
        "<testsuite><testcase></testsuite>",
        "</testsuite>",
        "<testsuite><![CDATA[",
    ] {
        assert!(matches!(read(text), Err(Fault::Syntax { .. })), "{text}: {:?}", read(text));
    }
    // Every beginning of a report is not the report.
    let whole = include_str!("samples/pytest.xml").trim_end();
    for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
        read(&whole[..end]).unwrap_err();
    }
}

#[test]
fn spoiled_reports_are_read_or_refused() {
    // What comes of each is open, but nothing panics and no test is made up.
    for sample in [include_str!("samples/surefire.xml"), include_str!("samples/nested.xml")] {
        let cases_max = sample.matches("<testcase").count() + sample.matches("<error").count() + 1;
        for (at, old) in sample.char_indices() {
            for new in ["", "<", "&", "\""] {
                let spoiled = format!("{}{new}{}", &sample[..at], &sample[at + old.len_utf8()..]);
                if let Ok(cases) = read(&spoiled) {
                    assert!(cases.len() <= cases_max, "{spoiled}");
                }
            }
        }
    }
}

#[test]
fn messages_are_cut() {
    let long = "x".repeat(1 << 20);
    let text = format!(
        "<testsuite><testcase name='a'><failure message='{long}'>{long}</failure></testcase></testsuite>"
    );
    assert_eq!(told(&text)[0].2.len(), MESSAGE_BYTES_MAX);
}

#[test]
fn entities_are_not_expanded() {
    let bomb = "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">]>\
                <testsuite><testcase name=\"&b;\"/></testsuite>";
    assert_eq!(told(bomb), [("&b;".to_owned(), Passed, String::new())]);
    let file = "<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>\
                <testsuite><testcase name='a'><failure>&a;</failure></testcase></testsuite>";
    assert_eq!(told(file), [("a".to_owned(), Failed, "&a;".to_owned())]);
    let text = "<testsuite><testcase name='a'><failure>&lt;&#x41;&amp;lt;</failure></testcase></testsuite>";
    assert_eq!(told(text)[0].2, "<A&lt;");
}

#[test]
fn depth_and_number_are_bounded() {
    let deep = "<testsuite>".repeat(100_000);
    assert_eq!(read(&deep), Err(Fault::TooDeep));
    let many = format!("<testsuite>{}</testsuite>", "<testcase/>".repeat(CASES_MAX + 1));
    assert_eq!(read(&many), Err(Fault::TooManyCases));
    let attributes: String = (0..200_000).map(|number| format!(" a{number}=''")).collect();
    assert_eq!(told(&format!("<testsuite><testcase name='x'{attributes}/></testsuite>"))[0].0, "x");
}

fn report() -> Report {
    let test = |name, status, result, message: Option<&str>| {
        TestReport::new(name, status, result, message).lasting(0.25)
    };
    let tests = vec![
        test("tests/test_area.py::TestAll::test_area[a::b]", Status::Completed, Passed, None),
        test("prints", Status::Completed, Failed, Some("1 < 2 & \"3\"\n]]> \u{1b}[31m\u{ffff}")),
        test("a\u{0}b\nc", Status::TimedOut, Failed, Some("it did not end in time")),
        test("tests/test_area.py::test_late", Status::Skipped, Skipped, Some("Skipped: later")),
    ];
    Report::new("pytest", "triangle & more".to_owned(), 1.5, tests)
}

#[test]
fn a_report_is_written() {
    assert_eq!(to_xml(&report()), include_str!("samples/written.xml").trim_end());
}

#[test]
fn what_is_written_is_read_again() {
    let report = report();
    let cases = read(&to_xml(&report)).unwrap();
    let verdicts: Vec<Verdict> = cases.iter().map(|case| case.verdict).collect();
    assert!(report.tests.iter().map(|test| &test.result).eq(&verdicts));
    assert_eq!(cases[0].name, report.tests[0].name);
    assert_eq!(cases[1].name, "triangle & more::prints");
    assert_eq!(cases[1].message.as_deref(), Some("1 < 2 & \"3\"\n]]> \u{fffd}[31m\u{fffd}"));
    assert_eq!(cases[2].message, report.tests[2].result_message);
    assert!((cases[0].seconds - 0.25).abs() < f64::EPSILON);
}

#[test]
fn every_character_can_be_written() {
    for character in ('\0'..=char::MAX).step_by(97).chain('\0'..='\u{ff}').chain('\u{fff0}'..='\u{10010}') {
        let text = format!("{character}x");
        let test = TestReport::new(&text, Status::Completed, Failed, Some(&text));
        let xml = to_xml(&Report::new("command", text.clone(), 0.0, vec![test]));
        let is_legal = |one: char| !(one.is_control() && one < ' ' && !matches!(one, '\t' | '\n' | '\r'));
        assert!(xml.chars().all(|one| is_legal(one) && !matches!(one, '\u{fffe}' | '\u{ffff}')), "{text:?}");
        assert_eq!(read(&xml).unwrap().len(), 1, "{text:?}");
    }
}

/// The verdict of a report with one test.
fn verdict(testcase: &str) -> Verdict {
    let told = told(&format!("<testsuites><testsuite name='s'>{testcase}</testsuite></testsuites>"));
    assert_eq!(told.len(), 1, "{told:?}");
    told[0].1
}

#[test]
fn states_count_in_any_spelling() {
    for (testcase, expected) in [
        ("<testcase name='a' status='FAILED'/>", Failed),
        ("<testcase name='a' Status='Passed'/>", Passed),
        ("<testcase name='a' result='Failure'/>", Failed),
        ("<testcase name='a' executed='True' success='False' result='Failure'/>", Failed),
        ("<testcase name='a' executed='True' success='True' result='Success'/>", Passed),
        ("<testcase name='a' executed='False'/>", Skipped),
        ("<testcase name='a' status='run' result='suppressed'/>", Skipped),
        ("<testcase name='a' status='run' result='completed'/>", Passed),
        ("<testcase name='a' status='passed' result='timed-out'/>", Failed),
        ("<testcase name='a' status='passed'><failure/></testcase>", Failed),
        ("<testcase name='a'><FAILURE/></testcase>", Failed),
        ("<testcase name='a'><failed/></testcase>", Failed),
        ("<testcase name='a'><timeout/></testcase>", Failed),
        ("<testcase name='a'><ignored/></testcase>", Skipped),
        ("<testcase name='a'><x:error xmlns:x='y'/></testcase>", Failed),
        (
            "<testcase name='a'><system-out/><properties><property name='status' value='failed'/></properties></testcase>",
            Passed,
        ),
        ("<TestCase Name='a' Result='Error'/>", Failed),
        ("<testcase name='a'><failure/><skipped/></testcase>", Failed),
        // Node, of a test that is still to be done.
        (
            "<testcase name='a' failure='no'><skipped type='todo' message='true'/><failure message='no'/></testcase>",
            Skipped,
        ),
    ] {
        assert_eq!(verdict(testcase), expected, "{testcase}");
    }
}

#[test]
fn a_suite_that_failed_is_a_test_that_failed() {
    let failed =
        "<testsuites><testsuite name='s' result='Failure'><testcase name='a'/></testsuite></testsuites>";
    let messages = assert_told(failed, &[("s::a", Failed), ("s", Failed)]);
    let reason = "the suite failed (`result` is `Failure`), but none of its tests did";
    assert_eq!(messages[1], reason);
    let start = format!("suite `s`: {reason}\nthe report does not say which test it is");
    assert!(messages[0].starts_with(&start), "{}", messages[0]);
    let counted = "<testsuite name='s' errors='0' failures='1' success='False'><testcase name='a' status='fail'/></testsuite>";
    assert_told(counted, &[("s::a", Failed)]);
    let uncounted = "<testsuite name='s' tests='1' failures='1'><testcase name='a'/></testsuite>";
    assert_told(uncounted, &[("s::a", Failed), ("s", Failed)]);
    // Node counts a failure that is expected.
    let todo = "<testsuite name='s' failures='1'><testcase name='a'><skipped type='todo'/><failure/></testcase></testsuite>";
    assert_told(todo, &[("s::a", Skipped)]);
}

#[test]
fn tests_in_tests_and_in_unknown_elements_are_read() {
    let text = "<testsuite name='s'><batch><testcase name='a'><testcase name='b'><failure/></testcase></testcase></batch></testsuite>";
    let messages = assert_told(text, &[("s::b", Failed), ("s::a", Failed)]);
    assert_eq!(messages[1], "its part `s::b` failed");
    let todo = text.replace("<failure/>", "<skipped type='todo'/><failure/>");
    assert_told(&todo, &[("s::b", Skipped), ("s::a", Passed)]);
}

#[test]
fn documents_one_after_another_are_read() {
    let one = |name: &str| {
        format!("<?xml version='1.0'?>\n<testsuite name='{name}'><testcase name='a'/></testsuite>\n")
    };
    assert_told(&format!("{}{}", one("x"), one("y")), &[("x::a", Passed), ("y::a", Passed)]);
    let cut = read(&format!("{}<testsuite><testcase name='b'/>", one("x")));
    assert!(matches!(cut, Err(Fault::CutOff { .. })), "{cut:?}");
}

/// Copied for each test, the name alone would take minutes.
#[test]
fn a_report_of_long_texts_is_read_in_linear_time() {
    let long = "a".repeat(8 << 20);
    let tests = "<testcase name='b'><failure message='m'/></testcase>".repeat(CASES_MAX);
    let told = told(&format!("<testsuite name='{long}'><x>{tests}</x></testsuite>"));
    assert_eq!(told.len(), CASES_MAX);
    assert!(told.iter().all(|(name, ..)| *name == "a".repeat(300)));
}
