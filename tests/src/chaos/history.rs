//! What must be true of one history.
//!
//! | end | activities and timers | what stands at the end |
//! | --- | --- | --- |
//! | completed, failed | all that the work needs, each ended | the end |
//! | canceled | some, at most one of them open | the request, what it took back, the end, all at once |
//! | terminated | some, at most one of them open | the end; nobody was asked |

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use chrono::DateTime;
use serde_json::Value;

use super::{losses::Losses, stop::REASON, watcher::Seen, work::Work};

const REQUESTED: &str = "WORKFLOW_EXECUTION_CANCEL_REQUESTED";
const CANCELED: &str = "WORKFLOW_EXECUTION_CANCELED";
const TERMINATED: &str = "WORKFLOW_EXECUTION_TERMINATED";

/// An activity or a timer as its history tells it.
#[derive(Debug, Default)]
struct Course {
    begun_at_ms: i64,
    started: Option<(u64, i64)>,
    ended: bool,
    taken_back: bool,
}

/// A history, event by event.
pub(super) struct History<'a> {
    events: &'a [Value],
    types: Vec<&'a str>,
    activities: BTreeMap<u64, Course>,
    timers: BTreeMap<u64, Course>,
}

impl<'a> History<'a> {
    pub(super) fn new(events: &'a [Value]) -> Result<Self> {
        let mut history =
            Self { events, types: Vec::new(), activities: BTreeMap::new(), timers: BTreeMap::new() };
        for (index, event) in events.iter().enumerate() {
            ensure!(event["sequence"] == index + 1, "event {} is {event}", index + 1);
            history.take(index as u64 + 1, event).with_context(|| format!("in {event}"))?;
        }
        Ok(history)
    }

    fn take(&mut self, sequence: u64, event: &'a Value) -> Result<()> {
        let attributes = &event["attributes"];
        let of = |field: &str| attributes[field].as_u64().context("it names another event");
        let begun = Course { begun_at_ms: at_ms(event)?, ..Course::default() };
        let event_type = event["type"].as_str().context("it has a type")?;
        self.types.push(event_type);
        match event_type {
            "ACTIVITY_TASK_SCHEDULED" => {
                self.activities.insert(sequence, begun);
            }
            "ACTIVITY_TASK_STARTED" => {
                let attempt = attributes["attempt"].as_u64().context("it has an attempt")?;
                let started_at = attributes["startedAtMs"].as_i64().context("it has a start")?;
                let course = self.activities.get_mut(&of("scheduledEventId")?).context("not scheduled")?;
                ensure!(course.started.replace((attempt, started_at)).is_none(), "it started twice");
            }
            "ACTIVITY_TASK_COMPLETED" => {
                let course = self.activities.get_mut(&of("scheduledEventId")?).context("not scheduled")?;
                ensure!(course.started.is_some(), "it never started");
                course.end()?;
            }
            "ACTIVITY_TASK_TIMED_OUT" => bail!("an activity was given up, though lost workers do not count"),
            "ACTIVITY_TASK_CANCEL_REQUESTED" => {
                self.activities.get_mut(&of("scheduledEventId")?).context("not scheduled")?.take_back()?;
            }
            "TIMER_STARTED" => {
                self.timers.insert(sequence, begun);
            }
            "TIMER_FIRED" => self.timers.get_mut(&of("startedEventId")?).context("not started")?.end()?,
            "TIMER_CANCELED" => {
                self.timers.get_mut(&of("startedEventId")?).context("not started")?.take_back()?;
            }
            "WORKFLOW_EXECUTION_STARTED" => ensure!(sequence == 1, "it started twice"),
            "WORKFLOW_EXECUTION_COMPLETED" | "WORKFLOW_EXECUTION_FAILED" | CANCELED => {
                self.take_end(event)?;
            }
            TERMINATED => {
                self.take_end(event)?;
                ensure!(attributes["reason"] == REASON, "its reason was lost");
            }
            REQUESTED => ensure!(attributes["reason"] == REASON, "its reason was lost"),
            _ => bail!("nobody asked for such an event"),
        }
        Ok(())
    }

    fn take_end(&self, event: &Value) -> Result<()> {
        ensure!(event["sequence"] == self.events.len(), "something follows the end");
        Ok(())
    }

    /// Checks what only the whole history shows, and returns the number of further attempts.
    pub(super) fn check(&self, work: &Work, losses: &Losses) -> Result<usize> {
        ensure!(
            self.types.first() == Some(&"WORKFLOW_EXECUTION_STARTED"),
            "it does not begin with its start"
        );
        match self.types.last() {
            Some(&CANCELED) => self.check_canceled()?,
            Some(&TERMINATED) => {
                ensure!(!self.types.contains(&REQUESTED), "it was asked to stop, and did not");
                ensure!(self.taken_back().count() == 0, "nobody asked its activities and timers to stop");
            }
            _ => {
                ensure!(!self.types.contains(&REQUESTED), "it was asked to stop, and did not");
                ensure!(self.open().count() == 0, "{:?} have no end", self.open().collect::<Vec<_>>());
            }
        }
        self.check_size(work)?;
        self.check_attempts(losses)
    }

