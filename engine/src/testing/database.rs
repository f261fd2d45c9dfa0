use std::time::Duration;

use tempfile::TempDir;

use crate::store::{DatabaseOptions, Store};

/// A store of its own database, which goes with it.
pub(crate) struct TestStore {
    pub(crate) store: Store,
    _folder: Option<TempDir>,
    database: Option<ctutor_tests::postgres::Database>,
}

impl TestStore {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        Self { store: connect(url).await, _folder: Some(folder), database: None }
    }

    pub(crate) async fn postgres() -> Self {
        let create = ctutor_tests::postgres::create_database;
        let database = tokio::task::spawn_blocking(create).await.unwrap().unwrap();
        Self { store: connect(database.url()).await, _folder: None, database: Some(database) }
    }

    /// Where the server is.
    pub(crate) fn url(&self) -> String {
        self.database.as_ref().expect("a server").url()
    }

    /// A store whose database belongs to the test.
    pub(crate) fn of(store: Store) -> Self {
        Self { store, _folder: None, database: None }
    }

    /// Another store on the same server, which does not wait for long.
    pub(crate) async fn impatient(&self) -> Store {
        let statement_timeout = Duration::from_millis(200);
        Store::connect(&DatabaseOptions { statement_timeout, ..DatabaseOptions::new(self.url()) })
            .await
            .unwrap()
    }
}

async fn connect(url: String) -> Store {
    let store = Store::connect(&DatabaseOptions::new(url)).await.unwrap();
    store.migrate().await.unwrap();
    store
}
