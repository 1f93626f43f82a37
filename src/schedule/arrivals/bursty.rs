//! Bursty arrivals: a renewal process with gamma gaps in the cumulative rate.
//!
//! The gaps are drawn in blocks. The sum of a block's gaps is gamma as well, and given their sum gaps are gamma draws scaled to
//! it (the shares of gammas in their sum do not depend on it: Lukacs 1955). So the sums alone tell where a block begins, and any block can be
//! drawn without those before it. The process is drawn for the flow as a whole, whoever's shards an arrival falls to: dealt out, each
//! shard's own part is nearly Poisson.

use super::super::curve::{Curve, Pieces};
use super::super::draw::{gamma, unit};
use super::stretch::{Keys, Stretch};
use crate::rng::{Purpose, Stream, hash, stream};

/// Gaps in a block.
const BLOCK: usize = 4096;
/// The stream of the first arrival, which no block has.
const FIRST: u64 = u64::MAX;

/// The arrivals of one flow.
#[derive(Clone, Debug)]
pub struct Bursty {
    curve: Curve,
    seed: u64,
    flow: u16,
    shards: u32,
    /// Of the gaps; their mean is 1.
    shape: f64,
    /// By block where its first arrival is, in events expected before; the last is after the run.
    starts: Vec<f64>,
}

/// The block that was drawn last.
#[derive(Clone, Debug, Default)]
pub struct Drawn {
    block: Option<usize>,
    /// Where its arrivals are, in events expected before.
    at: Vec<f64>,
}

impl Bursty {
    /// Arrivals at this rate, the standard deviation of whose gaps is `cv` times their mean.
    pub fn new(curve: Curve, cv: f64, seed: u64, flow: u16, shards: u32) -> Bursty {
        let shape = 1.0 / (cv * cv);
        // A process that has long been under way: the run begins within a gap, which is long because it was met, at an even place.
        let mut rng = stream(seed, Purpose::Bursty, u64::from(flow), FIRST);
        let met = gamma(&mut rng, shape + 1.0) / shape;
        let mut bursty = Bursty {
            starts: vec![unit(&mut rng) * met],
            curve,
            seed,
            flow,
            shards,
            shape,
        };
        let mut start = bursty.starts[0];
        while start <= bursty.curve.total() {
            start += bursty.sum(bursty.starts.len() - 1).0;
            bursty.starts.push(start);
        }
        bursty
    }

    /// The sum of a block's gaps, and the stream that the gaps are drawn from.
    fn sum(&self, block: usize) -> (f64, Stream) {
        let mut rng = stream(
            self.seed,
            Purpose::Bursty,
            u64::from(self.flow),
            block as u64,
        );
        let sum = gamma(&mut rng, self.shape * BLOCK as f64) / self.shape;
        (sum, rng)
    }

    fn load(&self, block: usize, drawn: &mut Drawn) {
        if drawn.block == Some(block) {
            return;
        }
        drawn.block = Some(block);
        let (sum, mut rng) = self.sum(block);
        let gaps = &mut drawn.at;
        gaps.clear();
        gaps.extend((0..BLOCK).map(|_| gamma(&mut rng, self.shape)));
        let drawn_sum: f64 = gaps.iter().sum();
        if drawn_sum > 0.0 {
            let scale = sum / drawn_sum;
            gaps.iter_mut().for_each(|gap| *gap *= scale);
        } else {
            // Gaps too uneven for a double: one of them is all there is.
            gaps[(unit(&mut rng) * BLOCK as f64) as usize] = sum;
        }
        let (mut at, end) = (self.starts[block], self.starts[block + 1]);
        for gap in gaps {
            // Rounding must not put an arrival behind the next block's first.
            let next = (at + *gap).min(end);
            *gap = at;
            at = next;
        }
    }

    /// The arrivals of the stretch: of number k in a shard by hash.
    pub fn draw(&self, stretch: &Stretch, pieces: &mut Pieces, drawn: &mut Drawn, out: &mut Keys) {
        let before = self.curve.cumulative(stretch.from());
        let after = self.curve.cumulative(stretch.to());
        if before >= after {
            return;
        }
        self.curve.cut(stretch.from(), stretch.to(), pieces);
        let deal = hash(self.seed, Purpose::Bursty, u64::from(self.flow));
        let begun = self.starts.partition_point(|&start| start < before);
        for block in begun.saturating_sub(1)..self.starts.len() - 1 {
            if self.starts[block] >= after {
                break;
            }
            self.load(block, drawn);
            let first = drawn.at.partition_point(|&at| at < before);
            let here = drawn.at[first..].iter().take_while(|&&at| at < after);
            for (&at, place) in here.zip(first..) {
                let number = (block * BLOCK + place) as u64;
                let random = u128::from(hash(deal, Purpose::Bursty, number));
                let shard = ((random * u128::from(self.shards)) >> 64) as u32;
                if stretch.mine.contains(shard) {
                    out.keys.push(stretch.key(pieces, at - before, shard));
                }
            }
        }
        out.sort_by_due();
    }
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{ChiSquared, ContinuousCDF, Gamma};

