//! The clock of tests.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::{Busy, Clock, Timestamp};

/// Most moves of the clock until what is waited for comes: far more than any test needs.
const MOVES_MAX: usize = 20_000;
/// Longest real time in which something may be in flight: as no test of ours takes, also on a busy machine.
const IN_FLIGHT_MAX: Duration = Duration::from_secs(60);
/// Time that passes in steps of housekeeping before the clock skips to the next work: longer than leases last and lost
/// workers are kept, so that whatever only housekeeping finds is found when it would be.
const HOUSEKEEPING: Duration = Duration::from_secs(90);
/// Sleepers that are named where nothing goes on; the rest is counted.
const NAMED_MAX: usize = 10;

/// A clock that stands still until a test moves it.
#[derive(Debug, Clone)]
pub struct ManualClock {
    shown: watch::Sender<Shown>,
    sleepers: Arc<Mutex<Sleepers>>,
    busy: Busy,
}

#[derive(Debug, Clone, Copy)]
struct Shown {
    now: Timestamp,
    uptime: Duration,
}

#[derive(Debug)]
struct Sleepers {
    last: u64,
    asleep: BTreeMap<u64, Sleeper>,
    /// The uptime at which the clock came to work last.
    last_work: Duration,
}

/// What somebody waits for.
#[derive(Debug, Clone, Copy)]
enum Sleeper {
    /// A timer, a retry, a timeout: something happens then.
    Work(Timestamp),
    /// A look that mostly finds nothing, and is repeated: at this uptime.
    Housekeeping(Duration),
}

impl Sleeper {
    /// How long it still sleeps.
    fn left(self, shown: Shown) -> Duration {
        match self {
            Self::Work(due) => due.since(shown.now),
            Self::Housekeeping(due) => due.saturating_sub(shown.uptime),
        }
    }
}

/// A sleeper in the list, as long as somebody waits for it.
struct Asleep {
    sleepers: Arc<Mutex<Sleepers>>,
    number: u64,
}

impl Drop for Asleep {
    fn drop(&mut self) {
        lock(&self.sleepers).asleep.remove(&self.number);
    }
}

fn lock(sleepers: &Mutex<Sleepers>) -> MutexGuard<'_, Sleepers> {
    sleepers.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is waited for does not come.
