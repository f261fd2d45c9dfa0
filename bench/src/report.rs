//! The table.

use std::{collections::BTreeMap, fmt};

use serde_json::{Value, json};

use crate::{plan::Plan, target::Kind};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    PerSecond,
    Milliseconds,
}

/// One figure of one round.
#[derive(Debug)]
pub(crate) struct Figure {
    name: String,
    unit: Unit,
    value: f64,
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, unit: Unit, value: f64) -> Self {
        Self { name: name.into(), unit, value }
    }
}

/// All figures of all rounds.
#[derive(Debug)]
pub(crate) struct Report {
    plan: Plan,
    /// In the order of the table.
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    unit: Unit,
    values: BTreeMap<Kind, Vec<f64>>,
}

impl Report {
    pub(crate) fn new(plan: Plan) -> Self {
        Self { plan, rows: Vec::new() }
    }

    pub(crate) fn add(&mut self, kind: Kind, figure: Figure) {
        let Figure { name, unit, value } = figure;
        let at = self.rows.iter().position(|row| row.name == name).unwrap_or_else(|| {
            self.rows.push(Row { name, unit, values: BTreeMap::new() });
            self.rows.len() - 1
        });
        self.rows[at].values.entry(kind).or_default().push(value);
    }

    /// The figures for programs: medians and all rounds; a ratio above 1 is better than the limit.
    pub(crate) fn to_json(&self) -> Value {
        let of_row = |row: &Row| {
            let of_kind = |(kind, values): (&Kind, &Vec<f64>)| {
                (kind.name().to_owned(), json!({ "median": median(values), "rounds": values }))
            };
            let targets: serde_json::Map<_, _> = row.values.iter().map(of_kind).collect();
            let unit = match row.unit {
                Unit::PerSecond => "1/s",
                Unit::Milliseconds => "ms",
            };
            json!({ "name": row.name, "unit": unit, "targets": targets, "ratio": row.ratio() })
        };
        let Plan { rounds, workflows, singles } = self.plan;
        json!({
            "rounds": rounds,
            "workflows": workflows,
            "singles": singles,
            "figures": self.rows.iter().map(of_row).collect::<Vec<_>>(),
        })
    }
}

impl Row {
    fn median(&self, kind: Kind) -> Option<f64> {
        self.values.get(&kind).map(|values| median(values))
    }

    /// Of the engine to the limit, by how much work was done.
    fn ratio(&self) -> Option<f64> {
        let (limit, engine) = (self.median(Kind::Limit)?, self.median(Kind::Engine)?);
        Some(match self.unit {
            Unit::PerSecond => engine / limit,
            Unit::Milliseconds => limit / engine,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { rounds, workflows, singles } = self.plan;
        writeln!(f, "medians of {rounds} rounds, {workflows} workflows a load, {singles} one at a time")?;
        writeln!(f, "{:<40} {:>12} {:>12} {:>7}", "", "limit", "engine", "ratio")?;
        for row in &self.rows {
            let cell = |kind| {
                row.median(kind).map_or_else(
                    || "-".to_owned(),
                    |value| match row.unit {
                        Unit::PerSecond => format!("{value:.0} /s"),
                        Unit::Milliseconds => format!("{value:.2} ms"),
                    },
                )
            };
            let ratio = row.ratio().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
            writeln!(f, "{:<40} {:>12} {:>12} {ratio:>7}", row.name, cell(Kind::Limit), cell(Kind::Engine))?;
        }
        Ok(())
    }
}

/// The middle value; of an even number the higher of the two.
fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_above_one_is_better_than_the_limit() {
        let mut report = Report::new(Plan { rounds: 3, workflows: 1, singles: 1 });
        for (limit, engine) in [(100.0, 60.0), (300.0, 10.0), (200.0, 50.0)] {
            report.add(Kind::Limit, Figure::new("rate", Unit::PerSecond, limit));
            report.add(Kind::Engine, Figure::new("rate", Unit::PerSecond, engine));
            report.add(Kind::Limit, Figure::new("time", Unit::Milliseconds, limit));
            report.add(Kind::Engine, Figure::new("time", Unit::Milliseconds, engine));
        }
        let ratios: Vec<_> = report.rows.iter().map(Row::ratio).collect();
        assert_eq!(ratios, [Some(0.25), Some(4.0)]);
    }
}
