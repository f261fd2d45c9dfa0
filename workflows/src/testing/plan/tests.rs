use super::*;

fn parse(text: &str) -> Result<TestPlan, String> {
    let plan: TestPlan = toml::from_str(text).map_err(|fault| fault.to_string())?;
    plan.check().map_err(|fault| fault.to_string())?;
    Ok(plan)
}

#[test]
fn a_short_plan_is_enough() {
    let plan = parse("runner = \"pytest\"\nstudent_files = [\"triangle.py\"]").unwrap();
    assert_eq!(plan.tests, "tests");
    assert_eq!(plan.messages, Messages::Shown);
    let granted = plan.grant(&Maxima { test_timeout: Duration::from_secs(3), ..Maxima::default() });
    assert_eq!((granted.test_timeout, granted.processes), (Duration::from_secs(3), 64));
}

#[test]
fn unknown_keys_and_paths_that_lead_out_are_refused() {
    for text in [
        "runner = \"pytest\"\nstudent_files = [\"a.py\"]\ntimeout = 3",
        "runner = \"make\"\nstudent_files = [\"a.py\"]",
        "runner = \"pytest\"\nstudent_files = []",
        "runner = \"pytest\"\nstudent_files = [\"../a.py\"]",
        "runner = \"pytest\"\nstudent_files = [\"*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a\"]",
        "runner = \"pytest\"\nstudent_files = [\"a.py\"]\ntests = \"/etc\"",
        "runner = \"pytest\"\nstudent_files = [\"a.py\"]\nsolution = \"a/../../b\"",
        "runner = \"command\"\nstudent_files = [\"a.py\"]",
        "runner = \"command\"\nstudent_files = [\"a.py\"]\n[[commands]]\nname = \"x\"\nargv = []",
    ] {
        parse(text).unwrap_err();
    }
}

#[test]
fn a_plan_for_junit_has_a_command_a_report_and_a_solution() {
    let parse_with = |keys: &str, junit: &str| {
        parse(&format!("runner = \"junit\"\nstudent_files = [\"a.py\"]\n{keys}\n{junit}"))
    };
    let junit = "[junit]\nargv = [\"make\", \"test\"]\nreport = \"build/TEST-*.xml\"";
    let plan = parse_with("solution = \"solution\"", junit).unwrap();
    assert_eq!(plan.junit.as_ref().unwrap().argv, ["make", "test"]);
    // It runs twice, and both runs together have to keep what the worker grants.
    let long = TestPlan {
        limits: LimitOverrides { total_timeout_ms: Some(u64::MAX), ..LimitOverrides::default() },
        ..plan
    };
    assert_eq!(long.grant(&Maxima::default()).total_timeout, Maxima::default().total_timeout / 2);

    for (keys, junit) in [
        ("", junit),
        ("solution = \"solution\"", ""),
        ("solution = \"solution\"", "[junit]\nargv = []\nreport = \"a.xml\""),
        ("solution = \"solution\"", "[junit]\nargv = [\"make\"]\nreport = \"../a.xml\""),
        ("solution = \"solution\"\nreference_files = [\"build\"]", junit),
    ] {
        parse_with(keys, junit).unwrap_err();
    }
    parse(&format!("runner = \"pytest\"\nstudent_files = [\"a.py\"]\n{junit}")).unwrap_err();
}

