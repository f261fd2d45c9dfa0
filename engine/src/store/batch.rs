//! The writes of one transaction, by kind.

use std::collections::BTreeSet;

use sea_orm::DbErr;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use uuid::Uuid;

use super::{
    Error,
    sql::Tx,
    write::{
        Locks, Operation,
        activity::ActivityReport,
        claim::{ClaimActivityTasks, ClaimWorkflowTasks},
        heartbeat::StoredHeartbeat,
        lease::{FailWorkflowTask, RenewLease},
        message::NewMessage,
        rescue::RescueWorkflowTasks,
        start::Start,
        step::Step,
        stop::{CancelRun, CloseRun, DeleteRun, ForgetRequests},
        worker::{RegisterWorker, RemoveWorkers},
    },
};
use crate::clock::Work;

/// Whom to tell what became of an item, and the room that the item takes up until then.
pub(crate) struct Reply<T> {
    pub(super) answer: oneshot::Sender<Result<T, Error>>,
    pub(super) _room: Option<OwnedSemaphorePermit>,
    /// Until whoever asked has been woken.
    pub(super) _work: Work,
}

impl<T> Reply<T> {
    pub(super) fn send(self, result: Result<T, Error>) {
        // Whoever asked may have gone away; what was written stands all the same.
        let _ = self.answer.send(result);
    }
}

/// Items of one kind, with those who wait for their outcome.
struct Lane<O: Operation> {
    items: Vec<O>,
    replies: Vec<Reply<O::Output>>,
    outputs: Vec<O::Output>,
}

impl<O: Operation> Default for Lane<O> {
    fn default() -> Self {
        Self { items: Vec::new(), replies: Vec::new(), outputs: Vec::new() }
    }
}

impl<O: Operation> Lane<O> {
    fn push(&mut self, item: O, reply: Reply<O::Output>) {
        self.items.push(item);
        self.replies.push(reply);
    }

    async fn apply(&mut self, tx: Tx<'_>) -> Result<(), DbErr> {
        if !self.items.is_empty() {
            self.outputs = O::apply(tx, &self.items).await?;
        }
        Ok(())
    }

    fn answer(self) {
        for (reply, output) in self.replies.into_iter().zip(self.outputs) {
            reply.send(Ok(output));
        }
    }

    fn fail(self, error: &Error) {
        for reply in self.replies {
            reply.send(Err(error.clone()));
        }
    }
}

macro_rules! lanes {
    ($($lane:ident: $operation:ident),* $(,)?) => {
        /// A write on its way to the database.
        pub(super) enum Write {
            $($operation($operation, Reply<<$operation as Operation>::Output>),)*
        }

        /// The writes of one transaction, by kind, in the order in which the kinds are applied.
        #[derive(Default)]
        pub(super) struct Batch {
            $($lane: Lane<$operation>,)*
        }

        impl Batch {
            pub(super) fn push(&mut self, write: Write) {
                match write {
                    $(Write::$operation(item, reply) => self.$lane.push(item, reply),)*
                }
            }

            pub(super) async fn apply(&mut self, tx: Tx<'_>) -> Result<(), DbErr> {
                self.locks().take(tx).await?;
                $(self.$lane.apply(tx).await?;)*
                Ok(())
            }

            pub(super) fn answer(self) {
                $(self.$lane.answer();)*
            }

            pub(super) fn fail(self, error: &Error) {
                $(self.$lane.fail(error);)*
            }

            /// One batch for each item.
            pub(super) fn split(self) -> Vec<Self> {
                let mut single = Vec::new();
                $(for (item, reply) in self.$lane.items.into_iter().zip(self.$lane.replies) {
                    let mut batch = Self::default();
                    batch.$lane.push(item, reply);
                    single.push(batch);
                })*
                single
            }

/// What they change that others may hold.
            pub(super) fn locks(&self) -> Locks {
                let mut locks = Locks::default();
                $(self.$lane.items.iter().for_each(|item| item.locks(&mut locks));)*
                locks
            }

            /// Those that need none of these runs, and those that do.
            pub(super) fn divide(self, runs: &BTreeSet<Uuid>) -> (Self, Self) {
                let (mut free, mut held) = (Self::default(), Self::default());
                $(for (item, reply) in self.$lane.items.into_iter().zip(self.$lane.replies) {
                    let mut locks = Locks::default();
                    item.locks(&mut locks);
                    let batch = if locks.touch(runs) { &mut held } else { &mut free };
                    batch.$lane.push(item, reply);
                })*
                (free, held)
            }

            pub(super) fn len(&self) -> usize {
                0 $(+ self.$lane.items.len())*
            }

            pub(super) fn size_bytes(&self) -> usize {
                0 $(+ self.$lane.items.iter().map(Operation::size_bytes).sum::<usize>())*
            }
        }

        $(impl Submit for $operation {
            fn write(self, reply: Reply<Self::Output>) -> WriteBox {
                WriteBox { size_bytes: self.size_bytes(), write: Write::$operation(self, reply), with: None }
            }
        })*
    };
}

/// An operation that the writer takes.
pub(crate) trait Submit: Operation {
    fn write(self, reply: Reply<Self::Output>) -> WriteBox;
}

/// A write whose kind stays the writer's own affair.
pub(crate) struct WriteBox {
    pub(super) write: Write,
    /// Another one for the same transaction.
    pub(super) with: Option<Box<Write>>,
    pub(super) size_bytes: usize,
}

impl WriteBox {
    /// Both for one transaction.
    pub(super) fn and(self, other: Self) -> Self {
        Self { with: Some(Box::new(other.write)), size_bytes: self.size_bytes + other.size_bytes, ..self }
    }
}

lanes! {
    registrations: RegisterWorker,
    starts: Start,
    cancels: CancelRun,
    closes: CloseRun,
    steps: Step,
    failures: FailWorkflowTask,
    heartbeats: StoredHeartbeat,
    reports: ActivityReport,
    messages: NewMessage,
    renewals: RenewLease,
    rescues: RescueWorkflowTasks,
    workflow_claims: ClaimWorkflowTasks,
    activity_claims: ClaimActivityTasks,
    deletions: DeleteRun,
    forgets: ForgetRequests,
    removals: RemoveWorkers,
}