#[derive(Debug, thiserror::Error)]
pub enum Stuck {
    /// Nothing is in flight, and nobody sleeps.
    #[error("nothing is in flight and nobody sleeps until a later time, so nothing will happen any more")]
    NobodySleeps,
    /// Something goes on without an end.
    #[error("{in_flight} pieces of work are in flight for {IN_FLIGHT_MAX:?} of real time; asleep: {asleep}")]
    InFlight {
        /// How many.
        in_flight: usize,
        /// Who sleeps, and how long.
        asleep: String,
    },
    /// The clock was moved again and again.
    #[error("it has not come after {MOVES_MAX} moves of the clock, which is at {now}; asleep: {asleep}")]
    Moves {
        /// The time.
        now: Timestamp,
        /// Who sleeps, and how long.
        asleep: String,
    },
}

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let shown = Shown { now, uptime: now.since(Timestamp(0)) };
        let sleepers = Sleepers { last: 0, asleep: BTreeMap::new(), last_work: shown.uptime };
        Self {
            shown: watch::Sender::new(shown),
            sleepers: Arc::new(Mutex::new(sleepers)),
            busy: Busy::counted(),
        }
    }

    /// Moves the clock forward, whatever is in flight.
    pub fn advance(&self, length: Duration) {
        let uptime = self.uptime().saturating_add(length);
        lock(&self.sleepers).last_work = uptime;
        self.pass(length);
    }

    fn pass(&self, length: Duration) {
        self.shown.send_modify(|shown| {
            shown.now = shown.now + length;
            shown.uptime += length;
        });
    }

    /// Sets the time of day, as an administrator or a time server does. No time passes.
    pub fn set(&self, now: Timestamp) {
        self.shown.send_modify(|shown| shown.now = now);
    }

    /// Moves the clock to the next instant that somebody sleeps until, and tells how far that was. After some time in
    /// which there was only housekeeping, that is skipped: the next instant is then that of a timer, a retry or a
    /// timeout.
    ///
    /// `None`, and no movement, when nobody sleeps.
    #[must_use]
    pub fn skip_to_next_sleeper(&self) -> Option<Duration> {
        let shown = *self.shown.borrow();
        let next = {
            let mut sleepers = lock(&self.sleepers);
            let left = |sleeper: &Sleeper| Some(sleeper.left(shown)).filter(|left| !left.is_zero());
            let is_work = |sleeper: &&Sleeper| matches!(sleeper, Sleeper::Work(_));
            let first = sleepers.asleep.values().filter_map(left).min()?;
            let work = sleepers.asleep.values().filter(is_work).filter_map(left).min();
            let rests = shown.uptime.saturating_sub(sleepers.last_work) >= HOUSEKEEPING;
            match work.filter(|work| *work == first || rests) {
                Some(work) => {
                    sleepers.last_work = shown.uptime.saturating_add(work);
                    work
                }
                None => first,
            }
        };
        self.pass(next);
        Some(next)
    }

    /// Waits for `work`, and moves the clock to the next sleeper each time that nothing is in flight.
    ///
    /// # Errors
    /// [`Stuck`] when it does not come.
    pub async fn drive<T>(&self, work: impl Future<Output = T>) -> Result<T, Stuck> {
        let mut work = pin!(self.busy.track(work));
        for _ in 0..MOVES_MAX {
            tokio::select! {
                biased;
                output = &mut work => return Ok(output),
                idle = tokio::time::timeout(IN_FLIGHT_MAX, self.busy.idle()) => if idle.is_err() {
                    return Err(Stuck::InFlight { in_flight: self.busy.in_flight(), asleep: self.asleep() });
                }
            }
            self.skip_to_next_sleeper().ok_or(Stuck::NobodySleeps)?;
        }
        Err(Stuck::Moves { now: self.now(), asleep: self.asleep() })
    }

    /// Who sleeps, and how long.
    fn asleep(&self) -> String {
        let shown = *self.shown.borrow();
        let sleepers = lock(&self.sleepers);
        let named = sleepers.asleep.values().take(NAMED_MAX);
        let named: Vec<String> =
            named.map(|sleeper| format!("{sleeper:?} for {:?}", sleeper.left(shown))).collect();
        format!("{} of {} ({})", named.len(), sleepers.asleep.len(), named.join(", "))
    }

    fn sleep_as(&self, sleeper: Sleeper) -> BoxFuture<'static, ()> {
        let mut shown = self.shown.subscribe();
        let asleep = (!sleeper.left(*shown.borrow()).is_zero()).then(|| {
            let mut sleepers = lock(&self.sleepers);
            sleepers.last += 1;
            let number = sleepers.last;
            sleepers.asleep.insert(number, sleeper);
            Asleep { sleepers: self.sleepers.clone(), number }
        });
        Box::pin(async move {
            let _asleep = asleep;
            // An error means that the clock is gone, and with it every reason to wait.
            let _ = shown.wait_for(|shown| sleeper.left(*shown).is_zero()).await;
        })
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.shown.borrow().now
    }

    fn uptime(&self) -> Duration {
        self.shown.borrow().uptime
    }

    fn sleep_until(&self, due: Timestamp) -> BoxFuture<'static, ()> {
        if due == Timestamp::NEVER {
            return Box::pin(std::future::pending());
        }
        self.sleep_as(Sleeper::Work(due))
    }

    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        self.sleep_as(Sleeper::Housekeeping(self.uptime().saturating_add(length)))
    }

    fn busy(&self) -> Busy {
        self.busy.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[tokio::test]
    async fn it_wakes_its_sleepers_when_it_reaches_them() {
        let clock = ManualClock::new(Timestamp(0));
        let sleeper = tokio::spawn(clock.sleep_until(Timestamp(30_000)));
        assert_eq!(clock.skip_to_next_sleeper(), Some(Duration::from_secs(30)));
        sleeper.await.unwrap();
        assert_eq!(clock.skip_to_next_sleeper(), None);
    }

    #[tokio::test]
    async fn who_sleeps_for_a_length_does_not_see_the_clock_being_set() {
        let clock = ManualClock::new(Timestamp(3_600_000));
        let sleeper = tokio::spawn(clock.sleep(Duration::from_secs(30)));
        clock.set(Timestamp(0));
        assert_eq!(clock.skip_to_next_sleeper(), Some(Duration::from_secs(30)));
        sleeper.await.unwrap();
        assert_eq!(clock.now(), Timestamp(30_000));
    }

    #[test]
    fn nobody_is_reached_who_does_not_wait_any_more() {
        let clock = ManualClock::new(Timestamp(0));
        drop(clock.sleep_until(Timestamp(5)));
        assert_eq!(clock.skip_to_next_sleeper(), None);
    }

    #[tokio::test]
    async fn a_month_beside_a_look_each_second_takes_few_moves() {
        let clock = ManualClock::new(Timestamp(0));
        let looks = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (looking, looked) = (clock.clone(), looks.clone());
        let looking = tokio::spawn(clock.busy().track(async move {
            loop {
                looking.sleep(Duration::from_secs(1)).await;
                looked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }
        }));
        clock.drive(clock.sleep_until(Timestamp(0) + 30 * DAY)).await.unwrap();
        assert_eq!(clock.now(), Timestamp(0) + 30 * DAY);
        let looks = looks.load(std::sync::atomic::Ordering::SeqCst);
        assert!((90..100).contains(&looks), "{looks}");
        looking.abort();
    }

    #[tokio::test]
    async fn it_does_not_move_while_work_is_in_flight() {
        let clock = ManualClock::new(Timestamp(0));
        let deadline = clock.sleep_until(Timestamp(1_000));
        let (answer, answered) = tokio::sync::oneshot::channel();
        let work = clock.busy().begin();
        // The answer comes from a thread that nobody schedules, as from a database.
        let database = std::thread::spawn(move || {
            std::thread::yield_now();
            answer.send(()).unwrap();
            drop(work);
        });
        let in_time = async {
            tokio::select! {
                biased;
                () = deadline => false,
                _ = answered => true,
            }
        };
        assert!(clock.drive(in_time).await.unwrap(), "the clock moved before the answer came");
        database.join().unwrap();
    }

    #[tokio::test]
    async fn what_never_comes_is_told() {
        let clock = ManualClock::new(Timestamp(0));
        let stuck = clock.drive(std::future::pending::<()>()).await.unwrap_err();
        assert!(matches!(stuck, Stuck::NobodySleeps), "{stuck}");
        let looking = async {
            loop {
                clock.sleep(Duration::from_secs(1)).await;
            }
        };
        let stuck = clock.drive::<()>(looking).await.unwrap_err();
        assert!(matches!(stuck, Stuck::Moves { .. }), "{stuck}");
        assert!(stuck.to_string().contains("Housekeeping("), "{stuck}");
    }
}
