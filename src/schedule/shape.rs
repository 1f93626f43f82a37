//! One shape as a factor over simulated time: its value, and where it jumps or bends.
//!
//! A factor that jumps has two values at the jump. So a value is asked for with a second instant, `inside`, which lies in
//! the smooth piece that is meant: the branch is chosen by `inside`, and evaluated at `t`. At a piece's ends that gives the limits
//! from within, exactly.

use std::f64::consts::TAU;

use libm::{cos, exp, floor, log};

use super::draw;
use crate::rng::{Purpose, stream};
use crate::scenario::{Shape, TracePiece};

/// Seconds in an hour.
const HOUR: f64 = 3600.0;

/// What shapes need to know of the scenario.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Seconds from midnight to the start of the simulated clock.
    pub clock_s: f64,
    /// The scenario's seed, for noise.
    pub seed: u64,
    /// The flow's index, for noise.
    pub flow: u16,
    /// Whether noise is heard; if not it counts as its mean, 1, so that a height stays what was asked for.
    pub noisy: bool,
}

/// Factors that are multiplied, each never negative.
#[derive(Clone, Debug, Default)]
pub struct Product<'a> {
    factors: Vec<(u32, &'a Shape)>,
}

impl<'a> Product<'a> {
    /// The product of two lists. A shape's place in them numbers its noise.
    pub fn of(shape: &'a [Shape], spikes: &'a [Shape]) -> Product<'a> {
        let spikes = spikes.iter().enumerate().map(|(i, s)| (i + 1000, s));
        let factors = shape.iter().enumerate().chain(spikes);
        Product {
            factors: factors.map(|(i, s)| (i as u32, s)).collect(),
        }
    }

    /// The product at `t`, taken as part of the smooth piece that `inside` lies in.
    pub fn value(&self, t: f64, inside: f64, context: &Context) -> f64 {
        let value = |&(place, shape): &(u32, &Shape)| {
            // A sum or falling stairs may dip below zero, and two negative factors must not make a positive rate.
            factor(shape, place, t, inside, context).max(0.0)
        };
        self.factors.iter().map(value).product()
    }

    /// The instants in [from, to], both included, between which the product is smooth; ascending.
    pub fn edges(&self, from: f64, to: f64, context: &Context) -> Vec<f64> {
        let mut edges = Vec::new();
        for (_, shape) in &self.factors {
            add_edges(shape, from, to, context, &mut edges);
        }
        edges.retain(|&t| from < t && t < to);
        edges.sort_unstable_by(f64::total_cmp);
        edges.insert(0, from);
        // Edges of two shapes that differ by rounding alone are one.
        let apart = |t: f64| 1e-9 + t.abs() * 1e-14;
        edges.dedup_by(|next, kept| *next - *kept < apart(*kept));
        while edges.len() > 1 && to - edges[edges.len() - 1] < apart(to) {
            edges.pop();
        }
        edges.push(to);
        edges
    }
}

/// The factor at `t`, taken as part of the smooth piece that `inside` lies in. `place` tells noises of one flow apart.
fn factor(shape: &Shape, place: u32, t: f64, inside: f64, context: &Context) -> f64 {
    match *shape {
        Shape::Ramp { from, to, at, over } => {
            if inside < at {
                from
            } else if inside >= at + over {
                to
            } else {
                from + (to - from) * (t - at) / over
            }
        }
        // As they begin, before the span does.
        Shape::Stairs { from, step, every } => from + step * floor(inside / every).max(0.0),
        Shape::Hours(ref factors) => hours(factors, t, inside, context.clock_s),
        Shape::Sine {
            period,
            low,
            high,
            top_at,
        } => {
            let turn = cos(TAU * ((t - top_at) / period));
            (high + low) / 2.0 + (high - low) / 2.0 * turn
        }
        Shape::Gaussian {
            at,
            sd,
            height,
            base,
        } => {
            let z = (t - at) / sd;
            base + (height - base) * exp(-0.5 * z * z)
        }
        Shape::Flash { .. } => flash(shape, t, inside),
        Shape::Square {
            every,
            on,
            height,
            base,
        } => {
            let since = inside - floor(inside / every) * every;
            if since < on { height } else { base }
        }
        Shape::Noise { cv, every } => {
            if context.noisy {
                noise(cv, floor(inside / every) as u64, place, context)
            } else {
                1.0
            }
        }
        Shape::Trace(ref pieces) => trace(pieces, t, inside),
        Shape::Sum(ref parts) => parts
            .iter()
            .zip(1..)
            .map(|(part, i)| {
                let place = place.wrapping_mul(1009).wrapping_add(2003 + i);
                factor(part, place, t, inside, context)
            })
            .sum(),
    }
}

