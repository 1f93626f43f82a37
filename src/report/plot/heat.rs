//! The heat map: how many events took how long, when.

use crate::measure::histogram::MergedHistogram;
use crate::measure::units;

use super::ink::HEAT_STEPS;
use super::{Ink, Y};

/// Rows between the bottom and the top.
const ROWS: usize = 32;
/// The most columns: more could not be told apart, and would make the page large.
const COLUMNS: usize = 180;

/// One column: a stretch of time, its events' times, and how many have none.
pub(super) struct Column {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) times: MergedHistogram,
    pub(super) beyond: u64,
}

/// A rectangle: neighbours of the same colour are one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell {
    pub(super) from: f64,
    pub(super) to: f64,
    /// Shares of the height.
    pub(super) bottom: f64,
    pub(super) top: f64,
    pub(super) ink: Ink,
}

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Heat {
    cells: Vec<Cell>,
    most: u64,
    beyond: bool,
}

impl Heat {
    /// The map of these columns. Columns are merged where there are too many.
    pub(super) fn new(columns: Vec<Column>, y: &Y) -> Heat {
        let columns = fewer(columns);
        let counts: Vec<Vec<u64>> = columns.iter().map(|column| rows(column, y)).collect();
        let most = counts.iter().flatten().copied().max().unwrap_or(0);
        let inks = |column: usize, row: usize| {
            let count = counts[column][row];
            match (row, step(count, most)) {
                (_, 0) => None,
                (ROWS, _) => Some(Ink::Bad),
                (_, step) => Some(Ink::Heat(step)),
            }
        };
        let mut cells = Vec::new();
        for row in 0..=ROWS {
            let mut at = 0;
            while at < columns.len() {
                let Some(ink) = inks(at, row) else {
                    at += 1;
                    continue;
                };
                let mut end = at + 1;
                while end < columns.len()
                    && inks(end, row) == Some(ink)
                    && columns[end].from <= columns[end - 1].to + 1e-9
                {
                    end += 1;
                }
                cells.push(Cell {
                    from: columns[at].from,
                    to: columns[end - 1].to,
                    bottom: row as f64 / (ROWS + 1) as f64,
                    top: (row + 1) as f64 / (ROWS + 1) as f64,
                    ink,
                });
                at = end;
            }
        }
        Heat {
            cells,
            most,
            beyond: columns.iter().any(|column| column.beyond > 0),
        }
    }

    pub(super) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// What the colours stand for, in events of a cell.
    pub(super) fn legend(&self) -> impl Iterator<Item = (Ink, String)> {
        let steps = (1..=HEAT_STEPS)
            .filter(|s| self.cells.iter().any(|cell| cell.ink == Ink::Heat(*s)))
            .map(|s| (Ink::Heat(s), self.label(s)));
        let beyond = self
            .beyond
            .then(|| (Ink::Bad, "no acknowledgement".to_owned()));
        steps.chain(beyond).collect::<Vec<_>>().into_iter()
    }

    fn label(&self, wanted: u8) -> String {
        let least = least(wanted, self.most);
        match wanted {
            1 => "1 event in a cell".to_owned(),
            _ => format!("{}+", units::short(least as f64)),
        }
    }
}

/// The y axis of a map has one row more than its values need: that of events without an end.
pub(super) fn axis(y: Y) -> Y {
    let share = (ROWS + 1) as f64 / ROWS as f64;
    Y {
        high: y.low * (y.high / y.low).powf(share),
        ..y
    }
}

/// Merges neighbours until there are few enough.
fn fewer(columns: Vec<Column>) -> Vec<Column> {
    let each = columns.len().div_ceil(COLUMNS).max(1);
    let mut merged: Vec<Column> = Vec::new();
    for (i, column) in columns.into_iter().enumerate() {
        match merged.last_mut() {
            Some(last) if i % each != 0 => {
                last.to = column.to;
                last.times.merge(&column.times);
                last.beyond += column.beyond;
            }
            _ => merged.push(column),
        }
    }
    merged
}

/// Events by row, from the bottom; the last row is that of events without an end.
fn rows(column: &Column, y: &Y) -> Vec<u64> {
    let mut rows = vec![0; ROWS + 1];
    for (low, high, count) in column.times.recorded() {
        let middle = (low + high) as f64 / 2.0;
        let row = (y.place(middle) * (ROWS + 1) as f64) as usize;
        rows[row.min(ROWS - 1)] += count;
    }
    rows[ROWS] = column.beyond;
    rows
}

/// The fewest events of a step: steps are equal in logarithm.
fn least(step: u8, most: u64) -> u64 {
    let share = f64::from(step.saturating_sub(1)) / f64::from(HEAT_STEPS);
    ((most.max(1) as f64).powf(share).ceil() as u64).max(1)
}

/// The step of a number of events; 0 for none.
fn step(count: u64, most: u64) -> u8 {
    (1..=HEAT_STEPS)
        .rev()
        .find(|step| count >= least(*step, most))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::Unit;
    use super::*;

    fn column(from: f64, values: &[(u64, u64)], beyond: u64) -> Column {
        let mut times = MergedHistogram::new();
        values.iter().for_each(|(us, n)| times.record_many(*us, *n));
        Column {
            from,
            to: from + 1.0,
            times,
            beyond,
        }
    }

    fn y() -> Y {
        axis(Y::log(Unit::Time, 1_000.0, 100_000.0))
    }

    #[test]
    fn equal_neighbours_are_one_rectangle() {
        let columns = vec![
            column(0.0, &[(5_000, 100)], 0),
            column(1.0, &[(5_000, 100)], 0),
            column(2.0, &[(50_000, 100)], 0),
        ];
        let heat = Heat::new(columns, &y());
        assert_eq!(heat.cells().len(), 2);
        let wide = &heat.cells()[0];
        assert_eq!((wide.from, wide.to), (0.0, 2.0));
        assert!(heat.cells()[1].bottom > wide.top, "slower stands higher");
    }

    #[test]
    fn what_never_ended_stands_on_top() {
        let heat = Heat::new(vec![column(0.0, &[(5_000, 100)], 7)], &y());
        let top = heat.cells().last().expect("two cells");
        assert_eq!((top.ink, top.top), (Ink::Bad, 1.0));
        assert!(
            heat.legend()
                .any(|(_, label)| label == "no acknowledgement")
        );
    }

    #[test]
    fn every_event_is_in_a_row() {
        let column = column(0.0, &[(1, 3), (5_000, 4), (3_000_000_000, 5)], 6);
        assert_eq!(rows(&column, &y()).iter().sum::<u64>(), 18);
    }

    #[test]
    fn long_runs_have_few_columns_and_lose_nothing() {
        let columns: Vec<Column> = (0..900)
            .map(|s| column(f64::from(s), &[(5_000, 2)], 1))
            .collect();
        let merged = fewer(columns);
        assert_eq!(merged.len(), 180);
        assert_eq!(merged.iter().map(|c| c.times.count()).sum::<u64>(), 1_800);
        assert_eq!((merged[179].from, merged[179].to), (895.0, 900.0));
    }

    #[test]
    fn steps_grow_with_the_count() {
        let steps: Vec<u8> = [0, 1, 10, 100, 1_000, 10_000]
            .map(|n| step(n, 10_000))
            .into();
        assert!(
            steps.is_sorted() && steps[0] == 0 && steps[1] == 1 && steps[5] == HEAT_STEPS,
            "{steps:?}"
        );
        assert_eq!(step(1, 1), HEAT_STEPS);
    }
}
