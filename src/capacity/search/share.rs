//! The share of events beyond a limit, and how well it is known.

use super::Tally;

/// A share with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Share {
    /// The lower end.
    pub low: f64,
    /// The share.
    pub share: f64,
    /// The upper end.
    pub high: f64,
    /// As many independent events would tell as much.
    pub effective: f64,
}

/// The share over these seconds, with an interval of `z` standard errors; `None` when nothing was counted.
///
/// Events of one second are not independent, so the seconds are the sample: the variance is that of a ratio estimator over them
/// (Cochran, Sampling Techniques, 6.3), times (1 + ρ) / (1 - ρ) where neighbouring seconds are correlated by ρ. Held against that of
/// independent events it says how many of those would tell as much; the interval is Wilson's (1927) for so many, which does not
/// take rare bursts of late events for none.
pub(super) fn share(seconds: &[Tally], z: f64) -> Option<Share> {
    let of: f64 = seconds.iter().map(|second| second.of).sum();
    if of <= 0.0 {
        return None;
    }
    let over: f64 = seconds.iter().map(|second| second.over).sum();
    let share = over / of;
    let within = share.clamp(0.0, 1.0);
    let binomial = within * (1.0 - within) / of;
    let effective = match clustered(seconds, share, of) {
        variance if variance > binomial && binomial > 0.0 => of * binomial / variance,
        _ => of,
    };
    let square = z * z / effective;
    let middle = (within + square / 2.0) / (1.0 + square);
    let half = (square * (within * (1.0 - within) + square / 4.0)).sqrt() / (1.0 + square);
    Some(Share {
        low: middle - half,
        share,
        high: middle + half,
        effective,
    })
}

/// The variance by seconds; 0 when they are too few to tell.
fn clustered(seconds: &[Tally], share: f64, of: f64) -> f64 {
    let n = seconds.len() as f64;
    if seconds.len() < 4 {
        return 0.0;
    }
    let rest: Vec<f64> = seconds.iter().map(|s| s.over - share * s.of).collect();
    let square: f64 = rest.iter().map(|r| r * r).sum();
    if square <= 0.0 {
        return 0.0;
    }
    let lagged: f64 = rest.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let correlation = (lagged / square).clamp(0.0, 0.8);
    n / (n - 1.0) * square / (of * of) * (1.0 + correlation) / (1.0 - correlation)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(over: &[f64]) -> Vec<Tally> {
        let second = |&over: &f64| Tally { over, of: 1_000.0 };
        over.iter().map(second).collect()
    }

    #[test]
    fn no_event_beyond_is_not_certainty() {
        let share = share(&seconds(&[0.0; 10]), 1.64).expect("10,000 events");
        assert_eq!(share.share, 0.0);
        // Wilson's upper end for none of n is z² / (n + z²): 2.7 of 10,003.
        assert!((share.high - 2.69e-4).abs() < 1e-6, "{share:?}");
    }

    #[test]
    fn seconds_that_differ_widen_the_interval() {
        let even = share(&seconds(&[10.0; 10]), 1.64).expect("counted");
        let uneven: Vec<f64> = (0..10).map(|i| f64::from(i % 2) * 20.0).collect();
        let uneven = share(&seconds(&uneven), 1.64).expect("counted");
        assert_eq!(even.share, uneven.share);
        assert!(uneven.high - uneven.share > 2.0 * (even.high - even.share));
        assert!(uneven.effective < even.effective);
    }

    #[test]
    fn nothing_counted_is_no_share() {
        assert_eq!(share(&[Tally::default(); 9], 1.0), None);
    }
}
