//! Why a program could not be started.
//!
//! Whether it was started is what the launcher tells. Why it was not, is what the file shows: the kernel has one word
//! for many causes ("No such file or directory" for a script whose interpreter is missing). It is looked at by a
//! command in the same sandbox, because the worker must not follow the links of a student.
//!
//! A program that was started and has written that something is missing may say the truth or not. What it names is
//! looked at too, and a fault that its file shows is a hint for its author, never the cause of the end.

use std::fmt;

/// The sandbox shows a file with this, called with its name. It prints a word, and after a line end what the file
/// begins with.
pub(crate) const LOOK: &str = r#"
case $1 in */*) file=$1 ;; *) file=$(command -v -- "$1") || file= ;; esac
if [ -z "$file" ] || [ ! -e "$file" ]; then echo missing
elif [ -d "$file" ]; then echo folder
elif [ -x "$file" ]; then echo file; head -c 4096 -- "$file"
elif [ -n "$(find "$file" -maxdepth 0 -perm /111)" ]; then echo refused
else echo locked; head -c 4096 -- "$file"
fi"#;
/// Lets the loader tell, called with it and with a program, which libraries it finds. It does not run the program.
pub(crate) const LIST_LIBRARIES: &str = r#"
case $2 in */*) file=$2 ;; *) file=$(command -v -- "$2") ;; esac
exec "$1" --list "$file" 2>&1"#;
/// The files that output names are looked at too, but no more than these.
const NAMED_FILES_MAX: usize = 3;
/// What starts other programs, and says so if it cannot.
const STARTERS: [&str; 7] = ["sh", "bash", "dash", "ash", "ksh", "zsh", "env"];
const JAVA_CLASS: [u8; 4] = [0xCA, 0xFE, 0xBA, 0xBE];
/// How much of a file [`LOOK`] shows.
const LOOKED_BYTES: usize = 4096;
const ELF_MACHINE: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };

/// A program that could not be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartFailure {
    /// As the command, the output or the file names it.
    pub program: String,
    pub reason: StartReason,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartReason {
    /// It is not there, or not in the folders of `PATH`.
    NotFound,
    Folder,
    /// It lacks the permission to be executed.
    NotExecutable,
    /// It has the permission, but lies on a file system that is mounted with `noexec`.
    NotExecutableHere,
    /// The interpreter that its `#!` line names, or the loader that the program was linked for.
    InterpreterNotFound {
        interpreter: String,
    },
    /// The `#!` line ends with a carriage return, as editors on Windows write it.
    CarriageReturn {
        interpreter: String,
    },
    /// A byte-order mark before `#!`, or UTF-16: the kernel then sees no `#!` line.
    Encoding {
        encoding: &'static str,
    },
    /// A text without `#!` line, which was run by `sh`.
    NoInterpreterLine,
    /// A program for another machine or system.
    OtherFormat {
        format: &'static str,
    },
    /// A class file of Java, which is no program of its own.
    JavaClass,
    /// It begins as a program of this system, and its header is cut off or makes no sense.
    Damaged,
    LibraryNotFound {
        library: String,
    },
    /// The working directory of the command is not there, or may not be entered.
    WorkingFolder,
    /// The kernel did not start it, and nothing of the file tells why: too long a command line, for instance.
    Refused,
}

