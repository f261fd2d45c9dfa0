//! Files of a submission that have the names of modules of Python.

use crate::support::{PLAN, Place, counts};

const RIGHT: &str = "def find(): return 42\ndef text(): return 'x'\n";
const TESTS: &str = "import answer
def test_late():
    import fractions, statistics
    assert statistics.mean([answer.find()]) == 42 and fractions.Fraction(1) == 1
";

/// How the reference lets Python find the files of a submission.
const SETUPS: [(&str, &str); 2] =
    [("__init__.py", ""), ("conftest.py", "import os, sys\nsys.path.insert(0, os.getcwd())\n")];

#[tokio::test]
async fn a_file_of_a_submission_does_not_replace_a_module_of_python() {
    for (name, content) in SETUPS {
        let mut place = Place::with_answer(RIGHT).await;
        place.write(&format!("reference/tests/{name}"), content);
        place.write("reference/tests/test_answer.py", TESTS);
        for module in ["random", "typing", "json", "statistics", "fractions"] {
            place.write(&format!("student/{module}.py"), "raise ValueError('of the submission')\n");
        }
        let report = place.test().await.unwrap();
        assert_eq!(counts(&report), (1, 0, 0), "{name} {report:#?}");
    }
}

#[tokio::test]
async fn a_file_that_the_plan_names_replaces_a_module_of_python() {
    let plans = ["student_files = ['statistics.py', 'fractions.py', 'answer.py']\n", ""];
    for ((name, content), files) in SETUPS.into_iter().zip(plans) {
        let mut place = Place::with_answer(RIGHT).await;
        let plan = if files.is_empty() { PLAN.to_owned() } else { format!("runner = 'pytest'\n{files}") };
        place.write("reference/ctutor-test.toml", &format!("{plan}solution = 'solution'\n"));
        place.write(&format!("reference/tests/{name}"), content);
        place.write("reference/tests/test_answer.py", TESTS);
        for folder in ["student", "reference/solution"] {
            place.write(&format!("{folder}/answer.py"), RIGHT);
            place.write(&format!("{folder}/statistics.py"), "def mean(numbers): return 42\n");
            place.write(&format!("{folder}/fractions.py"), "Fraction = abs\nMINE = 1\n");
        }
        let mut tests = TESTS.to_owned();
        tests.push_str("    assert fractions.MINE == 1\n");
        place.write("reference/tests/test_answer.py", &tests);
        let report = place.test().await.unwrap();
        assert_eq!(counts(&report), (1, 0, 0), "{name} {report:#?}");
    }
}
