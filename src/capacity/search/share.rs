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
/// (Cochran, Sampling Techniques, 6.3), times (1 + ρ) / (1 - ρ) where neighbouring seconds are correlated by ρ. It is never below
/// what independent events would give, with one more of either kind than were seen (Agresti and Coull 1998), so that a share of
/// zero has an interval too.
pub(super) fn share(seconds: &[Tally], z: f64) -> Option<Share> {
    let of: f64 = seconds.iter().map(|second| second.of).sum();
    if of <= 0.0 {
        return None;
    }
    let over: f64 = seconds.iter().map(|second| second.over).sum();
    let share = over / of;
    let smooth = ((over + 1.0) / (of + 2.0)).clamp(0.0, 1.0);
    let binomial = smooth * (1.0 - smooth) / of;
    let variance = clustered(seconds, share, of).max(binomial);
    let error = z * variance.sqrt();
    Some(Share {
        low: share - error,
        share,
        high: share + error,
        effective: (smooth * (1.0 - smooth) / variance).min(of),
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
        // One of 10,000, and 1.64 standard errors of as many.
        assert!(share.high > 1e-4 && share.high < 3e-4, "{share:?}");
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
