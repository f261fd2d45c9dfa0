//! Repositories of students that have no commit to test, or have lost a part of it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use super::*;

impl App {
    fn repository(&self, name: &str) -> Repository {
        Repository::open_bare(self.path(name)).unwrap()
    }

    /// Takes the object away that `answer.py` of a repository is.
    fn lose_answer(&self, name: &str) {
        let id = git2::Oid::hash_object(git2::ObjectType::Blob, RIGHT).unwrap().to_string();
        let file = Path::new(&self.path(name)).join("objects").join(&id[..2]).join(&id[2..]);
        fs::remove_file(file).unwrap();
    }

    async fn submission_commit(&self, input: Value) -> Value {
        let execution = self.run(input).await;
        execution.result.unwrap().to_value().unwrap()["result"]["submission_commit"].clone()
    }
}

#[tokio::test]
async fn a_submission_that_lacks_objects_is_a_finished_test_with_the_reason() {
    let app = App::new(|_| {}).await;
    app.commit("student", &[(b"answer.py", RIGHT)]);
    app.lose_answer("student");
    let (score, message) = app.score(app.input("student")).await;
    assert!(score == 0.0, "{score}");
    let expected = "the submission cannot be tested: the repository `";
    assert!(message.starts_with(expected) && message.contains("`answer.py`: the object `"), "{message}");
    assert!(message.contains("` is missing; `git fsck` there lists"), "{message}");

    // The reference is the lecturer's, and nobody's score.
    app.commit("student-2", &[(b"answer.py", RIGHT)]);
    app.commit("broken", &[(b"answer.py", RIGHT), (b"ctutor-test.toml", PLAN.as_bytes())]);
    app.lose_answer("broken");
    let mut input = app.input("student-2");
    input["reference"]["url"] = json!(app.path("broken"));
    let (kind, message) = app.failure(input).await;
    assert_eq!(kind, "RepositoryUnusable");
    assert!(message.contains("is damaged: `answer.py`: the object `"), "{message}");
    app.stop().await;
}

#[tokio::test]
async fn an_empty_submission_is_a_finished_test_and_a_wrong_commit_is_not() {
    let app = App::new(|_| {}).await;
    Repository::init_bare(app.path("student")).unwrap();
    let (score, message) = app.score(app.input("student")).await;
    assert!(score == 0.0 && message.ends_with("is empty: nothing was pushed to it"), "{score} {message}");

    app.commit("student-2", &[(b"answer.py", RIGHT)]);
    let mut input = app.input("student-2");
    input["submission"]["commit"] = json!("none");
    let (kind, message) = app.failure(input.clone()).await;
    assert_eq!(kind, "RepositoryUnusable");
    assert!(message.ends_with("has no commit, branch or tag `none`"), "{message}");

    // No push can make it a commit: whoever starts the test has named it.
    let repository = app.repository("student-2");
    let tree = repository.find_reference("refs/heads/main").unwrap().peel_to_tree().unwrap().id();
    for id in [&tree.to_string(), &tree.to_string()[..10]] {
        input["submission"]["commit"] = json!(id);
        let (kind, message) = app.failure(input.clone()).await;
        assert_eq!(kind, "RepositoryUnusable");
        assert!(message.ends_with("is a tree, expected a commit"), "{message}");
    }
    repository.reference("refs/tags/tree", tree, true, "a tree").unwrap();
    input["submission"]["commit"] = json!("tree");
    let (score, message) = app.score(input).await;
    assert!(score == 0.0 && message.ends_with("is a tree, expected a commit"), "{score} {message}");
    app.stop().await;
}

#[tokio::test]
async fn a_submission_whose_branch_has_the_name_of_a_tag_says_which_to_name() {
    let app = App::new(|_| {}).await;
    app.commit("student", &[(b"answer.py", RIGHT)]);
    let repository = app.repository("student");
    let main = repository.refname_to_id("refs/heads/main").unwrap();
    let commit = repository.find_commit(main).unwrap();
    let author = commit.author();
    let other = repository.commit(None, &author, &author, "Other", &commit.tree().unwrap(), &[]).unwrap();
    repository.reference("refs/tags/main", other, true, "").unwrap();
    let (score, message) = app.score(app.input("student")).await;
    assert!(
        score == 0.0 && message.ends_with("name one of `refs/heads/main`, `refs/tags/main`"),
        "{message}"
    );
    let mut input = app.input("student");
    input["submission"]["commit"] = json!("refs/heads/main");
    assert_eq!(app.score(input).await.0, 1.0);
    app.stop().await;
}

