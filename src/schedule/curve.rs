//! A rate over real time: piecewise linear, with its integral and the integral's inverse in closed form.

/// One straight piece, up to where the next begins.
#[derive(Clone, Copy, Debug)]
struct Segment {
    /// Where it begins; seconds.
    t: f64,
    /// The integral up to there.
    cumulative: f64,
    /// The rate there, the limit from the right; per second.
    rate: f64,
    /// What the rate gains in a second.
    slope: f64,
}

impl Segment {
    fn rate_after(&self, seconds: f64) -> f64 {
        (self.rate + self.slope * seconds).max(0.0)
    }

    fn integral_after(&self, seconds: f64) -> f64 {
        seconds * (self.rate + 0.5 * self.slope * seconds)
    }
}

/// A straight line between two instants, ends included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub from: f64,
    pub to: f64,
    pub rate_from: f64,
    pub rate_to: f64,
}

impl Line {
    pub fn integral(&self) -> f64 {
        (self.to - self.from) * (self.rate_from + self.rate_to) / 2.0
    }

    pub fn peak(&self) -> f64 {
        self.rate_from.max(self.rate_to)
    }
}

/// The rate of a flow, λ(t), from 0 to the end of the run; `t` in real seconds, rates per real second.
#[derive(Clone, Debug)]
pub struct Curve {
    segments: Vec<Segment>,
    end: f64,
    total: f64,
    peak: f64,
}

impl Curve {
    /// The curve made of these lines, which follow each other from 0 without gaps.
    pub(super) fn from_lines(lines: impl IntoIterator<Item = Line>) -> Curve {
        let mut curve = Curve {
            segments: Vec::new(),
            end: 0.0,
            total: 0.0,
            peak: 0.0,
        };
        let mut sum = Sum::default();
        for line in lines.into_iter().filter(|line| line.to > line.from) {
            let slope = (line.rate_to - line.rate_from) / (line.to - line.from);
            let continues = curve.segments.last().is_some_and(|last| {
                slope == 0.0 && last.slope == 0.0 && last.rate == line.rate_from
            });
            if !continues {
                curve.segments.push(Segment {
                    t: line.from,
                    cumulative: sum.value(),
                    rate: line.rate_from,
                    slope,
                });
            }
            sum.add(line.integral());
            curve.peak = curve.peak.max(line.peak());
            curve.end = line.to;
        }
        curve.total = sum.value();
        curve
    }

    /// λ(t); at a jump, the limit from the right. Nothing outside the run.
    pub fn rate(&self, t: f64) -> f64 {
        let after = self.segments.partition_point(|s| s.t <= t);
        match after.checked_sub(1).map(|i| &self.segments[i]) {
            Some(segment) if t <= self.end => segment.rate_after(t - segment.t),
            _ => 0.0,
        }
    }

    /// λ(t); at a jump, the limit from the left.
    pub(super) fn rate_before(&self, t: f64) -> f64 {
        let before = self.segments.partition_point(|s| s.t < t);
        match before.checked_sub(1).map(|i| &self.segments[i]) {
            Some(segment) if t <= self.end => segment.rate_after(t - segment.t),
            _ => 0.0,
        }
    }

    /// Λ(t), the events expected up to `t`.
    pub fn cumulative(&self, t: f64) -> f64 {
        if t >= self.end {
            return self.total;
        }
        self.cumulative_before(t, self.segments.partition_point(|s| s.t <= t))
    }

    /// Λ⁻¹(y): the instant by which `y` events are expected. Where nothing is due for a while, the end of that while.
    pub fn inverse(&self, y: f64) -> f64 {
        if y >= self.total {
            return self.end;
        }
        let after = self.segments.partition_point(|s| s.cumulative <= y);
        let Some(segment) = after.checked_sub(1).map(|i| &self.segments[i]) else {
            return 0.0;
        };
        let until = self.segments.get(after).map_or(self.end, |next| next.t);
        let seconds = seconds_for(y - segment.cumulative, segment.rate, segment.slope);
        (segment.t + seconds).min(until)
    }

    /// The highest rate, spikes included; per second.
    pub fn peak(&self) -> f64 {
        self.peak
    }

    /// Λ at the end: the events of the whole run.
    pub fn total(&self) -> f64 {
        self.total
    }

    /// The curve as a polyline of (seconds, rate). A jump is two points at one instant.
    pub fn points(&self) -> Vec<(f64, f64)> {
        let mut points: Vec<(f64, f64)> = Vec::with_capacity(self.segments.len() + 1);
        let ends = self.segments.iter().skip(1).map(|s| s.t).chain([self.end]);
        for (segment, end) in self.segments.iter().zip(ends) {
            let last = (end, segment.rate_after(end - segment.t));
            let joins = points
                .last()
                .is_some_and(|&(_, rate)| (rate - segment.rate).abs() <= 1e-9 * self.peak);
            if !joins {
                points.push((segment.t, segment.rate));
            }
            points.push(last);
        }
        points
    }

