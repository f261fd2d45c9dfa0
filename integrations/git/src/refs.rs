//! The mirror's own references, which tell the next fetch what is here already.
//!
//! Each is named after the object that it points to. The names of another repository's references cannot be kept in one
//! folder: `feature` of yesterday and `feature/area` of today exclude each other, and so do `Main` and `main` on some
//! file systems.

use std::{collections::HashSet, fs};

use git2::{Oid, Repository};

const PREFIX: &str = "refs/ctutor/";

/// Asks for an object by the name `source`. libgit2 stores nothing below the second name.
pub(crate) fn asking(source: &str, id: Oid) -> String {
    format!("+{source}:{PREFIX}{id}")
}

/// Keeps a reference to each of these objects and to nothing else. An object that is not here is passed over.
pub(crate) fn keep(repository: &Repository, wanted: &HashSet<Oid>) -> Result<(), git2::Error> {
    let odb = repository.odb()?;
    for id in wanted {
        if odb.exists(*id) {
            repository.reference(&format!("{PREFIX}{id}"), *id, true, "fetched")?;
        }
    }
    for reference in repository.references()? {
        let mut reference = reference?;
        let is_kept = reference.target().is_some_and(|id| {
            wanted.contains(&id) && reference.name_bytes() == format!("{PREFIX}{id}").as_bytes()
        });
        if !is_kept {
            reference.delete()?;
        }
    }
    // Earlier versions kept the names of the repository, and a killed one may have left torn files among them.
    for folder in ["heads", "tags"] {
        let _ = fs::remove_dir_all(repository.path().join("refs").join(folder));
    }
    Ok(())
}
