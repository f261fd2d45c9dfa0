//! Documents judged by the rules of the GraphQL specification, before the executor sees them.
//!
//! The library that executes documents has rules of its own, with gaps: it takes strings for the values of enums,
//! variables of other types than a position has, fields that contradict each other in merged selection sets, and
//! what stands at `__typename`. So it is asked for none of them; what it executes has been judged here:
//!
//! 1. [`definition`] walks each operation and each fragment once, with the types of the schema.
//! 2. [`operation`] compares the variables of each operation with what it and its fragments use.
//! 3. [`subscription`] wants one field at the root of a subscription.
//! 4. [`overlap`] looks for fields of one response name that differ.
//!
//! The work is bounded by what [`guard`](super::guard) lets through: all but the last are linear
//! in the document, and that compares no two selections more than once. A verdict depends on the document alone, so it can be kept.
//! What depends on the variables is [`Schema::coerce`].

mod coerce;
mod conditions;
mod definition;
mod hints;
mod misfit;
mod numbers;
mod operation;
mod overlap;
mod schema;
mod subscription;
mod values;

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition};
use async_graphql::{Name, Pos, Positioned, ServerError, Value, Variables};

use super::error::{code, coded_at};
use super::reply::ERRORS_MAX;
use definition::Definition;

pub(super) use conditions::repeat_conditions;
pub(super) use hints::question;
pub(super) use numbers::operations_mut;
pub use schema::{ScalarCheck, Schema};
pub(super) use subscription::lift_root;

/// What is to be kept of a valid document beside its tree.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    never_null: Vec<NeverNull>,
}

/// A variable that may be left out but not be null: its position has a default value and does not take null.
#[derive(Debug)]
struct NeverNull {
    operation: Pos,
    variable: Name,
    pos: Pos,
    /// Whether its own default is null.
    is_null_when_absent: bool,
}

impl Schema {
    /// Judges a document by all rules.
    ///
    /// # Errors
    ///
    /// What breaks a rule, in the order of the document, up to [`ERRORS_MAX`].
    pub(super) fn validate(&self, document: &ExecutableDocument) -> Result<Verdict, Vec<ServerError>> {
        let mut errors = Errors::default();
        let mut operations: Vec<_> = document.operations.iter().collect();
        operations.sort_by_key(|(_, operation)| operation.pos);
        let mut names: Vec<_> = document.fragments.iter().collect();
        names.sort_by_key(|(_, fragment)| fragment.pos);
        let fragments = names.iter().map(|(name, fragment)| {
            (name.as_str(), Definition::of_fragment(self, document, fragment, &mut errors))
        });
        let fragments = fragments.collect();
        let mut verdict = Verdict::default();
        let mut used = std::collections::HashSet::new();
        for (name, operation) in &operations {
            let definition = Definition::of_operation(self, document, operation, &mut errors);
            let operation = operation::Operation { name: *name, operation, fragments: &fragments };
            used.extend(operation.check(&definition, &mut verdict.never_null, &mut errors));
        }
        for (name, fragment) in names.iter().filter(|(name, _)| !used.contains(name.as_str())) {
            errors.add(fragment.pos, format!("fragment `{name}` is never used"));
        }
        if errors.is_empty() {
            for (_, operation) in &operations {
                subscription::check(document, operation, &mut errors);
            }
            overlap::check(
                self,
                document,
                operations.iter().map(|(_, operation)| &operation.node),
                &mut errors,
            );
        }
        errors.into_result().map(|()| verdict)
    }
}

impl Verdict {
    /// Checks that no variable is null where only its absence is allowed.
    ///
    /// # Errors
    ///
    /// For each variable that is.
    pub(super) fn check_nulls(
        &self,
        operation: &Positioned<OperationDefinition>,
        variables: &Variables,
    ) -> Result<(), Vec<ServerError>> {
        let of_operation = self.never_null.iter().filter(|variable| variable.operation == operation.pos);
        let null = of_operation.filter(|variable| match variables.get(&variable.variable) {
            Some(value) => *value == Value::Null,
            None => variable.is_null_when_absent,
        });
        let errors: Vec<_> = null
            .map(|NeverNull { variable, pos, .. }| {
                misfit::Misfit::new(Value::Null, "a value that is not null, or to be left out")
                    .tell(misfit::Holder::Variable(variable), *pos)
            })
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

/// What breaks the rules, as far as it is told.
#[derive(Debug, Default)]
struct Errors(Vec<ServerError>);

impl Errors {
    fn add(&mut self, pos: Pos, message: String) {
        self.push(coded_at(code::GRAPHQL_VALIDATION_FAILED, message, Some(pos)));
    }

    /// The same with a message that takes time to make.
    fn add_with(&mut self, pos: Pos, message: impl FnOnce() -> String) {
        if !self.is_full() {
            self.add(pos, message());
        }
    }

    fn push(&mut self, error: ServerError) {
        if !self.is_full() {
            self.0.push(error);
        }
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is no use in looking further.
    fn is_full(&self) -> bool {
        self.0.len() >= ERRORS_MAX
    }

    fn into_result(self) -> Result<(), Vec<ServerError>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}