impl fmt::Display for StartFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, reason } = self;
        match reason {
            StartReason::NotFound if program.contains('/') => {
                write!(f, "the file `{program}` does not exist")
            }
            StartReason::NotFound => write!(f, "the program `{program}` is not installed"),
            StartReason::Folder => write!(f, "`{program}` is a folder, not a program"),
            StartReason::NotExecutable => {
                write!(f, "`{program}` is not executable; set the permission with `chmod +x`")
            }
            StartReason::NotExecutableHere => {
                write!(f, "`{program}` lies on a file system that is mounted with `noexec`")
            }
            StartReason::InterpreterNotFound { interpreter } if interpreter.contains('\\') => write!(
                f,
                "the interpreter of `{program}`, `{interpreter}`, is a path of Windows; name one of this machine, as \
                 in `#!/bin/sh` or `#!/usr/bin/env python3`"
            ),
            StartReason::InterpreterNotFound { interpreter } => {
                write!(f, "the interpreter of `{program}`, `{interpreter}`, is not installed")
            }
            StartReason::CarriageReturn { interpreter } => write!(
                f,
                "the first line of `{program}`, `#!{interpreter}`, ends with a carriage return (CR); save the file \
                 with Unix line ends (LF)"
            ),
            StartReason::Encoding { encoding } => {
                write!(f, "`{program}` is saved as {encoding}; save it as UTF-8 without a byte-order mark")
            }
            StartReason::NoInterpreterLine => {
                write!(f, "`{program}` has no `#!` line that names its interpreter, so it was run by `sh`")
            }
            StartReason::OtherFormat { format } => {
                write!(f, "`{program}` is {format} and cannot run here; build it for this machine")
            }
            StartReason::JavaClass => {
                write!(f, "`{program}` is a class file of Java, which only `java` can start")
            }
            StartReason::Damaged => {
                write!(
                    f,
                    "the program `{program}` is damaged: the file is cut off or was changed; build it again"
                )
            }
            StartReason::LibraryNotFound { library } => {
                write!(f, "`{program}` needs the library `{library}`, which is not installed")
            }
            // Where that is on the worker is nothing for the author of a program.
            StartReason::WorkingFolder => {
                write!(f, "`{program}` was to run in a folder that does not exist or cannot be entered")
            }
            StartReason::Refused => write!(
                f,
                "the system did not start `{program}`; perhaps its arguments are too long, or too many processes run"
            ),
        }
    }
}

/// What [`LOOK`] has printed.
#[derive(Debug)]
pub(crate) enum Look<'a> {
    Missing,
    Folder,
    /// Beginning of a file that may be executed, and of one that may not.
    File(&'a [u8]),
    Locked(&'a [u8]),
    Refused,
}

impl<'a> Look<'a> {
    pub(crate) fn read(printed: &'a [u8]) -> Option<Self> {
        let end = printed.iter().position(|byte| *byte == b'\n')?;
        let (word, file) = (&printed[..end], &printed[end + 1..]);
        Some(match word {
            b"missing" => Self::Missing,
            b"folder" => Self::Folder,
            b"file" => Self::File(file),
            b"locked" => Self::Locked(file),
            b"refused" => Self::Refused,
            _ => return None,
        })
    }
}

/// What was found out about a command that ended as if a program could not be started.
#[derive(Debug)]
pub(crate) enum StartFinding {
    /// It could not be started.
    Cause(StartFailure),
    /// A program ran, and this may be what it met.
    Hint(StartFailure),
}

/// Whether a program that was started may have been another than its author meant: `env`, the shell or the loader.
pub(crate) fn is_suspect(program: &str, code: i32) -> bool {
    code != 0 && (program.contains('/') || matches!(code, 126 | 127))
}

/// The files that a shell or `env` may have failed to start, as it says: `sh: 1: ./run: not found`.
pub(crate) fn named_files(program: &str, code: i32, stderr: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines = stderr.lines().rev().take(8).filter(|line| {
        ["not found", "No such file", "Permission denied", "bad interpreter", "cannot execute", "Exec format"]
            .iter()
            .any(|words| line.contains(words))
    });
    let lines = lines.filter(|line| matches!(code, 126 | 127) && believed(line, program));
    for name in lines.filter_map(named_file) {
        if name != program && !found.contains(&name) && found.len() < NAMED_FILES_MAX {
            found.push(name);
        }
    }
    found
}

/// Whether who speaks in this line could be one that has failed to start a program for the command: the command itself,
/// or a shell. Any program can write what looks like a message of another one.
fn believed(line: &str, program: &str) -> bool {
    let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let program = name(program);
    let speaker = line.split_once(": ").map(|(speaker, _)| name(speaker)).unwrap_or_default();
    // A shell speaks in the name of its script.
    let by_shell = |name: &String| STARTERS.contains(&name.as_str());
    by_shell(&program) || by_shell(&speaker) || speaker == program
}

/// The name in a message such as `sh: 1: ./run: not found` or `env: ‘python4’: No such file or directory`.
fn named_file(line: &str) -> Option<String> {
    let mut parts: Vec<&str> = line.split(": ").collect();
    parts.pop();
    // Bash says more between the name of a script and the cause.
    let further = match line {
        _ if line.contains(": bad interpreter: ") => 2,
        _ if line.contains(": cannot execute: ") => 1,
        _ => 0,
    };
    let name = parts.into_iter().rev().nth(further);
    let name = name?.trim_matches(['\'', '`', '"', '‘', '’']);
    // Words with blanks are rather part of a message.
    let is_name = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '\0');
    is_name.then(|| name.to_owned())
}

