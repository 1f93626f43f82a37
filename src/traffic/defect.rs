//! What is wrong with an event on purpose.

use super::skew::below;
use crate::rng::{Purpose, hash};
use crate::scenario::{Defects, Delay};
use crate::schedule::Identity;

/// What may be wrong with the events of one kind that one flow sends: what the event asks for and what the flow does, each for itself.
/// So a share `a` and a share `b` make `1 - (1 - a)(1 - b)`.
pub(super) type Chances = Vec<Chance>;

/// One thing that may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chance {
    /// Tells its draws from another's.
    salt: u64,
    /// Of the 64-bit numbers, those below make it so.
    bar: u64,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// This many simulated milliseconds late.
    Late(i64),
    /// Up to this many simulated milliseconds out of order.
    OutOfOrder(i64),
    Tombstone,
    /// Of this many bytes.
    Oversized(usize),
}

/// What is wrong with one event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wrong {
    /// How long before its due its simulated time is: simulated milliseconds.
    pub late_ms: i64,
    /// Whether it has no value.
    pub tombstone: bool,
    /// How large its value is to be at least, in bytes.
    pub size: usize,
}

/// The first salt of what a flow asks for, and of what an event does. Numbers below are the schedule's.
const OF_FLOW: u64 = 16;
const OF_EVENT: u64 = 32;

/// What may be wrong with an event of these defects in a flow of those. Of two sizes or delays the event's holds.
pub(super) fn chances(flow: &Defects, event: &Defects) -> Chances {
    let mut chances = Vec::new();
    for (defects, first) in [(flow, OF_FLOW), (event, OF_EVENT)] {
        let delay = |delay: Option<Delay>, what: fn(i64) -> What| {
            delay.map(|delay| (delay.share, what(delay.by.as_millis() as i64)))
        };
        let found = [
            delay(defects.late, What::Late),
            delay(defects.out_of_order, What::OutOfOrder),
            defects.tombstone.map(|share| (share, What::Tombstone)),
            defects
                .oversized
                .map(|of| (of.share, What::Oversized(of.size))),
        ];
        for (number, (share, what)) in found
            .into_iter()
            .enumerate()
            .filter_map(|(n, f)| Some((n, f?)))
        {
            chances.push(Chance {
                salt: first + number as u64,
                // A cast saturates: a share of 1 is all but one in 2^64.
                bar: (share * 2f64.powi(64)) as u64,
                what,
            });
        }
    }
    chances
}

/// What is wrong with the event of this identity. Pure.
pub(super) fn of(chances: &[Chance], seed: u64, id: Identity) -> Wrong {
    let mut wrong = Wrong::default();
    if chances.is_empty() {
        return wrong;
    }
    let of_cell = hash(seed, Purpose::Defect, id.cell());
    let of_event = hash(of_cell, Purpose::Defect, u64::from(id.ordinal));
    let (mut late, mut out_of_order) = (0, 0);
    for chance in chances {
        let random = hash(of_event, Purpose::Defect, chance.salt);
        if random >= chance.bar {
            continue;
        }
        match chance.what {
            What::Late(by) => late = by,
            What::OutOfOrder(by) => {
                let random = hash(random, Purpose::Defect, 0);
                out_of_order = below(random, by as u64 + 1) as i64;
            }
            What::Tombstone => wrong.tombstone = true,
            What::Oversized(size) => wrong.size = size,
        }
    }
    wrong.late_ms = late + out_of_order;
    wrong
}
