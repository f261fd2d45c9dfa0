//! Why a program could not be started.
//!
//! The kernel and the shells have one word for many causes ("No such file or directory" for a script whose interpreter
//! is missing), so the file itself is looked at. That is done by a command in the same sandbox, because the worker
//! must not follow the links of a student. What is found is what is there, whatever the program has written.

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
/// The files that output names are looked at too, but no more than these.
const NAMED_FILES_MAX: usize = 3;
/// What starts other programs, and says so if it cannot.
const STARTERS: [&str; 7] = ["sh", "bash", "dash", "ash", "ksh", "zsh", "env"];
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
    LibraryNotFound {
        library: String,
    },
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
            StartReason::LibraryNotFound { library } => {
                write!(f, "`{program}` needs the library `{library}`, which is not installed")
            }
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

/// The files that may be the cause of an end with this status. The first is the command's own program.
pub(crate) fn suspects(program: &str, code: i32, stderr: &str) -> Vec<String> {
    let is_own = program.contains('/');
    let by_shell = matches!(code, 126 | 127);
    if code == 0 || !(is_own || by_shell) {
        return Vec::new();
    }
    let mut suspects = vec![program.to_owned()];
    // A shell or `env` has failed to start what it names: `sh: 1: ./run: not found`.
    let lines = stderr.lines().rev().take(8).filter(|line| {
        ["not found", "No such file", "Permission denied", "bad interpreter", "cannot execute", "Exec format"]
            .iter()
            .any(|words| line.contains(words))
    });
    let lines = lines.filter(|line| by_shell && believed(line, program));
    for name in lines.filter_map(named_file) {
        if !suspects.contains(&name) && suspects.len() <= NAMED_FILES_MAX {
            suspects.push(name);
        }
    }
    suspects
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
    // Words with blanks are rather part of a message (`prlimit: failed to execute python4: …`).
    let is_name = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '\0');
    is_name.then(|| name.to_owned())
}

/// What the file says about why it did not start, if anything.
pub(crate) enum Finding {
    Nothing,
    Is(StartReason),
    /// It is the reason if this file is missing.
    Needs(String),
}

/// `code` and `stderr` are those of the command, which are asked only for what the file alone does not decide.
pub(crate) fn examine(program: &str, look: &Look<'_>, code: i32, stderr: &str) -> Finding {
    let (begin, executable) = match look {
        Look::Missing => return Finding::Is(StartReason::NotFound),
        Look::Folder => return Finding::Is(StartReason::Folder),
        Look::Refused => return Finding::Is(StartReason::NotExecutableHere),
        Look::File(begin) => (*begin, true),
        Look::Locked(begin) => (*begin, false),
    };
    // With both faults, the one is told that `chmod` does not mend.
    if let Some(finding) = script(begin) {
        return match finding {
            Finding::Is(_) | Finding::Needs(_) if executable => finding,
            Finding::Is(reason @ StartReason::CarriageReturn { .. }) => Finding::Is(reason),
            _ => Finding::Is(StartReason::NotExecutable),
        };
    }
    if !executable {
        return Finding::Is(StartReason::NotExecutable);
    }
    if let Some(format) = other_format(begin) {
        return Finding::Is(StartReason::OtherFormat { format });
    }
    if begin.starts_with(b"\x7fELF") {
        let library = stderr.lines().find_map(|line| {
            let (_, rest) = line.split_once("error while loading shared libraries: ")?;
            Some(rest.split_once(':')?.0.to_owned())
        });
        return match (library, loader(begin)) {
            (Some(library), _) if code == 127 => Finding::Is(StartReason::LibraryNotFound { library }),
            (_, Some(loader)) => Finding::Needs(loader),
            _ => Finding::Nothing,
        };
    }
    if let Some(encoding) = encoding(begin) {
        return Finding::Is(StartReason::Encoding { encoding });
    }
    let run_by_shell = matches!(code, 2 | 126 | 127) && stderr.trim_start().starts_with(program);
    match run_by_shell {
        true => Finding::Is(StartReason::NoInterpreterLine),
        false => Finding::Nothing,
    }
}

/// None for a file without a `#!` line.
fn script(begin: &[u8]) -> Option<Finding> {
    let line = begin.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line).into_owned();
    let mut words = line.split_whitespace();
    let Some(first) = words.next() else { return Some(Finding::Nothing) };
    let is_env = first == "env" || first.ends_with("/env");
    let second = words.next().unwrap_or_default();
    // With `-S`, `env` takes a carriage return for a blank.
    if line.ends_with('\r') && !(is_env && second.starts_with("-S")) {
        return Some(Finding::Is(StartReason::CarriageReturn { interpreter: line.trim().to_owned() }));
    }
    let by_env = if second.starts_with("-S") { words.next().unwrap_or_default() } else { second };
    if is_env && !by_env.is_empty() && !by_env.starts_with('-') && !by_env.contains('=') {
        return Some(Finding::Needs(by_env.to_owned()));
    }
    Some(Finding::Needs(first.to_owned()))
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
        [0xCA, 0xFE, 0xBA, 0xBE, ..] => Some("a class file of Java, which is started with `java`,"),
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

/// The loader that a 64-bit ELF program names.
fn loader(elf: &[u8]) -> Option<String> {
    const INTERPRETER: u32 = 3;

    let number = |at: usize, size: usize| -> Option<usize> {
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(elf.get(at..at.checked_add(size)?)?);
        usize::try_from(u64::from_le_bytes(bytes)).ok()
    };
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

        let by_prlimit = "prlimit: failed to execute python4: No such file or directory";
        assert_eq!(named_file(by_prlimit), None);

        assert_eq!(suspects("python3", 127, by_prlimit), ["python3"]);
        assert_eq!(suspects("python3", 127, "prlimit: python4: No such file or directory"), ["python3"]);
        assert_eq!(suspects("bash", 127, "run.sh: line 1: gcd: command not found"), ["bash", "gcd"]);
        assert_eq!(suspects("./run", 1, ""), ["./run"]);
        assert_eq!(suspects("python3", 1, "x: 1: ./run: not found"), Vec::<String>::new());
        assert_eq!(suspects("sh", 127, "sh: 1: ./run: not found"), ["sh", "./run"]);
    }

    #[test]
    fn other_formats_are_told_apart() {
        let class = b"\xCA\xFE\xBA\xBE\x00\x00\x00\x3D";
        assert!(other_format(class).unwrap().contains("Java"));
        assert!(other_format(b"\xCA\xFE\xBA\xBE\x00\x00\x00\x02").unwrap().contains("macOS"));
        assert!(other_format(b"MZ\x90").unwrap().contains("Windows"));
        assert_eq!(other_format(&std::fs::read(std::env::current_exe().unwrap()).unwrap()), None);
        for cut in 0..64 {
            let _ = (other_format(&b"\x7fELF\x02\x01\x01"[..cut.min(7)]), loader(&[0xFF; 64][..cut]));
        }
    }
}
