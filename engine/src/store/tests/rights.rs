//! Logins that are not the owner of the tables.

use std::sync::Arc;

use ctutor_tests::postgres::{Database, create_database};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::NOW;
use crate::{
    Engine,
    client::{ConflictPolicy, Limits, StartWorkflow, WorkflowStatus, WorkflowTarget},
    ids::{Namespace, WorkerId},
    notify::{Bus, InProcessBus},
    store::{DatabaseOptions, Error, Part, Store, rights::grants},
    testing::{App, TestStore, caller},
};

/// A login that owns nothing, and goes with this value.
struct Login<'a> {
    role: String,
    database: &'a Database,
}

impl<'a> Login<'a> {
    fn on(database: &'a Database, suffix: &str) -> Self {
        let name = database.sql("SELECT current_database()").unwrap();
        let login = Self { role: format!("{}_{suffix}", name.trim()), database };
        login.sql("CREATE ROLE {role} LOGIN");
        login
    }

    fn sql(&self, statement: &str) {
        self.database.sql(&statement.replace("{role}", &self.role)).unwrap();
    }

    fn grant(&self, parts: &[Part]) {
        self.sql(&grants(parts, &self.role).join("; "));
    }

    async fn connect(&self) -> Store {
        let url = self.database.url().replacen("postgres@", &format!("{}@", self.role), 1);
        Store::connect(&DatabaseOptions::new(url)).await.unwrap()
    }
}

impl Drop for Login<'_> {
    fn drop(&mut self) {
        self.sql("DROP OWNED BY {role} CASCADE; DROP ROLE {role}");
    }
}

async fn migrated() -> Database {
    let database = tokio::task::spawn_blocking(|| create_database().unwrap()).await.unwrap();
    Store::connect(&DatabaseOptions::new(database.url())).await.unwrap().migrate().await.unwrap();
    database
}

/// The statements between the backticks of a message.
fn remedy(error: &Error) -> String {
    error.to_string().split('`').nth(1).expect("a remedy").to_owned()
}

#[tokio::test]
async fn a_store_is_not_ready_without_any_one_of_its_rights_and_says_which_to_grant() {
    let database = migrated().await;
    let login = Login::on(&database, "one");
    login.grant(&[Part::Api, Part::Worker]);
    let store = login.connect().await;
    let _alive = store.add_local_worker(WorkerId::new());
    store.ready(NOW).await.unwrap();
    for grant in grants(&[Part::Api, Part::Worker], &login.role) {
        login.sql(&grant.replace("GRANT", "REVOKE").replace(" TO ", " FROM "));
        let error = store.ready(NOW).await.unwrap_err();
        assert!(matches!(error, Error::MissingRights(_)), "{grant}: {error:?}");
        assert!(error.is_unavailable() && error.needs_operator());
        let expected = grant.replace(" ON ", " ON TABLE public.");
        assert_eq!(remedy(&error), format!("{expected};"));
        login.sql(&remedy(&error));
        store.ready(NOW).await.unwrap();
    }
}

#[tokio::test]
async fn a_schema_that_may_not_be_used_is_told_and_not_taken_for_an_empty_one() {
    let database = migrated().await;
    let login = Login::on(&database, "schema");
    login.grant(&[Part::Api]);
    login.sql("REVOKE USAGE ON SCHEMA public FROM PUBLIC");
    let store = login.connect().await;
    for error in [store.ready(NOW).await.unwrap_err(), store.pending_migrations().await.unwrap_err()] {
        assert_eq!(remedy(&error), format!("GRANT USAGE ON SCHEMA public TO {};", login.role));
    }
    let error = store.ready(NOW).await.unwrap_err();
    login.sql(&remedy(&error));
    store.ready(NOW).await.unwrap();
}

#[tokio::test]
async fn a_search_path_without_the_schema_of_the_tables_is_told_to_be_one() {
    let database = migrated().await;
    let url = format!("{}&options=-c%20search_path%3Delsewhere", database.url());
    let store = Store::connect(&DatabaseOptions::new(url)).await.unwrap();
    let error = store.ready(NOW).await.unwrap_err();
    assert!(matches!(error, Error::NotMigrated { .. }), "{error:?}");
    assert!(error.to_string().contains("not in the `search_path` of the role"), "{error}");
    let some = Error::NotMigrated { pending: vec!["one".to_owned()] };
    assert!(!some.to_string().contains("search_path"), "{some}");
    // Nothing can be made there either.
    let error = store.migrate().await.unwrap_err();
    assert_eq!(error.code().as_deref(), Some("3F000"));
    assert!(error.remedy().unwrap().contains("GRANT USAGE, CREATE ON SCHEMA"), "{error}");
}

#[tokio::test]
async fn tables_that_are_not_there_lack_no_rights() {
    let database = tokio::task::spawn_blocking(|| create_database().unwrap()).await.unwrap();
    let login = Login::on(&database, "empty");
    assert!(matches!(login.connect().await.ready(NOW).await, Err(Error::NotMigrated { .. })));
}

#[tokio::test]
async fn with_these_rights_alone_api_and_worker_do_all_their_work() {
    let database = migrated().await;
    let (api, worker) = (Login::on(&database, "api"), Login::on(&database, "worker"));
    api.grant(&[Part::Api]);
    worker.grant(&[Part::Worker]);
    let bus: Arc<dyn Bus> = Arc::new(InProcessBus::new());
    let mut app = App::of(TestStore::of(worker.connect().await), &bus);
    let (clock, namespace) = (Arc::new(app.clock.clone()), Namespace::trusted("default"));
    app.elsewhere = Engine::assemble(api.connect().await, bus, clock, namespace, Limits::default());
    let client = app.elsewhere.client();
    client.ready().await.unwrap();
    let _maintenance = [app.maintenance(), app.maintenance_elsewhere()];
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    tokio::spawn(app.elsewhere.maintenance().run(stop));
    let killed = app.worker().await;
    let start = |workflow_type: &str, input: Value| StartWorkflow {
        task_queue: Some("q".to_owned()),
        workflow_id: Some(workflow_type.to_owned()),
        idempotency_key: Some(workflow_type.to_owned()),
        conflict_policy: ConflictPolicy::TerminateExisting,
        ..StartWorkflow::new(workflow_type, input)
    };
    for (workflow_type, input) in [("twice", json!(1)), ("retried", json!(3))] {
        let run_id =
            client.start_workflow(&caller(), start(workflow_type, input)).await.unwrap().execution.run_id;
        let ended = app.end(run_id).await;
        assert_eq!(ended.status, WorkflowStatus::Completed, "{workflow_type}: {ended:?}");
        client.delete_workflow(&caller(), &WorkflowTarget::Run(run_id)).await.unwrap();
    }
    let counting =
        client.start_workflow(&caller(), start("counting", json!(50))).await.unwrap().execution.run_id;
    app.until(async || client.activities(counting).await.unwrap().iter().any(|one| one.attempt == 1)).await;
    killed.kill();
    let worker = app.worker().await;
    assert_eq!(app.end(counting).await.status, WorkflowStatus::Completed);
    let canceled = client.start_workflow(&caller(), start("days", json!(9))).await.unwrap().execution.run_id;
    client.cancel_workflow(&caller(), &WorkflowTarget::Run(canceled), None).await.unwrap();
    assert_eq!(app.end(canceled).await.status, WorkflowStatus::Canceled);
    assert!(!client.workflow_types().await.unwrap().is_empty());
    worker.stop(&app.clock).await;
}
