//! A run in a few dozen columns: how its response time and its rate went. Pure.
//!
//! Neighbouring seconds are merged as the run grows (histograms and counts added, never averaged), so that a run of any length is
//! held in little memory and drawn on one line.

use crate::measure::histogram::MergedHistogram;
use crate::measure::line::WindowLine;
use crate::measure::units;

/// The most columns.
const COLUMNS: usize = 40;
/// From nothing to all.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// A column whose quantile falls among events without an answer.
const UNANSWERED: char = '×';
/// A column with nothing to show.
const NOTHING: char = ' ';

/// What is known of a run over time.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    columns: Vec<Column>,
    /// How many windows a column holds. They are of one length each: what makes them is.
    windows: u64,
    /// How many windows the last column holds so far.
    last: u64,
    /// The length of a window, in microseconds.
    window_us: u64,
}

#[derive(Clone, Debug, Default)]
struct Column {
    /// Response times of the events of all flows that came due in it.
    response: MergedHistogram,
    /// Events that came due in it and were never acknowledged.
    beyond: u64,
    /// Acknowledged in it.
    acknowledged: u64,
    /// All of it belongs to the warm-up.
    is_warm_up: bool,
    /// Something happened to the run in it.
    is_marked: bool,
}

/// A line of bars, and what the lowest and highest of them stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spark {
    /// One character a column.
    pub bars: String,
    /// What it shows and its range.
    pub text: String,
}

impl Timeline {
    /// Windows of a second each.
    pub fn new() -> Timeline {
        Timeline::of_windows(1_000_000)
    }

    /// Windows of this length, in microseconds.
    pub fn of_windows(window_us: u64) -> Timeline {
        Timeline {
            windows: 1,
            window_us: window_us.max(1),
            ..Timeline::default()
        }
    }

    /// Adds the next window.
    pub fn add(&mut self, line: &WindowLine) {
        let column = Column::of(line);
        match self.columns.last_mut() {
            Some(last) if self.last < self.windows => {
                last.merge(&column);
                self.last += 1;
            }
            _ => {
                self.columns.push(column);
                self.last = 1;
            }
        }
        if self.columns.len() > COLUMNS {
            self.halve();
        }
    }

    /// Merges every two columns to one.
    fn halve(&mut self) {
        if self.columns.len().is_multiple_of(2) {
            self.last += self.windows;
        }
        self.windows *= 2;
        self.columns = self
            .columns
            .chunks(2)
            .map(|pair| {
                let mut sum = pair[0].clone();
                pair[1..].iter().for_each(|column| sum.merge(column));
                sum
            })
            .collect();
    }

    /// The lines to draw one below the other, each with its label, of a load that lasted this long; none where it was too short.
    pub fn lines(&self, elapsed_us: u64) -> Vec<(&'static str, Spark)> {
        // What came after the load (open acknowledgements, groups that read on) is no part of it; a column is where most of it is.
        let columns = elapsed_us.saturating_add(self.column_us() / 2) / self.column_us();
        let columns = usize::try_from(columns).unwrap_or(usize::MAX);
        let columns = &self.columns[..columns.min(self.columns.len())];
        if columns.len() < 3 {
            return Vec::new();
        }
        let response = response(columns).map(|spark| ("response", spark));
        let rate = self.rate(columns);
        response
            .into_iter()
            .chain([("rate", rate), ("", axis(columns, elapsed_us))])
            .collect()
    }

    /// The length of a column.
    fn column_us(&self) -> u64 {
        self.windows * self.window_us
    }