/// What the file says about why it did not start, if anything.
#[derive(Debug)]
pub(crate) enum Finding {
    Nothing,
    Is(StartReason),
    /// It is true, but need not be why the command ended as it did.
    Perhaps(StartReason),
    /// It is the reason if this file is missing.
    Needs(String),
    /// It is the reason if this loader does not find the libraries.
    NeedsLibraries {
        loader: String,
    },
}

/// What the file tells, of a program that the kernel refused to start, or of one that it did start and that ended with
/// this status: then `env`, a shell or the loader ran in its place, or it did itself and is not to blame.
pub(crate) fn examine(look: &Look<'_>, is_refused: bool, code: i32) -> Finding {
    let (begin, executable) = match look {
        Look::File(begin) => (*begin, true),
        Look::Locked(begin) if is_refused => (*begin, false),
        Look::Missing if is_refused => return Finding::Is(StartReason::NotFound),
        Look::Folder if is_refused => return Finding::Is(StartReason::Folder),
        Look::Refused if is_refused => return Finding::Is(StartReason::NotExecutableHere),
        // It ran, and is no longer what it was.
        Look::Locked(_) | Look::Missing | Look::Folder | Look::Refused => return Finding::Nothing,
    };
    // With both faults, the one is told that `chmod` does not mend.
    if let Some(Script { by_env, finding }) = script(begin) {
        let ran = !(is_refused || by_env && code == 127);
        return match finding {
            // An interpreter takes it for a part of its argument.
            Finding::Is(reason) if ran => Finding::Perhaps(reason),
            _ if ran => Finding::Nothing,
            Finding::Is(_) | Finding::Needs(_) if executable => finding,
            Finding::Is(reason @ StartReason::CarriageReturn { .. }) => Finding::Is(reason),
            _ => Finding::Is(StartReason::NotExecutable),
        };
    }
    if !executable {
        return Finding::Is(StartReason::NotExecutable);
    }
    // Without these, the rest of the header says nothing of the machine.
    let is_elf = begin.starts_with(b"\x7fELF");
    if is_elf && !matches!(begin, [_, _, _, _, 1 | 2, 1 | 2, ..]) {
        return if is_refused { Finding::Is(StartReason::Damaged) } else { Finding::Nothing };
    }
    if let Some(format) = other_format(begin) {
        return Finding::Is(StartReason::OtherFormat { format });
    }
    if begin.starts_with(&JAVA_CLASS) {
        return Finding::Is(StartReason::JavaClass);
    }
    if is_elf {
        if is_refused && is_damaged(begin) {
            return Finding::Is(StartReason::Damaged);
        }
        return match loader(begin) {
            Some(loader) if is_refused => Finding::Needs(loader),
            Some(loader) if code == 127 => Finding::NeedsLibraries { loader },
            _ => Finding::Nothing,
        };
    }
    // What the kernel does not know, a shell runs.
    match encoding(begin) {
        Some(encoding) if is_refused => Finding::Is(StartReason::Encoding { encoding }),
        Some(encoding) => Finding::Perhaps(StartReason::Encoding { encoding }),
        None if matches!(code, 2 | 126 | 127) => Finding::Perhaps(StartReason::NoInterpreterLine),
        None => Finding::Nothing,
    }
}

