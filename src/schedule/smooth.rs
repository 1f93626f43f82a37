//! Curves of arrivals that come in batches: sums of boxes, and a rate that a box is laid over.

use super::curve::{Curve, Line};

/// How far a straight piece may be off, relative to the curve's peak.
const OF_PEAK: f64 = 3e-5;
/// Pieces of one smooth stretch at most.
const MOST_PIECES: f64 = 1000.0;

/// Events that come evenly between two instants.
#[derive(Clone, Copy, Debug)]
pub struct Even {
    /// Real seconds; may lie outside the run.
    pub from: f64,
    pub to: f64,
    /// How many.
    pub events: f64,
}

/// The rate of all of these together, from 0 to `end`.
pub fn sum(parts: impl Iterator<Item = Even>, end: f64) -> Curve {
    let mut steps: Vec<(f64, f64)> = Vec::new();
    for part in parts.filter(|part| part.to > 0.0 && part.from < end && part.to > part.from) {
        let rate = part.events / (part.to - part.from);
        steps.push((part.from.max(0.0), rate));
        steps.push((part.to.min(end), -rate));
    }
    steps.push((0.0, 0.0));
    steps.push((end, 0.0));
    steps.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut rate = 0.0;
    let highest: f64 = steps.iter().map(|step| step.1.abs()).fold(0.0, f64::max);
    Curve::from_lines(steps.windows(2).map(|pair| {
        rate += pair[0].1;
        // What adding and subtracting leaves over is no rate.
        let here = if rate < highest * 1e-9 { 0.0 } else { rate };
        Line {
            from: pair[0].0,
            to: pair[1].0,
            rate_from: here,
            rate_to: here,
        }
    }))
}

/// The mean of the rate over the `width` seconds up to each instant. Before the run the rate was what it is at its start.
pub fn smoothed(curve: &Curve, width: f64) -> Curve {
    let (end, at_start) = (curve.end(), curve.rate(0.0));
    let integral = |t: f64| {
        if t < 0.0 {
            at_start * t
        } else {
            curve.cumulative(t)
        }
    };
    let value = |t: f64| ((integral(t) - integral(t - width)) / width).max(0.0);
    let mut edges: Vec<f64> = curve
        .lines()
        .flat_map(|line| [line.from, line.from + width])
        .filter(|&t| 0.0 < t && t < end)
        .chain([0.0, end])
        .collect();
    edges.sort_unstable_by(f64::total_cmp);
    edges.dedup_by(|next, kept| *next - *kept < 1e-9 && *next < end);
    let allowed = curve.peak() * OF_PEAK;
    Curve::from_lines(edges.windows(2).flat_map(|pair| {
        let (from, to) = (pair[0], pair[1]);
        // A parabola: what a chord is off in its middle falls with the square of their number.
        let off = (value(from.midpoint(to)) - value(from).midpoint(value(to))).abs();
        let pieces = (off / allowed).sqrt().ceil().clamp(1.0, MOST_PIECES);
        let at = move |i: f64| {
            if i >= pieces {
                to
            } else {
                from + (to - from) * i / pieces
            }
        };
        (0..pieces as u32).map(move |i| {
            let (from, to) = (at(f64::from(i)), at(f64::from(i + 1)));
            Line {
                from,
                to,
                rate_from: value(from),
                rate_to: value(to),
            }
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step() -> Curve {
        let flat = |from, to, rate| Line {
            from,
            to,
            rate_from: rate,
            rate_to: rate,
        };
        Curve::from_lines([
            flat(0.0, 10.0, 2.0),
            flat(10.0, 20.0, 6.0),
            flat(20.0, 60.0, 1.0),
        ])
    }

    #[test]
    fn boxes_are_added_and_cut_to_the_run() {
        let even = |from, to, events| Even { from, to, events };
        let parts = [
            even(-5.0, 5.0, 100.0),
            even(3.0, 13.0, 50.0),
            even(55.0, 65.0, 10.0),
            even(70.0, 80.0, 1.0),
            even(-9.0, -1.0, 1.0),
        ];
        let curve = sum(parts.into_iter(), 60.0);
        let rates = [0.0, 4.0, 6.0, 20.0, 56.0, 60.0].map(|t| curve.rate(t));
        assert_eq!(rates, [10.0, 15.0, 5.0, 0.0, 1.0, 1.0]);
        assert!((curve.total() - (50.0 + 50.0 + 5.0)).abs() < 1e-9);
        assert_eq!(sum([].into_iter(), 60.0).total(), 0.0);
    }

    #[test]
    fn a_jump_becomes_a_ramp_of_the_width() {
        let curve = smoothed(&step(), 4.0);
        let wanted = [
            (0.0, 2.0),
            (10.0, 2.0),
            (12.0, 4.0),
            (14.0, 6.0),
            (22.0, 3.5),
            (30.0, 1.0),
        ];
        for (t, rate) in wanted {
            assert!(
                (curve.rate(t) - rate).abs() < 1e-9,
                "{t}: {}",
                curve.rate(t)
            );
        }
        // What began before the run comes in, and what is begun at the end goes out: 4 s of 2, and 4 s of 1, half each.
        let total = step().total() + 2.0 * 2.0 - 2.0 * 1.0;
        assert!((curve.total() - total).abs() < 1e-6, "{}", curve.total());
    }

    #[test]
    fn a_ramp_is_followed_closely() {
        let ramp = Curve::from_lines([Line {
            from: 0.0,
            to: 60.0,
            rate_from: 0.0,
            rate_to: 60.0,
        }]);
        let curve = smoothed(&ramp, 10.0);
        for i in 0..600 {
            let t = f64::from(i) / 10.0;
            let wanted = if t < 10.0 { t * t / 20.0 } else { t - 5.0 };
            assert!((curve.rate(t) - wanted).abs() < 60.0 * OF_PEAK, "{t}");
        }
    }
}
