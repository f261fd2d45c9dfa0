//! The workflows and activities of a worker.

use std::{any::Any, collections::BTreeMap, fmt, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};

use crate::{
    activity::{Activity, ActivityContext, ActivityError, Resources},
    failure::Failure,
    ids::{ActivityType, WorkflowType},
    input_schema,
    machine::SharedCore,
    payload::{self, Payload},
    workflow::{Context, Workflow, WorkflowError, WorkflowInfo, WorkflowOptions},
};

/// The workflows, activities and resources of a worker.
#[derive(Debug, Default)]
pub struct Registry {
    workflows: BTreeMap<WorkflowType, Arc<WorkflowDefinition>>,
    activities: BTreeMap<ActivityType, Arc<ActivityDefinition>>,
    resources: Resources,
}

impl Registry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a workflow type. It replaces an earlier one of the same name.
    #[must_use]
    pub fn workflow<W: Workflow>(mut self) -> Self {
        let definition = WorkflowDefinition::of::<W>();
        self.workflows.insert(definition.workflow_type.clone(), Arc::new(definition));
        self
    }

    /// Adds an activity type. It replaces an earlier one of the same name.
    #[must_use]
    pub fn activity<A: Activity>(mut self, _activity: A) -> Self {
        let definition = ActivityDefinition::of::<A>();
        self.activities.insert(definition.activity_type.clone(), Arc::new(definition));
        self
    }

    /// Adds a resource, which activities get by its type.
    #[must_use]
    pub fn resource<T: Any + Send + Sync>(mut self, resource: Arc<T>) -> Self {
        self.resources.insert(resource);
        self
    }

    /// The registered workflow types, by name.
    pub fn workflows(&self) -> impl Iterator<Item = &WorkflowDefinition> {
        self.workflows.values().map(AsRef::as_ref)
    }

    /// The names of the registered activity types.
    pub fn activity_types(&self) -> impl Iterator<Item = &ActivityType> {
        self.activities.keys()
    }

    pub(crate) fn find_workflow(&self, name: &WorkflowType) -> Option<Arc<WorkflowDefinition>> {
        self.workflows.get(name).cloned()
    }

    pub(crate) fn find_activity(&self, name: &ActivityType) -> Option<Arc<ActivityDefinition>> {
        self.activities.get(name).cloned()
    }

    pub(crate) fn into_parts(self) -> (Self, Arc<Resources>) {
        let Self { workflows, activities, resources } = self;
        (Self { workflows, activities, resources: Resources::default() }, Arc::new(resources))
    }
}

type BeginWorkflow =
    fn(SharedCore, WorkflowInfo, Payload) -> BoxFuture<'static, Result<Payload, WorkflowError>>;

/// A registered workflow type.
pub struct WorkflowDefinition {
    /// Its name.
    pub workflow_type: WorkflowType,
    /// Description for users.
    pub description: &'static str,
    /// Default task queue and timeouts.
    pub options: WorkflowOptions,
    /// JSON Schema of its input.
    pub input_schema: serde_json::Value,
    /// JSON Schema of its result.
    pub result_schema: serde_json::Value,
    begin: BeginWorkflow,
}

impl WorkflowDefinition {
    /// The definition of a workflow type.
    #[must_use]
    pub fn of<W: Workflow>() -> Self {
        Self {
            workflow_type: WorkflowType::trusted(W::NAME),
            description: W::DESCRIPTION,
            options: W::options(),
            input_schema: input_schema_of::<W::Input>(),
            result_schema: result_schema_of::<W::Output>(),
            begin: begin::<W>,
        }
    }

    pub(crate) fn begin(
        &self,
        core: SharedCore,
        info: WorkflowInfo,
        input: Payload,
    ) -> BoxFuture<'static, Result<Payload, WorkflowError>> {
        (self.begin)(core, info, input)
    }
}

impl fmt::Debug for WorkflowDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkflowDefinition")
            .field("workflow_type", &self.workflow_type)
            .finish_non_exhaustive()
    }
}

fn begin<W: Workflow>(
    core: SharedCore,
    info: WorkflowInfo,
    input: Payload,
) -> BoxFuture<'static, Result<Payload, WorkflowError>> {
    async move {
        let input = input.decode::<W::Input>().map_err(|error| {
            WorkflowError::failed("InvalidInput", format!("the input of `{}` is not valid: {error}", W::NAME))
        })?;
        let context = Context::new(core, info, W::default());
        let result = W::run(context, input).await?;
        let result = Payload::encode(&result)?;
        result.check_size(format!("the result of `{}`", W::NAME)).map_err(|error| {
            WorkflowError::Failed(Failure::new(payload::TOO_LARGE, error.to_string()).non_retryable())
        })?;
        Ok(result)
    }
    .boxed()
}

type ExecuteActivity = fn(ActivityContext<()>, Payload) -> BoxFuture<'static, Result<Payload, ActivityError>>;

/// A registered activity type.
pub(crate) struct ActivityDefinition {
    activity_type: ActivityType,
    is_early: bool,
    execute: ExecuteActivity,
}

impl ActivityDefinition {
    fn of<A: Activity>() -> Self {
        Self {
            activity_type: ActivityType::trusted(A::NAME),
            is_early: A::options().early,
            execute: execute::<A>,
        }
    }

    /// Whether its attempts may start while the step that schedules them is being committed.
    pub(crate) fn is_early(&self) -> bool {
        self.is_early
    }

    pub(crate) fn execute(
        &self,
        ctx: ActivityContext<()>,
        input: Payload,
    ) -> BoxFuture<'static, Result<Payload, ActivityError>> {
        (self.execute)(ctx, input)
    }
}

impl fmt::Debug for ActivityDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivityDefinition")
            .field("activity_type", &self.activity_type)
            .finish_non_exhaustive()
    }
}

fn execute<A: Activity>(
    ctx: ActivityContext<()>,
    input: Payload,
) -> BoxFuture<'static, Result<Payload, ActivityError>> {
    async move {
        let input = input.decode::<A::Input>().map_err(|error| {
            ActivityError::non_retryable(
                "InvalidInput",
                format!("the input of `{}` is not valid: {error}", A::NAME),
            )
        })?;
        let result = A::execute(ctx.typed(), input).await?;
        let result = Payload::encode(&result).map_err(|error| {
            ActivityError::non_retryable(
                "Payload",
                format!("the result of `{}` cannot be stored: {error}", A::NAME),
            )
        })?;
        result
            .check_size(format!("the result of `{}`", A::NAME))
            .map_err(|error| ActivityError::non_retryable(payload::TOO_LARGE, error.to_string()))?;
        Ok(result)
    }
    .boxed()
}

fn input_schema_of<T: JsonSchema>() -> serde_json::Value {
    let mut schema = generate::<T>(SchemaSettings::draft2020_12().for_deserialize().into_generator());
    input_schema::close(&mut schema);
    schema
}

fn result_schema_of<T: JsonSchema>() -> serde_json::Value {
    generate::<T>(SchemaSettings::draft2020_12().for_serialize().into_generator())
}

fn generate<T: JsonSchema>(generator: SchemaGenerator) -> serde_json::Value {
    generator.into_root_schema_for::<T>().to_value()
}
