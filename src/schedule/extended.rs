//! A curve with what went before it: journeys under way at the start of a run began when the run had not.

use super::curve::{Cursor, Curve, Line, Pieces};

/// A rate over real time from long before 0 to the end of the run; seconds.
#[derive(Clone, Debug)]
pub(super) struct Extended {
    /// Begins `shift` seconds before 0.
    curve: Curve,
    shift: f64,
    /// The rate at all times before that.
    before: f64,
}

impl Extended {
    /// `curve` begins `shift` seconds before 0; before that, the mean of those seconds went on, or the rate at its beginning.
    pub fn new(curve: Curve, shift: f64) -> Extended {
        let before = if shift > 0.0 {
            curve.cumulative(shift) / shift
        } else {
            curve.rate(0.0)
        };
        Extended {
            curve,
            shift,
            before,
        }
    }

    /// The same with this rate before the curve begins.
    pub fn flat_before(self, rate: f64) -> Extended {
        Extended {
            before: rate,
            ..self
        }
    }

    /// The same, with 0 moved this much later.
    pub fn shifted(self, seconds: f64) -> Extended {
        Extended {
            shift: self.shift + seconds,
            ..self
        }
    }

    /// The same with another curve over the same time.
    pub fn map(self, other: impl FnOnce(&Curve) -> Curve) -> Extended {
        Extended {
            curve: other(&self.curve),
            ..self
        }
    }

    /// What of it is from 0 on.
    pub fn since_zero(&self) -> Curve {
        let later = self.curve.lines().filter(|line| line.to > self.shift);
        Curve::from_lines(later.map(|line| {
            let from = line.from.max(self.shift);
            let slope = (line.rate_to - line.rate_from) / (line.to - line.from);
            Line {
                from: from - self.shift,
                to: line.to - self.shift,
                rate_from: line.rate_from + slope * (from - line.from),
                ..line
            }
        }))
    }

    /// λ(t); at a jump, the limit from the left.
    pub fn rate_before(&self, t: f64) -> f64 {
        let t = t + self.shift;
        if t <= 0.0 {
            self.before
        } else {
            self.curve.rate_before(t)
        }
    }

    /// The integral of λ up to `t`, counted from where the curve begins, so negative before.
    pub fn cumulative(&self, t: f64) -> f64 {
        let t = t + self.shift;
        if t < 0.0 {
            self.before * t
        } else {
            self.curve.cumulative(t)
        }
    }

    /// The instant by which [`Extended::cumulative`] is `y`.
    pub fn inverse(&self, y: f64) -> f64 {
        let t = if y >= 0.0 {
            self.curve.inverse(y)
        } else {
            y / self.before
        };
        t - self.shift
    }

    /// Reads the integral at ascending instants.
    pub fn cursor(&self) -> Sweep<'_> {
        Sweep {
            extended: self,
            cursor: self.curve.cursor(),
        }
    }

    /// Cuts [from, to) out of it, for many inversions within.
    pub fn cut(&self, from: f64, to: f64, pieces: &mut Pieces) {
        self.curve.cut(from + self.shift, to + self.shift, pieces);
    }
}

/// Reads the integral of an extended curve at ascending instants.
pub(super) struct Sweep<'a> {
    extended: &'a Extended,
    cursor: Cursor<'a>,
}

impl Sweep<'_> {
    /// [`Extended::cumulative`] at `t`, which is not before any asked for earlier.
    pub fn cumulative(&mut self, t: f64) -> f64 {
        let t = t + self.extended.shift;
        if t < 0.0 {
            self.extended.before * t
        } else {
            self.cursor.cumulative(t)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::curve::Line;
    use super::*;

    /// 2 a second from -10 to -4, then up to 5 a second at 0 and on to 6.
    fn extended() -> Extended {
        let line = |from, to, rate_from, rate_to| Line {
            from,
            to,
            rate_from,
            rate_to,
        };
        let lines = [
            line(0.0, 6.0, 2.0, 2.0),
            line(6.0, 10.0, 2.0, 5.0),
            line(10.0, 16.0, 5.0, 5.0),
        ];
        Extended::new(Curve::from_lines(lines), 10.0)
    }

    #[test]
    fn it_goes_on_backwards_at_its_mean() {
        let extended = extended();
        // 12 and 14 events in ten seconds.
        assert_eq!(
            [-1e9, -10.1, -9.0, -2.0, 3.0].map(|t| extended.rate_before(t)),
            [2.6, 2.6, 2.0, 3.5, 5.0]
        );
        assert_eq!(
            [-20.0, -10.0, 0.0, 6.0].map(|t| extended.cumulative(t)),
            [-26.0, 0.0, 26.0, 56.0]
        );
        for t in [-20.0, -9.0, -3.0, 0.0, 5.5] {
            assert!((extended.inverse(extended.cumulative(t)) - t).abs() < 1e-9);
        }
    }

    #[test]
    fn a_sweep_reads_the_same() {
        let extended = extended();
        let mut sweep = extended.cursor();
        for i in 0..400 {
            let t = f64::from(i) / 10.0 - 20.0;
            assert_eq!(sweep.cumulative(t), extended.cumulative(t), "{t}");
        }
    }
}
