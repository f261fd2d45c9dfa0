//! How long tests took that did not end by themselves.

use std::time::Duration;

use ctutor_workflows::testing::report::Status;

use crate::support::{Place, message};

#[tokio::test]
async fn a_test_that_ends_its_process_has_lasted_until_then() {
    for action in ["os._exit(3)", "raise KeyboardInterrupt"] {
        let source = format!(
            "import os, time\ndef find():\n    time.sleep(0.3)\n    {action}\ndef text(): return 'x'\n"
        );
        let report = Place::with_answer(&source).await.test().await.unwrap();
        let test = &report.tests[0];
        assert_eq!(test.status, Status::Crashed, "{report:#?}");
        assert!(test.duration >= 0.3 && test.duration <= report.duration, "{report:#?}");
    }
}

#[tokio::test]
async fn a_test_that_meets_the_end_of_the_time_for_all_has_lasted_until_then() {
    let source = "def find():\n    while True: pass\ndef text(): return 'x'\n";
    let mut place = Place::with_answer(source).await;
    place.maxima.total_timeout = Duration::from_secs(4);
    let report = place.test().await.unwrap();
    let [late, not_run] = &report.tests[..] else { panic!("{report:#?}") };
    assert_eq!((late.status, not_run.status), (Status::TimedOut, Status::Skipped), "{report:#?}");
    assert!(late.duration > 0.0 && late.duration <= report.duration, "{report:#?}");
    assert!(not_run.duration.abs() < f64::EPSILON, "{report:#?}");
}

#[tokio::test]
async fn tests_that_a_command_did_not_report_in_time_have_had_all_of_it() {
    let mut place = Place::new().await;
    place.write(
        "reference/ctutor-test.toml",
        "runner = 'junit'\nstudent_files = ['m.sh']\nsolution = 'solution'\njunit = { argv = ['sh', 'm.sh'], report = 'r.xml' }\n",
    );
    let right = "echo '<testsuite><testcase name=\"a\"/></testsuite>' > r.xml\n";
    place.write("reference/solution/m.sh", right);
    place.write("student/m.sh", "while :; do :; done\n");
    place.maxima.total_timeout = Duration::from_secs(2);
    let report = place.test().await.unwrap();
    let test = &report.tests[0];
    assert_eq!(test.status, Status::TimedOut, "{report:#?}");
    let limit = format!("the command did not end within {} s", test.duration);
    assert!(test.duration > 0.0 && message(&report, "a").contains(&limit), "{report:#?}");
}