    /// The straight lines it is made of, from 0 to the end of the run.
    pub(super) fn lines(&self) -> impl Iterator<Item = Line> + '_ {
        let ends = self.segments.iter().skip(1).map(|s| s.t).chain([self.end]);
        self.segments.iter().zip(ends).map(|(segment, to)| Line {
            from: segment.t,
            to,
            rate_from: segment.rate,
            rate_to: segment.rate_after(to - segment.t),
        })
    }

    /// The curve with every rate multiplied.
    pub(super) fn scaled(&self, factor: f64) -> Curve {
        Curve::from_lines(self.lines().map(|line| Line {
            rate_from: line.rate_from * factor,
            rate_to: line.rate_to * factor,
            ..line
        }))
    }

    /// The end of the run; seconds.
    pub(super) fn end(&self) -> f64 {
        self.end
    }

    /// Reads the integral at ascending instants.
    pub(super) fn cursor(&self) -> Cursor<'_> {
        Cursor {
            curve: self,
            after: 0,
        }
    }

    /// Λ(t), where `after` is the first segment that begins after `t`.
    fn cumulative_before(&self, t: f64, after: usize) -> f64 {
        let Some(segment) = after.checked_sub(1).map(|i| &self.segments[i]) else {
            return 0.0;
        };
        // Not above where the next begins, whatever rounding says: bins that share an edge must agree on who has what.
        let next = self
            .segments
            .get(after)
            .map_or(self.total, |s| s.cumulative);
        (segment.cumulative + segment.integral_after(t - segment.t)).min(next)
    }

    /// Cuts [from, to) out of the curve, for many inversions within it.
    pub(super) fn cut(&self, from: f64, to: f64, pieces: &mut Pieces) {
        pieces.clear();
        let to = to.min(self.end);
        let first = self.segments.partition_point(|s| s.t <= from);
        for i in first.saturating_sub(1)..self.segments.len() {
            let segment = &self.segments[i];
            let begin = segment.t.max(from);
            let until = self.segments.get(i + 1).map_or(self.end, |next| next.t);
            let end = until.min(to);
            if segment.t >= to {
                break;
            }
            if end > begin {
                let rate = segment.rate_after(begin - segment.t);
                pieces.push(begin - from, end - begin, rate, segment.slope);
            }
        }
    }
}

/// Reads a curve's integral at ascending instants, without a search for each.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    curve: &'a Curve,
    /// The first segment that begins after the last instant asked for.
    after: usize,
}

impl Cursor<'_> {
    /// Λ(t); `t` is not before any asked for earlier.
    #[inline]
    pub fn cumulative(&mut self, t: f64) -> f64 {
        if t >= self.curve.end {
            return self.curve.total;
        }
        let segments = &self.curve.segments;
        while segments.get(self.after).is_some_and(|next| next.t <= t) {
            self.after += 1;
        }
        self.curve.cumulative_before(t, self.after)
    }
}

/// How long it takes for `y` events at a rate that begins at `rate` and gains `slope` a second. This form of the quadratic's root
/// loses no precision when the slope is small.
#[inline]
fn seconds_for(y: f64, rate: f64, slope: f64) -> f64 {
    let divisor = rate + (rate * rate + 2.0 * slope * y).max(0.0).sqrt();
    if divisor > 0.0 {
        2.0 * y / divisor
    } else {
        0.0
    }
}

/// A short stretch of a curve in coordinates of its own, so that inverting costs no search and loses no digits to a large Λ.
/// Instants are nanoseconds from its start.
#[derive(Clone, Debug, Default)]
pub(super) struct Pieces {
    pieces: Vec<Piece>,
    total: f64,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    cumulative: f64,
    at_ns: f64,
    rate_per_ns: f64,
    slope_per_ns: f64,
}

impl Pieces {
    fn clear(&mut self) {
        self.pieces.clear();
        self.total = 0.0;
    }

    fn push(&mut self, at_s: f64, seconds: f64, rate: f64, slope: f64) {
        self.pieces.push(Piece {
            cumulative: self.total,
            at_ns: at_s * 1e9,
            rate_per_ns: rate * 1e-9,
            slope_per_ns: slope * 1e-18,
        });
        self.total += (seconds * (rate + 0.5 * slope * seconds)).max(0.0);
    }

    /// The events expected in the stretch.
    pub fn total(&self) -> f64 {
        self.total
    }

    /// The instant by which `y` events are expected, in nanoseconds from the start of the stretch.
    #[inline]
    pub fn inverse_ns(&self, y: f64) -> f64 {
        let piece = match &self.pieces[..] {
            [only] => only,
            pieces => {
                let after = pieces.partition_point(|piece| piece.cumulative <= y);
                &pieces[after.max(1) - 1]
            }
        };
        let y = y - piece.cumulative;
        piece.at_ns + seconds_for(y, piece.rate_per_ns, piece.slope_per_ns)
    }
}

