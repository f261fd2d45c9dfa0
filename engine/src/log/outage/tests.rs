use serde_json::json;

use super::*;
use crate::testing::LogLines;

const CLAIM: Duty = Duty::repeated("claiming");
const RENEW: Duty = Duty::repeated("renewing");
const HEARTBEAT: Duty = Duty::single("a heartbeat");

fn refused() -> Cause {
    Cause { error: "refused".into(), code: None, gravity: Gravity::Passing, remedy: None }
}

fn wrong_password() -> Cause {
    let remedy = Some("correct the password");
    Cause { error: "wrong".into(), code: Some("28P01".into()), gravity: Gravity::Operator, remedy }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp(1_700_000_000_000 + seconds * 1_000)
}

fn told(lines: &LogLines, service: &str) -> Vec<String> {
    let lines = lines.containing(service).into_iter();
    lines
        .map(|line| format!("{} {}", line["level"].as_str().unwrap(), line["message"].as_str().unwrap()))
        .collect()
}

#[test]
fn an_outage_is_a_line_at_its_begin_some_reminders_and_a_line_at_its_end() {
    let lines = LogLines::catch();
    let outages = Outages::new("service 1");
    for second in 0..100 {
        outages.failed(CLAIM, &refused(), at(second));
        outages.failed(RENEW, &refused(), at(second));
    }
    outages.succeeded(RENEW, at(100));
    outages.succeeded(CLAIM, at(101));
    outages.succeeded(CLAIM, at(102));
    assert_eq!(
        told(&lines, "service 1"),
        [
            "WARN service 1 cannot be used: claiming failed; it is retried until it succeeds",
            "WARN service 1 still cannot be used after 10 s and 21 failures of claiming, renewing",
            "WARN service 1 still cannot be used after 30 s and 61 failures of claiming, renewing",
            "ERROR service 1 still cannot be used after 70 s and 141 failures of claiming, renewing",
            "INFO service 1 can be used again after 101.0 s and 200 failures",
        ]
    );
    let [_, reminder, .., end] = &lines.containing("service 1")[..] else { panic!("lines are missing") };
    assert_eq!((&reminder["error"], &reminder["failures"]), (&json!("refused"), &json!(21)));
    assert_eq!((&end["duration_ms"], &end["failures"]), (&json!(101_000), &json!(200)));
}

#[test]
fn a_cause_that_needs_somebody_is_told_at_once_with_the_remedy() {
    let lines = LogLines::catch();
    let outages = Outages::new("service 2");
    outages.failed(CLAIM, &refused(), at(0));
    outages.failed(CLAIM, &wrong_password(), at(1));
    outages.failed(CLAIM, &wrong_password(), at(2));
    assert_eq!(
        told(&lines, "service 2"),
        [
            "WARN service 2 cannot be used: claiming failed; it is retried until it succeeds",
            "ERROR service 2 still cannot be used after 1 s and 2 failures of claiming; correct the password",
        ]
    );
    assert_eq!(lines.containing("service 2")[1]["sqlstate"], "28P01");
}

#[test]
fn what_is_not_tried_again_does_not_keep_an_outage_open() {
    let lines = LogLines::catch();
    let outages = Outages::new("service 3");
    outages.failed(HEARTBEAT, &refused(), at(0));
    outages.succeeded(RENEW, at(1));
    // It goes on, so this is one outage and not many.
    outages.failed(HEARTBEAT, &refused(), at(3));
    outages.succeeded(RENEW, at(4));
    outages.succeeded(RENEW, at(8));
    assert_eq!(
        told(&lines, "service 3"),
        [
            "WARN service 3 cannot be used: a heartbeat failed",
            "INFO service 3 can be used again after 8.0 s and 2 failures",
        ]
    );
}

fn defect() -> Cause {
    Cause { error: "no such column".into(), code: None, gravity: Gravity::Defect, remedy: None }
}

