use std::time::Duration;

use ctutor_engine::{
    activity,
    activity::{ActivityContext, ActivityError, Progress},
    payload::{Payload, syntax},
    workflow,
    workflow::{Context, WorkflowError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::{
    envelope::{Envelope, WorkflowTypeMetadata},
    lenient::Count,
};

/// Maximum number of items. Each chunk is an activity, and histories are bounded.
const ITEMS_MAX: usize = 100_000;
/// Maximum number of chunks.
const CHUNKS_MAX: usize = 5_000;
/// How long a chunk takes.
const CHUNK_TIME: Duration = Duration::from_millis(500);

/// Input of `example_data_processing`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DataProcessing {
    /// Length of a generated list `[1, 2, …]`; ignored if `data` is given.
    pub data_size: Count,
    /// The list to process; replaces the generated one.
    pub data: Option<Vec<Value>>,
    /// Number of items in each chunk; at least 1.
    #[schemars(schema_with = "chunk_size_schema")]
    pub chunk_size: Count,
    /// `sum`, `count` or `max`; with any other value, chunks are returned unchanged.
    pub operation: String,
}

fn chunk_size_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": ["integer", "string"], "minimum": 1, "maximum": u32::MAX, "pattern": "^0*[1-9][0-9]{0,9}$",
        "description": "Number of items in each chunk; at least 1.",
    })
}

impl Default for DataProcessing {
    fn default() -> Self {
        Self { data_size: Count(100), data: None, chunk_size: Count(10), operation: "sum".to_owned() }
    }
}

/// Result of `example_data_processing`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DataProcessed {
    /// Number of items.
    pub total_items: usize,
    /// Number of chunks.
    pub chunks_processed: usize,
    /// Requested number of items in each chunk.
    pub chunk_size: u32,
    /// The operation that was applied.
    pub operation: String,
    /// The operation applied to the results of all chunks.
    pub final_result: Value,
    /// The result of each chunk, in order.
    pub chunk_results: Vec<ChunkResult>,
}

/// A part of the data.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Chunk {
    /// The items of the chunk.
    chunk: Vec<Value>,
    /// The operation to apply.
    operation: String,
    /// Number of chunks before this one.
    processed_chunks: usize,
    /// Number of chunks.
    total_chunks: usize,
}

/// Result of one chunk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChunkResult {
    /// Number of items in the chunk.
    pub chunk_size: usize,
    /// The operation that was applied.
    pub operation: String,
    /// The result of the operation.
    pub result: Value,
}

#[derive(Serialize)]
struct ChunkProgress {
    processed_chunks: usize,
    total_chunks: usize,
    percent: f64,
}

/// Processes one chunk, which takes about half a second.
#[activity(start_to_close = "1m", retry(initial = "1s", backoff = 2.0, max_attempts = 3))]
pub async fn process_data_chunk(ctx: &ActivityContext, input: Chunk) -> Result<ChunkResult, ActivityError> {
    report(ctx, input.processed_chunks, input.total_chunks);
    ctx.sleep(CHUNK_TIME).await?;
    let result = match input.operation.as_str() {
        "sum" => sum(&input.chunk)?,
        "count" => Value::from(input.chunk.len()),
        "max" => max(&input.chunk)?,
        _ => Value::Array(input.chunk.clone()),
    };
    report(ctx, input.processed_chunks + 1, input.total_chunks);
    Ok(ChunkResult { chunk_size: input.chunk.len(), operation: input.operation, result })
}

fn report(ctx: &ActivityContext, done: usize, total: usize) {
    #[expect(clippy::cast_precision_loss, reason = "at most some thousand chunks")]
    let (completed, all) = (done as f64, total as f64);
    let percent = completed / all * 100.0;
    let details = ChunkProgress { processed_chunks: done, total_chunks: total, percent };
    ctx.report(Progress {
        completed,
        total: all,
        message: format!("chunk {done} of {total}"),
        details: Payload::encode(&details).ok(),
    });
}

fn sum(items: &[Value]) -> Result<Value, ActivityError> {
    let numbers = numbers(items)?;
    let whole: Option<i64> = numbers.iter().try_fold(0_i64, |sum, number| sum.checked_add(number.as_i64()?));
    if let Some(whole) = whole {
        return Ok(Value::from(whole));
    }
    Ok(Value::from(numbers.into_iter().filter_map(Number::as_f64).sum::<f64>()))
}

