//! A flow's shapes, height and spikes, composed to one [`Curve`].
//!
//! The shapes are multiplied and their height is fixed over the whole span, without spikes and with noise at its mean, so that
//! neither changes the ordinary day. Then spikes and noise are multiplied on top, and the part that is played is laid on
//! real time.
//!
//! What went before the part that is played is the same shapes, evaluated there. Before the span even began, hours, sines and
//! squares go on as they repeat; a ramp, stairs and a trace stay as they begin; and noise is at its mean.

use super::curve::{Curve, Line, Sum};
use super::extended::Extended;
use super::shape::{Context, Product};
use crate::scenario::{Fixes, Flow, Height, Scenario, Time};

/// How far a straight piece may be off, relative to the curve around it.
const RELATIVE: f64 = 3e-5;
/// How far it may be off in any case, relative to the curve's peak.
const OF_PEAK: f64 = 3e-6;
/// Halvings of one smooth piece. Only a kink (a sum that is cut at zero) gets that far.
const DEEPEST: u32 = 30;
/// Straight pieces of the time before the span. What is older than these has their mean.
const PAST_LINES: usize = 20_000;

/// The curve of flow `flow`, all zero when it has no height.
pub fn compose(scenario: &Scenario, flow: usize) -> Curve {
    let composer = Composer::new(scenario, flow);
    composer.played(composer.scale())
}

/// [`compose`] with `back` real seconds of what went before.
pub(super) fn compose_with_past(scenario: &Scenario, flow: usize, back: f64) -> Extended {
    let composer = Composer::new(scenario, flow);
    composer.played_with_past(composer.scale(), back, back)
}

/// The product of flow `flow`'s shapes and spikes itself, of no height.
pub fn factors(scenario: &Scenario, flow: usize) -> Curve {
    Composer::new(scenario, flow).played(1.0)
}

/// The factors of a flow, and where they are evaluated.
pub(super) struct Composer<'a> {
    flow: &'a Flow,
    time: &'a Time,
    context: Context,
}

/// Simulated seconds from midnight to the start of the span.
pub(super) fn clock_s(time: &Time) -> f64 {
    let starts = &time.starts;
    f64::from(starts.hour()) * 3600.0
        + f64::from(starts.minute()) * 60.0
        + f64::from(starts.second())
        + f64::from(starts.subsec_nanosecond()) * 1e-9
}

