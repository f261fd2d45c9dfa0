use std::{io, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

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
    /// On a terminal that can redraw a line they move a bar.
    Bar,
    /// Elsewhere they are lines like all others.
    Lines,
}

impl Heartbeats {
    fn on(target: &ProgressDrawTarget) -> Self {
        if target.is_hidden() { Self::Lines } else { Self::Bar }
    }
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
        Self { style, heartbeats: Heartbeats::on(&ProgressDrawTarget::stderr()), bar: None }
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
        self.bar
            .get_or_insert_with(|| Bar::new(ProgressDrawTarget::stderr(), share.is_some()))
            .update(line, share);
    }

    /// Prints an item for programs.
    pub(crate) fn raw(&self, item: &impl Serialize) -> io::Result<()> {
        if self.style == Style::Json { output::json_line(item) } else { Ok(()) }
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
    fn new(target: ProgressDrawTarget, has_share: bool) -> Self {
        let inner = ProgressBar::with_draw_target(Some(STEPS), target);
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

/// Without colors, so that there are none to turn off. The message is cut to the width: what wraps cannot be redrawn.
fn bar_style(has_share: bool) -> ProgressStyle {
    let template = if has_share { "{spinner} [{bar:20}] {wide_msg}" } else { "{spinner} {wide_msg}" };
    ProgressStyle::with_template(template).expect("the templates are well formed").progress_chars("=> ")
}

fn steps(share: f64) -> u64 {
    (share.clamp(0.0, 1.0) * 1_000.0) as u64
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;

    #[test]
    fn a_share_becomes_steps_of_the_bar() {
        for (share, expected) in [(0.0, 0), (0.5, 500), (1.0, STEPS), (7.0, STEPS), (-1.0, 0), (f64::NAN, 0)]
        {
            assert_eq!(steps(share), expected);
        }
    }

    #[test]
    fn where_no_line_can_be_redrawn_heartbeats_are_lines() {
        assert_eq!(Heartbeats::on(&ProgressDrawTarget::hidden()), Heartbeats::Lines);
        let terminal = ProgressDrawTarget::term_like(Box::new(Terminal::default()));
        assert_eq!(Heartbeats::on(&terminal), Heartbeats::Bar);
    }

    #[test]
    fn a_bar_stays_on_one_line_of_the_terminal() {
        for share in [Some(0.5), None] {
            let terminal = Terminal::default();
            let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
            let mut bar = Bar::new(target, share.is_some());
            bar.update("long ".repeat(50), share);
            bar.inner.force_draw();
            let lines = terminal.lines.lock().unwrap();
            assert!(lines.iter().any(|line| line.contains("long")), "{lines:?}");
            assert!(
                lines.iter().all(|line| console::measure_text_width(line) <= TERMINAL_WIDTH.into()),
                "{lines:?}"
            );
        }
    }

    const TERMINAL_WIDTH: u16 = 80;

    /// Keeps what is written to it.
    #[derive(Debug, Clone, Default)]
    struct Terminal {
        lines: Arc<Mutex<Vec<String>>>,
    }

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            TERMINAL_WIDTH
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, line: &str) -> io::Result<()> {
            self.write_str(line)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.lines.lock().unwrap().push(text.to_owned());
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }
}
