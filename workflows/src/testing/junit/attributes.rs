//! The attributes of an element that matter.

use quick_xml::events::BytesStart;

use super::{
    fault::Fault,
    meaning::{Said, of_test, tells},
    seconds::seconds,
    text::{NAME_BYTES_MAX, RAW_BYTES_MAX, beginning},
    unescape::unescape,
    words::folded,
};

/// More attributes than this say nothing clear about a test.
const STATES_MAX: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Attributes {
    pub(super) name: String,
    pub(super) classname: Option<String>,
    pub(super) message: String,
    pub(super) kind: String,
    pub(super) seconds: f64,
    /// Those that say what came of a test, in their order.
    pub(super) said: Vec<(String, String)>,
}

impl Attributes {
    pub(super) fn of(tag: &BytesStart<'_>, line: usize) -> Result<Self, Fault> {
        let mut found = Self::default();
        // Looking for attributes that come twice takes the square of their number.
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|fault| Fault::syntax(line, &fault))?;
            // The name of a namespace is free.
            if attribute.key.prefix().is_some_and(|prefix| prefix.as_ref() == "xmlns") {
                continue;
            }
            let key = attribute.key.local_name();
            let key: &str = key.as_ref();
            let raw = beginning(&attribute.value, RAW_BYTES_MAX);
            let value = unescape(&raw.replace(['\n', '\r', '\t'], " ")).into_owned();
            match folded(key).as_str() {
                // Each test of a suite copies its name.
                "name" => found.name = name(&value),
                "classname" => found.classname = Some(name(&value)),
                "message" => found.message = value,
                "type" => found.kind = value,
                "time" => found.seconds = seconds(&value),
                _ if !tells(key) && of_test(key, &value) == Said::Nothing => {}
                _ if found.said.len() < STATES_MAX => found.said.push((key.to_owned(), value)),
                _ => return Err(Fault::TooManyStates { line }),
            }
        }
        Ok(found)
    }
}

/// As much of a name as can be shown, and enough to tell that there is more.
fn name(value: &str) -> String {
    beginning(value, 2 * NAME_BYTES_MAX).to_owned()
}