impl<'a> Composer<'a> {
    pub fn new(scenario: &'a Scenario, flow: usize) -> Composer<'a> {
        Composer {
            flow: &scenario.flows[flow],
            time: &scenario.time,
            context: Context {
                clock_s: clock_s(&scenario.time),
                seed: scenario.seed,
                flow: flow as u16,
                noisy: true,
            },
        }
    }

    /// With noise at its mean.
    fn quiet(&self) -> Context {
        Context {
            noisy: false,
            ..self.context
        }
    }

    /// The ordinary day over simulated time: no spikes, noise at its mean.
    fn span(&self) -> Vec<Line> {
        let ordinary = Product::of(&self.flow.shape, &[]);
        lines(&ordinary, 0.0, self.time.span.as_secs_f64(), &self.quiet())
    }

    /// What the factors of the ordinary day are multiplied by for the arrivals to have the flow's height; 0 if it has none.
    pub fn scale(&self) -> f64 {
        let height = self.flow.height.as_ref();
        height.map_or(0.0, |height| scale(&self.span(), height))
    }

    /// The whole ordinary day over real time.
    pub fn ordinary(&self) -> Curve {
        let compress = self.time.compress;
        Curve::from_lines(self.span().iter().map(|line| Line {
            from: line.from / compress,
            to: line.to / compress,
            ..*line
        }))
    }

    /// The part that is played, over real time, all factors multiplied by `scale`.
    pub fn played(&self, scale: f64) -> Curve {
        let whole = Product::of(&self.flow.shape, &self.flow.spikes);
        let (from, to) = self.play();
        let played = lines(&whole, from, to, &self.context);
        let end = self.time.run_ns() as f64 / 1e9;
        let last = played.len().saturating_sub(1);
        Curve::from_lines(played.iter().enumerate().map(|(i, line)| Line {
            from: (line.from - from) / self.time.compress,
            // Runs end on a whole nanosecond.
            to: if i == last {
                end
            } else {
                (line.to - from) / self.time.compress
            },
            rate_from: line.rate_from * scale,
            rate_to: line.rate_to * scale,
        }))
    }

    /// The played part with what went before it, over real time: `back` seconds of it, of which the last `history` are in detail.
    pub fn played_with_past(&self, scale: f64, back: f64, history: f64) -> Extended {
        let whole = Product::of(&self.flow.shape, &self.flow.spikes);
        let (from, to) = self.play();
        let mut played = lines(&whole, from, to, &self.context);
        if from > 0.0 {
            let earlier = (from - back * self.time.compress).max(0.0);
            played.splice(0..0, lines(&whole, earlier, from, &self.context));
        }
        self.extend(&whole, played, from, scale, (back, history))
    }

    /// [`Composer::ordinary`] with `back` seconds of what went before it.
    pub fn ordinary_with_past(&self, back: f64) -> Extended {
        let ordinary = Product::of(&self.flow.shape, &[]);
        self.extend(&ordinary, self.span(), 0.0, 1.0, (back, 0.0))
    }

    /// The part that is played, in simulated seconds.
    fn play(&self) -> (f64, f64) {
        let (from, to) = self.time.play;
        (from.as_secs_f64(), to.as_secs_f64())
    }

    /// `known` with what went before it, laid on real time so that simulated `origin` is 0.
    fn extend(
        &self,
        product: &Product<'_>,
        mut known: Vec<Line>,
        origin: f64,
        scale: f64,
        (back, history): (f64, f64),
    ) -> Extended {
        let compress = self.time.compress;
        let oldest = origin - back * compress;
        let needed = origin - history * compress;
        let (mut begins, end) = match (known.first(), known.last()) {
            (Some(first), Some(last)) => (first.from, last.to),
            _ => (origin, origin),
        };
        // Twice as far with every turn.
        while begins > oldest && (begins > needed || known.len() < PAST_LINES) {
            let from = (begins - (end - begins).max(1.0)).max(oldest);
            known.splice(0..0, lines(product, from, begins, &self.quiet()));
            begins = from;
        }
        let real = known.iter().map(|line| Line {
            from: (line.from - begins) / compress,
            to: (line.to - begins) / compress,
            rate_from: line.rate_from * scale,
            rate_to: line.rate_to * scale,
        });
        Extended::new(Curve::from_lines(real), (origin - begins) / compress)
    }
}

/// What the factors of the ordinary day are multiplied by to have the height.
fn scale(span: &[Line], height: &Height) -> f64 {
    let mut integral = Sum::default();
    for line in span {
        integral.add(line.integral());
    }
    let length: f64 = span.last().map_or(0.0, |line| line.to);
    let figure = match height.fixes {
        Fixes::Mean => integral.value() / length,
        Fixes::Peak => span.iter().map(Line::peak).fold(0.0, f64::max),
        Fixes::Total => integral.value(),
    };
    factor(height.value, figure)
}

/// What turns `figure` into `value`. A shape that is zero everywhere can't have a height.
pub(super) fn factor(value: f64, figure: f64) -> f64 {
    if figure > 0.0 { value / figure } else { 0.0 }
}

/// The product as straight lines from `from` to `to`, in simulated time.
fn lines(product: &Product<'_>, from: f64, to: f64, context: &Context) -> Vec<Line> {
    let edges = product.edges(from, to, context);
    let pieces = || edges.windows(2).map(|pair| (pair[0], pair[1]));
    let peak = pieces()
        .flat_map(|(a, b)| [a, a.midpoint(b), b].map(|t| (t, a.midpoint(b))))
        .map(|(t, inside)| product.value(t, inside, context))
        .fold(0.0, f64::max);
    let mut lines = Vec::new();
    for (a, b) in pieces() {
        let inside = a.midpoint(b);
        let mut refine = Refine {
            value: |t| product.value(t, inside, context),
            floor: peak * OF_PEAK,
            lines: &mut lines,
        };
        let (rate_from, rate_to) = ((refine.value)(a), (refine.value)(b));
        refine.add(
            Line {
                from: a,
                to: b,
                rate_from,
                rate_to,
            },
            DEEPEST,
        );
    }
    lines
}

/// Halves a line until it is close to the function.
struct Refine<'a, F> {
    value: F,
    floor: f64,
    lines: &'a mut Vec<Line>,
}

