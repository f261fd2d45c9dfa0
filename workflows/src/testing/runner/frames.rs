//! Tracebacks as students read them: without the calls of pytest, of its plugins and of the runner, and without the
//! folders in which a worker has its libraries.

/// Folders of pytest and files of plugins and of the runner through which every test is called.
const OF_HARNESS: [&str; 5] = ["/_pytest/", "/pytest/", "/pluggy/", "/pytest_timeout.py", "…/probe.py"];
/// What comes before the path of a module within a library folder.
const LIBRARY_FOLDERS: [&str; 2] = ["/site-packages/", "/dist-packages/"];
const STANDARD_LIBRARY: &str = "/lib/python";

/// A line of a traceback that names a call.
struct Call<'a> {
    before: &'a str,
    path: &'a str,
    after: &'a str,
}

/// Leaves out the calls of the harness with the lines of source below them, and shortens the paths of libraries.
pub(super) fn own_calls(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    // How deep the line is of a call that is left out.
    let mut left_out = None;
    for line in text.split_inclusive('\n') {
        let depth = line.len() - line.trim_start_matches(' ').len();
        let Some(call) = call(line) else {
            if left_out.is_none_or(|call| depth <= call) {
                left_out = None;
                shown.push_str(line);
            }
            continue;
        };
        if !call.path.starts_with('.') && OF_HARNESS.iter().any(|part| call.path.contains(part)) {
            left_out = Some(depth);
            continue;
        }
        left_out = None;
        shown.push_str(call.before);
        shown.push_str(&without_folder(call.path));
        shown.push_str(call.after);
    }
    shown
}

/// As Python writes a call, `  File "a.py", line 1, in f`, or as pytest does, `a.py:1: in f`.
fn call(line: &str) -> Option<Call<'_>> {
    let start = line.trim_start();
    if let Some(rest) = start.strip_prefix("File \"") {
        let path = &rest[..rest.find("\", line ")?];
        let at = line.len() - rest.len();
        return Some(Call { before: &line[..at], path, after: &rest[path.len()..] });
    }
    let path = &line[..line.find(".py:")? + 3];
    let after = &line[path.len()..];
    let number = after[1..].split(':').next()?;
    let is_call = after[1 + number.len()..].starts_with(": ");
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_path = path.starts_with('/') || path.starts_with('…');
    (is_call && is_number && is_path).then_some(Call { before: "", path, after })
}

/// The path of a module of a library without the folder in which the library lies.
fn without_folder(path: &str) -> String {
    if !path.starts_with('/') {
        return path.to_owned();
    }
    for folder in LIBRARY_FOLDERS {
        if let Some(at) = path.rfind(folder) {
            return format!("…/{}", &path[at + folder.len()..]);
        }
    }
    let version = path.rfind(STANDARD_LIBRARY).map(|at| &path[at + STANDARD_LIBRARY.len()..]);
    match version.and_then(|version| version.split_once('/')) {
        Some((_, module)) => format!("…/{module}"),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_the_harness_are_left_out_with_their_source() {
        let python = "~~ Stack of MainThread ~~\n  File \"…/probe.py\", line 415, in main\n    sys.exit(main())\n    ^^^^\n  \
                      File \"/usr/lib/python3/dist-packages/pluggy/_callers.py\", line 39, in _multicall\n    res = f()\n  \
                      File \"./a.py\", line 2, in find\n    json.loads(1)\n  \
                      File \"/usr/lib/python3.11/json/__init__.py\", line 3, in loads\n    raise\nend\n";
        assert_eq!(
            own_calls(python),
            "~~ Stack of MainThread ~~\n  File \"./a.py\", line 2, in find\n    json.loads(1)\n  \
             File \"…/json/__init__.py\", line 3, in loads\n    raise\nend\n"
        );
        let pytest = "a.py:1: in find\n    input()\n/x/site-packages/_pytest/capture.py:192: in read\n    raise OSError(\n\
                      /x/site-packages/numpy/core.py:7: in add\n    1 + x\nE   OSError: no";
        assert_eq!(
            own_calls(pytest),
            "a.py:1: in find\n    input()\n…/numpy/core.py:7: in add\n    1 + x\nE   OSError: no"
        );
    }

    #[test]
    fn what_is_no_call_stays() {
        for text in
            ["", "a\n  b\n", "E   File missing", "/usr/lib/python3.11/x.py: bad", "see /_pytest/a.py:x: y"]
        {
            assert_eq!(own_calls(text), text);
        }
    }
}