/// Linear between the centres of the hours of the simulated day, which repeats.
fn hours(factors: &[f64; 24], t: f64, inside: f64, clock_s: f64) -> f64 {
    let centres = |at: f64| (clock_s + at) / HOUR - 0.5;
    let before = floor(centres(inside));
    let hour = before.rem_euclid(24.0) as usize;
    let (low, high) = (factors[hour], factors[(hour + 1) % 24]);
    low + (high - low) * (centres(t) - before)
}

/// `base`, a straight climb to `height`, a hold, an exponential decay back.
fn flash(shape: &Shape, t: f64, inside: f64) -> f64 {
    let &Shape::Flash {
        at,
        height,
        base,
        attack,
        hold,
        decay,
    } = shape
    else {
        return 1.0;
    };
    let (top, end) = (at + attack, at + attack + hold);
    if inside < at {
        base
    } else if inside < top {
        base + (height - base) * (t - at) / attack
    } else if inside < end {
        height
    } else if decay > 0.0 {
        base + (height - base) * exp(-(t - end) / decay)
    } else {
        base
    }
}

/// The straight piece that holds `inside`; zero outside all. Before the span it stays as it begins.
fn trace(pieces: &[TracePiece], t: f64, inside: f64) -> f64 {
    if inside < 0.0 {
        let first = pieces.first();
        return first.map_or(0.0, |first| first.rate_from);
    }
    let next = pieces.partition_point(|piece| piece.to <= inside);
    match pieces.get(next) {
        Some(piece) if piece.from <= inside => {
            let climb = (piece.rate_to - piece.rate_from) / (piece.to - piece.from);
            piece.rate_from + climb * (t - piece.from)
        }
        _ => 0.0,
    }
}

/// Log-normal with mean 1 and this coefficient of variation, drawn for interval `interval` alone.
fn noise(cv: f64, interval: u64, place: u32, context: &Context) -> f64 {
    let variance = log(1.0 + cv * cv);
    let index = (u64::from(context.flow) << 32) | u64::from(place);
    let z = draw::normal(&mut stream(context.seed, Purpose::Noise, index, interval));
    exp(z * variance.sqrt() - variance / 2.0)
}