/// The library that the loader has no file for, in its own words; the program has not run.
pub(crate) fn missing_library(list: &str) -> Option<String> {
    list.lines().find_map(|line| {
        let (_, rest) = line.split_once("error while loading shared libraries: ")?;
        Some(rest.split_once(':')?.0.to_owned())
    })
}

/// A file with a `#!` line.
struct Script {
    /// The kernel starts `env`, which starts the interpreter.
    by_env: bool,
    finding: Finding,
}

/// None for a file without a `#!` line.
fn script(begin: &[u8]) -> Option<Script> {
    let line = begin.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line).into_owned();
    let mut words = line.split_whitespace();
    let Some(first) = words.next() else { return Some(Script { by_env: false, finding: Finding::Nothing }) };
    let is_env = first == "env" || first.ends_with("/env");
    let second = words.next().unwrap_or_default();
    let by_env = if second.starts_with("-S") { words.next().unwrap_or_default() } else { second };
    let names_it = is_env && !by_env.is_empty() && !by_env.starts_with('-') && !by_env.contains('=');
    // With `-S`, `env` takes a carriage return for a blank.
    let finding = if line.ends_with('\r') && !(is_env && second.starts_with("-S")) {
        Finding::Is(StartReason::CarriageReturn { interpreter: line.trim().to_owned() })
    } else {
        Finding::Needs(if names_it { by_env } else { first }.to_owned())
    };
    Some(Script { by_env: names_it, finding })
}

fn encoding(begin: &[u8]) -> Option<&'static str> {
    match begin {
        [0xEF, 0xBB, 0xBF, ..] => Some("UTF-8 with a byte-order mark"),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Some("UTF-16"),
        _ => None,
    }
}

