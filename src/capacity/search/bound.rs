//! A limit held against the seconds of a step: what is beyond it, of how many, and what may be.

use super::share::{Share, share};
use super::{Bound, Settled, Tally};

/// A limit, and what was measured of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Met {
    /// The share beyond it: of events, of seconds, or of windows.
    pub share: Share,
    /// The share that may be.
    pub allowed: f64,
    /// The interval lies below what may be, as far as what was measured tells.
    pub sure: bool,
}

impl Met {
    /// How much of what may be is used up; beyond 1 the limit is missed.
    pub fn used(&self) -> f64 {
        match self.allowed > 0.0 {
            true => self.share.share / self.allowed,
            false => self.share.share * 1e9,
        }
    }

    /// Missed, with its interval to spare; what may never be is missed by the first.
    pub fn is_missed(&self) -> bool {
        let low = match self.allowed > 0.0 {
            true => self.share.low,
            false => self.share.share,
        };
        low > self.allowed
    }
}

impl Bound {
    /// What limit number `index` came to over these seconds, with intervals of `z` standard errors. `None`: nothing was counted, or
    /// they are no whole window yet.
    pub(super) fn met(&self, index: usize, seconds: &[Settled], z: f64) -> Option<Met> {
        let tallies = tallies(seconds, index);
        let all = share(&tallies, z);
        let Some(every) = self.every else {
            let share = all?;
            let allowed = self.share_of(&tallies);
            return Some(Met {
                share,
                allowed,
                sure: allowed <= 0.0 || share.high <= allowed,
            });
        };
        let windows: Vec<Tally> = tallies
            .chunks_exact(every.seconds.max(1) as usize)
            .filter_map(|window| self.window(window))
            .collect();
        let missed = share(&windows, z)?;
        // That a window missed or not is one bit; how far its events were from the limit tells more.
        let is_far = all.is_some_and(|all| all.high <= self.share_of(&tallies));
        Some(Met {
            share: missed,
            allowed: every.allowed,
            sure: missed.share <= 0.0 && (is_far || self.allowed <= 0.0)
                || missed.high <= every.allowed,
        })
    }

    /// How many independent events or seconds would tell as much as these.
    pub(super) fn effective(&self, index: usize, seconds: &[Settled], z: f64) -> f64 {
        share(&tallies(seconds, index), z).map_or(0.0, |share| share.effective)
    }

    /// The seconds that a step has to last for this limit to be judged.
    pub(super) fn least_s(&self) -> f64 {
        self.every.map_or(0.0, |every| f64::from(every.seconds))
    }

    /// One window: 1 of 1 when it missed. `None`: nothing happened in it, which is neither good nor bad.
    fn window(&self, window: &[Tally]) -> Option<Tally> {
        let (over, of) = sums(window);
        (of > 0.0).then(|| Tally {
            // Shares of whole numbers: the limit itself may be a rounding error away.
            over: f64::from(u8::from(over / of > self.share_of(window) + 1e-12)),
            of: 1.0,
        })
    }

    /// The share of what was counted in these seconds that may be beyond.
    fn share_of(&self, seconds: &[Tally]) -> f64 {
        match (self.per_second, sums(seconds).1) {
            (false, _) => self.allowed,
            (true, of) if of > 0.0 => self.allowed * seconds.len() as f64 / of,
            (true, _) => 0.0,
        }
    }
}

fn tallies(seconds: &[Settled], index: usize) -> Vec<Tally> {
    let tally = |second: &Settled| second.tallies.get(index).copied().unwrap_or_default();
    seconds.iter().map(tally).collect()
}

fn sums(seconds: &[Tally]) -> (f64, f64) {
    seconds
        .iter()
        .fold((0.0, 0.0), |(over, of), s| (over + s.over, of + s.of))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::search::Windowed;

    const Z: f64 = 1.645;

    fn seconds(over: &[f64]) -> Vec<Settled> {
        let second = |&over: &f64| Settled {
            tallies: vec![Tally { over, of: 1_000.0 }],
            ..Settled::default()
        };
        over.iter().map(second).collect()
    }

    fn p99(every: Option<Windowed>) -> Bound {
        Bound {
            name: "response p99".to_owned(),
            allowed: 0.01,
            every,
            ..Bound::default()
        }
    }

    fn met(bound: &Bound, over: &[f64]) -> Met {
        bound.met(0, &seconds(over), Z).expect("it was measured")
    }

    #[test]
    fn windows_are_whole_and_each_has_its_own_share() {
        let every = |allowed| {
            Some(Windowed {
                seconds: 2,
                allowed,
            })
        };
        // Three windows, of which the second has 30 of 2,000 beyond; the seventh second is no window.
        let over = [0.0, 20.0, 10.0, 20.0, 0.0, 0.0, 900.0];
        let strict = met(&p99(every(0.0)), &over);
        assert!((strict.share.share - 1.0 / 3.0).abs() < 1e-12, "{strict:?}");
        assert!(strict.is_missed() && strict.used() > 1.0);
        let lenient = met(&p99(every(0.4)), &over);
        assert!(!lenient.is_missed() && lenient.used() < 1.0, "{lenient:?}");
        // 20 of 2,000 is the limit itself, which holds; 21 are beyond.
        assert_eq!(met(&p99(every(0.0)), &[0.0, 20.0]).share.share, 0.0);
        assert_eq!(met(&p99(every(0.0)), &[0.0, 21.0]).share.share, 1.0);
        // All seconds together would be beyond: 950 of 7,000.
        assert!(met(&p99(None), &over).is_missed());
        assert!(p99(every(0.0)).met(0, &seconds(&[0.0]), Z).is_none());
    }

    #[test]
    fn a_window_that_holds_by_far_is_sure_and_one_that_just_holds_is_not() {
        let bound = p99(Some(Windowed {
            seconds: 2,
            allowed: 0.0,
        }));
        // Wilson's upper end for none of 2,000 is 0.14 %, for 20 of 2,000 above 1 %.
        assert!(met(&bound, &[0.0, 0.0]).sure);
        assert!(!met(&bound, &[10.0, 10.0]).sure);
    }

    #[test]
    fn counts_are_held_against_the_time() {
        // 60 in a run of ten minutes: a tenth in a second.
        let bound = Bound {
            allowed: 0.1,
            per_second: true,
            ..Bound::default()
        };
        // 1 in ten seconds is what may be.
        let mut over = [0.0; 10];
        over[3] = 1.0;
        assert!((met(&bound, &over).used() - 1.0).abs() < 1e-9);
        // 20 in ten seconds is not: 0.1 % of the events at which 0.01 % may be.
        let many = met(&bound, &[2.0; 10]);
        assert!(many.is_missed() && (many.used() - 20.0).abs() < 1e-9);
        // None may ever be: the first is too many.
        let none = Bound {
            allowed: 0.0,
            ..bound
        };
        assert!(met(&none, &over).is_missed());
        assert!(met(&none, &[0.0; 10]).sure);
    }
}
