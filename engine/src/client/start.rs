//! Starting workflow executions.

use std::{sync::Arc, time::Duration};

use rand::Rng;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    Acceptance, Caller, Client, ConflictPolicy, EagerSlot, ReusePolicy, StartError, StartField, StartTime,
    StartWorkflow, Started, Visibility, WorkflowExecution, WorkflowStatus, WorkflowTarget,
};
use crate::{
    clock::{Timestamp, millis},
    hint::{self, QueueHint},
    history::{EventAttributes, HistoryEvent, WorkflowExecutionStarted, WorkflowExecutionTerminated},
    ids::{NameError, RunId, TaskQueue, WorkflowId, WorkflowType, check_name},
    payload::{Payload, syntax},
    store::{self, LoadedRun, Replaces, Start, StartOutput, TaskKind},
};

/// Priorities that a start may have.
const PRIORITIES: std::ops::RangeInclusive<i32> = -100..=100;
/// Longest idempotency key in bytes.
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 200;
/// Longest delay of a start and longest execution timeout.
const SPAN_MAX: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// How long an accepting call waits for the first activation of workflow code, which may block.
const ACTIVATION_MAX: Duration = Duration::from_millis(100);

/// States of a closed run whose workflow ID may be used again after a failure.
const UNSUCCESSFUL: &[&str] = &[
    WorkflowStatus::Failed.as_str(),
    WorkflowStatus::TimedOut.as_str(),
    WorkflowStatus::Terminated.as_str(),
    WorkflowStatus::Canceled.as_str(),
];
/// All states of a closed run.
const CLOSED: &[&str] = &[
    WorkflowStatus::Completed.as_str(),
    WorkflowStatus::Failed.as_str(),
    WorkflowStatus::TimedOut.as_str(),
    WorkflowStatus::Terminated.as_str(),
    WorkflowStatus::Canceled.as_str(),
    WorkflowStatus::ContinuedAsNew.as_str(),
];

impl Client {
    /// Starts a workflow execution. Once this has returned, the run is durable and proceeds to its end.
    ///
    /// # Errors
    /// [`StartError`] if it is refused; then nothing is stored.
    pub async fn start_workflow(&self, caller: &Caller, start: StartWorkflow) -> Result<Started, StartError> {
        let (prepared, first_event) = self.prepare(caller, &start).await?;
        let accepted = self.accepted(caller, &prepared, first_event);
        let slot = self.eager_slot(&prepared);
        match self.accept(&accepted, &prepared, slot).await? {
            StartOutput::Created => Ok(Started { execution: accepted.execution, created: true }),
            StartOutput::Replaced { run_id, worker, last_event_id } => {
                self.closed(run_id, worker, last_event_id);
                Ok(Started { execution: accepted.execution, created: true })
            }
            StartOutput::Replayed(run_id) => self.replayed(caller, run_id).await,
            StartOutput::IdempotencyMismatch => {
                let key = start.idempotency_key.clone().unwrap_or_default();
                Err(StartError::IdempotencyMismatch { key })
            }
            StartOutput::Open { run_id, owner } => {
                self.check_mine(caller, &prepared, owner.as_deref())?;
                match start.conflict_policy {
                    ConflictPolicy::UseExisting => self.replayed(caller, run_id).await,
                    ConflictPolicy::Fail | ConflictPolicy::TerminateExisting => {
                        let workflow_id = WorkflowId::trusted(&prepared.workflow_id);
                        Err(StartError::AlreadyRunning { workflow_id, run_id })
                    }
                }
            }
            StartOutput::Closed { run_id, owner } => {
                self.check_mine(caller, &prepared, owner.as_deref())?;
                let workflow_id = WorkflowId::trusted(&prepared.workflow_id);
                Err(StartError::Duplicate { workflow_id, run_id })
            }
        }
    }

    /// Checks that a workflow type is registered.
    ///
    /// # Errors
    /// [`StartError::UnknownType`] as for a start, or [`StartError::Store`].
    pub async fn check_workflow_type(&self, name: &str) -> Result<(), StartError> {
        let types = self.types().await?;
        types.get(name).map(|_| ()).ok_or_else(|| types.unknown(name))
    }