#[test]
fn a_defect_is_no_outage_and_hides_none() {
    let lines = LogLines::catch();
    let outages = Outages::new("service 4");
    for second in 0..=60 {
        outages.failed(CLAIM, &defect(), at(second));
    }
    outages.failed(RENEW, &refused(), at(61));
    outages.failed(HEARTBEAT, &defect(), at(62));
    outages.succeeded(RENEW, at(63));
    assert_eq!(
        told(&lines, "service 4"),
        [
            "ERROR service 4 cannot be used for everything: claiming failed; it is retried until it succeeds",
            "ERROR service 4 cannot be used for everything: claiming failed 60 times; it is retried until it \
             succeeds",
            "WARN service 4 cannot be used: renewing failed; it is retried until it succeeds",
            "ERROR service 4 cannot be used for everything: a heartbeat failed",
            "INFO service 4 can be used again after 2.0 s and 1 failure",
        ]
    );
    assert_eq!(lines.containing("service 4")[1]["failures"], 60);
}

#[test]
fn a_cause_is_looked_for_only_when_a_line_is_due() {
    let lines = LogLines::catch();
    let outages = Outages::new("service 5");
    let first = outages.due(CLAIM, &refused(), at(0)).unwrap();
    assert!(outages.due(RENEW, &refused(), at(1)).is_none(), "the cause is being looked for");
    assert!(outages.due(RENEW, &refused(), at(9)).is_none(), "the cause is being looked for");
    outages.tell(&first, Some(wrong_password()));
    outages.tell(&first, Some(wrong_password()));
    let reminder = outages.due(CLAIM, &refused(), at(12)).unwrap();
    outages.tell(&reminder, None);
    assert!(outages.due(CLAIM, &refused(), at(13)).is_none(), "the next reminder is not due");
    assert_eq!(
        told(&lines, "service 5"),
        [
            "ERROR service 5 cannot be used: claiming failed; it is retried until it succeeds; correct the password",
            "WARN service 5 still cannot be used after 12 s and 4 failures of claiming, renewing",
        ]
    );
}

#[test]
fn a_line_whose_cause_is_still_looked_for_comes_before_the_end() {
    let lines = LogLines::catch();
    let outages = Outages::new("service 6");
    let first = outages.due(CLAIM, &refused(), at(0)).unwrap();
    outages.succeeded(CLAIM, at(1));
    outages.tell(&first, Some(wrong_password()));
    let second = outages.due(CLAIM, &refused(), at(70)).unwrap();
    let worse = outages.due(RENEW, &wrong_password(), at(71)).unwrap();
    outages.tell(&worse, None);
    outages.tell(&second, Some(refused()));
    assert!(outages.due(RENEW, &wrong_password(), at(80)).is_some());
    let instead = outages.due(RENEW, &wrong_password(), at(90)).unwrap();
    outages.tell(&instead, None);
    assert_eq!(
        told(&lines, "service 6"),
        [
            "WARN service 6 cannot be used: claiming failed; it is retried until it succeeds",
            "INFO service 6 can be used again after 1.0 s and 1 failure",
            "ERROR service 6 cannot be used: claiming failed; it is retried until it succeeds; correct the password",
            "ERROR service 6 still cannot be used after 10 s and 4 failures of claiming, renewing; correct the \
             password",
        ]
    );
}

/// What happens, and when.
#[derive(Clone, Copy)]
enum Happens {
    Fails(Duty),
    Succeeds(Duty),
}
use Happens::{Fails, Succeeds};

/// What fails every other second, and succeeds in between.
fn in_turn(seconds: std::ops::Range<i64>, fails: Duty, succeeds: Duty) -> Vec<(i64, Happens)> {
    let turn = |second| (second, if second % 2 == 0 { Fails(fails) } else { Succeeds(succeeds) });
    seconds.map(turn).collect()
}

