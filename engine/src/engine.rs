//! The engine of one process: its database, its bus, and the client, workers and maintenance that use them.

use std::sync::Arc;

use crate::{
    client::{Client, Limits},
    clock::{Clock, ServerClock, SystemClock},
    ids::Namespace,
    maintenance::{self, MaintenanceOptions},
    notify::{Bus, InProcessBus, RedisBus, RedisError, RedisOptions},
    registry::Registry,
    store::{self, DatabaseOptions, Part, Store},
    worker::{self, LocalWorkers, WorkerOptions},
};

/// Options of an engine.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// The database.
    pub database: DatabaseOptions,
    /// How processes notify each other.
    pub bus: BusOptions,
    /// The namespace that it works in.
    pub namespace: Namespace,
    /// Bounds on what callers may send and ask for.
    pub limits: Limits,
}

/// How processes notify each other.
#[derive(Clone)]
pub enum BusOptions {
    /// Inside this process only.
    InProcess,
    /// Through Redis; the URL may hold a password.
    Redis {
        /// `redis://…`
        url: String,
    },
}

impl std::fmt::Debug for BusOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::InProcess => "InProcess",
            Self::Redis { .. } => "Redis",
        })
    }
}

/// Why an engine could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The bus.
    #[error("the Redis URL cannot be used")]
    Bus(#[from] RedisError),
}

/// The engine of one process. Cloning is cheap; it starts no tasks on its own.
#[derive(Debug, Clone)]
pub struct Engine {
    store: Store,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    /// The same clock, if it has to follow that of a server.
    server_clock: Option<ServerClock>,
    namespace: Namespace,
    client: Client,
    local_workers: LocalWorkers,
}

impl Engine {
    /// Connects to the database and the bus. Does not migrate.
    ///
    /// # Errors
    /// [`OpenError`] if the database cannot be reached or the Redis URL is malformed. A Redis server that is away is
    /// not an error, since the bus only carries hints.
    pub async fn open(options: EngineOptions) -> Result<Self, OpenError> {
        let bus: Arc<dyn Bus> = match &options.bus {
            BusOptions::InProcess => Arc::new(InProcessBus::new()),
            BusOptions::Redis { url } => Arc::new(RedisBus::open(&RedisOptions::new(url))?),
        };
        let store = Store::connect(&options.database).await?;
        // The clock of a file is that of its machine.
        if store.is_exclusive() {
            return Ok(Self::assemble(store, bus, Arc::new(SystemClock), options.namespace, options.limits));
        }
        let clock = ServerClock::new(Arc::new(SystemClock));
        store.measure(&clock).await?;
        Ok(Self::with_server_clock(store, bus, clock, options.namespace, options.limits))
    }

    /// An engine that goes by the clock of its database server, which maintenance compares with that of the machine.
    fn with_server_clock(
        store: Store,
        bus: Arc<dyn Bus>,
        clock: ServerClock,
        namespace: Namespace,
        limits: Limits,
    ) -> Self {
        let engine = Self::assemble(store, bus, Arc::new(clock.clone()), namespace, limits);
        Self { server_clock: Some(clock), ..engine }
    }

    /// An engine with given parts, such as a clock that a test controls.
    #[must_use]
    pub fn assemble(
        store: Store,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
        namespace: Namespace,
        limits: Limits,
    ) -> Self {
        let store = store.counted_by(&clock.busy());
        let local_workers = LocalWorkers::default();
        let client = Client::new(
            store.clone(),
            bus.clone(),
            clock.clone(),
            namespace.clone(),
            Arc::new(limits),
            Arc::new(local_workers.clone()),
        );
        Self { store, bus, clock, server_clock: None, namespace, client, local_workers }
    }

    /// Brings the schema of the database up to date.
    ///
    /// # Errors
    /// [`store::Error`] when a step fails.
    pub async fn migrate(&self) -> Result<(), store::Error> {
        self.store.migrate().await
    }

    /// Whether the database lets this process write, as a primary does.
    ///
    /// # Errors
    /// [`store::Error::ReadOnly`], [`store::Error::Database`].
    pub async fn takes_writes(&self) -> Result<(), store::Error> {
        self.store.takes_writes().await
    }

    /// Whether the login may do all that the parts of this process do.
    ///
    /// # Errors
    /// [`store::Error::MissingRights`], [`store::Error::Database`].
    pub async fn may(&self, parts: &[Part]) -> Result<(), store::Error> {
        self.store.may(parts).await
    }

    /// Names of the migrations that are not applied yet.
    ///
    /// # Errors
    /// [`store::Error::Newer`] when others are applied that this version does not know, [`store::Error::Database`].
    pub async fn pending_migrations(&self) -> Result<Vec<String>, store::Error> {
        self.store.pending_migrations().await
    }

    /// Waits until nothing can be written any more because the writer has stopped; the process must be restarted then.
    pub async fn closed(&self) {
        self.store.closed().await;
    }

    /// The engine as callers see it.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// A worker for the workflows and activities of a registry.
    #[must_use]
    pub fn worker(&self, registry: Registry, options: WorkerOptions) -> worker::Service {
        worker::Service::new(
            self.store.clone(),
            self.bus.clone(),
            self.clock.clone(),
            self.namespace.clone(),
            self.local_workers.clone(),
            registry,
            options,
        )
    }

    /// Maintenance, which every process runs.
    #[must_use]
    pub fn maintenance(&self) -> maintenance::Service {
        maintenance::Service {
            store: self.store.clone(),
            bus: self.bus.clone(),
            clock: self.clock.clone(),
            server_clock: self.server_clock.clone(),
            namespace: self.namespace.clone(),
            options: MaintenanceOptions::default(),
            worker_seen_within: self.client.limits().worker_seen_within,
        }
    }
}