    /// The acknowledged events per second in each column, from none to the most.
    fn rate(&self, columns: &[Column]) -> Spark {
        let rates: Vec<f64> = columns
            .iter()
            .enumerate()
            .map(|(i, column)| {
                // By the time its windows cover, not by the load's: acknowledgements come after the load as well.
                let is_last = i + 1 == self.columns.len();
                let windows = if is_last { self.last } else { self.windows };
                column.acknowledged as f64 * 1e6 / (windows * self.window_us) as f64
            })
            .collect();
        let most = rates.iter().copied().fold(0.0, f64::max);
        let least = rates.iter().copied().fold(most, f64::min);
        Spark {
            bars: rates.iter().map(|rate| bar(*rate, most)).collect(),
            text: format!("{} to {}", units::rate(least), units::rate(most)),
        }
    }
}

/// The 0.99 quantile of the response time in each column, from nothing to the longest. `None` where nothing has a response time.
fn response(columns: &[Column]) -> Option<Spark> {
    let p99s: Vec<Option<u64>> = columns.iter().map(Column::p99_us).collect();
    let most = *p99s.iter().flatten().max()?;
    let least = *p99s.iter().flatten().min()?;
    let bars = columns.iter().zip(&p99s).map(|(column, p99)| match p99 {
        Some(us) => bar(*us as f64, most as f64),
        None if column.beyond > 0 => UNANSWERED,
        None => NOTHING,
    });
    let bars: String = bars.collect();
    let unanswered = if bars.contains(UNANSWERED) {
        format!(", {UNANSWERED} unanswered")
    } else {
        String::new()
    };
    let text = format!(
        "p99 {} to {}{unanswered}",
        units::time_us(least),
        units::time_us(most)
    );
    Some(Spark { bars, text })
}

/// The axis below: the warm-up as dots, `^` where something is marked, and how long it all lasted.
fn axis(columns: &[Column], elapsed_us: u64) -> Spark {
    let bars: String = columns
        .iter()
        .map(|column| match (column.is_marked, column.is_warm_up) {
            (true, _) => '^',
            (_, true) => '·',
            _ => '─',
        })
        .collect();
    let mut text = units::clock_s(elapsed_us / 1_000_000);
    if bars.contains('·') {
        text.push_str(", · warm-up");
    }
    if bars.contains('^') {
        text.push_str(", ^ marked");
    }
    Spark { bars, text }
}

impl Column {
    fn of(line: &WindowLine) -> Column {
        let mut column = Column {
            is_warm_up: !line.warm,
            is_marked: !line.marks.is_empty(),
            ..Column::default()
        };
        for flow in line.flows.values() {
            column.acknowledged += flow.during.acknowledged;
            if let Some(response) = &flow.response {
                column.response.merge(response);
                column.beyond += flow.beyond_response();
            }
        }
        column
    }

    fn merge(&mut self, other: &Column) {
        self.response.merge(&other.response);
        self.beyond += other.beyond;
        self.acknowledged += other.acknowledged;
        self.is_warm_up &= other.is_warm_up;
        self.is_marked |= other.is_marked;
    }

    fn p99_us(&self) -> Option<u64> {
        self.response.quantile_us(0.99, self.beyond)
    }
}

