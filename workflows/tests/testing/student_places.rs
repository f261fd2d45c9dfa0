//! What students hand in that cannot be laid out beside the tests: a finished run with a low score, never a failed one.

mod repositories;

use std::{fs, path::Path, sync::Arc};

use ctutor_engine::{
    Engine,
    client::{Caller, Limits, StartWorkflow, Visibility, WatchItem, WorkflowExecution, WorkflowStatus},
    clock::{Clock, SystemClock},
    ids::{Namespace, TaskQueue},
    notify::InProcessBus,
    store::{DatabaseOptions, Store},
    worker::WorkerOptions,
};
use ctutor_git::LocalSources;
use ctutor_workflows::Options;
use futures_util::StreamExt;
use git2::{IndexEntry, IndexTime, Repository, Signature, Time};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::PLAN;

/// A path and what is there; neither need be text.
type File<'a> = (&'a [u8], &'a [u8]);

const RIGHT: &[u8] = b"def find(): return 42\n";
const TEST: &[u8] = b"import answer\n\ndef test_right():\n    assert answer.find() == 42\n";

pub(crate) struct App {
    folder: TempDir,
    pub(crate) engine: Engine,
    stop: CancellationToken,
    worker: tokio::task::JoinHandle<()>,
}

impl App {
    pub(crate) async fn new(adjust: impl FnOnce(&mut Options)) -> Self {
        Self::with_clock(Arc::new(SystemClock), adjust).await
    }

