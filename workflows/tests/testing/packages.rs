//! Modules of a submission that lie in packages.

use crate::support::{PLAN, Place, counts};

#[tokio::test]
async fn a_module_in_a_package_is_tested_without_a_solution() {
    for (file, module) in [("pkg/student.py", "pkg.student"), ("src/deep/student.py", "deep.student")] {
        let mut place = Place::new().await;
        let plan = format!("runner = 'pytest'\nstudent_files = ['{file}']\n");
        place.write("reference/ctutor-test.toml", &plan);
        place.write("reference/tests/conftest.py", "import sys\nsys.path.append('src')\n");
        let test = format!("from {module} import f\ndef test_f(): assert f() == 1\n");
        place.write("reference/tests/test_f.py", &test);
        place.write(&format!("student/{file}"), "def f(): return 1\n");
        let report = place.test().await.unwrap();
        assert_eq!(counts(&report), (1, 0, 0), "{file}\n{report:#?}");
    }
}

/// The plugin tries an old library first, and does without it.
#[tokio::test]
async fn a_library_gets_no_stand_in_for_another_that_it_tries() {
    for (conftest, test) in [
        ("pytest_plugins = ['pytest_rerunfailures']\n", "from answer import find\n"),
        ("import importlib\nfind = importlib.import_module('answer').find\n", "from conftest import find\n"),
        ("", "import pytest\nfind = pytest.importorskip('answer').find\n"),
    ] {
        let mut place = Place::new().await;
        place.write("reference/ctutor-test.toml", PLAN);
        place.write("reference/tests/conftest.py", conftest);
        place.write("reference/tests/test_f.py", &format!("{test}def test_f(): assert find() == 42\n"));
        place.write("student/answer.py", "def find(): return 42\n");
        let report = place.test().await.unwrap();
        assert_eq!(counts(&report), (1, 0, 0), "{conftest}\n{report:#?}");
    }
}