/// The bar of a value between 0 and `most`.
fn bar(value: f64, most: f64) -> char {
    if most <= 0.0 {
        return BARS[0];
    }
    let height = (value / most * BARS.len() as f64).ceil() as usize;
    BARS[height.clamp(1, BARS.len()) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::histogram::WindowHistogram;
    use crate::measure::line::{FlowDuring, FlowLine};

    /// A second in which `n` events came due, all acknowledged after `us` microseconds but `lost` of them.
    fn second(n: u64, us: u64, lost: u64) -> WindowLine {
        let mut response = WindowHistogram::new();
        response.record_many(us, n - lost);
        let flow = FlowLine {
            planned: n,
            acknowledged: n - lost,
            during: FlowDuring {
                acknowledged: n - lost,
                ..FlowDuring::default()
            },
            response: Some(response),
            ..FlowLine::default()
        };
        WindowLine {
            warm: true,
            flows: [("shoppers".to_owned(), flow)].into(),
            ..WindowLine::default()
        }
    }

    fn timeline(seconds: impl IntoIterator<Item = WindowLine>) -> Timeline {
        let mut timeline = Timeline::new();
        seconds.into_iter().for_each(|line| timeline.add(&line));
        timeline
    }

    #[test]
    fn bars_rise_from_nothing_to_the_most() {
        let timeline = timeline([1, 25, 50, 75, 100].map(|n| second(n, n * 1_000, 0)));
        let lines = timeline.lines(5_000_000);
        let (response, rate) = (&lines[0].1, &lines[1].1);
        assert_eq!(response.bars, "▁▂▄▆█");
        assert_eq!(response.text, "p99 1 ms to 100 ms");
        assert_eq!(
            (rate.bars.as_str(), rate.text.as_str()),
            ("▁▂▄▆█", "1/s to 100/s")
        );
    }

    #[test]
    fn a_column_without_answers_is_no_low_bar() {
        let timeline = timeline([second(10, 500, 0), second(10, 500, 10), second(10, 500, 0)]);
        let response = &timeline.lines(3_000_000)[0].1;
        assert_eq!(response.bars, "█×█");
        assert!(response.text.ends_with("× unanswered"), "{}", response.text);
    }

    #[test]
    fn long_runs_are_merged_and_never_averaged() {
        // One slow second in an hour: an average would hide it.
        let hour = (0..3_600).map(|s| match s {
            1_800 => second(400, 900_000, 0),
            _ => second(100, 1_000, 0),
        });
        let timeline = timeline(hour);
        let columns = timeline.columns.len();
        assert!((COLUMNS / 2..=COLUMNS).contains(&columns), "{columns}");
        // A column has 128 s × 100 events: the slow 400 are 3 % of them.
        let response = &timeline.lines(3_600_000_000)[0].1;
        assert_eq!(response.bars.matches('█').count(), 1, "{}", response.bars);
        let acknowledged: u64 = timeline.columns.iter().map(|c| c.acknowledged).sum();
        assert_eq!(acknowledged, 360_300);
    }

    #[test]
    fn every_length_keeps_all_events_and_the_right_last_column() {
        for seconds in 1..400 {
            let timeline = timeline((0..seconds).map(|_| second(10, 1_000, 0)));
            let sum: u64 = timeline.columns.iter().map(|c| c.acknowledged).sum();
            assert_eq!(sum, seconds * 10);
            let lines = timeline.lines(seconds * 1_000_000);
            match seconds {
                0..3 => assert_eq!(lines, []),
                _ => assert_eq!(lines[1].1.text, "10/s to 10/s", "{seconds}"),
            }
        }
    }

    #[test]
    fn warm_up_and_marks_stand_below() {
        let mut lines: Vec<WindowLine> = (0..5).map(|_| second(1, 1, 0)).collect();
        lines[0].warm = false;
        lines[3].marks.push("a broker paused".to_owned());
        let axis = &timeline(lines).lines(5_000_000)[2].1;
        assert_eq!(axis.bars, "·──^─");
        assert_eq!(axis.text, "0:05, · warm-up, ^ marked");
    }

    #[test]
    fn nothing_at_all_is_drawn_as_nothing() {
        let timeline = timeline((0..4).map(|_| WindowLine::default()));
        let lines = timeline.lines(4_000_000);
        assert_eq!((lines.len(), lines[0].1.bars.as_str()), (2, "▁▁▁▁"));
        assert_eq!(Timeline::new().lines(0), []);
    }

    #[test]
    fn what_comes_after_the_load_is_left_out() {
        // Three and a half seconds of load, then two in which the last acknowledgements came.
        let timeline = timeline([10, 10, 10, 5, 1, 0].map(|n| second(n, 1_000, 0)));
        let rate = &timeline.lines(3_500_000)[1].1;
        assert_eq!(
            (rate.bars.as_str(), rate.text.as_str()),
            ("███▄", "5/s to 10/s")
        );
        // Of the fourth second there is too little.
        assert_eq!(timeline.lines(3_400_000)[1].1.bars, "███");
    }
}
