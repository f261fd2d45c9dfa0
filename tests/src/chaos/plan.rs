//! Everything that is drawn from the seed about the runs.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::work::Work;

/// Independent streams of one seed, so that a change in one part leaves the others as they were.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stream {
    Pauses,
    Blows,
    Run(usize),
    Submission(usize),
    Stop(usize),
}

pub(super) fn rng(seed: u64, stream: Stream) -> StdRng {
    const RUNS: u64 = 1_000;
    let offset = match stream {
        Stream::Pauses => 1,
        Stream::Blows => 2,
        Stream::Run(index) => RUNS + 3 * index as u64,
        Stream::Submission(index) => RUNS + 3 * index as u64 + 1,
        Stream::Stop(index) => RUNS + 3 * index as u64 + 2,
    };
    StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(offset))
}

/// What is to happen to a run.
#[derive(Debug, Clone)]
pub(super) struct RunPlan {
    pub(super) index: usize,
    pub(super) work: Work,
    /// It may not begin before this time from its submission.
    pub(super) delay: Option<Duration>,
    pub(super) priority: i32,
    pub(super) stop: Option<PlannedStop>,
    pub(super) watch: Watch,
    /// One who comes when it has ended.
    pub(super) late: Option<Watch>,
}

/// A way to end a run from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Cancel,
    Terminate,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct PlannedStop {
    pub(super) how: Stop,
    /// How long after the submission was answered.
    pub(super) after: Duration,
}

/// How somebody watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Watch {
    pub(super) from: Beginning,
    pub(super) transport: Transport,
}

/// Where a watcher begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// The run as it is when the watcher comes.
    Snapshot,
    /// The cursor of the first event, so that every other one is sent.
    FirstEvent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    WebSocket,
    ServerSentEvents,
}

/// Longer than any session.
const NEVER: Duration = Duration::from_secs(24 * 3_600);

impl RunPlan {
    /// A run that is left to end, or is stopped at some moment.
    pub(super) fn draw(seed: u64, index: usize) -> Self {
        let mut rng = rng(seed, Stream::Run(index));
        if rng.random_bool(0.4) {
            return Self::stopped(&mut rng, index);
        }
        let work = Work::draw(&mut rng, index);
        let delay = rng.random_bool(0.2).then(|| millis(&mut rng, 200..4_000));
        Self::new(&mut rng, index, work, delay, None)
    }

    /// A run that does not end before it is stopped: of two in a row one is canceled and one terminated.
    pub(super) fn draw_endless(seed: u64, index: usize) -> Self {
        let mut rng = rng(seed, Stream::Run(index));
        let work = Work::draw_endless(&mut rng, index);
        let how = if index.is_multiple_of(2) { Stop::Cancel } else { Stop::Terminate };
        let stop = PlannedStop { how, after: millis(&mut rng, 0..2_000) };
        Self::new(&mut rng, index, work, None, Some(stop))
    }

    fn stopped(rng: &mut StdRng, index: usize) -> Self {
        let how = Stop::draw(rng);
        let (work, delay, after) = match rng.random_range(0..10) {
            0..5 => (Work::draw_endless(rng, index), None, millis(rng, 0..6_000)),
            5 => (Work::draw(rng, index), Some(NEVER), millis(rng, 0..2_000)),
            6 => {
                let delay = millis(rng, 200..2_000);
                let around = delay + millis(rng, 0..200);
                (Work::draw_endless(rng, index), Some(delay), around.saturating_sub(millis(rng, 0..200)))
            }
            // Which comes first, the end or the stop, is left to the machine.
            _ => {
                let work = Work::draw(rng, index);
                let around = work.length() + millis(rng, 0..150);
                (work, None, around.saturating_sub(millis(rng, 0..50)))
            }
        };
        Self::new(rng, index, work, delay, Some(PlannedStop { how, after }))
    }

    fn new(
        rng: &mut StdRng,
        index: usize,
        work: Work,
        delay: Option<Duration>,
        stop: Option<PlannedStop>,
    ) -> Self {
        let priority = [-1, 0, 1, 10][rng.random_range(0..4_usize)];
        let watch = Watch::draw(rng);
        let late = index.is_multiple_of(3).then(|| Watch::draw(rng));
        Self { index, work, delay, priority, stop, watch, late }
    }
}

impl Stop {
    fn draw(rng: &mut StdRng) -> Self {
        if rng.random_bool(0.6) { Self::Cancel } else { Self::Terminate }
    }

    /// The state in which it leaves a run.
    pub(super) fn status(self) -> &'static str {
        match self {
            Self::Cancel => "CANCELED",
            Self::Terminate => "TERMINATED",
        }
    }
}

impl Watch {
    fn draw(rng: &mut StdRng) -> Self {
        let from = if rng.random_bool(0.5) { Beginning::Snapshot } else { Beginning::FirstEvent };
        let sse = rng.random_bool(0.25);
        Self { from, transport: if sse { Transport::ServerSentEvents } else { Transport::WebSocket } }
    }
}

fn millis(rng: &mut StdRng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.random_range(range))
}
