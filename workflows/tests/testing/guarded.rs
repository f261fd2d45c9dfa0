//! Submissions that move a folder to get at the reference's files in it, and what may still be done in such a folder.

use crate::support::{Place, counts, message};

/// Moves `folder` out of the way, puts a file or a link in its place, and goes on whatever happens.
fn moving(folder: &str, then: &str) -> String {
    format!(
        "import os\ntry:\n    os.rename('{folder}', 'old')\n    os.mkdir('{folder}')\n    {then}\nexcept OSError as fault:\n    print('refused', fault.errno)\n"
    )
}

#[tokio::test]
async fn a_link_in_the_place_of_a_file_of_the_tests_opens_no_file_of_the_worker() {
    let mut place = Place::new().await;
    place.write("secret", "for the worker only");
    place.write("reference/src/data.txt", "right");
    place.write(
        "reference/ctutor-test.toml",
        "runner = 'command'
student_files = ['src/student.py']
reference_files = ['src/data.txt']
[[commands]]
name = 'first'
argv = ['python3', 'src/student.py']
stdout.exact = \"refused 16\\nright\\n\"
[[commands]]
name = 'second'
argv = ['python3', 'src/student.py']
stdout.exact = \"refused 16\\nright\\n\"
",
    );
    let link = format!("os.symlink('{}', 'src/data.txt')", place.path("secret").display());
    let read = "try: print(open('src/data.txt').read())\nexcept OSError as fault: print(fault.errno)\n";
    place.write("student/src/student.py", &format!("{}{read}", moving("src", &link)));
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (2, 0, 0), "{report:#?}");
}

#[tokio::test]
async fn a_command_meets_no_check_of_the_submission() {
    let mut place = Place::new().await;
    place.write("reference/src/deep/check.py", "import sys\nsys.exit(1)\n");
    place.write(
        "reference/ctutor-test.toml",
        "runner = 'command'
student_files = ['src']
reference_files = ['src/deep/check.py']
[[commands]]
name = 'build'
argv = ['python3', 'src/student.py']
[[commands]]
name = 'check'
argv = ['python3', 'src/deep/check.py']
",
    );
    let source = ["src", "src/deep"].map(|folder| {
        moving(folder, "os.makedirs('src/deep', exist_ok=True); open('src/deep/check.py', 'w')")
    });
    place.write("student/src/student.py", &source.concat());
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (1, 1, 0), "{report:#?}");
    assert!(message(&report, "check").contains("exit status 1"), "{report:#?}");
}

#[tokio::test]
async fn the_junit_command_meets_no_check_of_the_submission() {
    let mut place = Place::new().await;
    place.write(
        "reference/ctutor-test.toml",
        "runner = 'junit'
student_files = ['src/answer.py']
reference_files = ['src/check.py', 'run.sh']
solution = 'solution'
[junit]
argv = ['sh', 'run.sh']
report = 'out/report.xml'
",
    );
    place.write("reference/run.sh", "mkdir -p out\npython3 src/answer.py\npython3 src/check.py\n");
    let check = "import subprocess
right = b'42' in subprocess.run(['python3', 'src/answer.py'], capture_output=True).stdout
failure = '' if right else '<failure/>'
open('out/report.xml', 'w').write('<testsuite><testcase name=\"right\">' + failure + '</testcase></testsuite>')
";
    place.write("reference/src/check.py", check);
    place.write("reference/solution/src/answer.py", "print(42)");
    let forged = check.replace('\n', ";").replace(" if right else '<failure/>'", "").replace('"', "\\x22");
    let write = format!("open('src/check.py', 'w').write(\"{forged}\")");
    place.write("student/src/answer.py", &moving("src", &write));
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (0, 1, 0), "{report:#?}");

    place.write("student/src/answer.py", "print(42)");
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (1, 0, 0), "{report:#?}");
}

#[tokio::test]
async fn pytest_meets_no_tests_of_the_submission() {
    let mut place = Place::new().await;
    place.write(
        "reference/ctutor-test.toml",
        "runner = 'pytest'\ntests = 'pkg/tests'\nstudent_files = ['pkg/student.py']\n",
    );
    let test = "import subprocess, sys
def test_right():
    subprocess.run([sys.executable, 'pkg/student.py'])
    assert open('pkg/tests/data.txt').read() == 'right'
    assert subprocess.run([sys.executable, 'pkg/student.py', 'x'], capture_output=True).stdout == b'42'
";
    place.write("reference/pkg/tests/test_student.py", test);
    place.write("reference/pkg/tests/data.txt", "right");
    let write = "os.mkdir('pkg/tests'); open('pkg/tests/data.txt', 'w').write('wrong')";
    place.write("student/pkg/student.py", &moving("pkg", write));
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (0, 1, 0), "{report:#?}");
    assert!(message(&report, "test_right").contains("refused 16"), "{report:#?}");
}

#[tokio::test]
async fn a_folder_with_files_of_the_tests_can_be_written_to() {
    let mut place = Place::new().await;
    place.write("reference/src/deep/data.txt", "right");
    place.write(
        "reference/ctutor-test.toml",
        "runner = 'command'
student_files = ['src']
reference_files = ['src/deep/data.txt']
[[commands]]
name = 'build'
argv = ['python3', 'src/build.py']
stdout.exact = 'right 30'
[[commands]]
name = 'use'
argv = ['python3', 'src/built.py']
stdout.exact = 'right'
",
    );
    place.write("student/src/deep/own.txt", "own");
    place.write(
        "student/src/build.py",
        "import os, py_compile
open('src/new.py', 'w').write(\"print(open('src/deep/data.txt').read())\")
os.rename('src/new.py', 'src/built.py')
open('src/deep/own.txt', 'a').write('more')
os.rename('src/deep/own.txt', 'src/deep/other.txt')
os.remove('src/deep/other.txt')
os.makedirs('src/build/classes')
os.rename('src/build', 'src/out')
py_compile.compile('src/built.py')
assert os.listdir('src/__pycache__')
try: open('src/deep/data.txt', 'w')
except OSError as fault: print(open('src/deep/data.txt').read(), fault.errno)
",
    );
    let report = place.test().await.unwrap();
    assert_eq!(counts(&report), (2, 0, 0), "{report:#?}");
}
