use std::{io, io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use super::{event_line, progress_line};
use crate::{
    client::{Activity, HistoryEvent, Workflow},
    output,
};

/// How a run is shown while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// For people, on stderr: stdout is for the result.
    Narrative,
    /// Every item of the stream as a line of JSON, on stdout.
    Json,
    /// Troubles only.
    Quiet,
}

/// Shows what a follower sees.
#[derive(Debug)]
pub(crate) struct Display {
    style: Style,
    heartbeats: Heartbeats,
    /// Made for the first heartbeat.
    bar: Option<Bar>,
}

/// How heartbeats are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heartbeats {
    /// On a terminal they move a bar.
    Bar,
    /// Elsewhere they are lines like all others.
    Lines,
}

#[derive(Debug)]
struct Bar {
    inner: ProgressBar,
    has_share: bool,
}

/// Steps of the bar.
const STEPS: u64 = 1_000;

const TICK: Duration = Duration::from_millis(100);

impl Display {
    pub(crate) fn new(style: Style) -> Self {
        let heartbeats = if io::stderr().is_terminal() { Heartbeats::Bar } else { Heartbeats::Lines };
        Self { style, heartbeats, bar: None }
    }

    pub(crate) fn snapshot(&self, workflow: &Workflow) {
        if self.style == Style::Narrative {
            self.tell(&format!("{} is {}", workflow.workflow_id, workflow.status));
        }
    }

    pub(crate) fn event(&self, event: &HistoryEvent) {
        if self.style == Style::Narrative {
            self.tell(&event_line(event));
        }
    }

    pub(crate) fn progress(&mut self, activity: &Activity) {
        if self.style != Style::Narrative {
            return;
        }
        let line = progress_line(activity);
        if self.heartbeats == Heartbeats::Lines {
            return output::note(line);
        }
        let share = activity.heartbeat.as_ref().and_then(|heartbeat| heartbeat.progress);
        self.bar.get_or_insert_with(|| Bar::new(share.is_some())).update(line, share);
    }

    /// Prints an item for programs.
    pub(crate) fn raw(&self, item: &Value) -> io::Result<()> {
        if self.style == Style::Json { output::data(item) } else { Ok(()) }
    }

    /// Tells the user something, above the bar if there is one.
    pub(crate) fn tell(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.inner.suspend(|| output::note(line)),
            None => output::note(line),
        }
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.inner.finish_and_clear();
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.end();
    }
}

impl Bar {
    fn new(has_share: bool) -> Self {
        let inner = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr());
        inner.set_style(bar_style(has_share));
        inner.enable_steady_tick(TICK);
        Self { inner, has_share }
    }

    fn update(&mut self, line: String, share: Option<f64>) {
        if self.has_share != share.is_some() {
            self.has_share = share.is_some();
            self.inner.set_style(bar_style(self.has_share));
        }
        self.inner.set_message(line);
        if let Some(share) = share {
            self.inner.set_position(steps(share));
        }
    }
}

/// Without colors, so that there are none to turn off.
fn bar_style(has_share: bool) -> ProgressStyle {
    let template = if has_share { "{spinner} [{bar:30}] {msg}" } else { "{spinner} {msg}" };
    ProgressStyle::with_template(template).expect("the templates are well formed").progress_chars("=> ")
}

fn steps(share: f64) -> u64 {
    (share.clamp(0.0, 1.0) * 1_000.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_becomes_steps_of_the_bar() {
        for (share, expected) in [(0.0, 0), (0.5, 500), (1.0, STEPS), (7.0, STEPS), (-1.0, 0), (f64::NAN, 0)]
        {
            assert_eq!(steps(share), expected);
        }
    }

    #[test]
    fn the_templates_are_well_formed() {
        let _ = (bar_style(true), bar_style(false));
    }
}