    /// A free slot of a worker of this process, for a run that may start at once.
    fn eager_slot(&self, prepared: &Start) -> Option<EagerSlot> {
        if prepared.visible_at_ms > prepared.created_at_ms {
            return None;
        }
        let task_queue = TaskQueue::trusted(&prepared.task_queue);
        self.eager_starts.reserve(&task_queue, &WorkflowType::trusted(&prepared.workflow_type))
    }

    async fn prepare(
        &self,
        caller: &Caller,
        start: &StartWorkflow,
    ) -> Result<(Start, EventAttributes), StartError> {
        let types = self.types().await?;
        let Some(known) = types.get(&start.workflow_type) else {
            return Err(types.unknown(&start.workflow_type));
        };
        let input = self.payload(StartField::Input, &start.input)?;
        let value = input.to_value().map_err(|error| invalid(StartField::Input, error.to_string()))?;
        known.check_input(&value)?;
        let memo = self.object(StartField::Memo, &start.memo)?;
        let search_attributes = self.object(StartField::SearchAttributes, &start.search_attributes)?;
        let priority = checked_priority(start.priority)?;
        let workflow_id = workflow_id(start)?;
        let task_queue = match &start.task_queue {
            Some(text) => TaskQueue::parse(text).map_err(|error| named(StartField::TaskQueue, &error))?,
            None => known.info.task_queue.clone(),
        };
        let now = self.clock.now();
        let timeout =
            span(StartField::ExecutionTimeout, start.execution_timeout.or(known.info.execution_timeout))?;
        let start_at = start_at(start, now)?;
        let request_id = checked_key(start.idempotency_key.as_deref())?;
        let begins = start_at.map_or(now, |at| at.max(now));
        let attributes = EventAttributes::from(WorkflowExecutionStarted {
            workflow_type: WorkflowType::trusted(&start.workflow_type),
            task_queue: task_queue.clone(),
            input: input.clone(),
            workflow_execution_timeout_ms: timeout.map(millis),
            start_at_ms: start_at,
            identity: Some(caller.subject.clone()),
            random_seed: random_seed(),
        });
        let prepared = Start {
            run_id: RunId::new().0,
            namespace: self.namespace.to_string(),
            workflow_id: workflow_id.to_string(),
            workflow_type: start.workflow_type.clone(),
            task_queue: task_queue.to_string(),
            priority,
            owner: Some(caller.subject.clone()),
            input: input.as_str().to_owned(),
            memo: memo.as_str().to_owned(),
            search_attributes: search_attributes.as_str().to_owned(),
            created_at_ms: now,
            start_at_ms: start_at,
            visible_at_ms: begins,
            holder: None,
            is_fresh: start.workflow_id.is_none(),
            execution_timeout_ms: timeout.map(millis),
            deadline_at_ms: timeout.map(|timeout| begins + timeout),
            attributes: attributes.to_json(),
            caller: caller.subject.clone(),
            input_hash: if request_id.is_some() { hash(start) } else { String::new() },
            request_id,
            replaces: replaces(caller, start).map(Box::new),
            reusable: match start.reuse_policy {
                ReusePolicy::RejectDuplicate => None,
                ReusePolicy::AllowDuplicateFailedOnly => Some(UNSUCCESSFUL),
                ReusePolicy::AllowDuplicate => Some(CLOSED),
            },
        };
        Ok((prepared, attributes))
    }

    /// Stores a run and notifies the worker that is to process it.
    async fn accept(
        &self,
        accepted: &LoadedRun,
        prepared: &Start,
        slot: Option<EagerSlot>,
    ) -> Result<StartOutput, store::Error> {
        let Some(slot) = slot else {
            let output = self.store.try_write(prepared.clone()).await?;
            if output.is_new() {
                let hint = QueueHint { kind: TaskKind::Workflow, due: prepared.visible_at_ms };
                hint::publish_queue(&*self.bus, &self.namespace, &accepted.execution.task_queue, hint);
            }
            return Ok(output);
        };
        let start = prepared.clone().held_by(slot.worker_id);
        let (answer, mut answered) = oneshot::channel();
        let acceptance = Acceptance::new(start, answer);
        // From here on the worker carries it through, also when this call is canceled.
        (slot.hand_over)(prepared.first_task(), accepted.clone(), acceptance.clone());
        let answer = match tokio::time::timeout(ACTIVATION_MAX, &mut answered).await {
            Ok(answer) => answer,
            Err(_) => {
                acceptance.queue(&self.store);
                answered.await
            }
        };
        // Without an answer nothing was written, as while the process ends.
        answer.unwrap_or(Err(store::Error::Closed))?.await
    }

