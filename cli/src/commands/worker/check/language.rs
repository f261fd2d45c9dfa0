//! The languages that can be checked: one file each in `languages`, with a small program that is right.

use anyhow::Context;
use serde::Deserialize;

use crate::{config::near, exit::Exit};

/// A language, or a library or a tool of one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Language {
    /// The name of its file, by which it is chosen.
    #[serde(skip)]
    pub(super) name: &'static str,
    pub(super) title: String,
    /// The packages of Debian that bring it.
    pub(super) packages: String,
    /// What has to be in `PATH`.
    pub(super) programs: Vec<String>,
    /// A shell command that prints the version, and fails when a part is not installed.
    pub(super) version: String,
    /// The file that the program is written to.
    pub(super) file: String,
    /// A shell command that compiles and runs it. Its last line of output is `ok`.
    pub(super) run: String,
    pub(super) source: String,
    #[serde(default)]
    pub(super) hints: Vec<Hint>,
}

/// What to do about a failure with certain words.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hint {
    /// Words of the output, separated by `|`; one of them is enough.
    pub(super) output: String,
    pub(super) remedy: String,
}

const FILES: &[(&str, &str)] = &[
    ("ada", include_str!("languages/ada.toml")),
    ("assembly", include_str!("languages/assembly.toml")),
    ("awk", include_str!("languages/awk.toml")),
    ("bash", include_str!("languages/bash.toml")),
    ("c", include_str!("languages/c.toml")),
    ("c-address", include_str!("languages/c-address.toml")),
    ("c-leak", include_str!("languages/c-leak.toml")),
    ("c-thread", include_str!("languages/c-thread.toml")),
    ("c-undefined", include_str!("languages/c-undefined.toml")),
    ("clisp", include_str!("languages/clisp.toml")),
    ("clojure", include_str!("languages/clojure.toml")),
    ("cobol", include_str!("languages/cobol.toml")),
    ("cpp", include_str!("languages/cpp.toml")),
    ("cpp-address", include_str!("languages/cpp-address.toml")),
    ("cpp-leak", include_str!("languages/cpp-leak.toml")),
    ("cpp-thread", include_str!("languages/cpp-thread.toml")),
    ("cpp-undefined", include_str!("languages/cpp-undefined.toml")),
    ("csharp", include_str!("languages/csharp.toml")),
    ("d", include_str!("languages/d.toml")),
    ("elixir", include_str!("languages/elixir.toml")),
    ("erlang", include_str!("languages/erlang.toml")),
    ("forth", include_str!("languages/forth.toml")),
    ("fortran", include_str!("languages/fortran.toml")),
    ("go", include_str!("languages/go.toml")),
    ("guile", include_str!("languages/guile.toml")),
    ("haskell", include_str!("languages/haskell.toml")),
    ("java", include_str!("languages/java.toml")),
    ("kotlin", include_str!("languages/kotlin.toml")),
    ("lua", include_str!("languages/lua.toml")),
    ("maven", include_str!("languages/maven.toml")),
    ("nim", include_str!("languages/nim.toml")),
    ("node", include_str!("languages/node.toml")),
    ("ocaml", include_str!("languages/ocaml.toml")),
    ("octave", include_str!("languages/octave.toml")),
    ("openssl", include_str!("languages/openssl.toml")),
    ("pascal", include_str!("languages/pascal.toml")),
    ("perl", include_str!("languages/perl.toml")),
    ("php", include_str!("languages/php.toml")),
    ("prolog", include_str!("languages/prolog.toml")),
    ("python", include_str!("languages/python.toml")),
    ("python-matplotlib", include_str!("languages/python-matplotlib.toml")),
    ("python-numpy", include_str!("languages/python-numpy.toml")),
    ("python-pytest", include_str!("languages/python-pytest.toml")),
    ("r", include_str!("languages/r.toml")),
    ("racket", include_str!("languages/racket.toml")),
    ("ruby", include_str!("languages/ruby.toml")),
    ("rust", include_str!("languages/rust.toml")),
    ("sbcl", include_str!("languages/sbcl.toml")),
    ("scala", include_str!("languages/scala.toml")),
    ("tcl", include_str!("languages/tcl.toml")),
    ("valgrind", include_str!("languages/valgrind.toml")),
];

/// All languages, or those with these names. `java` stands for itself, `c-*` for all that begin so.
pub(super) fn chosen(names: &[String]) -> anyhow::Result<Vec<Language>> {
    for name in names {
        if !FILES.iter().any(|(file, _)| matches(name, file)) {
            let known: Vec<&str> = FILES.iter().map(|(file, _)| *file).collect();
            let meant = near::question(name, known.iter().copied());
            let told = format!(
                "`{name}` is not a language that can be checked{meant}; these are: {}",
                known.join(", ")
            );
            return Err(Exit::Usage.error(told));
        }
    }
    let is_chosen = |file: &str| names.is_empty() || names.iter().any(|name| matches(name, file));
    FILES.iter().filter(|(file, _)| is_chosen(file)).map(|(file, text)| read(file, text)).collect()
}

fn matches(name: &str, file: &str) -> bool {
    match name.strip_suffix('*') {
        Some(begin) => file.starts_with(begin),
        None => name.eq_ignore_ascii_case(file),
    }
}

fn read(name: &'static str, text: &str) -> anyhow::Result<Language> {
    let language: Language =
        toml::from_str(text).with_context(|| format!("the description of `{name}` is not readable"))?;
    Ok(Language { name, ..language })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;

    #[test]
    fn every_file_is_a_language() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands/worker/check/languages");
        let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let files: BTreeSet<String> = files.map(|name| name.trim_end_matches(".toml").to_owned()).collect();
        let languages = chosen(&[]).unwrap();
        assert_eq!(languages.iter().map(|language| language.name.to_owned()).collect::<BTreeSet<_>>(), files);
        for language in &languages {
            assert!(!language.programs.is_empty() && !language.file.contains('/'), "{}", language.name);
        }
    }

    #[test]
    fn languages_are_chosen_by_name() {
        let names = |wanted: &str| -> Vec<&str> {
            chosen(&[wanted.to_owned()]).unwrap().iter().map(|language| language.name).collect()
        };
        assert_eq!(names("Java"), ["java"]);
        assert_eq!(names("c-*"), ["c-address", "c-leak", "c-thread", "c-undefined"]);
        let error = chosen(&["jawa".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`jawa`") && error.contains("did you mean `java`?"), "{error}");
    }
}