    /// The samples do not clean up: whatever the run waits for is taken back, and it ends.
    fn check_canceled(&self) -> Result<()> {
        let asked = self.types.iter().position(|found| *found == REQUESTED).context("nobody asked for it")?;
        let (began, tail) = (asked > 1, &self.types[asked + 1..]);
        let is_right = match tail {
            [taken_back, CANCELED] => {
                began && ["ACTIVITY_TASK_CANCEL_REQUESTED", "TIMER_CANCELED"].contains(taken_back)
            }
            [CANCELED] => !began,
            _ => false,
        };
        ensure!(is_right, "after the request came {tail:?}");
        ensure!(self.open().all(|course| course.taken_back), "something was left to itself");
        // A run that nobody ever began needs nobody to end.
        let at = |index: usize| self.events.get(index).map(|event| &event["at"]);
        ensure!(began || at(asked) == at(asked + 1), "it ended later than it was asked to");
        Ok(())
    }

    fn check_size(&self, work: &Work) -> Result<()> {
        let (activities, timers) = (self.activities.len(), self.timers.len());
        let (all_activities, all_timers) = (work.activities(), work.timers());
        if [Some(&CANCELED), Some(&TERMINATED)].contains(&self.types.last()) {
            let open = self.open().count();
            ensure!(open <= 1, "the work is done one by one, but {open} things were under way");
            ensure!(activities <= all_activities, "{activities} activities of {all_activities}");
            ensure!(timers <= all_timers, "{timers} timers of {all_timers}");
        } else {
            ensure!(activities == all_activities, "{activities} activities instead of {all_activities}");
            ensure!(timers == all_timers, "{timers} timers instead of {all_timers}");
        }
        Ok(())
    }

    fn check_attempts(&self, losses: &Losses) -> Result<usize> {
        let mut further = 0;
        for (scheduled, course) in &self.activities {
            // The start of an attempt is recorded with its end, so an activity that was stopped shows none.
            let Some((attempt, started_at)) = course.started else { continue };
            // Nothing else fails here, so each attempt after the first stands for a worker that was lost.
            let lost = losses.between(course.begun_at_ms, started_at);
            let more = usize::try_from(attempt)?.saturating_sub(1);
            ensure!(
                more <= lost,
                "the activity of event {scheduled} was at attempt {attempt}, but {lost} workers were lost meanwhile"
            );
            further += more;
        }
        Ok(further)
    }

    /// Checks that what the run did began no earlier than it may.
    pub(super) fn check_delay(&self, start_at_ms: i64) -> Result<()> {
        let told = self.events.first().map(|event| &event["attributes"]["startAtMs"]);
        ensure!(told == Some(&start_at_ms.into()), "its history tells another start: {told:?}");
        let stops = [REQUESTED, CANCELED, TERMINATED];
        let of_run = self.events.iter().skip(1).zip(self.types.iter().skip(1));
        for (event, _) in of_run.filter(|(_, event_type)| !stops.contains(event_type)) {
            ensure!(at_ms(event)? >= start_at_ms, "it began too early: {event}");
        }
        Ok(())
    }

    /// Checks that a watcher was sent every event from the first one on that it asked for, once.
    pub(super) fn check_seen(&self, seen: &Seen) -> Result<()> {
        let first = usize::try_from(seen.first)?;
        let sent = self.types.get(first - 1..).context("the watcher began after the end")?;
        ensure!(sent == seen.types, "the watcher saw {:?} from event {first} on", seen.types);
        ensure!(usize::try_from(seen.history_length)? == self.types.len(), "the watcher saw another length");
        Ok(())
    }

    pub(super) fn closing(&self) -> &str {
        self.types.last().copied().unwrap_or_default()
    }

    pub(super) fn timers_fired(&self) -> usize {
        self.timers.values().filter(|timer| timer.ended).count()
    }

    fn open(&self) -> impl Iterator<Item = &Course> {
        self.activities.values().chain(self.timers.values()).filter(|course| !course.ended)
    }

    fn taken_back(&self) -> impl Iterator<Item = &Course> {
        self.activities.values().chain(self.timers.values()).filter(|course| course.taken_back)
    }
}

impl Course {
    fn end(&mut self) -> Result<()> {
        ensure!(!std::mem::replace(&mut self.ended, true), "it ended twice");
        Ok(())
    }

    fn take_back(&mut self) -> Result<()> {
        ensure!(!self.ended, "it had ended before");
        ensure!(!std::mem::replace(&mut self.taken_back, true), "it was taken back twice");
        Ok(())
    }
}

fn at_ms(event: &Value) -> Result<i64> {
    let at = event["at"].as_str().context("it has a time")?;
    Ok(DateTime::parse_from_rfc3339(at)?.timestamp_millis())
}
