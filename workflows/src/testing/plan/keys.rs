//! Keys that a plan does not have, and what may be meant by them.

use schemars::{JsonSchema, schema_for};
use toml::{Table, Value};

use super::{CommandTest, JunitCommand, LimitOverrides, TestPlan};

/// A table of a plan: what it is called in messages, and its keys.
struct Place {
    name: &'static str,
    keys: Vec<String>,
}

/// How many letters may be wrong, missing or too many.
const DISTANCE_MAX: usize = 2;
/// A shorter key is near too many others.
const KEY_CHARS_MIN: usize = 4;

/// What the first unknown key of a plan may mean; `None` if no key is unknown or nothing is like it.
pub(super) fn hint(text: &str) -> Option<String> {
    let table: Table = text.parse().ok()?;
    let places = [
        Place::of::<TestPlan>("the top of the plan, before the first `[…]`"),
        Place::of::<CommandTest>("`[[commands]]`"),
        Place::of::<JunitCommand>("`[junit]`"),
        Place::of::<LimitOverrides>("`[limits]`"),
        Place { name: "`stdout`", keys: ["exact", "contains"].map(str::to_owned).to_vec() },
    ];
    let [plan, command, junit, limits, stdout] = &places;
    let mut tables = vec![(plan, &table)];
    let inner = |table: &'_ Table, key: &str| table.get(key).and_then(Value::as_table).cloned();
    let commands = table.get("commands").and_then(Value::as_array).into_iter().flatten();
    let commands: Vec<&Table> = commands.filter_map(Value::as_table).collect();
    let outputs: Vec<Table> = commands.iter().filter_map(|command| inner(command, "stdout")).collect();
    let (of_junit, of_limits) = (inner(&table, "junit"), inner(&table, "limits"));
    tables.extend(commands.into_iter().map(|table| (command, table)));
    tables.extend(of_junit.iter().map(|table| (junit, table)));
    tables.extend(of_limits.iter().map(|table| (limits, table)));
    tables.extend(outputs.iter().map(|table| (stdout, table)));
    let unknown = |(place, table): (&Place, &Table)| {
        let key = table.keys().find(|key| !place.keys.contains(key))?;
        meant(key, place, &places)
    };
    tables.into_iter().find_map(unknown)
}

impl Place {
    fn of<T: JsonSchema>(name: &'static str) -> Self {
        let schema = schema_for!(T).to_value();
        let keys = schema["properties"].as_object().into_iter().flatten().map(|(key, _)| key.clone());
        Self { name, keys: keys.collect() }
    }
}

fn meant(key: &str, place: &Place, places: &[Place]) -> Option<String> {
    let near = |keys: &[String]| keys.iter().find(|known| is_near(key, known)).cloned();
    if let Some(known) = near(&place.keys) {
        return Some(format!("did you mean `{known}`?"));
    }
    // A key of the plan below the first table belongs to that table.
    let other = places.iter().find(|other| other.keys.iter().any(|known| known == key));
    if let Some(other) = other {
        return Some(format!("`{key}` belongs to {}", other.name));
    }
    places.iter().find_map(|other| Some(format!("did you mean `{}` of {}?", near(&other.keys)?, other.name)))
}

/// Whether a key is written almost like a known one, or is its beginning.
fn is_near(key: &str, known: &str) -> bool {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_', ' '], "");
    let (key, known) = (plain(key), plain(known));
    let length = key.chars().count();
    key == known
        || length >= KEY_CHARS_MIN
            && (known.starts_with(&key) || distance(&key, &known) <= DISTANCE_MAX.min(length / 3))
}

/// How many letters have to be changed, added or removed, or exchanged with their neighbor.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=other.len()).collect()];
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut least = (rows[i][j] + usize::from(a != b)).min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_told_with_the_one_that_is_meant() {
        let top = "runner = 'command'\nstudent_files = ['a']\n";
        let command = "[[commands]]\nname = 'x'\nargv = ['a']\n";
        for (text, expected) in [
            ("student_file = ['a']".to_owned(), Some("did you mean `student_files`?")),
            ("studentFiles = ['a']".to_owned(), Some("did you mean `student_files`?")),
            ("student-files = ['a']".to_owned(), Some("did you mean `student_files`?")),
            ("runer = 'pytest'".to_owned(), Some("did you mean `runner`?")),
            ("solutoin = 'a'".to_owned(), Some("did you mean `solution`?")),
            (format!("{top}{command}timeout = 3"), Some("did you mean `timeout_ms`?")),
            (format!("{top}{command}exitcode = 3"), Some("did you mean `exit_code`?")),
            (format!("{top}{command}stdout = {{ exct = 'a' }}"), Some("did you mean `exact`?")),
            (
                format!("{top}{command}messages = 'shown'"),
                Some("`messages` belongs to the top of the plan, before the first `[…]`"),
            ),
            (format!("{top}memory_bytes = 3"), Some("`memory_bytes` belongs to `[limits]`")),
            (format!("{top}[limits]\nmemory = 3"), Some("did you mean `memory_bytes`?")),
            (format!("{top}[junit]\nreprot = 3"), Some("did you mean `report`?")),
            (format!("{top}test_timeout = 3"), Some("did you mean `test_timeout_ms` of `[limits]`?")),
            (format!("{top}colour = 3"), None),
            (format!("{top}{command}"), None),
            ("not toml".to_owned(), None),
        ] {
            assert_eq!(hint(&text).as_deref(), expected, "{text}");
        }
    }
}