    /// A run in the state in which it was accepted.
    fn accepted(&self, caller: &Caller, prepared: &Start, first_event: EventAttributes) -> LoadedRun {
        let execution = WorkflowExecution {
            run_id: RunId(prepared.run_id),
            namespace: self.namespace.clone(),
            workflow_id: WorkflowId::trusted(&prepared.workflow_id),
            workflow_type: WorkflowType::trusted(&prepared.workflow_type),
            task_queue: TaskQueue::trusted(&prepared.task_queue),
            priority: prepared.priority,
            status: WorkflowStatus::Pending,
            owner: Some(caller.subject.clone()),
            input: Payload::trusted(prepared.input.as_str()),
            result: None,
            failure: None,
            memo: Payload::trusted(prepared.memo.as_str()),
            search_attributes: Payload::trusted(prepared.search_attributes.as_str()),
            created_at: prepared.created_at_ms,
            start_at: prepared.start_at_ms,
            started_at: None,
            closed_at: None,
            execution_timeout: prepared
                .execution_timeout_ms
                .map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0))),
            history_length: 1,
            worker_identity: None,
        };
        let first = HistoryEvent { event_id: 1, time: prepared.created_at_ms, attributes: first_event };
        let history_size_bytes = prepared.attributes.len();
        LoadedRun { execution, events: vec![first], history_size_bytes, messages: Vec::new() }
    }

    async fn replayed(&self, caller: &Caller, run_id: RunId) -> Result<Started, StartError> {
        let execution = self.describe(caller, &WorkflowTarget::Run(run_id)).await?;
        execution.map(|execution| Started { execution, created: false }).ok_or_else(|| {
            // The run of the key was deleted since.
            invalid(
                StartField::IdempotencyKey,
                format!("run `{run_id}`, which this key started, was deleted"),
            )
        })
    }

    /// Hides the run ID of a run that the caller may not see.
    fn check_mine(&self, caller: &Caller, prepared: &Start, owner: Option<&str>) -> Result<(), StartError> {
        let visible = caller.visibility == Visibility::All || owner == Some(caller.subject.as_str());
        if visible {
            return Ok(());
        }
        Err(StartError::Taken { workflow_id: WorkflowId::trusted(&prepared.workflow_id) })
    }

    /// Checks what parsers overlook, so that the schema is compared with what is stored.
    fn payload(&self, field: StartField, payload: &Payload) -> Result<Payload, StartError> {
        let (found, allowed) = (payload.size_bytes(), self.limits.payload_size_bytes_max);
        if found > allowed {
            return Err(StartError::TooLarge { field, found, allowed });
        }
        payload.checked().map_err(|fault| StartError::Invalid {
            field,
            message: fault.to_string(),
            path: fault.path.iter().map(ToString::to_string).collect(),
        })
    }

    fn object(&self, field: StartField, payload: &Payload) -> Result<Payload, StartError> {
        if !payload.is_object() {
            let found = syntax::kind(payload.as_str());
            return Err(invalid(field, format!("expected a JSON object, found {found}")));
        }
        self.payload(field, payload)
    }

    async fn types(&self) -> Result<Arc<super::types::Types>, StartError> {
        let types = self.types.current(&self.store, &self.namespace, self.clock.now()).await;
        Ok(types.map_err(store::Error::before_any_write)?)
    }
}

/// All chance in a run follows from this number, which its first event keeps.
#[expect(clippy::disallowed_methods, reason = "this is where chance enters a run")]
fn random_seed() -> u64 {
    rand::rng().next_u64()
}

