//! Modules of a submission that lie in packages.

use crate::support::{Place, counts};

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