    pub(crate) async fn with_clock(clock: Arc<dyn Clock>, adjust: impl FnOnce(&mut Options)) -> Self {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let store = Store::connect(&DatabaseOptions::new(url)).await.unwrap();
        let bus = Arc::new(InProcessBus::new());
        let namespace = Namespace::trusted("default");
        let engine = Engine::assemble(store, bus, clock, namespace, Limits::default());
        engine.migrate().await.unwrap();
        let mut options = Options::below(folder.path());
        options.git.local_sources = LocalSources::Allowed;
        adjust(&mut options);
        let registry = ctutor_workflows::registry(&options).await.unwrap();
        let task_queues = vec![TaskQueue::trusted("testing")];
        let service = engine.worker(registry, WorkerOptions { task_queues, ..WorkerOptions::default() });
        let mut handle = service.handle();
        let stop = CancellationToken::new();
        let shutdown = stop.clone();
        let worker = tokio::spawn(async move { service.run(shutdown).await.unwrap() });
        handle.ready().await;
        let app = Self { folder, engine, stop, worker };
        let plan = format!("{PLAN}reference_files = ['src/given.py']\n");
        let files: [File<'_>; 3] =
            [(b"ctutor-test.toml", plan.as_bytes()), (b"src/given.py", b""), (b"tests/test_answer.py", TEST)];
        app.commit("reference", &files);
        app
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Commits these files to a new repository, whatever their names are.
    pub(crate) fn commit(&self, name: &str, files: &[File<'_>]) {
        let repository = Repository::init_bare(self.path(name)).unwrap();
        let mut index = git2::Index::new().unwrap();
        for (path, content) in files {
            let id = repository.blob(content).unwrap();
            let zero = IndexTime::new(0, 0);
            let entry = IndexEntry {
                ctime: zero,
                mtime: zero,
                dev: 0,
                ino: 0,
                mode: 0o100_644,
                uid: 0,
                gid: 0,
                file_size: 0,
                id,
                flags: 0,
                flags_extended: 0,
                path: path.to_vec(),
            };
            index.add(&entry).unwrap();
        }
        let tree = repository.find_tree(index.write_tree_to(&repository).unwrap()).unwrap();
        let author = Signature::new("Ada", "ada@uni.example", &Time::new(1_700_000_000, 0)).unwrap();
        repository.commit(Some("refs/heads/main"), &author, &author, "Work", &tree, &[]).unwrap();
    }

    pub(crate) fn input(&self, submission: &str) -> Value {
        json!({
            "submission": { "url": self.path(submission), "commit": "main" },
            "reference": { "url": self.path("reference"), "commit": "main" },
        })
    }

    async fn run(&self, input: Value) -> WorkflowExecution {
        let caller = Caller { subject: "root".into(), visibility: Visibility::All };
        let client = self.engine.client();
        let start = StartWorkflow::new("student_testing", input);
        let started = client.start_workflow(&caller, start).await.unwrap();
        let mut watch = Box::pin(client.watch(&caller, started.execution.run_id, None, true));
        while let Some(item) = watch.next().await {
            if let WatchItem::Ended(execution) = item.unwrap() {
                return *execution;
            }
        }
        panic!("the run has no end");
    }

    /// The score, and what the first test says.
    async fn score(&self, input: Value) -> (f64, String) {
        let execution = self.run(input).await;
        assert_eq!(execution.status, WorkflowStatus::Completed, "{:?}", execution.failure);
        let result = execution.result.as_ref().unwrap().to_value().unwrap()["result"].clone();
        assert_eq!(result["total"], 1, "{result:#}");
        let message = &result["report"]["tests"][0]["resultMessage"];
        (result["score"].as_f64().unwrap(), message.as_str().unwrap_or_default().to_owned())
    }

    /// The type and the message of the failure, after one attempt.
    async fn failure(&self, input: Value) -> (String, String) {
        let execution = self.run(input).await;
        assert_eq!(execution.status, WorkflowStatus::Failed);
        let failure = execution.failure.unwrap();
        let cause = failure.cause.as_deref().unwrap_or(&failure);
        (cause.kind.clone(), cause.message.clone())
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.worker.await.unwrap();
        let scratch = fs::read_dir(self.folder.path().join("cache/scratch")).unwrap();
        let left: Vec<_> = scratch.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["lock"], "nothing is left behind");
    }
}

#[tokio::test]
async fn what_cannot_lie_beside_the_tests_scores_nothing_and_is_named() {
    let app = App::new(|options| options.git.files_max = 20).await;
    let long = [b'x'; 300];
    let deep = format!("{}x.py", "d/".repeat(18));
    let below_pattern = format!("src/{}x.py", "d/".repeat(40));
    let many: Vec<Vec<u8>> = (0..30).map(|number| format!("{number}.txt").into_bytes()).collect();
    let many: Vec<File<'_>> = many.iter().map(|name| (name.as_slice(), b"".as_slice())).collect();
    let cases: [(&str, Vec<File<'_>>, &str); 3] = [
        ("file", vec![(b"src", b"not a folder")], "`src` is a file where the tests have a folder"),
        ("long", vec![(&long, b"")], "`xxxxxxxx"),
        ("many", many, "the repository exceeds `files_max` of 20"),
    ];
    for (name, mut files, expected) in cases {
        files.push((b"answer.py", RIGHT));
        app.commit(name, &files);
        let (score, message) = app.score(app.input(name)).await;
        assert!(score == 0.0 && message.contains(expected), "{name}: {score} {message}");
    }
    for (name, path, score) in [("deep", deep, 1.0), ("deeper", below_pattern, 0.0)] {
        app.commit(name, &[(b"answer.py", RIGHT), (path.as_bytes(), b"")]);
        let found = app.score(app.input(name)).await;
        assert_eq!(found.0, score, "{name}: {found:?}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_folder_that_the_submission_lacks_scores_nothing() {
    let app = App::new(|_| {}).await;
    app.commit("student", &[(b"answer.py", RIGHT)]);
    let mut input = app.input("student");
    input["submission"]["path"] = json!("week1");
    let (score, message) = app.score(input).await;
    assert_eq!((score, message.as_str()), (0.0, "the submission has no folder `week1`"));

    let mut input = app.input("student");
    input["reference"]["path"] = json!("week1");
    let (kind, message) = app.failure(input).await;
    assert_eq!(
        (kind.as_str(), message.as_str()),
        ("TestEnvironmentBroken", "the reference has no folder `week1`")
    );
    app.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn odd_names_do_no_harm() {
    let app = App::new(|_| {}).await;
    app.commit(
        "student",
        &[(b"answer.py", RIGHT), (b"back\\slash.py", b""), (b"latin\xe4.py", b""), (b"src/\xff", b"")],
    );
    assert_eq!(app.score(app.input("student")).await.0, 1.0);
    app.stop().await;
}

#[tokio::test]
async fn servers_and_secrets_are_bound_by_the_worker() {
    let secret = |folder: &Path, text: &str| {
        fs::create_dir_all(folder.join("secrets")).unwrap();
        fs::write(folder.join("secrets/gitlab"), text).unwrap();
    };
    let app = App::new(|options| {
        options.git.sources = vec!["http://127.0.0.1:9/".parse().unwrap()];
    })
    .await;
    secret(app.folder.path(), "glpat-1\n");
    let mut input = app.input("student");
    let (kind, message) = app.failure(input.clone()).await;
    assert_eq!(kind, "SourceRefused", "{message}");
    input["reference"] = json!({
        "url": "http://127.0.0.1:9/a.git",
        "commit": "main",
        "credential": { "secret": "gitlab" },
    });
    let (kind, message) = app.failure(input.clone()).await;
    assert_eq!(kind, "SecretRefused", "{message}");
    assert!(
        message.contains("secret `gitlab`") && message.contains("add the line `http://127.0.0.1:9/`"),
        "{message}"
    );
    assert!(!message.contains(&app.path("")), "{message}");
    secret(app.folder.path(), "glpat-1\nglpat-2\n");
    let (kind, message) = app.failure(input).await;
    assert_eq!(kind, "RepositoryUnusable", "{message}");
    assert!(message.contains("line 2") && !message.contains("glpat"), "{message}");
    app.stop().await;
}