#[test]
fn commands_are_read() {
    let plan = parse(
        "runner = \"command\"
        student_files = [\"*.py\"]
        [[commands]]
        name = \"prints the area\"
        argv = [\"python3\", \"triangle.py\"]
        stdout = { contains = \"area=13.50\" }",
    )
    .unwrap();
    assert_eq!(plan.commands[0].stdout, Some(Expected::Contains("area=13.50".into())));
}

#[test]
fn what_counts_in_output_is_said_for_all_commands_or_for_one() {
    let plan = parse(
        r#"runner = "command"
        student_files = ["*.py"]
        ignore = "line_endings"
        commands = [
            { name = "one", argv = ["a"], stdout = { exact = "x" }, ignore = "nothing" },
            { name = "two", argv = ["a"], stdout = { exact = "x" }, ignore_case = true },
        ]"#,
    )
    .unwrap();
    let of = |index: usize| plan.comparison(&plan.commands[index]);
    assert_eq!(of(0), Comparison { ignore: Ignore::Nothing, ignore_case: false });
    assert_eq!(of(1), Comparison { ignore: Ignore::LineEndings, ignore_case: true });
    assert_eq!(Comparison::default(), Comparison { ignore: Ignore::FinalNewlines, ignore_case: false });
}

#[test]
fn a_wrong_value_is_told_with_its_place() {
    let command = |keys: &str| {
        let start =
            "runner = 'command'\nstudent_files = ['a.py']\n[[commands]]\nname = 'x'\nargv = ['true']\n";
        format!("{start}{keys}")
    };
    let pytest = |keys: &str| format!("runner = 'pytest'\nstudent_files = ['a.py']\n{keys}");
    for (text, expected) in [
        (command("stdout = { exact = 'a' }\nignore = 'blanks'"), "line 7, column 10"),
        (command("stdout = { exact = 'a' }\nignore = 'blanks'"), "unknown variant `blanks`, expected one of"),
        (command("stdout = { equals = 'a' }"), "line 6"),
        (command("stdout = { exact = 'a', contains = 'a' }"), "`stdout` has both `exact` and `contains`"),
        (command("stdout = { exact = 'a', contains = 'a' }"), "line 6, column 10"),
        (command("stdout = {}"), "`stdout` is empty; expected `exact` or `contains`"),
        (command("exit_code = 300"), "`commands[0].exit_code` is 300; it must be 0 to 255"),
        (command("exit_code = 300"), "(one that says 300 ends with 44) (command `x`)"),
        (command("exit_code = -1"), "(one that says -1 ends with 255)"),
        (command("ignore = 'whitespace'"), "`commands[0]` has `ignore` or `ignore_case` but no `stdout`"),
        (command("timeout_ms = 0"), "`commands[0].timeout_ms` is 0; it must be at least 1 (command `x`)"),
        (command("[[commands]]\nname = 'y'\nargv = []"), "`commands[1].argv` names no program (command `y`)"),
        (
            command("[[commands]]\nname = 'x'\nargv = ['a']"),
            "`commands[1].name` is `x`, which is the name of `commands[0]`",
        ),
        (
            command("[[commands]]\nname = 'y'\nargv = ['python3 m.py']"),
            "each argument need an element of their own, such as `[\"python3\", \"m.py\"]` (command `y`)",
        ),
        (
            pytest("reference_files = ['a', 'b\\c.py']"),
            "`reference_files[1]` is `b\\c.py`; use `/`: `b/c.py`",
        ),
        (
            pytest("reference_files = ['a/**/c']"),
            "`reference_files[0]` is `a/**/c`; `**` is not supported: a folder",
        ),
        (command("[[commands]]\nname = ''\nargv = ['a']"), "`commands[1].name` is empty"),
        (command("[[commands]]\nname = 'y'\nargv = ['a', \"\\u0000\"]"), "`commands[1].argv[1]` has a NUL"),
        (pytest("ignore_case = true"), "`ignore` and `ignore_case` are for the runner `command` only"),
        (
            pytest("reference_files = ['a', 'b/../c']"),
            "`reference_files[1]` is `b/../c`; expected a relative",
        ),
        (pytest("[limits]\nmemory_bytes = 512"), "`limits.memory_bytes` is 512; at least 16777216 (16 MiB)"),
        (pytest("[limits]\nprocesses = 0"), "`limits.processes` is 0; it must be at least 1"),
    ] {
        let message = parse(&text).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn exit_codes_that_programs_have_are_accepted() {
    for code in [0, 1, 255] {
        let text =
            "runner = 'command'\nstudent_files = ['a.py']\n[[commands]]\nname = 'x'\nargv = ['true']\n";
        assert_eq!(parse(&format!("{text}exit_code = {code}")).unwrap().commands[0].exit_code, code);
    }
}

#[test]
fn a_file_in_another_encoding_or_with_an_unknown_key_is_told_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let wide = |bytes: fn(u16) -> [u8; 2]| "runner = 'x'".encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let marked = |bytes: Vec<u8>, mark: &[u8]| [mark, &bytes].concat();
    let plain = "runner = 'pytest'\nstudent_files = ['a.py']\n";
    for (bytes, expected) in [
        (
            b"runner = 'pytest'\nname = '\xdcbung'\n".to_vec(),
            "is not in UTF-8: byte 0xDC in line 2; save it in UTF-8",
        ),
        (marked(wide(u16::to_le_bytes), b"\xff\xfe"), "is in UTF-16; save it in UTF-8"),
        (marked(wide(u16::to_be_bytes), b"\xfe\xff"), "is in UTF-16; save it in UTF-8"),
        (wide(u16::to_le_bytes), "is in UTF-16; save it in UTF-8"),
        (wide(u16::to_be_bytes), "is in UTF-16; save it in UTF-8"),
        (format!("{plain}solutoin = 'a'").into_bytes(), "did you mean `solution`?"),
    ] {
        fs::write(folder.path().join(PLAN_FILE), bytes).unwrap();
        let message = TestPlan::read(folder.path()).unwrap_err().to_string();
        assert!(message.contains("`ctutor-test.toml`") && message.contains(expected), "{message}");
    }
}

#[test]
fn a_plan_that_was_written_on_windows_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"runner = 'command'
student_files = ['a.sh']
[[commands]]
name = 'x'
argv = ['sh', 'a.sh']
stdin = '''
1
2
'''
stdout = { exact = """
3
4\r
""" }
"#;
    fs::write(folder.path().join(PLAN_FILE), text).unwrap();
    let plan = TestPlan::read(folder.path()).unwrap();
    assert_eq!(plan.commands[0].stdin, "1\n2\n");
    assert_eq!(plan.commands[0].stdout, Some(Expected::Exact("3\n4\r\n".to_owned())));
    fs::write(folder.path().join(PLAN_FILE), format!("\u{feff}{}", text.replace('\n', "\r\n"))).unwrap();
    assert_eq!(TestPlan::read(folder.path()).unwrap(), plan);
}

#[test]
fn a_value_of_another_type_is_told_in_words_of_plans() {
    let folder = tempfile::tempdir().unwrap();
    let command = "runner = 'command'\nstudent_files = ['a.py']\n[[commands]]\nname = 'x'\nargv = ['true']\n";
    for (text, expected) in [
        (format!("{command}stdout = 'u64'"), "line 6, column 10"),
        (
            format!("{command}stdout = 'u64'"),
            "invalid type: string \"u64\", expected `{ exact = \"…\" }` or `{ contains = \"…\" }`",
        ),
        (format!("{command}timeout_ms = '9'"), "string \"9\", expected a whole number that is not negative"),
        (format!("{command}timeout_ms = -1"), "integer `-1`, expected a whole number that is not negative"),
        (format!("{command}exit_code = '9'"), "string \"9\", expected a whole number, without quotes"),
        (format!("{command}ignore_case = 'yes'"), "string \"yes\", expected `true` or `false`"),
        (format!("{command}ignore = ['whitespace']"), "expected one string in quotes"),
        (
            "runner = 'pytest'\nstudent_files = 'a.py'".to_owned(),
            "expected a list in brackets, such as `[\"a\"",
        ),
    ] {
        fs::write(folder.path().join(PLAN_FILE), &text).unwrap();
        let message = TestPlan::read(folder.path()).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_reference_without_a_plan_is_told_with_what_it_has_instead() {
    for (file, expected) in [
        ("README.md", "the reference has no file `ctutor-test.toml` at its top, and the input has no `plan`"),
        ("Ctutor-test.toml", "; it has `Ctutor-test.toml`: rename it to `ctutor-test.toml`"),
        ("ctutor_test.toml.txt", "; it has `ctutor_test.toml.txt`: rename it to `ctutor-test.toml`"),
        ("a/ctutor-test.toml", "; it has `a/ctutor-test.toml`: give `a` as the `path` of the reference"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
        let message = TestPlan::read(folder.path()).unwrap_err().to_string();
        assert!(message.ends_with(expected), "{message}");
    }
}