#[tokio::test]
async fn without_a_commit_the_default_branch_is_tested() {
    let app = App::new(|_| {}).await;
    app.commit("student", &[(b"answer.py", RIGHT)]);
    let mut input = app.input("student");
    for repository in ["submission", "reference"] {
        input[repository].as_object_mut().unwrap().remove("commit");
    }
    for name in ["student", "reference"] {
        app.repository(name).set_head("refs/heads/main").unwrap();
    }
    let main = app.repository("student").refname_to_id("refs/heads/main").unwrap();
    assert_eq!(app.submission_commit(input.clone()).await, json!(main.to_string()));

    input["submission"]["commit"] = json!(main.to_string()[..8].to_uppercase());
    assert_eq!(app.submission_commit(input.clone()).await, json!(main.to_string()));

    app.repository("student").set_head("refs/heads/gone").unwrap();
    input["submission"].as_object_mut().unwrap().remove("commit");
    let (kind, message) = app.failure(input).await;
    assert_eq!(kind, "RepositoryUnusable");
    assert!(message.ends_with("name a branch, one of `main`"), "{message}");
    app.stop().await;
}

#[tokio::test]
async fn content_that_is_elsewhere_is_named() {
    let app = App::new(|_| {}).await;
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    app.commit("pointer", &[(b"answer.py", pointer), (b"notes.txt", pointer)]);
    let (score, message) = app.score(app.input("pointer")).await;
    let expected =
        "the submission has only a Git LFS pointer for `answer.py`; commit the file itself, without Git LFS";
    assert_eq!((score, message.as_str()), (0.0, expected));

    app.commit("module", &[(b"answer.py", RIGHT)]);
    let repository = app.repository("module");
    let main = repository.find_reference("refs/heads/main").unwrap().peel_to_commit().unwrap();
    let mut tree = repository.treebuilder(Some(&main.tree().unwrap())).unwrap();
    tree.insert("src", main.id(), 0o160_000).unwrap();
    let tree = repository.find_tree(tree.write().unwrap()).unwrap();
    let author = main.author();
    repository.commit(Some("refs/heads/main"), &author, &author, "Module", &tree, &[&main]).unwrap();
    let (score, message) = app.score(app.input("module")).await;
    let expected =
        "the submission has the submodule `src`, and submodules are not fetched; commit its files instead";
    assert_eq!((score, message.as_str()), (0.0, expected));

    let mut input = app.input("pointer");
    input["reference"]["url"] = json!(app.path("lecturer"));
    app.commit("lecturer", &[(b"tests/test_a.py", pointer), (b"ctutor-test.toml", PLAN.as_bytes())]);
    let (kind, message) = app.failure(input).await;
    assert_eq!(kind, "TestEnvironmentBroken");
    assert!(
        message.starts_with("the reference has only a Git LFS pointer for `tests/test_a.py`"),
        "{message}"
    );
    app.stop().await;
}

/// The Git server of the samples.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn start(folder: &Path) -> Self {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/serve.py");
        let mut command = Command::new("python3");
        let mut child = command.arg(program).arg(folder).arg("0").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, address: line.trim().trim_end_matches('/').to_owned() }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[tokio::test]
async fn a_commit_that_the_server_cannot_read_is_the_submissions_fault_if_that_lasts() {
    let app = App::new(|_| {}).await;
    let served = Served::start(app.folder.path());
    app.commit("broken", &[(b"answer.py", RIGHT)]);
    let main = app.repository("broken").refname_to_id("refs/heads/main").unwrap().to_string();
    let file = Path::new(&app.path("broken")).join("objects").join(&main[..2]).join(&main[2..]);
    fs::remove_file(&file).unwrap();
    fs::write(&file, "garbage").unwrap();
    let url = json!(format!("{}/broken", served.address));
    let (mut submission, mut reference) = (app.input("broken"), app.input("broken"));
    submission["submission"]["url"] = url.clone();
    reference["reference"]["url"] = url;
    let ((score, told), (kind, message)) = tokio::join!(app.score(submission), app.failure(reference));
    assert_eq!(score, 0.0, "{told}");
    assert!(told.starts_with("the submission cannot be tested: Git on the server of `"), "{told}");
    assert_eq!(kind, "RepositoryUnusable", "{message}");
    assert!(message.starts_with("the reference cannot be fetched: Git on the server of `"), "{message}");
    app.stop().await;
}
