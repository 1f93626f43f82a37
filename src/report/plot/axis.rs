//! Where ticks stand, and what is written beside them.

use jiff::Zoned;

use crate::measure::units;
use crate::scenario;

use super::{Unit, Y};

/// Steps of a clock, in seconds.
const CLOCK_STEPS: [f64; 17] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0,
    10_800.0, 21_600.0, 43_200.0,
];

/// The simulated clock of a scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    /// Seconds since the simulated midnight when the load starts.
    pub starts_s: f64,
    /// Simulated seconds in a real one.
    pub compress: f64,
}

impl Clock {
    /// The clock of a scenario's text, if it says when it starts.
    pub fn of(scenario: &str) -> Option<Clock> {
        let table: toml::Table = scenario.parse().ok()?;
        table.get("time")?.get("starts")?;
        let time = scenario::time_of(scenario)?;
        Some(Clock {
            starts_s: second_of_day(&time.starts) + time.play.0.as_secs_f64(),
            compress: time.compress,
        })
    }

    /// The simulated time of day, so many seconds after the start of the load: `14:05`, with seconds where they matter.
    pub fn at(&self, seconds: f64, step_s: f64) -> String {
        let second = (self.starts_s + seconds * self.compress).round() as i64;
        let second = second.rem_euclid(86_400);
        let (hour, minute, rest) = (second / 3_600, second / 60 % 60, second % 60);
        if step_s < 60.0 {
            format!("{hour:02}:{minute:02}:{rest:02}")
        } else {
            format!("{hour:02}:{minute:02}")
        }
    }
}

fn second_of_day(at: &Zoned) -> f64 {
    let time = at.time();
    f64::from(time.hour()) * 3_600.0 + f64::from(time.minute()) * 60.0 + f64::from(time.second())
}

/// The time since the start of the load, and the simulated time of day where there is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeAxis {
    /// How long, in seconds.
    pub length_s: f64,
    /// Of that, the load.
    pub load_s: f64,
    /// The simulated clock.
    pub clock: Option<Clock>,
}

impl TimeAxis {
    /// At most so many ticks: (seconds since the start, label).
    pub(super) fn ticks(&self, most: usize) -> Vec<(f64, String)> {
        let (start, pace) = match self.clock {
            Some(clock) => (clock.starts_s, clock.compress),
            None => (0.0, 1.0),
        };
        let step = clock_step(self.length_s * pace, most);
        let mut ticks = Vec::new();
        let mut at = (start / step).ceil() * step;
        while at <= start + self.length_s * pace + 1e-6 {
            let seconds = (at - start) / pace;
            let label = match self.clock {
                Some(clock) => clock.at(seconds, step),
                None => units::clock_s(seconds.round() as u64),
            };
            ticks.push((seconds, label));
            at += step;
        }
        ticks
    }

    /// What the labels are.
    pub(super) fn caption(&self) -> String {
        match self.clock {
            None => "time since the start of the load, min:s".to_owned(),
            Some(clock) if (clock.compress - 1.0).abs() < 1e-9 => {
                "simulated time of day".to_owned()
            }
            Some(clock) => format!(
                "simulated time of day; {} times as fast, {} of load",
                if clock.compress.fract() == 0.0 {
                    units::count(clock.compress as u64)
                } else {
                    units::short(clock.compress)
                },
                units::time_us((self.load_s * 1e6) as u64)
            ),
        }
    }
}

/// The smallest step of a clock with at most so many ticks on `length` seconds.
fn clock_step(length: f64, most: usize) -> f64 {
    let most = most.max(1) as f64;
    CLOCK_STEPS
        .into_iter()
        .find(|step| length / step <= most)
        .unwrap_or_else(|| (length / most / 86_400.0).ceil() * 86_400.0)
}

impl Y {
    /// From 0 to a little above `max`.
    pub(super) fn linear(unit: Unit, max: f64) -> Y {
        let max = if max.is_finite() && max > 0.0 {
            max
        } else {
            1.0
        };
        let step = linear_step(max, 5);
        Y {
            unit,
            log: false,
            low: 0.0,
            high: (max * 1.02 / step).ceil() * step,
        }
    }

    /// Of whole sixths of decades that hold `min` to `max`.
    pub(in crate::report) fn log(unit: Unit, min: f64, max: f64) -> Y {
        let legal = |x: f64, or: f64| if x.is_finite() && x > 0.0 { x } else { or };
        let (min, max) = (legal(min, 100.0), legal(max, 10_000.0));
        let low = (min.log10() * 6.0).floor() / 6.0;
        let high = ((max * 1.1).log10() * 6.0).ceil() / 6.0;
        Y {
            unit,
            log: true,
            low: 10_f64.powf(low),
            high: 10_f64.powf(high.max(low + 0.5)),
        }
    }

    /// Where a value stands: 0 at the bottom, 1 at the top; values outside stand at the edge.
    pub(super) fn place(&self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        share.clamp(0.0, 1.0)
    }

