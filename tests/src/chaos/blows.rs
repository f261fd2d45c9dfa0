//! What is done to the system, and when.

use std::time::Duration;

use rand::{RngExt, rngs::StdRng};

use super::{
    Options, Shape,
    plan::{Stream, rng},
};

/// What is done to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blow {
    /// Every process of ctutor is killed.
    KillAll,
    /// Every process is killed, and once more while it starts.
    KillAllTwice,
    /// Every process is asked to stop.
    StopAll,
    KillWorker(usize),
    /// A worker is asked to stop.
    StopWorker(usize),
    /// A worker is halted until its leases are over, and goes on then without knowing.
    HaltWorker(usize),
    KillApi(usize),
    /// The process that has just answered that a run was stopped is killed.
    KillAnswerer,
    KillRedis,
    /// Redis forgets everything and drops its subscribers.
    FlushRedis,
    /// Redis is halted with its connections open.
    HaltRedis,
    /// PostgreSQL ends like by a power failure.
    CrashPostgres,
}

impl Blow {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::KillAll => "kills of everything",
            Self::KillAllTwice => "kills of everything that were repeated at the start",
            Self::StopAll => "stops of everything",
            Self::KillWorker(_) => "kills of a worker",
            Self::StopWorker(_) => "stops of a worker",
            Self::HaltWorker(_) => "halts of a worker",
            Self::KillApi(_) => "kills of an API",
            Self::KillAnswerer => "kills of who had just answered a stop",
            Self::KillRedis => "kills of Redis",
            Self::FlushRedis => "flushes of Redis",
            Self::HaltRedis => "halts of Redis",
            Self::CrashPostgres => "crashes of PostgreSQL",
        }
    }

    fn draw(rng: &mut StdRng, shape: Shape) -> Self {
        let one_of_two = rng.random_range(0..2);
        match (shape, rng.random_range(0..100)) {
            (Shape::Sqlite, 0..70) => Self::KillAll,
            (Shape::Sqlite, 70..90) => Self::KillAllTwice,
            (Shape::Sqlite, _) => Self::StopAll,
            (Shape::Postgres, 0..26) => Self::KillWorker(one_of_two),
            (Shape::Postgres, 26..44) => Self::KillApi(one_of_two),
            (Shape::Postgres, 44..56) => Self::KillAll,
            (Shape::Postgres, 56..60) => Self::KillAllTwice,
            (Shape::Postgres, 60..68) => Self::KillRedis,
            (Shape::Postgres, 68..76) => Self::FlushRedis,
            (Shape::Postgres, 76..84) => Self::HaltRedis,
            (Shape::Postgres, 84..91) => Self::CrashPostgres,
            (Shape::Postgres, 91..96) => Self::StopWorker(one_of_two),
            (Shape::Postgres, _) => Self::HaltWorker(one_of_two),
        }
    }
}

/// A blow with the waits around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planned {
    /// Undisturbed time before it.
    pub(super) before: Duration,
    pub(super) blow: Blow,
    /// How long what was hit stays away.
    pub(super) away: Duration,
}

/// The first of so many blows follows upon the answer to a stop.
const ANSWER_EVERY: usize = 6;

/// Draws all blows of a session. No more than the runs of the session need one of their own.
pub(super) fn draw(options: &Options) -> Vec<Planned> {
    let mut rng = rng(options.seed, Stream::Blows);
    let draw = |index: usize| {
        let drawn = Blow::draw(&mut rng, options.shape);
        let needs_run = index.is_multiple_of(ANSWER_EVERY) && index / ANSWER_EVERY < options.runs;
        let blow = if needs_run { Blow::KillAnswerer } else { drawn };
        let away = match blow {
            // Longer than leases last.
            Blow::HaltWorker(_) => rng.random_range(9_000..11_000),
            Blow::HaltRedis => rng.random_range(500..4_000),
            _ => rng.random_range(0..1_500),
        };
        let before = rng.random_range(200..2_500);
        Planned { before: Duration::from_millis(before), blow, away: Duration::from_millis(away) }
    };
    (0..options.blows).map(draw).collect()
}