impl<F: Fn(f64) -> f64> Refine<'_, F> {
    fn add(&mut self, line: Line, halvings: u32) {
        let Line {
            from,
            to,
            rate_from,
            rate_to,
        } = line;
        let middle = from.midpoint(to);
        let at_middle = (self.value)(middle);
        let allowed = self.floor + RELATIVE * at_middle.max(rate_from).max(rate_to);
        let is_off = |t: f64, value: f64| {
            let straight = rate_from + (rate_to - rate_from) * ((t - from) / (to - from));
            (value - straight).abs() > allowed
        };
        let (first, third) = (from.midpoint(middle), middle.midpoint(to));
        let bends = is_off(middle, at_middle)
            || is_off(first, (self.value)(first))
            || is_off(third, (self.value)(third));
        if !bends || halvings == 0 {
            self.lines.push(line);
            return;
        }
        let left = Line {
            to: middle,
            rate_to: at_middle,
            ..line
        };
        let right = Line {
            from: middle,
            rate_from: at_middle,
            ..line
        };
        self.add(left, halvings - 1);
        self.add(right, halvings - 1);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::fixtures::{With, sale, scenario, wave};
    use super::*;
    use crate::scenario::{Arrivals, Shape};

    fn flat(mean: f64) -> Scenario {
        scenario(Arrivals::Even, mean)
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
    }

    /// The scenario's rate by the shapes themselves, without the curve: the reference for everything below.
    struct Direct<'a> {
        product: Product<'a>,
        context: Context,
        scale: f64,
    }

    impl<'a> Direct<'a> {
        /// `scale` by summing up 50,000 midpoints of the span, `clock_s` by hand.
        fn new(scenario: &'a Scenario, clock_s: f64) -> Direct<'a> {
            let flow = &scenario.flows[0];
            let context = Context {
                clock_s,
                seed: scenario.seed,
                flow: 0,
                noisy: false,
            };
            let ordinary = Product::of(&flow.shape, &[]);
            let span = scenario.time.span.as_secs_f64();
            let n = 50_000;
            let at = |i: i32| {
                let t = (f64::from(i) + 0.5) * span / f64::from(n);
                ordinary.value(t, t, &context)
            };
            let mean = (0..n).map(at).sum::<f64>() / f64::from(n);
            let height = flow.height.as_ref().unwrap();
            let scale = match height.fixes {
                Fixes::Mean => height.value / mean,
                Fixes::Peak => height.value / (0..n).map(at).fold(0.0, f64::max),
                Fixes::Total => height.value / (mean * span),
            };
            Direct {
                product: Product::of(&flow.shape, &flow.spikes),
                context: Context {
                    noisy: true,
                    ..context
                },
                scale,
            }
        }

        fn rate(&self, simulated: f64) -> f64 {
            self.scale * self.product.value(simulated, simulated, &self.context)
        }

        /// The integral over simulated time from `a` to `b`, of `steps` midpoints.
        fn integral(&self, a: f64, b: f64, steps: u32) -> f64 {
            let width = (b - a) / f64::from(steps);
            let at = |i| self.rate(a + (f64::from(i) + 0.5) * width);
            (0..steps).map(at).sum::<f64>() * width
        }
    }

    fn hours() -> Shape {
        Shape::Hours([
            0.90, 0.85, 0.80, 0.75, 0.75, 0.80, 0.90, 1.00, 1.15, 1.35, 1.48, 1.52, 1.45, 1.35,
            1.28, 1.22, 1.18, 1.15, 1.15, 1.20, 1.25, 1.20, 1.10, 1.00,
        ])
    }

    fn sale_at_noon() -> Shape {
        Shape::Flash {
            at: 43_260.0,
            height: 2.0,
            base: 1.0,
            attack: 300.0,
            hold: 0.0,
            decay: 1800.0,
        }
    }

    #[test]
    fn constant_rate_is_exactly_that() {
        let curve = compose(&flat(1000.0), 0);
        assert_eq!((curve.rate(12.3), curve.peak()), (1000.0, 1000.0));
        assert_eq!(curve.total(), 60_000.0);
    }

    #[test]
    fn each_height_is_honoured_by_any_shape() {
        let shapes = [
            vec![],
            vec![wave()],
            vec![sale()],
            vec![wave(), sale()],
            vec![Shape::Sum(vec![wave(), sale()]), wave()],
        ];
        for shape in shapes {
            let with =
                |fixes, value| compose(&flat(1.0).shaped(shape.clone()).fixing(fixes, value), 0);
            assert!(close(with(Fixes::Mean, 500.0).total(), 500.0 * 60.0));
            assert!(close(with(Fixes::Total, 30_000.0).total(), 30_000.0));
            assert!(close(with(Fixes::Peak, 500.0).peak(), 500.0));
        }
    }

    #[test]
    fn spikes_and_noise_do_not_lower_the_ordinary_day() {
        let ordinary = flat(1000.0).shaped(vec![wave()]);
        let quiet = compose(&ordinary, 0);
        let spiked = compose(&ordinary.clone().spiked(vec![sale()]), 0);
        // The sale begins at 30 s and multiplies by 4 from 32 s to 35 s.
        assert!(close(spiked.rate(10.0), quiet.rate(10.0)));
        assert!((spiked.rate(33.0) / quiet.rate(33.0) - 4.0).abs() < 1e-3);
        // In `shape` the same sale takes from the rest.
        let shaped = compose(&ordinary.clone().shaped(vec![wave(), sale()]), 0);
        assert!(shaped.rate(10.0) < 0.8 * quiet.rate(10.0));
        // Noise is on top wherever it stands: the two draws differ by place, each second's rate by its own draw.
        let noise = Shape::Noise {
            cv: 0.2,
            every: 1.0,
        };
        let noisy = compose(&ordinary.shaped(vec![wave(), noise.clone()]), 0);
        let direct = flat(1000.0).shaped(vec![wave(), noise]);
        let direct = Direct::new(&direct, 0.0);
        assert!((noisy.rate(10.5) / direct.rate(10.5) - 1.0).abs() < 1e-4);
        // 60 draws of deviation 0.2: the mean is off by 0.026, one standard error; but not by nothing.
        assert!((noisy.total() / 60_000.0 - 1.0).abs() < 0.1);
        assert!((noisy.total() / 60_000.0 - 1.0).abs() > 1e-6);
    }

    #[test]
    fn the_example_of_the_readme_adds_up() {
        // 1.6 billion in a day, played 144 times as fast: a 144th of it is sent, at the rates of the simulated clock.
        let mut day = flat(1.0)
            .spanning(86_400.0)
            .shaped(vec![hours()])
            .fixing(Fixes::Total, 1.6e9);
        day.time.compress = 144.0;
        let curve = compose(&day, 0);
        assert!(close(curve.total(), 1.6e9 / 144.0));
        let mean_factor = 26.78 / 24.0;
        let at_noon = 1.6e9 / 86_400.0 * 1.485 / mean_factor;
        assert!((curve.rate(43_200.0 / 144.0) / at_noon - 1.0).abs() < 1e-9);
        // The clock starts at midnight of its own offset, not of UTC.
        day.time.starts = "2026-11-30T06:00:00-05:00[-05:00]".parse().unwrap();
        let later = compose(&day, 0);
        assert!((later.rate(21_600.0 / 144.0) / at_noon - 1.0).abs() < 1e-9);
    }

    #[test]
    fn play_cuts_and_compress_divides_without_touching_rates() {
        let mut day = flat(1000.0)
            .spanning(86_400.0)
            .shaped(vec![hours()])
            .spiked(vec![sale_at_noon()]);
        let whole = compose(&day, 0);
        day.time.play = (Duration::from_secs(42_600), Duration::from_secs(43_800));
        day.time.compress = 10.0;
        let part = compose(&day, 0);
        for i in 0..120 {
            let real = f64::from(i) + 0.5;
            let (a, b) = (part.rate(real), whole.rate(42_600.0 + real * 10.0));
            assert!((a / b - 1.0).abs() < 2e-4, "{real}: {a} {b}");
        }
        assert_eq!((part.rate(-0.001), part.rate(120.001)), (0.0, 0.0));
        let expected = (whole.cumulative(43_800.0) - whole.cumulative(42_600.0)) / 10.0;
        assert!((part.total() / expected - 1.0).abs() < 1e-4);
    }

    #[test]
    fn refinement_is_as_fine_as_promised() {
        let cases = [
            flat(100.0).shaped(vec![wave()]),
            flat(100.0).shaped(vec![wave(), sale()]),
            flat(100.0).shaped(vec![wave(), wave(), wave()]),
            flat(100.0).spiked(vec![sale(), wave()]),
            flat(100.0).shaped(vec![Shape::Gaussian {
                at: 41.0,
                sd: 0.05,
                height: 100.0,
                base: 1.0,
            }]),
        ];
        for case in cases {
            let direct = Direct::new(&case, 0.0);
            let curve = compose(&case, 0);
            let peak = curve.peak();
            for i in 0..60_000 {
                let t = (f64::from(i) + 0.37) / 1000.0;
                let error = (curve.rate(t) - direct.rate(t)).abs() / peak;
                assert!(error < 1e-4, "{t}: {error}");
            }
            for pair in curve.points().windows(2) {
                let (a, b) = (pair[0].0, pair[1].0);
                if b > a {
                    let sum = curve.cumulative(b) - curve.cumulative(a);
                    let error = (sum - direct.integral(a, b, 64)).abs() / (peak * (b - a));
                    assert!(error < 1e-4, "{a} to {b}: {error}");
                }
            }
            assert!(curve.points().len() < 3000, "{}", curve.points().len());
        }
    }

    #[test]
    fn a_sum_that_dips_below_zero_is_cut_there() {
        let dip = Shape::Sum(vec![
            Shape::Sine {
                period: 60.0,
                low: -1.0,
                high: 1.0,
                top_at: 0.0,
            },
            Shape::Ramp {
                from: 0.3,
                to: 0.3,
                at: 0.0,
                over: 1.0,
            },
        ]);
        let curve = compose(&flat(100.0).shaped(vec![dip]), 0);
        assert_eq!(curve.rate(30.0), 0.0);
        assert!(curve.points().iter().all(|&(_, rate)| rate >= 0.0));
        assert!(close(curve.total(), 6000.0));
    }

    #[test]
    fn what_has_no_height_has_no_rate() {
        let mut endless = flat(1.0);
        endless.flows[0].height = None;
        assert_eq!(compose(&endless, 0).total(), 0.0);
        let nothing = Shape::Ramp {
            from: 0.0,
            to: 0.0,
            at: 0.0,
            over: 0.0,
        };
        assert_eq!(compose(&flat(5.0).shaped(vec![nothing]), 0).total(), 0.0);
    }

    /// Shapes of a minute, of every kind.
    fn shape() -> impl Strategy<Value = Shape> {
        let instant = || 0.0..60.0f64;
        let level = || 0.0..3.0f64;
        let length = || 0.5..30.0f64;
        let leaf = prop_oneof![
            (level(), level(), instant(), 0.0..30.0f64)
                .prop_map(|(from, to, at, over)| Shape::Ramp { from, to, at, over }),
            (level(), -0.5..0.5f64, length()).prop_map(|(from, step, every)| Shape::Stairs {
                from,
                step,
                every
            }),
            Just(hours()),
            (length(), level(), level(), instant()).prop_map(|(period, a, b, top_at)| {
                Shape::Sine {
                    period,
                    low: a.min(b),
                    high: a.max(b),
                    top_at,
                }
            }),
            (instant(), 0.1..20.0f64, level(), level()).prop_map(|(at, sd, height, base)| {
                Shape::Gaussian {
                    at,
                    sd,
                    height,
                    base,
                }
            }),
            (
                instant(),
                level(),
                level(),
                0.0..9.0f64,
                0.0..9.0f64,
                0.0..9.0f64
            )
                .prop_map(|(at, height, base, attack, hold, decay)| Shape::Flash {
                    at,
                    height,
                    base,
                    attack,
                    hold,
                    decay
                }),
            (length(), 0.1..0.9f64, level(), level()).prop_map(|(every, share, height, base)| {
                Shape::Square {
                    every,
                    on: every * share,
                    height,
                    base,
                }
            }),
            (0.05..0.5f64, length()).prop_map(|(cv, every)| Shape::Noise { cv, every }),
        ];
        leaf.prop_recursive(2, 6, 3, |inner| {
            prop::collection::vec(inner, 1..4).prop_map(Shape::Sum)
        })
    }

    /// A minute of up to three shapes and two spikes, of which a part is played faster or slower.
    pub fn composition() -> impl Strategy<Value = Scenario> {
        let shapes = prop::collection::vec(shape(), 0..4);
        let spikes = prop::collection::vec(shape(), 0..3);
        let part = (0.0..20.0f64, 21.0..60.0f64, 0.5..20.0f64);
        (shapes, spikes, part, 0.1..5000.0f64, any::<u64>()).prop_map(
            |(shapes, spikes, (from, to, compress), mean, seed)| {
                let mut scenario = flat(mean).shaped(shapes).spiked(spikes).seeded(seed);
                let play = (Duration::from_secs_f64(from), Duration::from_secs_f64(to));
                scenario.time.play = play;
                scenario.time.compress = compress;
                scenario
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, rng_seed: proptest::test_runner::RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn inverse_undoes_cumulative(scenario in composition(), share in 0.0..1.0f64) {
            let curve = compose(&scenario, 0);
            let y = share * curve.total();
            prop_assert!((curve.cumulative(curve.inverse(y)) - y).abs() <= 1e-9 * curve.total());
            let t = share * scenario.time.run_ns() as f64 / 1e9;
            if curve.rate(t) > 1e-3 * curve.peak() {
                prop_assert!((curve.inverse(curve.cumulative(t)) - t).abs() < 1e-6);
            }
        }

        #[test]
        fn rates_scale_linearly(scenario in composition(), share in 0.0..1.0f64) {
            let once = compose(&scenario, 0);
            let mean = scenario.flows[0].height.as_ref().unwrap().value;
            let thrice = compose(&scenario.fixing(Fixes::Mean, mean * 3.0), 0);
            prop_assert!(close(once.total() * 3.0, thrice.total()));
            prop_assert!(close(once.peak() * 3.0, thrice.peak()));
            let t = share * 3.0;
            prop_assert!(close(once.rate(t) * 3.0, thrice.rate(t)));
        }

        #[test]
        fn curves_are_never_negative_and_close_to_their_shapes(scenario in composition()) {
            let curve = compose(&scenario, 0);
            let direct = Direct::new(&scenario, 0.0);
            let compress = scenario.time.compress;
            let from = scenario.time.play.0.as_secs_f64();
            let run = scenario.time.run_ns() as f64 / 1e9;
            let flow = &scenario.flows[0];
            let edges = Product::of(&flow.shape, &flow.spikes).edges(0.0, 60.0, &direct.context);
            let mut last = 0.0;
            for i in 0..1000 {
                let t = (f64::from(i) + 0.5) * run / 1000.0;
                prop_assert!(curve.rate(t) >= 0.0);
                prop_assert!(curve.cumulative(t) >= last);
                last = curve.cumulative(t);
                let simulated = from + t * compress;
                // The reference's own scale is good to a few of its 50,000 steps across jumps; and at a jump
                // itself either side is right.
                if edges.iter().all(|edge| (edge - simulated).abs() > 1e-6) {
                    let error = (curve.rate(t) - direct.rate(simulated)).abs();
                    prop_assert!(error <= 1e-3 * curve.peak(), "{} off by {}", t, error / curve.peak());
                }
            }
        }
    }
}
