//! Texts as what counts of them, each character with its place in the text.

use super::{Comparison, Ignore, visible::is_combining};

/// A character that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) one: char,
    pub(super) place: Place,
}

/// A place in a text, both numbers from 1 on; columns are counted in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// The characters of a text that count.
pub(super) struct Units(pub(super) Vec<Unit>);

impl Units {
    /// What counts of a whole output.
    pub(super) fn of(text: &str, how: Comparison) -> Self {
        let mut units = lines(text, how);
        if how.ignore == Ignore::Whitespace {
            collapse(&mut units);
            trim_start(&mut units, ' ');
            trim_end(&mut units, &[' ']);
        }
        if how.ignore >= Ignore::FinalNewlines {
            trim_end(&mut units, &['\n', '\r']);
        }
        Self(units)
    }

    /// What counts of a part of an output, whose ends may lie anywhere in it.
    pub(super) fn of_part(text: &str, how: Comparison) -> String {
        let mut units = lines(text, how);
        if how.ignore == Ignore::Whitespace {
            collapse(&mut units);
        }
        units.iter().map(|unit| unit.one).collect()
    }

    /// The character at this index and its place; at the end, the place behind the last one.
    pub(super) fn at(&self, index: usize) -> (Option<char>, Place) {
        match (self.0.get(index), self.0.last()) {
            (Some(unit), _) => (Some(unit.one), unit.place),
            (None, Some(last)) => (None, last.place.after(last.one)),
            (None, None) => (None, Place::FIRST),
        }
    }

    /// Whether a combining character is at this index, or changes the shape of the one that is.
    pub(super) fn is_combined(&self, index: usize) -> bool {
        self.0.iter().skip(index).take(2).any(|unit| is_combining(unit.one))
    }
}

impl Place {
    const FIRST: Self = Self { line: 1, column: 1 };

    fn after(self, one: char) -> Self {
        match one {
            '\n' => Self { line: self.line + 1, column: 1 },
            _ => Self { column: self.column + 1, ..self },
        }
    }
}

fn lines(text: &str, how: Comparison) -> Vec<Unit> {
    let mut units = placed(text);
    if how.ignore >= Ignore::LineEndings {
        join_line_endings(&mut units);
    }
    if how.ignore == Ignore::TrailingWhitespace {
        units = without_trailing_whitespace(&units);
    }
    if how.ignore_case {
        units = units.iter().flat_map(lowercase).collect();
    }
    units
}

fn placed(text: &str) -> Vec<Unit> {
    let place = |place: &mut Place, one| {
        let here = *place;
        *place = here.after(one);
        Some(Unit { one, place: here })
    };
    text.chars().scan(Place::FIRST, place).collect()
}

/// CR LF and CR become LF.
fn join_line_endings(units: &mut Vec<Unit>) {
    let mut kept: Vec<Unit> = Vec::with_capacity(units.len());
    let mut after_return = false;
    for mut unit in units.drain(..) {
        let one = unit.one;
        if one == '\n' && after_return {
            after_return = false;
            continue;
        }
        after_return = one == '\r';
        if after_return {
            unit.one = '\n';
        }
        kept.push(unit);
    }
    *units = kept;
}

fn without_trailing_whitespace(units: &[Unit]) -> Vec<Unit> {
    let mut kept = Vec::with_capacity(units.len());
    for line in units.split_inclusive(|unit| unit.one == '\n') {
        let (text, ending) = match line.split_last() {
            Some((last, text)) if last.one == '\n' => (text, Some(*last)),
            _ => (line, None),
        };
        let length = text.iter().rposition(|unit| !unit.one.is_whitespace()).map_or(0, |last| last + 1);
        kept.extend_from_slice(&text[..length]);
        kept.extend(ending);
    }
    kept
}

/// Every run of whitespace becomes one space.
fn collapse(units: &mut Vec<Unit>) {
    for unit in units.iter_mut().filter(|unit| unit.one.is_whitespace()) {
        unit.one = ' ';
    }
    units.dedup_by(|next, before| next.one == ' ' && before.one == ' ');
}

fn trim_start(units: &mut Vec<Unit>, one: char) {
    if units.first().is_some_and(|unit| unit.one == one) {
        units.remove(0);
    }
}

fn trim_end(units: &mut Vec<Unit>, set: &[char]) {
    while units.last().is_some_and(|unit| set.contains(&unit.one)) {
        units.pop();
    }
}

fn lowercase(unit: &Unit) -> impl Iterator<Item = Unit> + use<> {
    let place = unit.place;
    unit.one.to_lowercase().map(move |one| Unit { one, place })
}