/// What happens, and the lines that it makes.
type Case = (&'static str, Vec<(i64, Happens)>, &'static [&'static str]);

const BEGIN: &str = "WARN it cannot be used: claiming failed; it is retried until it succeeds";

/// Work that fails and succeeds in turn.
fn unsteady() -> [Case; 2] {
    [
        (
            "every other second",
            in_turn(0..200, CLAIM, CLAIM),
            &[
                BEGIN,
                "INFO it can be used again after 1.0 s and 1 failure",
                "WARN it still cannot be used reliably after 10 s and 6 failures of claiming",
                "WARN it still cannot be used reliably after 30 s and 16 failures of claiming",
                "ERROR it still cannot be used reliably after 70 s and 36 failures of claiming",
                "ERROR it still cannot be used reliably after 130 s and 66 failures of claiming",
                "ERROR it still cannot be used reliably after 190 s and 96 failures of claiming",
            ],
        ),
        (
            "until it has settled",
            [
                in_turn(0..12, CLAIM, CLAIM),
                vec![(70, Succeeds(RENEW)), (71, Succeeds(RENEW)), (72, Succeeds(RENEW))],
            ]
            .concat(),
            &[
                BEGIN,
                "INFO it can be used again after 1.0 s and 1 failure",
                "WARN it still cannot be used reliably after 10 s and 6 failures of claiming",
                "INFO it can be used again after 11.0 s and 6 failures",
            ],
        ),
    ]
}

/// Work that fails twice, and work that goes on meanwhile.
fn twice() -> [Case; 4] {
    [
        (
            "once more, too short for a line",
            vec![
                (0, Fails(CLAIM)),
                (1, Succeeds(CLAIM)),
                (5, Fails(CLAIM)),
                (6, Succeeds(CLAIM)),
                (66, Succeeds(CLAIM)),
            ],
            &[BEGIN, "INFO it can be used again after 1.0 s and 1 failure"],
        ),
        (
            "once more, and nobody succeeds until the next one",
            vec![
                (0, Fails(CLAIM)),
                (1, Succeeds(CLAIM)),
                (12, Fails(CLAIM)),
                (13, Succeeds(CLAIM)),
                (80, Fails(CLAIM)),
            ],
            &[
                BEGIN,
                "INFO it can be used again after 1.0 s and 1 failure",
                "WARN it still cannot be used reliably after 12 s and 2 failures of claiming",
                "INFO it can be used again after 13.0 s and 2 failures",
                BEGIN,
            ],
        ),
        (
            "after it has settled",
            vec![(0, Fails(CLAIM)), (1, Succeeds(CLAIM)), (61, Fails(CLAIM))],
            &[BEGIN, "INFO it can be used again after 1.0 s and 1 failure", BEGIN],
        ),
        (
            "while other work succeeds",
            vec![(0, Fails(CLAIM)), (9, Succeeds(RENEW)), (10, Fails(CLAIM)), (30, Fails(CLAIM))],
            &[
                BEGIN,
                "WARN it still cannot be used for everything after 10 s and 2 failures of claiming",
                "WARN it still cannot be used after 30 s and 3 failures of claiming",
            ],
        ),
    ]
}

#[test]
fn what_fails_again_before_it_has_settled_is_one_outage() {
    let table = unsteady().into_iter().chain(twice());
    for (number, (name, events, expected)) in table.enumerate() {
        let lines = LogLines::catch();
        let service = format!("unsteady service {number}");
        let outages = Outages::new(&*service);
        for (second, happens) in events {
            match happens {
                Fails(duty) => outages.failed(duty, &refused(), at(second)),
                Succeeds(duty) => outages.succeeded(duty, at(second)),
            }
        }
        let found: Vec<String> =
            told(&lines, &service).iter().map(|line| line.replace(&service, "it")).collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn the_cause_of_what_fails_in_turn_is_told_though_it_succeeds_meanwhile() {
    let lines = LogLines::catch();
    let outages = Outages::new("service 7");
    outages.failed(CLAIM, &refused(), at(0));
    outages.succeeded(CLAIM, at(1));
    let reminder = outages.due(CLAIM, &refused(), at(10)).unwrap();
    outages.succeeded(CLAIM, at(11));
    outages.tell(&reminder, Some(wrong_password()));
    assert_eq!(
        told(&lines, "service 7").last().unwrap(),
        "ERROR service 7 still cannot be used reliably after 10 s and 2 failures of claiming; correct the password"
    );
}
