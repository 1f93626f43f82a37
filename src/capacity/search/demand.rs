//! Demand: the least number of members of a group that carries a load (Theodolite's metric). Pure.
//!
//! The same idea over whole numbers: a number that fails bounds it from below, one that carries from above, halving in between. The
//! first is the number that the think time alone asks for. The answer is confirmed by carrying the load once more, and the number
//! below it must have failed.

use serde::{Deserialize, Serialize};

use crate::capacity::steady::slope;

/// Members that a load needs at least by its think time, of which none may be busy for more than this share of the time.
pub const BUSY: f64 = 0.95;

/// What was tried with so many members.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// How many.
    pub members: u32,
    /// They carried the load: every limit held and the lag did not grow.
    pub carried: bool,
    /// It proves something: where not, the generator was the limit.
    pub valid: bool,
    /// What gave way; empty when nothing did.
    pub reason: String,
    /// The run's folder, below the search's.
    pub folder: String,
}

/// What a search for the demand of one group found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Demand {
    /// The group.
    pub group: String,
    /// Its load, in records per second.
    pub records_per_s: f64,
    /// Partitions it reads: more members would be idle.
    pub partitions: u32,
    /// All trials, in order.
    pub trials: Vec<Trial>,
    /// The least number of members that carries it; `None`: it is not known, or more than there are partitions.
    pub members: Option<u32>,
    /// Why there is none.
    pub reason: Option<String>,
}

/// The lag over the last part of a run: whether the group kept up. `readings`: (seconds, records); `records_per_s`: what came in.
///
/// It did not where the lag's slope is positive beyond doubt, by over 1 % of the load, and has grown to over half a second of load.
pub fn kept_up(readings: &[(f64, u64)], records_per_s: f64) -> bool {
    let Some(&(_, last)) = readings.last() else {
        return true;
    };
    let grows = slope(readings).is_some_and(|(slope, error)| slope - error > 0.01 * records_per_s);
    !(grows && last as f64 > 0.5 * records_per_s)
}

/// What to try next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// So many members.
    Try(u32),
    /// Found.
    Found(u32),
    /// Not even this many, one for each partition, carry it.
    TooMuch(u32),
}

/// The least number of members that think time alone allows for: the load of one record after the other, none busy all the time.
pub fn first_guess(records_per_s: f64, work_s: f64) -> u32 {
    ((records_per_s * work_s / BUSY).ceil() as u32).max(1)
}

/// What to try after these trials, beginning with `guess`, where more than `most` members would be idle.
///
/// A number that carried is tried once more before it is believed: it must carry twice. A trial that proves nothing counts for nothing.
pub fn next(trials: &[Trial], guess: u32, most: u32) -> Next {
    let most = most.max(1);
    let guess = guess.clamp(1, most);
    let trials: Vec<&Trial> = trials.iter().filter(|trial| trial.valid).collect();
    let failed = trials.iter().filter(|trial| !trial.carried);
    let low = failed.map(|trial| trial.members).max().unwrap_or(0);
    if low >= most {
        return Next::TooMuch(most);
    }
    // One that carried below one that failed was luck.
    let carried = |members: u32| {
        let of = trials.iter().filter(|trial| trial.members == members);
        of.filter(|trial| trial.carried).count()
    };
    let high = (low + 1..=most).find(|members| carried(*members) > 0);
    match high {
        None if low == 0 => Next::Try(guess),
        None => Next::Try((low + 1).max(guess).max(low + low.div_ceil(2)).min(most)),
        Some(high) if high - low > 1 => Next::Try(match low {
            // The neighbour below settles it when the guess was right.
            0 if (high + 1..=most).all(|more| carried(more) == 0) => high - 1,
            low => (low + high) / 2,
        }),
        Some(high) if carried(high) < 2 => Next::Try(high),
        Some(high) => Next::Found(high),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches where `needed` members carry the load; returns what was found, and how many trials that took.
    fn search(needed: u32, guess: u32, most: u32) -> (Next, usize) {
        let mut trials = Vec::new();
        loop {
            match next(&trials, guess, most) {
                Next::Try(members) => trials.push(Trial {
                    members,
                    carried: members >= needed,
                    valid: true,
                    reason: String::new(),
                    folder: String::new(),
                }),
                end => return (end, trials.len()),
            }
            assert!(trials.len() < 50, "it does not end: {trials:?}");
        }
    }

    #[test]
    fn the_least_number_is_found_from_any_guess() {
        for most in [1, 2, 12, 100] {
            for needed in 1..=most {
                for guess in [1, needed, needed + 3, most] {
                    let (end, trials) = search(needed, guess, most);
                    assert_eq!(end, Next::Found(needed), "guess {guess} of {most}");
                    // From a wrong end: growing by halves and halving.
                    assert!(trials <= 20 + guess.abs_diff(needed).min(20) as usize);
                }
            }
        }
    }

    #[test]
    fn a_right_guess_takes_three_trials() {
        // It carries, the one below does not, it carries again.
        assert_eq!(search(4, 4, 12), (Next::Found(4), 3));
    }

    #[test]
    fn more_members_than_partitions_would_be_idle() {
        assert_eq!(search(13, 4, 12).0, Next::TooMuch(12));
    }

    #[test]
    fn a_lucky_trial_is_not_believed() {
        let trial = |members, carried| Trial {
            members,
            carried,
            valid: true,
            reason: String::new(),
            folder: String::new(),
        };
        let trials = [trial(3, true), trial(2, false), trial(3, false)];
        assert_eq!(next(&trials, 3, 12), Next::Try(5));
        // Unless it proves nothing.
        let mut trials = trials;
        trials[2].valid = false;
        assert_eq!(next(&trials, 3, 12), Next::Try(3));
    }

    #[test]
    fn a_lag_that_grows_is_not_kept_up_with() {
        let lag = |per_s: f64| -> Vec<(f64, u64)> {
            (0..20)
                .map(|s| (f64::from(s), (100.0 + per_s * f64::from(s)) as u64))
                .collect()
        };
        assert!(!kept_up(&lag(500.0), 3_500.0));
        assert!(kept_up(&lag(10.0), 3_500.0));
        assert!(kept_up(&lag(0.0), 3_500.0));
        assert!(kept_up(&[], 3_500.0));
    }

    #[test]
    fn think_time_says_where_to_begin() {
        // 3,500 records a second at 1 ms each are 3.5 members' work, and none is to be busy all the time.
        assert_eq!(first_guess(3_500.0, 0.001), 4);
        assert_eq!(first_guess(100.0, 0.0), 1);
    }
}
