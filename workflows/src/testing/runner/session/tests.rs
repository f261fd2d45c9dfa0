use super::*;

fn session() -> (Session, Vec<String>) {
    let tests = ["t/a.py::one", "t/a.py::two", "t/b.py::three"].map(str::to_owned).to_vec();
    let mut session = Session::new(&tests);
    session.nonce = "nonce".to_owned();
    (session, tests)
}

fn started(test: &str) -> Vec<u8> {
    format!(r#"nonce {{"event":"started","test":"{test}"}}"#).into()
}

fn done(test: &str, result: &str) -> Vec<u8> {
    format!(r#"nonce {{"event":"done","test":"{test}","result":"{result}","message":null,"duration":0.1}}"#)
        .into()
}

/// The test as it is gives `result`, its canary `canary`.
fn run(session: &mut Session, test: &str, result: &str, canary: &str) {
    let order = if session.canary_first[test] { [canary, result] } else { [result, canary] };
    for result in order {
        session.read(&started(test));
        session.read(&done(test, result));
    }
}

fn is_condemned(session: Session, tests: &[String]) -> bool {
    let reports = session.settle(tests, Status::Crashed, "?", 1.5);
    let condemned =
        reports.values().filter(|report| report.result_message.as_deref() == Some(TAMPERED)).count();
    assert!(condemned == 0 || condemned == tests.len(), "{reports:?}");
    condemned > 0
}

#[test]
fn only_lines_with_the_nonce_are_believed() {
    let (mut session, tests) = session();
    session.read(&started(&tests[0]));
    let forged = String::from_utf8(done(&tests[0], "passed")).expect("text").replace("nonce", "guess");
    session.read(forged.as_bytes());
    session.read(b"nonce");
    session.read(b"nonce {\"event\":\"done\"}");
    assert!(session.done.is_empty() && !session.tampered);
}

#[test]
fn a_test_is_done_when_it_and_its_canary_have_run() {
    let (mut session, tests) = session();
    session.read(&started(&tests[0]));
    session.read(&done(&tests[0], "failed"));
    assert!(session.done.is_empty());
    session.read(&started(&tests[0]));
    session.read(&done(&tests[0], "failed"));
    run(&mut session, &tests[1], "passed", "failed");
    run(&mut session, &tests[2], "passed", "skipped");
    let verdicts: Vec<Verdict> = tests.iter().map(|test| session.done[test].result).collect();
    assert_eq!(verdicts, [Verdict::Failed, Verdict::Passed, Verdict::Passed]);
    assert!(!is_condemned(session, &tests));
}

#[test]
fn a_canary_that_passes_condemns_the_whole_run() {
    for result in ["passed", "failed"] {
        let (mut session, tests) = session();
        run(&mut session, &tests[0], "failed", "failed");
        run(&mut session, &tests[1], result, "passed");
        assert!(is_condemned(session, &tests));
    }
}

#[test]
fn results_out_of_turn_condemn_the_whole_run() {
    let (one, two) = ("t/a.py::one", "t/a.py::two");
    let told = |events: &[Vec<u8>]| {
        let (mut session, tests) = session();
        for event in events {
            session.read(event);
        }
        is_condemned(session, &tests)
    };
    let (begin, fail, pass) = (started(one), done(one, "failed"), done(one, "passed"));
    assert!(told(std::slice::from_ref(&pass)));
    assert!(told(&[begin.clone(), done(two, "passed")]));
    assert!(told(&[begin.clone(), fail.clone(), fail.clone()]));
    assert!(told(&[begin.clone(), begin.clone()]));
    assert!(told(&[begin.clone(), fail.clone(), started(two)]));
    let pair = [begin.clone(), fail.clone(), begin.clone(), fail];
    assert!(!told(&pair));
    assert!(told(&[&pair[..], &[begin]].concat()));
    assert!(told(&[started("t/a.py::made_up")]));
    assert!(told(&[b"nonce {\"event\":\"changed\"}".to_vec()]));
}

#[test]
fn the_test_that_ran_is_blamed_and_the_rest_is_left_for_the_next_process() {
    for between in [false, true] {
        let (mut session, tests) = session();
        run(&mut session, &tests[0], "passed", "failed");
        session.read(&started(&tests[1]));
        if between {
            session.read(&done(&tests[1], "failed"));
        }
        let reports = session.settle(&tests, Status::TimedOut, "too slow", 1.5);
        assert_eq!(reports.len(), 2);
        assert_eq!(reports[&tests[1]].status, Status::TimedOut);
        assert!((reports[&tests[1]].duration - 1.5).abs() < f64::EPSILON, "{reports:?}");
        assert!(!reports.contains_key(&tests[2]));
    }
}

#[test]
fn whoever_ends_pytest_costs_the_test_that_ran() {
    let (mut session, tests) = session();
    run(&mut session, &tests[0], "passed", "failed");
    session.read(&started(&tests[1]));
    session.read(br#"nonce {"event":"finished","code":2}"#);
    let reports = session.settle(&tests, Status::Crashed, "?", 1.5);
    assert_eq!(reports.len(), 2);
    assert_eq!(reports[&tests[1]].result_message.as_deref(), Some(INTERRUPTED));
}

#[test]
fn a_file_that_does_not_load_fails_its_tests_only() {
    let (mut session, tests) = session();
    session.read(br#"nonce {"event":"loading","file":"t/a.py"}"#);
    let reports = session.settle(&tests, Status::TimedOut, "too slow", 1.5);
    assert_eq!(reports.len(), 2);
    assert!(!reports.contains_key(&tests[2]));
}

#[test]
fn files_that_nobody_asked_for_are_not_kept() {
    let (mut session, _) = session();
    for event in ["load_failed", "load_skipped"] {
        for file in ["t/a.py", "t/made_up.py"] {
            let line = format!(r#"nonce {{"event":"{event}","file":"{file}","message":"?"}}"#);
            session.read(line.as_bytes());
        }
    }
    assert_eq!(session.load_failures.len(), 1);
    assert_eq!(session.load_skips.len(), 1);
    let made_up = r#"nonce {"event":"done","test":"made_up","result":"passed","message":null,"skipped_subtests":["a"],"duration":0}"#;
    session.read(made_up.as_bytes());
    assert!(session.skipped_subtests.is_empty());
    let mut listing = Session::new(&[]);
    listing.nonce = "nonce".to_owned();
    listing.read(br#"nonce {"event":"load_failed","file":"t/any.py","message":"?"}"#);
    assert_eq!(listing.load_failures.len(), 1);
}

#[test]
fn a_process_that_told_nothing_ends_the_matter() {
    let (session, tests) = session();
    let reports = session.settle(&tests, Status::Crashed, "exit status 0", 1.5);
    assert!(reports.values().all(|report| report.result == Verdict::Failed));
    assert_eq!(reports.len(), 3);
}

#[test]
fn a_test_that_pytest_left_out_has_failed() {
    let (mut session, tests) = session();
    session.read(format!(r#"nonce {{"event":"listed","tests":["{}"]}}"#, tests[0]).as_bytes());
    run(&mut session, &tests[0], "passed", "failed");
    session.read(br#"nonce {"event":"finished","code":0}"#);
    assert_eq!(session.unlisted(), tests[1..]);
    let reports = session.settle(&tests, Status::Crashed, "?", 1.5);
    assert_eq!(reports[&tests[1]].result_message.as_deref(), Some(NOT_RUN));
    assert_eq!(reports.len(), 3);
}