/// Adds the instants at which the shape jumps or bends, and enough of them that refinement between cannot miss a feature.
fn add_edges(shape: &Shape, from: f64, to: f64, context: &Context, edges: &mut Vec<f64>) {
    let mut every = |origin: f64, step: f64| {
        let first = ((from - origin) / step).floor();
        let count = ((to - from) / step).ceil() + 1.0;
        // As the multiples of a step, not by adding it up: the branches are chosen by floor(t / step).
        edges.extend((0..=count as u64).map(|i| origin + (first + i as f64) * step));
    };
    match *shape {
        Shape::Ramp { at, over, .. } => edges.extend([at, at + over]),
        Shape::Stairs { every: step, .. } => every(0.0, step),
        Shape::Hours(_) => every(HOUR / 2.0 - context.clock_s, HOUR),
        Shape::Sine { period, top_at, .. } => every(top_at, period / 4.0),
        Shape::Gaussian { at, sd, .. } => {
            edges.extend((-9..=9).map(|k| at + f64::from(k) * sd));
        }
        Shape::Flash {
            at,
            attack,
            hold,
            decay,
            ..
        } => {
            let end = at + attack + hold;
            edges.extend([at, at + attack]);
            edges.extend((0..20).map(|k| end + f64::from(k) * decay));
        }
        Shape::Square {
            every: step, on, ..
        } => {
            every(0.0, step);
            every(on, step);
        }
        Shape::Noise { every: step, .. } if context.noisy => every(0.0, step),
        Shape::Noise { .. } => {}
        Shape::Trace(ref pieces) => {
            edges.extend(pieces.iter().flat_map(|piece| [piece.from, piece.to]));
        }
        Shape::Sum(ref parts) => {
            for part in parts {
                add_edges(part, from, to, context, edges);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: f64 = 86_400.0;

    fn context() -> Context {
        Context {
            clock_s: 0.0,
            seed: 1,
            flow: 0,
            noisy: true,
        }
    }

    /// The value at `t` just before it, and from it on.
    fn limits(shape: &Shape, t: f64) -> (f64, f64) {
        let at = |inside| factor(shape, 0, t, inside, &context());
        (at(t - 1e-6), at(t + 1e-6))
    }

    fn at(shape: &Shape, t: f64) -> f64 {
        limits(shape, t).1
    }

    #[test]
    fn ramp_is_flat_then_straight_then_flat() {
        let ramp = Shape::Ramp {
            from: 1.0,
            to: 3.0,
            at: 10.0,
            over: 4.0,
        };
        assert_eq!(
            [0.0, 10.0, 11.0, 14.0, 99.0].map(|t| at(&ramp, t)),
            [1.0, 1.0, 1.5, 3.0, 3.0]
        );
        let jump = Shape::Ramp {
            from: 1.0,
            to: 3.0,
            at: 10.0,
            over: 0.0,
        };
        assert_eq!(limits(&jump, 10.0), (1.0, 3.0));
    }

    #[test]
    fn stairs_and_square_jump_where_they_say() {
        let stairs = Shape::Stairs {
            from: 1.0,
            step: 0.5,
            every: 10.0,
        };
        assert_eq!(limits(&stairs, 20.0), (1.5, 2.0));
        let square = Shape::Square {
            every: 10.0,
            on: 3.0,
            height: 5.0,
            base: 1.0,
        };
        assert_eq!(limits(&square, 20.0), (1.0, 5.0));
        assert_eq!(limits(&square, 23.0), (5.0, 1.0));
    }

    #[test]
    fn hours_follow_the_local_clock_and_repeat() {
        let mut factors = [0.0; 24];
        for (hour, factor) in factors.iter_mut().enumerate() {
            *factor = hour as f64;
        }
        let shape = Shape::Hours(factors);
        // At 12:30 the centre of hour 12; at midnight between 23 and 0.
        assert_eq!(at(&shape, 12.5 * HOUR), 12.0);
        assert_eq!(at(&shape, 13.0 * HOUR), 12.5);
        assert_eq!(at(&shape, 0.0), 11.5);
        assert_eq!(at(&shape, DAY + 13.0 * HOUR), 12.5);
        let late = Context {
            clock_s: 6.0 * HOUR,
            ..context()
        };
        assert_eq!(factor(&shape, 0, 6.5 * HOUR, 6.5 * HOUR, &late), 12.0);
    }

    #[test]
    fn sine_and_gaussian_have_their_top_and_bottom() {
        let sine = Shape::Sine {
            period: 100.0,
            low: 1.0,
            high: 3.0,
            top_at: 25.0,
        };
        assert_eq!(at(&sine, 25.0), 3.0);
        assert!((at(&sine, 75.0) - 1.0).abs() < 1e-12);
        assert!((at(&sine, 50.0) - 2.0).abs() < 1e-12);
        let wave = Shape::Gaussian {
            at: 50.0,
            sd: 10.0,
            height: 4.0,
            base: 1.0,
        };
        assert_eq!(at(&wave, 50.0), 4.0);
        assert!((at(&wave, 60.0) - (1.0 + 3.0 * (-0.5f64).exp())).abs() < 1e-12);
        assert!((at(&wave, 500.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn flash_climbs_holds_and_decays() {
        let flash = Shape::Flash {
            at: 100.0,
            height: 3.0,
            base: 1.0,
            attack: 10.0,
            hold: 5.0,
            decay: 20.0,
        };
        let values = [0.0, 100.0, 105.0, 110.0, 114.0, 115.0].map(|t| at(&flash, t));
        assert_eq!(values, [1.0, 1.0, 2.0, 3.0, 3.0, 3.0]);
        assert!((at(&flash, 135.0) - (1.0 + 2.0 / std::f64::consts::E)).abs() < 1e-12);
        let sudden = Shape::Flash {
            at: 100.0,
            height: 3.0,
            base: 1.0,
            attack: 0.0,
            hold: 5.0,
            decay: 0.0,
        };
        assert_eq!(limits(&sudden, 100.0), (1.0, 3.0));
        assert_eq!(limits(&sudden, 105.0), (3.0, 1.0));
    }

    #[test]
    fn noise_is_steady_within_an_interval_and_has_its_moments() {
        let shape = Shape::Noise {
            cv: 0.3,
            every: 10.0,
        };
        assert_eq!(at(&shape, 11.0), at(&shape, 19.0));
        let n = 20_000;
        let values: Vec<f64> = (0..n).map(|i| at(&shape, f64::from(i) * 10.0)).collect();
        let mean = values.iter().sum::<f64>() / f64::from(n);
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / f64::from(n);
        // Standard error of the mean 0.3 / sqrt(20,000) = 0.002, of the deviation about as much; five of each.
        assert!((mean - 1.0).abs() < 0.01, "{mean}");
        assert!((variance.sqrt() - 0.3).abs() < 0.012, "{}", variance.sqrt());
    }

    #[test]
    fn two_noises_of_a_flow_differ_and_so_do_two_flows() {
        let shape = Shape::Noise {
            cv: 0.3,
            every: 10.0,
        };
        let other = Context {
            flow: 1,
            ..context()
        };
        let here = factor(&shape, 0, 5.0, 5.0, &context());
        assert_ne!(here, factor(&shape, 1, 5.0, 5.0, &context()));
        assert_ne!(here, factor(&shape, 0, 5.0, 5.0, &other));
    }

    #[test]
    fn sums_add_and_no_product_is_negative() {
        let falling = Shape::Stairs {
            from: 1.0,
            step: -1.0,
            every: 10.0,
        };
        let sum = Shape::Sum(vec![falling.clone(), falling.clone()]);
        assert_eq!(at(&sum, 5.0), 2.0);
        let shapes = [falling.clone(), falling];
        let product = Product::of(&shapes, &[]);
        assert_eq!(product.value(35.0, 35.0, &context()), 0.0);
        assert_eq!(product.value(5.0, 5.0, &context()), 1.0);
    }

    #[test]
    fn edges_are_ascending_apart_and_within() {
        let shapes = [
            Shape::Square {
                every: 0.3,
                on: 0.1,
                height: 2.0,
                base: 1.0,
            },
            Shape::Stairs {
                from: 1.0,
                step: 0.1,
                every: 0.1,
            },
        ];
        let edges = Product::of(&shapes, &[]).edges(0.0, 30.0, &context());
        assert_eq!((edges[0], edges[edges.len() - 1]), (0.0, 30.0));
        assert!(edges.windows(2).all(|pair| pair[1] - pair[0] > 0.05));
        // Both shapes change at multiples of 0.1 alone.
        assert_eq!(edges.len(), 301);
    }
}
