//! Names that macOS writes with other bytes than the plan.

use ctutor_workflows::testing::Broken;

use crate::support::{Place, counts, message};

const COMPOSED: &str = "\u{fc}bung";
const DECOMPOSED: &str = "u\u{308}bung";

/// A reference whose plan and tests say `planned`, and whose folders are called `laid_out`.
async fn place(planned: &str, laid_out: &str) -> Place {
    let place = Place::new().await;
    place.write(
        "reference/ctutor-test.toml",
        &format!(
            "runner = 'pytest'\nstudent_files = ['{planned}.py', 'src', '{planned}-*.txt']\ntests = 'tests-{planned}'\n\
             reference_files = ['{planned}.csv']\nsolution = 'solution-{planned}'\n"
        ),
    );
    place.write(
        &format!("reference/tests-{laid_out}/test_names.py"),
        &format!(
            "import runpy, pathlib\n\n\
             def test_module(): assert runpy.run_path('{planned}.py')['value'] == 42\n\
             def test_folder(): assert pathlib.Path('src/{COMPOSED}/{COMPOSED}.txt').read_text() == 'deep'\n\
             def test_pattern(): assert pathlib.Path('{COMPOSED}-1.txt').read_text() == 'one'\n\
             def test_data(): assert pathlib.Path('{planned}.csv').read_text() == '1,2'\n"
        ),
    );
    place.write(&format!("reference/{laid_out}.csv"), "1,2");
    submit(&place, &format!("reference/solution-{laid_out}"), laid_out);
    place
}

fn submit(place: &Place, folder: &str, name: &str) {
    place.write(&format!("{folder}/{name}.py"), "value = 42\n");
    place.write(&format!("{folder}/src/{name}/{name}.txt"), "deep");
    place.write(&format!("{folder}/{name}-1.txt"), "one");
    // It is the reference's, whatever form the student's has.
    place.write(&format!("{folder}/{name}.csv"), "9,9");
}

#[tokio::test]
async fn composed_and_decomposed_names_are_the_same_in_plans_and_repositories() {
    for planned in [COMPOSED, DECOMPOSED] {
        for (reference, student) in [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED), (DECOMPOSED, DECOMPOSED)]
        {
            let mut place = place(planned, reference).await;
            submit(&place, "student", student);
            let report = place.test().await.unwrap();
            assert_eq!(counts(&report), (4, 0, 0), "{planned:?} {reference:?} {student:?}: {report:#?}");
        }
    }
}

#[tokio::test]
async fn two_names_of_one_folder_that_differ_only_in_their_form_are_told() {
    let expected = "has `\u{fc}bung.py` twice: two names that differ only in composed and decomposed letters";
    let mut place = place(COMPOSED, COMPOSED).await;
    for name in [COMPOSED, DECOMPOSED] {
        place.write(&format!("student/{name}.py"), "value = 42\n");
    }
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (0, 4, 0), "{report:#?}");
    assert!(message(&report, "test_module").contains(expected), "{report:#?}");

    place.write(&format!("reference/solution-{COMPOSED}/{DECOMPOSED}.py"), "value = 42\n");
    let error = place.test().await.unwrap_err();
    assert!(matches!(error, Broken::SameName { .. }) && !error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn a_file_and_a_folder_of_one_name_are_told() {
    let mut place = Place::with_answer("def find(): return 42\ndef text(): return 'x'\n").await;
    place.write(&format!("student/src/{COMPOSED}"), "");
    place.write(&format!("student/src/{DECOMPOSED}/a.py"), "");
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (0, 2, 0), "{report:#?}");
    assert!(message(&report, "test_right").contains("has `src/\u{fc}bung` twice"), "{report:#?}");
}