    /// Ticks, about so many.
    pub(super) fn ticks(&self, most: usize) -> Vec<(f64, String)> {
        let values = if self.log {
            self.log_ticks(most)
        } else {
            let step = linear_step(self.high, most);
            let n = (self.high / step + 1e-9).floor() as u32;
            (0..=n).map(|i| f64::from(i) * step).collect()
        };
        values
            .into_iter()
            .map(|value| (value, label(self.unit, value)))
            .collect()
    }

    fn log_ticks(&self, most: usize) -> Vec<f64> {
        let (first, last) = (
            self.low.log10().floor() as i32,
            self.high.log10().ceil() as i32,
        );
        let inside = |value: f64| value >= self.low * 0.999 && value <= self.high * 1.001;
        let of = |digits: &[f64]| -> Vec<f64> {
            (first..=last)
                .flat_map(|e| digits.iter().map(move |d| d * 10_f64.powi(e)))
                .filter(|value| inside(*value))
                .collect()
        };
        [&[1.0, 2.0, 5.0][..], &[1.0, 3.0], &[1.0]]
            .into_iter()
            .map(of)
            .find(|ticks| ticks.len() <= most + 1)
            .unwrap_or_else(|| of(&[1.0]))
    }
}

/// 1, 2 or 5 times a power of ten, with at most so many steps up to `max`.
fn linear_step(max: f64, most: usize) -> f64 {
    let rough = max / most.max(1) as f64;
    let decade = 10_f64.powf(rough.log10().floor());
    let digit = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|digit| digit * decade >= rough * 0.999_999)
        .unwrap_or(10.0);
    digit * decade
}

/// A value with its unit.
pub(super) fn label(unit: Unit, value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    match unit {
        Unit::Rate => units::rate(value),
        Unit::Time => units::time_us(value.round() as u64),
        Unit::Count => units::short(value),
        Unit::Bytes => units::bytes(value.round() as u64),
        Unit::Share => units::share(value),
        Unit::Cores => match value {
            1.0 => "1 core".to_owned(),
            _ => format!("{} cores", units::short(value)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: Vec<(f64, String)>) -> Vec<String> {
        ticks.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn real_time_in_minutes() {
        let axis = TimeAxis {
            length_s: 600.0,
            load_s: 600.0,
            clock: None,
        };
        assert_eq!(
            labels(axis.ticks(6)),
            ["0:00", "2:00", "4:00", "6:00", "8:00", "10:00"]
        );
        let day = TimeAxis {
            length_s: 86_400.0,
            load_s: 86_400.0,
            clock: None,
        };
        assert_eq!(
            labels(day.ticks(4)),
            ["0:00", "6:00:00", "12:00:00", "18:00:00", "24:00:00"]
        );
    }

    #[test]
    fn simulated_time_of_day() {
        let clock = Clock::of(
            "[time]\nstarts = \"2026-11-30T22:30:00-05:00\"\nspan = \"4h\"\ncompress = 60\n",
        );
        let axis = TimeAxis {
            length_s: 240.0,
            load_s: 240.0,
            clock,
        };
        let ticks = axis.ticks(5);
        assert_eq!(ticks[0], (30.0, "23:00".to_owned()));
        assert_eq!(labels(ticks), ["23:00", "00:00", "01:00", "02:00"]);
        assert!(axis.caption().contains("60 times"), "{}", axis.caption());
        assert_eq!(
            Clock::of("[time]\nspan = \"4h\"\n"),
            None,
            "no clock was asked for"
        );
        assert_eq!(Clock::of("<html>"), None);
    }

    #[test]
    fn a_part_that_is_played_starts_later() {
        let clock = Clock::of(
            "[time]\nstarts = \"2026-11-30T00:00:00Z\"\nspan = \"24h\"\nplay = [\"11:50\", \"12:10\"]\n",
        )
        .expect("a clock");
        assert_eq!(clock.at(0.0, 60.0), "11:50");
        assert_eq!(clock.at(65.0, 5.0), "11:51:05");
    }

    #[test]
    fn linear_axes_end_on_a_tick() {
        let y = Y::linear(Unit::Rate, 18_518.0);
        assert_eq!(labels(y.ticks(5)), ["0", "5k/s", "10k/s", "15k/s", "20k/s"]);
        assert!((Y::linear(Unit::Count, 0.0).high - 1.2).abs() < 1e-9);
        assert!(Y::linear(Unit::Count, f64::NAN).high.is_finite());
    }

    #[test]
    fn logarithmic_axes_have_few_ticks_however_far_they_reach() {
        let y = Y::log(Unit::Time, 900.0, 45_000.0);
        assert_eq!(
            labels(y.ticks(6)),
            ["1 ms", "2 ms", "5 ms", "10 ms", "20 ms", "50 ms"]
        );
        let wide = Y::log(Unit::Time, 100.0, 3e8);
        assert!(
            wide.ticks(6).len() <= 7 && wide.ticks(6).len() >= 4,
            "{:?}",
            wide.ticks(6)
        );
        assert_eq!(
            (y.place(y.low), y.place(y.high), y.place(0.0)),
            (0.0, 1.0, 0.0)
        );
    }
}
