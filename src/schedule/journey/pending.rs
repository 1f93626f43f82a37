//! What is still to come of a journey: its next visit, or an event. Millions of these may wait, so each is one cache line.

use super::chain::Visit;
use super::law::At;
use crate::schedule::{Draw, HELD, Step};

/// A visit or an event that is due later.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pending {
    at_ns: i64,
    session: u64,
    started_ms: i32,
    batch: u32,
    held: [Draw; HELD],
    /// Of the visit, or of the one that caused the event.
    serial: u32,
    /// For a visit, how often its state is still visited; for an event, when the visit was, in milliseconds.
    left_or_ms: u32,
    /// For a visit, events before it; for an event, its number and which.
    sent_or_event: u32,
    shard: u16,
    /// The state to visit, or [`EVENT`].
    state: u16,
}

const _: () = assert!(size_of::<Pending>() <= 64);

/// Stands for a state where an event waits. Journeys have fewer states.
const EVENT: u16 = u16::MAX;

/// What of a journey does not change from visit to visit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traveller {
    pub session: u64,
    pub started_ms: i32,
    pub batch: u32,
    pub shard: u16,
}

/// What waits.
#[derive(Clone, Copy, Debug)]
pub(super) enum Task {
    /// A visit, and what is held when it begins.
    Visit(Traveller, [Draw; HELD], Visit<At>),
    /// An event: when, and all that is known of it.
    Event(At, u16, Step),
}

impl Pending {
    #[inline]
    pub fn visit(traveller: &Traveller, held: [Draw; HELD], visit: &Visit<At>) -> Pending {
        Pending {
            at_ns: visit.at.0,
            session: traveller.session,
            started_ms: traveller.started_ms,
            batch: traveller.batch,
            held,
            serial: visit.serial,
            left_or_ms: visit.left,
            sent_or_event: visit.sent,
            shard: traveller.shard,
            state: visit.state,
        }
    }

    #[inline]
    pub fn event(At(at_ns): At, shard: u16, step: &Step) -> Pending {
        Pending {
            at_ns,
            session: step.session,
            started_ms: step.started_ms,
            batch: step.batch,
            held: step.held,
            serial: step.visit.serial,
            left_or_ms: step.visit.at_ms.cast_unsigned(),
            sent_or_event: (u32::from(step.nth) << 16) | u32::from(step.event),
            shard,
            state: EVENT,
        }
    }

    #[inline]
    pub fn at(&self) -> At {
        At(self.at_ns)
    }

    #[inline]
    pub fn task(&self) -> Task {
        if self.state == EVENT {
            let step = Step {
                session: self.session,
                started_ms: self.started_ms,
                batch: self.batch,
                event: self.sent_or_event as u16,
                nth: (self.sent_or_event >> 16) as u16,
                visit: Draw {
                    serial: self.serial,
                    at_ms: self.left_or_ms.cast_signed(),
                },
                held: self.held,
            };
            return Task::Event(self.at(), self.shard, step);
        }
        let traveller = Traveller {
            session: self.session,
            started_ms: self.started_ms,
            batch: self.batch,
            shard: self.shard,
        };
        let visit = Visit {
            at: self.at(),
            state: self.state,
            serial: self.serial,
            left: self.left_or_ms,
            sent: self.sent_or_event,
        };
        Task::Visit(traveller, self.held, visit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_comes_back_as_it_was() {
        let held = [1, 2, 3].map(|serial| Draw { serial, at_ms: -7 });
        let step = Step {
            session: u64::MAX - 1,
            started_ms: -5,
            batch: 9,
            event: 65_535,
            nth: 65_534,
            visit: Draw {
                serial: u32::MAX,
                at_ms: i32::MIN,
            },
            held,
        };
        let Task::Event(at, shard, back) = Pending::event(At(-3), 255, &step).task() else {
            panic!("an event");
        };
        assert_eq!((at, shard, back), (At(-3), 255, step));
        let traveller = Traveller {
            session: 1,
            started_ms: i32::MAX,
            batch: 2,
            shard: 65_535,
        };
        let visit = Visit {
            at: At(i64::MAX),
            state: 65_534,
            serial: 4,
            left: 5,
            sent: 1_000_000,
        };
        let Task::Visit(who, was_held, back) = Pending::visit(&traveller, held, &visit).task()
        else {
            panic!("a visit");
        };
        assert_eq!((who.session, who.started_ms, who.batch), (1, i32::MAX, 2));
        assert_eq!((who.shard, was_held, back), (65_535, held, visit));
    }
}