/// Compensated addition (Neumaier 1974): a million segments must not lose the total's last digits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    pub fn add(&mut self, x: f64) {
        let next = self.sum + x;
        self.lost += if self.sum.abs() >= x.abs() {
            (self.sum - next) + x
        } else {
            (x - next) + self.sum
        };
        self.sum = next;
    }

    pub fn value(&self) -> f64 {
        self.sum + self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(from: f64, to: f64, rate_from: f64, rate_to: f64) -> Line {
        Line {
            from,
            to,
            rate_from,
            rate_to,
        }
    }

    /// Up from 0 to 10 in 2 s, nothing for 3 s, then 4 a second for 5 s, then down to 0 in 2 s.
    fn curve() -> Curve {
        Curve::from_lines([
            line(0.0, 2.0, 0.0, 10.0),
            line(2.0, 5.0, 0.0, 0.0),
            line(5.0, 10.0, 4.0, 4.0),
            line(10.0, 12.0, 4.0, 0.0),
        ])
    }

    #[test]
    fn rate_and_integral_follow_the_lines() {
        let curve = curve();
        let rates = [-1.0, 0.0, 1.0, 2.0, 4.0, 5.0, 11.0, 12.0, 13.0].map(|t| curve.rate(t));
        assert_eq!(rates, [0.0, 0.0, 5.0, 0.0, 0.0, 4.0, 2.0, 0.0, 0.0]);
        let before = [0.0, 1.0, 2.0, 5.0, 10.0, 12.0].map(|t| curve.rate_before(t));
        assert_eq!(before, [0.0, 5.0, 10.0, 0.0, 4.0, 0.0]);
        let sums = [-1.0, 0.0, 1.0, 2.0, 4.0, 6.0, 11.0, 12.0, 13.0].map(|t| curve.cumulative(t));
        assert_eq!(sums, [0.0, 0.0, 2.5, 10.0, 10.0, 14.0, 33.0, 34.0, 34.0]);
        assert_eq!((curve.peak(), curve.total()), (10.0, 34.0));
    }

    #[test]
    fn inverse_skips_where_nothing_is_due() {
        let curve = curve();
        let instants = [-1.0, 0.0, 2.5, 10.0, 14.0, 33.0, 34.0, 99.0].map(|y| curve.inverse(y));
        assert_eq!(instants, [0.0, 0.0, 1.0, 5.0, 6.0, 11.0, 12.0, 12.0]);
    }

    #[test]
    fn inverse_keeps_its_digits_on_the_slightest_slope() {
        // The textbook root (sqrt(r² + 2ay) - r) / a returns 0 for the first of these.
        for slope in [1e-9, -1e-9, 1e-15] {
            let curve = Curve::from_lines([line(0.0, 1e4, 1e3, 1e3 + slope * 1e4)]);
            for y in [0.5, 1e3, 9.9e6] {
                let t = curve.inverse(y);
                assert!((t / (y / 1e3) - 1.0).abs() < 1e-8, "{slope} {y}: {t}");
            }
        }
    }

    #[test]
    fn points_show_jumps_as_two_points() {
        assert_eq!(
            curve().points(),
            [
                (0.0, 0.0),
                (2.0, 10.0),
                (2.0, 0.0),
                (5.0, 0.0),
                (5.0, 4.0),
                (10.0, 4.0),
                (12.0, 0.0)
            ]
        );
    }

    #[test]
    fn equal_stretches_become_one() {
        let minute = (0..60).map(|i| line(f64::from(i), f64::from(i) + 1.0, 3.0, 3.0));
        assert_eq!(Curve::from_lines(minute).segments.len(), 1);
    }

    #[test]
    fn pieces_agree_with_the_curve() {
        let curve = curve();
        let mut pieces = Pieces::default();
        for (from, to) in [
            (0.0, 1.0),
            (1.5, 5.5),
            (9.0, 13.0),
            (2.5, 3.0),
            (12.0, 13.0),
        ] {
            curve.cut(from, to, &mut pieces);
            let before = curve.cumulative(from);
            assert!((pieces.total() - (curve.cumulative(to) - before)).abs() < 1e-12);
            for i in 0..10 {
                let y = pieces.total() * f64::from(i) / 10.0;
                let expected = curve.inverse(before + y);
                if pieces.total() > 0.0 {
                    assert!((from + pieces.inverse_ns(y) * 1e-9 - expected).abs() < 1e-9);
                }
            }
        }
    }

    #[test]
    fn ten_thousand_million_events_are_counted_to_the_last() {
        // A million lines of 10,000.1 events: plain addition is off by several.
        let n = 1_000_000;
        let lines = (0..n).map(|i| {
            let t = f64::from(i);
            line(
                t,
                t + 1.0,
                10_000.1 + f64::from(i % 2),
                10_000.1 + f64::from(i % 2),
            )
        });
        let total = Curve::from_lines(lines).total();
        assert!(
            (total - (10_000.1 + 0.5) * f64::from(n)).abs() < 1e-5,
            "{total}"
        );
    }
}
