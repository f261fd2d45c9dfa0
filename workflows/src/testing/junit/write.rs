use std::{borrow::Cow, io};

use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};

use crate::testing::report::{Report, Status, TestReport, Verdict};

/// Stands for a character that XML has no way to write.
const REPLACEMENT: char = '\u{fffd}';

/// A report as JUnit XML, for CI systems and editors.
///
/// A test that ended as it should not have, by a time-out or a crash, is an `error`; one that ran to its end and did
/// not pass is a `failure`.
#[must_use]
pub fn to_xml(report: &Report) -> String {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    write_report(&mut writer, report).expect("memory can be written");
    String::from_utf8(writer.into_inner()).expect("only text was written")
}

fn write_report(writer: &mut Writer<Vec<u8>>, report: &Report) -> io::Result<()> {
    let name = legal(&report.name);
    let counts = Counts::of(report);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer.create_element("testsuites").with_attributes(counts.attributes(&name)).write_inner_content(
        |writer| {
            writer
                .create_element("testsuite")
                .with_attributes(counts.attributes(&name))
                .write_inner_content(|writer| write_suite(writer, report))?;
            Ok(())
        },
    )?;
    Ok(())
}

fn write_suite(writer: &mut Writer<Vec<u8>>, report: &Report) -> io::Result<()> {
    let score = report.score().to_string();
    writer.create_element("properties").write_inner_content(|writer| {
        for (name, value) in [("runner", report.kind.as_str()), ("score", &score)] {
            writer
                .create_element("property")
                .with_attributes([("name", name), ("value", &*legal(value))])
                .write_empty()?;
        }
        Ok(())
    })?;
    for test in &report.tests {
        write_test(writer, report, test)?;
    }
    if let Some(message) = &report.status_message {
        writer.create_element("system-out").write_text_content(BytesText::new(&legal(message)))?;
    }
    Ok(())
}

fn write_test(writer: &mut Writer<Vec<u8>>, report: &Report, test: &TestReport) -> io::Result<()> {
    // Pytest names a test by its file and its place there, and other runners class and name.
    let (class, name) = test.name.split_once("::").unwrap_or((&report.name, &test.name));
    let (class, name, time) = (legal(class), legal(name), seconds(test.duration));
    let element = writer.create_element("testcase").with_attributes([
        ("classname", &*class),
        ("name", &*name),
        ("time", &*time),
    ]);
    let Some(outcome) = outcome(test) else {
        element.write_empty()?;
        return Ok(());
    };
    let text = legal(test.result_message.as_deref().unwrap_or_default());
    let first = text.lines().next().unwrap_or_default();
    element.write_inner_content(|writer| {
        let mut outcome_element = writer.create_element(outcome).with_attribute(("message", first));
        if outcome != "skipped" {
            outcome_element = outcome_element.with_attribute(("type", status_text(test.status)));
        }
        if text == first {
            outcome_element.write_empty()?;
        } else {
            outcome_element.write_text_content(BytesText::new(&text))?;
        }
        Ok(())
    })?;
    Ok(())
}

/// The element that tells it, if there is one.
fn outcome(test: &TestReport) -> Option<&'static str> {
    match (test.result, test.status) {
        (Verdict::Passed, _) => None,
        (Verdict::Skipped, _) => Some("skipped"),
        (Verdict::Failed, Status::Completed) => Some("failure"),
        (Verdict::Failed, _) => Some("error"),
    }
}

/// The numbers of a suite, as texts.
#[derive(Debug)]
struct Counts {
    tests: String,
    failures: String,
    errors: String,
    skipped: String,
    time: String,
}

impl Counts {
    fn of(report: &Report) -> Self {
        let count = |kind| report.tests.iter().filter(|test| outcome(test) == Some(kind)).count().to_string();
        Self {
            tests: report.tests.len().to_string(),
            failures: count("failure"),
            errors: count("error"),
            skipped: count("skipped"),
            time: seconds(report.duration),
        }
    }

    fn attributes<'a>(&'a self, name: &'a str) -> [(&'static str, &'a str); 6] {
        [
            ("name", name),
            ("tests", &self.tests),
            ("failures", &self.failures),
            ("errors", &self.errors),
            ("skipped", &self.skipped),
            ("time", &self.time),
        ]
    }
}

fn status_text(status: Status) -> &'static str {
    match status {
        Status::Scheduled => "SCHEDULED",
        Status::Completed => "FAILED",
        Status::TimedOut => "TIMEDOUT",
        Status::Crashed => "CRASHED",
        Status::Cancelled => "CANCELLED",
        Status::Skipped => "SKIPPED",
        Status::Failed => "NOTRUN",
    }
}

fn seconds(seconds: f64) -> String {
    format!("{seconds:.3}")
}

/// The text without what XML 1.0 cannot hold, escaped or not.
fn legal(text: &str) -> Cow<'_, str> {
    let is_illegal = |character: char| !matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if text.contains(is_illegal) {
        text.replace(is_illegal, REPLACEMENT.encode_utf8(&mut [0; 4])).into()
    } else {
        text.into()
    }
}
