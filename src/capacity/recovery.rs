//! How long it takes until all is well again. Pure: seconds of a run in, a length of time out.
//!
//! *Recovery* is the first second from which a limit holds for [`HOLD_S`] seconds. *Drain* is the first second from which a level (a
//! backlog, a lag) is back, for as long, to what it was in the [`BEFORE_S`] seconds before: no higher than its highest then, and what it
//! varied then above that, since a level that is read once a second is read at random in its own ups and downs. Both are counted from the
//! end of what went before, and are whole seconds late at most.

/// For how many seconds a limit has to hold.
pub const HOLD_S: usize = 10;
/// How many seconds before the beginning say what is usual.
pub const BEFORE_S: usize = 10;
const SECOND_US: u64 = 1_000_000;

/// From when to when something was done, in microseconds since the start of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spell {
    /// Its beginning.
    pub began_us: u64,
    /// Its end.
    pub ended_us: u64,
}

/// When all was well again, counted from a spell's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// After so many microseconds.
    After(u64),
    /// Not within these, which is all the load that followed.
    NotWithin(u64),
    /// Too little of the load followed to tell.
    Unknown,
}

/// When a limit held again: `held` says of each second whether it did; `None`: there was nothing to judge, which misses no limit.
pub fn recovery(held: &[Option<bool>], ended_us: u64) -> Settled {
    let first = (ended_us / SECOND_US) as usize;
    let after = held.get(first..).unwrap_or_default();
    let missed = |second: &Option<bool>| *second == Some(false);
    if after.len() < HOLD_S {
        let left_us = after.len() as u64 * SECOND_US;
        return match after.iter().any(missed) {
            true => Settled::NotWithin(left_us),
            false => Settled::Unknown,
        };
    }
    let holds = after
        .windows(HOLD_S)
        .position(|seconds| !seconds.iter().any(missed));
    match holds {
        Some(later) => {
            let begins_us = (first + later) as u64 * SECOND_US;
            Settled::After(begins_us.saturating_sub(ended_us))
        }
        None => Settled::NotWithin((held.len() as u64 * SECOND_US).saturating_sub(ended_us)),
    }
}

/// When a level was back to what it was: `levels` are those at the end of each second. At the end of the load it need not have held
/// for [`HOLD_S`].
pub fn drain(levels: &[u64], spell: Spell) -> Settled {
    let before = (spell.began_us / SECOND_US) as usize;
    let usual =
        &levels[before.saturating_sub(BEFORE_S).min(levels.len())..before.min(levels.len())];
    let (most, least) = (usual.iter().max(), usual.iter().min());
    let most = most.copied().unwrap_or(0);
    let limit = most + (most - least.copied().unwrap_or(most));
    // The first reading that was taken after the end.
    let first = (spell.ended_us / SECOND_US) as usize;
    let after = levels.get(first..).unwrap_or_default();
    if after.is_empty() {
        return Settled::Unknown;
    }
    let back = (0..after.len()).find(|from| {
        let to = (from + HOLD_S).min(after.len());
        after[*from..to].iter().all(|level| *level <= limit)
    });
    let end_of = |second: usize| (second as u64 + 1) * SECOND_US;
    match back {
        // It never rose, or was back before anyone could see.
        Some(0) if levels[before.min(first)..first].iter().all(|l| *l <= limit) => {
            Settled::After(0)
        }
        Some(later) => Settled::After(end_of(first + later).saturating_sub(spell.ended_us)),
        None => Settled::NotWithin(end_of(levels.len() - 1).saturating_sub(spell.ended_us)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = SECOND_US;

    /// 40 seconds of which these missed.
    fn seconds(missed: impl Fn(usize) -> bool) -> Vec<Option<bool>> {
        (0..40).map(|second| Some(!missed(second))).collect()
    }

    #[test]
    fn a_limit_that_was_never_missed_needs_no_time() {
        assert_eq!(recovery(&seconds(|_| false), 7 * S + 5), Settled::After(0));
    }

    #[test]
    fn it_counts_from_the_end_to_the_first_of_ten_good_seconds() {
        // Good for nine seconds is not good.
        let held = seconds(|second| (5..12).contains(&second) || second == 21);
        assert_eq!(
            recovery(&held, 8 * S + S / 2),
            Settled::After(13 * S + S / 2)
        );
        assert_eq!(recovery(&held, 22 * S + 1), Settled::After(0));
    }

    #[test]
    fn a_second_with_nothing_to_judge_misses_nothing() {
        let mut held = seconds(|second| second < 10);
        held[15] = None;
        assert_eq!(recovery(&held, 5 * S), Settled::After(5 * S));
    }

    #[test]
    fn what_does_not_come_within_the_load_is_not_guessed() {
        assert_eq!(
            recovery(&seconds(|second| second % 9 == 0), 30 * S - 1),
            Settled::NotWithin(10 * S + 1)
        );
        assert_eq!(recovery(&seconds(|_| false), 31 * S), Settled::Unknown);
        assert_eq!(
            recovery(&seconds(|second| second == 35), 31 * S),
            Settled::NotWithin(9 * S)
        );
        assert_eq!(recovery(&seconds(|_| false), 99 * S), Settled::Unknown);
    }

    /// A level of 100 to 120 that grows by 1,000 a second from 20 to 30 s and falls by 500 a second then.
    fn levels() -> Vec<u64> {
        let usual = |second: u64| 100 + 20 * (second % 2);
        (1..=70)
            .map(|end| match end {
                ..=20 => usual(end),
                21..=30 => (end - 20) * 1_000,
                _ => (10_000_u64.saturating_sub((end - 30) * 500)).max(usual(end)),
            })
            .collect()
    }

    #[test]
    fn a_level_drains_as_arithmetic_says() {
        let spell = Spell {
            began_us: 20 * S,
            ended_us: 30 * S,
        };
        // 10,000 at 500 a second: 20 seconds; at 140 or below only in the last.
        assert_eq!(drain(&levels(), spell), Settled::After(20 * S));
        assert_eq!(drain(&levels()[..45], spell), Settled::NotWithin(15 * S));
        assert_eq!(drain(&levels()[..30], spell), Settled::Unknown);
    }

    #[test]
    fn a_level_that_never_rose_needs_no_time() {
        let spell = Spell {
            began_us: 8 * S,
            ended_us: 9 * S + 1,
        };
        assert_eq!(drain(&levels()[..20], spell), Settled::After(0));
    }

    #[test]
    fn a_level_that_rises_after_the_end_counts_until_it_is_back() {
        // As after a kill, which takes no time itself.
        let spell = Spell {
            began_us: 20 * S,
            ended_us: 20 * S,
        };
        assert_eq!(drain(&levels(), spell), Settled::After(30 * S));
    }

    #[test]
    fn without_a_before_usual_is_nothing() {
        let spell = Spell {
            began_us: 0,
            ended_us: 2 * S,
        };
        assert_eq!(drain(&[5, 9, 4, 0, 0], spell), Settled::After(2 * S));
    }
}
