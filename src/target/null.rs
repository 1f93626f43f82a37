//! No cluster at all: takes every record and acknowledges it at the next poll. What is left is what we cost ourselves.

use std::ops::RangeTo;

use std::sync::Arc;

use super::{Ack, Consumer, Failure, LogOffsets, Outcome, Outgoing, Producer, Target, TargetError};
use crate::clock::{Clock, Monotonic, NS_PER_S, Tick};

/// A producer without a cluster. Copies nothing; holds as many records as a client's queue would.
#[derive(Debug)]
pub struct Null {
    queue: usize,
    tokens: Vec<u32>,
    /// Of `tokens`, those that were given up on.
    purged: RangeTo<usize>,
    slack_is_set: bool,
}

impl Null {
    /// A producer that holds at most `queue` records between two polls.
    pub fn new(queue: usize) -> Null {
        Null {
            queue,
            tokens: Vec::with_capacity(queue),
            purged: ..0,
            slack_is_set: false,
        }
    }
}

impl Producer for Null {
    fn send(&mut self, _: u16, _: u32, _: &[u8], records: &[Outgoing]) -> usize {
        let taken = records.len().min(self.queue - self.tokens.len());
        self.tokens
            .extend(records[..taken].iter().map(|record| record.token));
        taken
    }

    fn poll(&mut self, acks: &mut Vec<Ack>) {
        if self.tokens.is_empty() {
            return;
        }
        let at = Monotonic.now();
        let ack = |outcome| move |&token: &u32| Ack { token, at, outcome };
        let (purged, taken) = self.tokens.split_at(self.purged.end);
        acks.extend(purged.iter().map(ack(Outcome::Unresolved)));
        acks.extend(taken.iter().map(ack(Outcome::Acknowledged { offset: -1 })));
        self.tokens.clear();
        self.purged = ..0;
    }

    fn wait(&mut self, deadline: Tick) {
        if !self.tokens.is_empty() {
            return;
        }
        if !self.slack_is_set {
            // SAFETY: takes plain numbers. The kernel may otherwise wake this thread 50 µs late; if it refuses, it does.
            unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong, 0, 0, 0) };
            self.slack_is_set = true;
        }
        let until = libc::timespec {
            tv_sec: (deadline.as_ns() / NS_PER_S) as libc::time_t,
            tv_nsec: (deadline.as_ns() % NS_PER_S) as libc::c_long,
        };
        // SAFETY: `until` is a valid timespec, and with TIMER_ABSTIME nothing is written back. A signal ends the sleep early,
        // as `wait` may.
        unsafe {
            libc::clock_nanosleep(
                libc::CLOCK_MONOTONIC,
                libc::TIMER_ABSTIME,
                &until,
                std::ptr::null_mut(),
            )
        };
    }

    fn purge(&mut self) {
        self.purged = ..self.tokens.len();
    }

    fn failure_name(&self, failure: Failure) -> String {
        format!("failure {}", failure.0)
    }
}

/// How many records a null producer holds between two polls: what a client's queue holds by default.
const QUEUE: usize = 100_000;

/// The target without a cluster.
#[derive(Clone, Copy, Debug)]
pub struct NullTarget;

impl Target for NullTarget {
    fn producer(&self, _: usize, _: u32) -> Result<Box<dyn Producer + Send>, TargetError> {
        Ok(Box::new(Null::new(QUEUE)))
    }

    fn consumer(
        &self,
        _: usize,
        _: u32,
        _: Arc<dyn Fn(u16, u32) -> i64 + Send + Sync>,
    ) -> Result<Box<dyn Consumer + Send>, TargetError> {
        let text = "the null target keeps nothing, so there is nothing to read";
        Err(TargetError::Usage(text.to_owned()))
    }

    fn logs(&self) -> Result<Vec<LogOffsets>, TargetError> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::thread_cpu_ns;

    fn records(tokens: std::ops::Range<u32>) -> Vec<Outgoing> {
        tokens
            .map(|token| Outgoing {
                token,
                key: None,
                value: Some(0..0),
                headers: 0..0,
            })
            .collect()
    }

    #[test]
    fn takes_what_its_queue_holds_and_acknowledges_all_of_it_in_order() {
        let mut null = Null::new(5);
        assert_eq!(null.send(0, 0, &[], &records(0..3)), 3);
        assert_eq!(null.send(0, 1, &[], &records(3..7)), 2);
        assert_eq!(null.send(0, 1, &[], &records(5..7)), 0);
        let mut acks = Vec::new();
        null.poll(&mut acks);
        assert!(acks.iter().map(|ack| ack.token).eq(0..5));
        let acknowledged = |ack: &Ack| matches!(ack.outcome, Outcome::Acknowledged { .. });
        assert!(acks.iter().all(acknowledged));
        assert_eq!(null.send(0, 1, &[], &records(5..7)), 2);
    }

    #[test]
    fn gives_up_on_what_it_holds_alone() {
        let mut null = Null::new(5);
        null.send(0, 0, &[], &records(0..2));
        null.purge();
        null.send(0, 0, &[], &records(2..3));
        let mut acks = Vec::new();
        null.poll(&mut acks);
        let unresolved: Vec<_> = acks
            .iter()
            .map(|ack| ack.outcome == Outcome::Unresolved)
            .collect();
        assert_eq!(unresolved, [true, true, false]);
    }

    #[test]
    fn waits_until_the_deadline_without_spinning() {
        let mut null = Null::new(1);
        let (cpu_before, deadline) = (thread_cpu_ns(), Monotonic.now().plus_ns(100_000_000));
        null.wait(deadline);
        assert!(Monotonic.now() >= deadline);
        // A tenth of a second spun would be 100 ms.
        assert!(thread_cpu_ns() - cpu_before < 20_000_000);
        // With something to tell there is nothing to wait for: a year from now would fail by time-out.
        null.send(0, 0, &[], &records(0..1));
        null.wait(Monotonic.now().plus_ns(365 * 24 * 3600 * NS_PER_S));
    }
}