fn other_format(begin: &[u8]) -> Option<&'static str> {
    match begin {
        [b'M', b'Z', ..] => Some("a program for Windows"),
        [0xFE, 0xED, 0xFA, 0xCE | 0xCF, ..] | [0xCE | 0xCF, 0xFA, 0xED, 0xFE, ..] => {
            Some("a program for macOS")
        }
        // Both begin with the same four bytes; a Java class has its version next, from 45 on.
        [0xCA, 0xFE, 0xBA, 0xBE, 0, 0, 0, 0..=44, ..] => Some("a program for macOS"),
        [0x7F, b'E', b'L', b'F', class, _, ..] => {
            let kind = u16::from_le_bytes([*begin.get(16)?, *begin.get(17)?]);
            let machine = u16::from_le_bytes([*begin.get(18)?, *begin.get(19)?]);
            match (kind, *class, machine) {
                (1, ..) => Some("an object file, not yet linked to a program,"),
                (_, 1, _) => Some("a 32-bit program"),
                (_, _, machine) if machine != ELF_MACHINE => Some("a program for another processor"),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether the header of an ELF program is cut off or makes no sense.
fn is_damaged(elf: &[u8]) -> bool {
    const ENTRY_BYTES: usize = 56;
    const KINDS: [usize; 2] = [2, 3];

    let is_whole = || {
        let (kind, table) = (number(elf, 16, 2)?, number(elf, 32, 8)?);
        let (entry_bytes, entries) = (number(elf, 54, 2)?, number(elf, 56, 2)?);
        let end = table.checked_add(entry_bytes.checked_mul(entries)?)?;
        // What is longer was not read to its end.
        let has_table = end <= elf.len() || elf.len() == LOOKED_BYTES;
        Some(KINDS.contains(&kind) && entry_bytes == ENTRY_BYTES && entries > 0 && has_table)
    };
    !is_whole().unwrap_or_default()
}

/// A little-endian number of up to eight bytes.
fn number(bytes: &[u8], at: usize, size: usize) -> Option<usize> {
    let mut read = [0; 8];
    read[..size].copy_from_slice(bytes.get(at..at.checked_add(size)?)?);
    usize::try_from(u64::from_le_bytes(read)).ok()
}

/// The loader that a 64-bit ELF program names.
fn loader(elf: &[u8]) -> Option<String> {
    const INTERPRETER: u32 = 3;

    let number = |at, size| number(elf, at, size);
    let (table, entry_bytes, entries) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    for index in 0..entries.min(64) {
        let entry = table.checked_add(index.checked_mul(entry_bytes)?)?;
        if number(entry, 4)? == INTERPRETER as usize {
            let at = number(entry.checked_add(8)?, 8)?;
            let name = elf.get(at..)?.split(|byte| *byte == 0).next()?;
            return Some(String::from_utf8_lossy(name).into_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_a_message_names_is_suspected() {
        let named = |line: &str| named_file(line).unwrap();
        assert_eq!(named("sh: 1: ./run: not found"), "./run");
        assert_eq!(named("bash: line 1: ./run: Permission denied"), "./run");
        assert_eq!(
            named("bash: line 1: ./run: /bin/bash^M: bad interpreter: No such file or directory"),
            "./run"
        );
        assert_eq!(named("bash: line 1: ./run: cannot execute: required file not found"), "./run");
        assert_eq!(named("/usr/bin/env: ‘python4’: No such file or directory"), "python4");
        assert_eq!(named_file("no message at all"), None);

        assert_eq!(named_files("bash", 127, "run.sh: line 1: gcd: command not found"), ["gcd"]);
        assert_eq!(named_files("sh", 127, "sh: 1: ./run: not found"), ["./run"]);
        for (program, code, line) in [
            ("python3", 127, "prlimit: python4: No such file or directory"),
            ("python3", 1, "x: 1: ./run: not found"),
            ("./run", 1, ""),
        ] {
            assert_eq!(named_files(program, code, line), Vec::<String>::new());
        }
    }

    #[test]
    fn other_formats_are_told_apart() {
        let class = b"\xCA\xFE\xBA\xBE\x00\x00\x00\x3D";
        assert_eq!(other_format(class), None);
        for (file, expected) in [
            (&class[..], "`./p` is a class file of Java, which only `java` can start"),
            (b"\x7fELF", "the program `./p` is damaged: the file is cut off or was changed; build it again"),
            (
                &[&b"\x7fELF"[..], &[0xA5; 999]].concat(),
                "the program `./p` is damaged: the file is cut off or was changed; build it again",
            ),
        ] {
            let Finding::Is(reason) = examine(&Look::File(file), true, 0) else { panic!("{file:?}") };
            assert_eq!(StartFailure { program: "./p".to_owned(), reason }.to_string(), expected);
        }
        let this = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(!is_damaged(&this[..LOOKED_BYTES]) && is_damaged(&this[..99]));
        let reason = StartReason::InterpreterNotFound { interpreter: r"C:\bash.exe".to_owned() };
        let told = StartFailure { program: "./p".to_owned(), reason }.to_string();
        assert!(told.contains(r"`C:\bash.exe`, is a path of Windows"), "{told}");
        assert!(other_format(b"\xCA\xFE\xBA\xBE\x00\x00\x00\x02").unwrap().contains("macOS"));
        assert!(other_format(b"MZ\x90").unwrap().contains("Windows"));
        assert_eq!(other_format(&std::fs::read(std::env::current_exe().unwrap()).unwrap()), None);
        for cut in 0..64 {
            let _ = (other_format(&b"\x7fELF\x02\x01\x01"[..cut.min(7)]), loader(&[0xFF; 64][..cut]));
        }
    }
}
