//! A step of the schema that has been released is never edited: databases have taken it. A change is a new step.

use std::{collections::BTreeMap, fs};

use sha2::{Digest, Sha256};

use crate::{assert_none, workspace::metadata};

/// SHA-256 of each step's file. A new step is added here when it is released, together with a database of it in
/// `tests/fixtures`; the lines that are here stay as they are.
const RELEASED: &[(&str, &str)] =
    &[("m20261122_000001_engine.rs", "017bd3365d5623c399f5b1c648659cae89d41fb32934dc392e124c9050d17361")];

#[test]
fn released_steps_of_the_schema_are_as_they_were() {
    let folder = metadata().workspace_root.join("migration/src");
    let mut faults = Vec::new();
    for (name, released) in RELEASED {
        let text = fs::read(folder.join(name)).unwrap();
        let found: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
        if found != *released {
            faults.push(format!(
                "`migration/src/{name}` has been released and was edited since ({found}): undo that, and write a new step"
            ));
        }
    }
    let released: BTreeMap<&str, &str> = RELEASED.iter().copied().collect();
    let fixtures = metadata().workspace_root.join("tests/fixtures");
    for name in released.keys().map(|name| name.trim_end_matches(".rs")) {
        for database in ["sqlite", "postgres"] {
            let fixture = fixtures.join(format!("{name}.{database}.sql"));
            if !fixture.is_file() {
                faults.push(format!("`{}` is missing: a database of this step", fixture.display()));
            }
        }
    }
    assert_none(&faults);
}