fn max(items: &[Value]) -> Result<Value, ActivityError> {
    let numbers = numbers(items)?;
    let by_value = |a: &&Number, b: &&Number| {
        a.as_f64().unwrap_or(f64::NEG_INFINITY).total_cmp(&b.as_f64().unwrap_or(f64::NEG_INFINITY))
    };
    Ok(numbers.into_iter().max_by(by_value).map_or(Value::Null, |number| Value::Number(number.clone())))
}

fn numbers(items: &[Value]) -> Result<Vec<&Number>, ActivityError> {
    items
        .iter()
        .map(|item| match item {
            Value::Number(number) => Ok(number),
            other => Err(ActivityError::non_retryable(
                "Validation",
                format!("`sum` and `max` need numbers, but an item is {}", syntax::kind(&other.to_string())),
            )),
        })
        .collect()
}

/// Processes a list in chunks, one after the other.
#[derive(Debug, Default)]
pub struct ExampleDataProcessing;

#[workflow(name = "example_data_processing", queue = "computor-tasks", execution_timeout = "10m")]
impl ExampleDataProcessing {
    /// Processes a list in chunks, one after the other.
    #[run]
    async fn run(
        ctx: &Context<Self>,
        input: DataProcessing,
    ) -> Result<Envelope<DataProcessed, WorkflowTypeMetadata>, WorkflowError> {
        let size = usize::try_from(input.chunk_size.0).unwrap_or(usize::MAX);
        let items = items(input.data, input.data_size)?;
        if size == 0 {
            return Err(WorkflowError::failed("Validation", "`chunk_size` is 0, but must be at least 1"));
        }
        let total_chunks = items.len().div_ceil(size);
        if total_chunks > CHUNKS_MAX {
            let message = format!("the data makes {total_chunks} chunks, at most {CHUNKS_MAX} are allowed");
            return Err(WorkflowError::failed("Validation", message));
        }
        let mut chunk_results = Vec::with_capacity(total_chunks);
        for (processed_chunks, chunk) in items.chunks(size).enumerate() {
            let operation = input.operation.clone();
            let chunk = Chunk { chunk: chunk.to_vec(), operation, processed_chunks, total_chunks };
            chunk_results.push(ctx.activity(process_data_chunk, chunk).await?);
        }
        let final_result = combine(&input.operation, &chunk_results)?;
        let result = DataProcessed {
            total_items: items.len(),
            chunks_processed: chunk_results.len(),
            chunk_size: input.chunk_size.0,
            operation: input.operation,
            final_result,
            chunk_results,
        };
        Ok(Envelope::completed(result, WorkflowTypeMetadata::of("data_processing")))
    }
}

fn items(data: Option<Vec<Value>>, data_size: Count) -> Result<Vec<Value>, WorkflowError> {
    let found = data.as_ref().map_or(usize::try_from(data_size.0).unwrap_or(usize::MAX), Vec::len);
    if found > ITEMS_MAX {
        let message = format!("the data has {found} items, at most {ITEMS_MAX} are allowed");
        return Err(WorkflowError::failed("Validation", message));
    }
    Ok(data.unwrap_or_else(|| (1..=data_size.0).map(Value::from).collect()))
}

fn combine(operation: &str, chunks: &[ChunkResult]) -> Result<Value, WorkflowError> {
    let results: Vec<Value> = chunks.iter().map(|chunk| chunk.result.clone()).collect();
    let combined = match operation {
        "sum" => sum(&results),
        "count" => Ok(Value::from(chunks.iter().map(|chunk| chunk.chunk_size).sum::<usize>())),
        "max" => max(&results.into_iter().filter(|result| !result.is_null()).collect::<Vec<_>>()),
        _ => Ok(serde_json::to_value(chunks).unwrap_or(Value::Null)),
    };
    combined.map_err(|error| WorkflowError::Failed(error.failure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_stay_whole_where_they_can() {
        assert_eq!(sum(&[Value::from(1), Value::from(2)]).unwrap(), Value::from(3));
        assert_eq!(sum(&[Value::from(1), Value::from(0.5)]).unwrap(), Value::from(1.5));
        assert_eq!(max(&[]).unwrap(), Value::Null);
        let error = max(&[Value::from("x")]).unwrap_err();
        assert_eq!(error.failure.message, "`sum` and `max` need numbers, but an item is a string");
    }
}