fn checked_priority(priority: i32) -> Result<i32, StartError> {
    if PRIORITIES.contains(&priority) {
        return Ok(priority);
    }
    Err(invalid(StartField::Priority, format!("expected an integer from -100 to 100, found {priority}")))
}

fn workflow_id(start: &StartWorkflow) -> Result<WorkflowId, StartError> {
    match &start.workflow_id {
        Some(text) => WorkflowId::parse(text).map_err(|error| named(StartField::WorkflowId, &error)),
        None => Ok(WorkflowId::trusted(format!("{}-{}", start.workflow_type, Uuid::new_v4()))),
    }
}

/// The earliest instant of the start, if one was asked for.
fn start_at(start: &StartWorkflow, now: Timestamp) -> Result<Option<Timestamp>, StartError> {
    let start_at = start.start.map(|start| start.instant(now));
    if start_at.is_some_and(|at| at > now + SPAN_MAX) {
        let field = match start.start {
            Some(StartTime::After(_)) => StartField::Delay,
            Some(StartTime::At(_)) | None => StartField::StartAt,
        };
        return Err(invalid(field, "the start is more than ten years ahead"));
    }
    Ok(start_at)
}

/// The open run that the start ends, if its policy says so.
fn replaces(caller: &Caller, start: &StartWorkflow) -> Option<Replaces> {
    (start.conflict_policy == ConflictPolicy::TerminateExisting).then(|| Replaces {
        of: (caller.visibility == Visibility::Own).then(|| caller.subject.clone()),
        event: WorkflowExecutionTerminated {
            reason: Some("replaced by a new run of the same workflow ID".to_owned()),
            identity: Some(caller.subject.clone()),
        },
    })
}

fn invalid(field: StartField, message: impl Into<String>) -> StartError {
    StartError::Invalid { field, path: Vec::new(), message: message.into() }
}

fn named(field: StartField, error: &NameError) -> StartError {
    invalid(field, error.to_string())
}

fn span(field: StartField, length: Option<Duration>) -> Result<Option<Duration>, StartError> {
    match length {
        Some(length) if length.is_zero() => {
            Err(invalid(field, "expected a timeout longer than zero, such as one hour"))
        }
        Some(length) if length > SPAN_MAX => Err(invalid(field, "expected a timeout of at most ten years")),
        length => Ok(length),
    }
}

/// A key is told in messages and logs, as names are: it keeps their rules.
fn checked_key(key: Option<&str>) -> Result<Option<String>, StartError> {
    let Some(key) = key else { return Ok(None) };
    check_name("idempotency key", key, IDEMPOTENCY_KEY_BYTES_MAX)
        .map_err(|error| named(StartField::IdempotencyKey, &error))?;
    Ok(Some(key.to_owned()))
}

/// What two requests with the same idempotency key must agree on.
fn hash(start: &StartWorkflow) -> String {
    #[derive(Serialize)]
    struct Asked<'a> {
        workflow_type: &'a str,
        input: &'a Payload,
        workflow_id: Option<&'a str>,
        task_queue: Option<&'a str>,
        priority: i32,
        start: Option<StartTime>,
        execution_timeout: Option<Duration>,
        conflict_policy: ConflictPolicy,
        reuse_policy: ReusePolicy,
        memo: &'a Payload,
        search_attributes: &'a Payload,
    }
    // Every field is named, so that a new one cannot be left out of the comparison unnoticed.
    let StartWorkflow {
        workflow_type,
        input,
        workflow_id,
        task_queue,
        priority,
        start,
        execution_timeout,
        memo,
        search_attributes,
        conflict_policy,
        reuse_policy,
        idempotency_key: _,
    } = start;
    let asked = Asked {
        workflow_type,
        input,
        workflow_id: workflow_id.as_deref(),
        task_queue: task_queue.as_deref(),
        priority: *priority,
        start: *start,
        execution_timeout: *execution_timeout,
        conflict_policy: *conflict_policy,
        reuse_policy: *reuse_policy,
        memo,
        search_attributes,
    };
    let text =
        serde_json::to_vec(&asked).expect("strings, numbers and checked payloads can be written as JSON");
    Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect()
}
