//! Why a report, or one test in it, says nothing that can be used.

use super::text::shortened;

pub(super) const DEPTH_MAX: usize = 64;
pub(super) const CASES_MAX: usize = 20_000;

/// Why a report cannot be used.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum Fault {
    #[error("the report is empty")]
    Empty,
    #[error("its encoding `{label}` is not supported; write the report in UTF-8")]
    Encoding { label: String },
    #[error(
        "it is not JUnit XML: the root element is `{root}`, expected `testsuites` or `testsuite`{}",
        format_of(root)
    )]
    Root { root: String },
    #[error(
        "it is no XML: it has no element, expected `testsuites` or `testsuite`; it begins with `{start}`"
    )]
    NoElement { start: String },
    #[error("it is a file that was compressed with {program}; write the report as it is")]
    Compressed { program: &'static str },
    #[error("it is cut off: it ends in line {line}, before the element `{element}` does")]
    CutOff { line: usize, element: String },
    #[error("it is not well-formed XML at line {line}: {message}")]
    Syntax { line: usize, message: String },
    #[error("its elements are nested deeper than {DEPTH_MAX}")]
    TooDeep,
    #[error("an element at line {line} has too many attributes that state a result")]
    TooManyStates { line: usize },
    #[error("it has more than {CASES_MAX} tests")]
    TooManyCases,
}

/// What is in none of the tables of words. What is not known to mean passed has not passed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum Unknown {
    #[error(
        "unknown state `{word}` in the attribute `{attribute}` of the test `{test}` at line {line}; \
         expected a word like `passed`, `failed` or `skipped`"
    )]
    OfTest { attribute: String, word: String, test: String, line: usize },
    #[error(
        "unknown state `{word}` in the attribute `{attribute}` of the suite `{suite}` at line {line}; \
         expected a word like `passed`, `failed` or `skipped`"
    )]
    OfSuite { attribute: String, word: String, suite: String, line: usize },
    #[error(
        "unknown element `{element}` in the test `{test}` at line {line}; \
         expected an element like `failure`, `error`, `skipped` or `system-out`"
    )]
    Element { element: String, test: String, line: usize },
}

/// Root elements of other formats, and how to get JUnit XML instead.
const FORMATS: &[(&str, &str)] = &[
    ("html", "a web page"),
    (
        "TestRun",
        "a report of Visual Studio (TRX); `dotnet test` writes JUnit XML with the package `JunitXml.TestLogger`",
    ),
    ("assemblies", "a report of xUnit.net; its runner writes JUnit XML with `-jUnit`"),
    ("test-run", "a report of NUnit 3; a style sheet makes JUnit XML of it"),
    ("test-results", "a report of NUnit 2; a style sheet makes JUnit XML of it"),
    ("testng-results", "TestNG's own report; it writes JUnit XML to the folder `junitreports`"),
    ("robot", "Robot Framework's own report; it writes JUnit XML with `--xunit`"),
    ("Site", "a report for CDash; CTest writes JUnit XML with `--output-junit`"),
    ("Catch", "Catch2's own report; it writes JUnit XML with `--reporter junit`"),
    ("Catch2TestRun", "Catch2's own report; it writes JUnit XML with `--reporter junit`"),
    ("doctest", "doctest's own report; it writes JUnit XML with `--reporters=junit`"),
    ("TestLog", "Boost.Test's own log; it writes JUnit XML with `--logger=JUNIT`"),
    ("TestResult", "Boost.Test's own report; it writes JUnit XML with `--logger=JUNIT`"),
    ("coverage", "a report of coverage"),
    ("checkstyle", "a report of Checkstyle"),
    ("project", "a project of Maven or Ant"),
];

fn format_of(root: &str) -> String {
    let known = FORMATS.iter().find(|(name, _)| name.eq_ignore_ascii_case(root));
    known.map_or_else(String::new, |(_, format)| format!("; it may be {format}"))
}

impl Fault {
    pub(super) fn syntax(line: usize, fault: &dyn std::error::Error) -> Self {
        Self::Syntax { line, message: shortened(&fault.to_string()) }
    }

    /// Of a text without any element.
    pub(super) fn no_element(text: &str) -> Self {
        match text.trim_matches(|one: char| one.is_whitespace() || one == '\u{feff}') {
            "" => Self::Empty,
            text => Self::NoElement { start: shortened(text) },
        }
    }

    pub(super) fn encoding(label: &str) -> Self {
        Self::Encoding { label: shortened(label) }
    }
}