    use super::super::super::fixtures::{With, scenario};
    use super::super::tests::{SEEDS, allowed, dues, has_law, rejections, rescaled_gaps, schedule};
    use crate::scenario::{Arrivals, Scenario};

    /// Whether the rescaled gaps are gamma of mean 1 with this cv.
    fn gaps_have(cv: f64) -> impl Fn(&Scenario, &[u64]) -> bool {
        let shape = 1.0 / (cv * cv);
        let law = Gamma::new(shape, shape).unwrap();
        move |scenario, dues| {
            let schedule = schedule(scenario);
            has_law(rescaled_gaps(dues, schedule.curve()), |gap| law.cdf(gap))
        }
    }

    #[test]
    fn rescaled_gaps_are_gamma() {
        // Above 1.5 gaps of less than a nanosecond are no longer rare.
        for cv in [0.3, 1.0, 1.5] {
            let bursty = Arrivals::Bursty { cv };
            let rejected = rejections(&bursty, gaps_have(cv));
            assert!(rejected <= allowed(SEEDS, 0.05), "{cv}: {rejected}");
            // 6000 gaps tell a cv that is a seventh too high.
            let rejected = rejections(&bursty, gaps_have(cv * 1.15));
            assert!(rejected > SEEDS / 2, "{cv}: {rejected}");
        }
        let rejected = rejections(Arrivals::Poisson, gaps_have(1.5));
        assert_eq!(rejected, SEEDS, "the test can fail");
    }

    /// Where the counts of a minute at 1000 a second lie in their law, by chi-square over 200 seeds; and their mean.
    fn spread(kind: &Arrivals, cv: f64) -> (f64, f64) {
        let (n, expected) = (200u32, 60_000.0);
        // Of a renewal process that was under way (Cox 1962, section 4.5): cv² t + (1 - cv⁴) / 6 for gamma gaps.
        let variance = cv * cv * expected + (1.0 - cv.powi(4)) / 6.0;
        let count = |seed| dues(&scenario(kind, 1000.0).seeded(seed)).len() as f64;
        let counts: Vec<f64> = (1..=u64::from(n)).map(count).collect();
        let squares = counts.iter().map(|c| (c - expected).powi(2) / variance);
        let p = ChiSquared::new(f64::from(n)).unwrap().cdf(squares.sum());
        (p, counts.iter().sum::<f64>() / f64::from(n))
    }

    #[test]
    fn counts_vary_as_those_of_a_renewal_process() {
        // 60,000 arrivals are fifteen blocks.
        for cv in [0.3, 2.0] {
            let bursty = Arrivals::Bursty { cv };
            let (p, mean) = spread(&bursty, cv);
            assert!((0.0005..0.9995).contains(&p), "{cv}: {p}");
            // Four standard errors.
            let error = cv * (60_000.0f64 / 200.0).sqrt();
            assert!((mean - 60_000.0).abs() < 4.0 * error, "{cv}: {mean}");
            // The test can fail: Poisson arrivals vary more, or less.
            let (p, _) = spread(&Arrivals::Poisson, cv);
            assert!(!(1e-9..1.0 - 1e-9).contains(&p), "{cv}: {p}");
        }
    }

    #[test]
    fn the_run_begins_in_the_middle_of_things() {
        // One event is expected in the first millisecond, and exactly one comes on average. Of a process that begins with an
        // arrival it would be about twice as many.
        let n = 4000u64;
        let early = |seed| {
            let short = scenario(Arrivals::Bursty { cv: 2.0 }, 1000.0);
            let dues = dues(&short.spanning(0.001).seeded(seed));
            dues.len() as f64
        };
        let counts: Vec<f64> = (1..=n).map(early).collect();
        let mean = counts.iter().sum::<f64>() / n as f64;
        let square = |count: &f64| (count - mean).powi(2);
        let variance = counts.iter().map(square).sum::<f64>() / n as f64;
        // Five standard errors.
        assert!(
            (mean - 1.0).abs() < 5.0 * (variance / n as f64).sqrt(),
            "{mean}"
        );
        assert!(variance < 9.0, "and the test can fail: {variance}");
    }

    #[test]
    fn gaps_do_not_depend_on_the_one_before() {
        let bursty = scenario(Arrivals::Bursty { cv: 1.0 }, 1000.0);
        let schedule = schedule(&bursty);
        let gaps = rescaled_gaps(&dues(&bursty), schedule.curve());
        let products = gaps
            .windows(2)
            .map(|pair| (pair[0] - 1.0) * (pair[1] - 1.0));
        let correlation = products.sum::<f64>() / gaps.len() as f64;
        // Standard error 1/sqrt(60,000) = 0.0041; four of them.
        assert!(correlation.abs() < 0.0164, "{correlation}");
    }

    #[test]
    fn gaps_of_any_unevenness_are_drawn() {
        for cv in [1e-6, 30.0, 1000.0] {
            let dues = dues(&scenario(Arrivals::Bursty { cv }, 100.0));
            assert!(dues.is_sorted());
            if cv < 1.0 {
                assert!((5999..=6001).contains(&dues.len()), "as good as even");
            }
        }
    }
}
