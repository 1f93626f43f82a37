//! Instants and clocks: the only module that reads time.
//!
//! Everything else receives a [`Clock`], so that the loops of `drive` run against virtual time in tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Nanoseconds in one second.
pub const NS_PER_S: u64 = 1_000_000_000;

/// An instant on this machine's monotonic clock, in nanoseconds since an arbitrary origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(u64);

impl Tick {
    /// The instant `ns` nanoseconds after the clock's origin.
    pub const fn from_ns(ns: u64) -> Tick {
        Tick(ns)
    }

    /// Nanoseconds since the clock's origin.
    pub const fn as_ns(self) -> u64 {
        self.0
    }

    /// The instant `ns` nanoseconds later.
    pub const fn plus_ns(self, ns: u64) -> Tick {
        Tick(self.0.saturating_add(ns))
    }

    /// Nanoseconds from `earlier` to `self`, negative when `earlier` is later.
    pub const fn since_signed(self, earlier: Tick) -> i64 {
        self.0 as i64 - earlier.0 as i64
    }

    /// Nanoseconds from `earlier` to `self`; zero when `earlier` is not earlier.
    pub const fn since(self, earlier: Tick) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A source of monotonic instants.
pub trait Clock: Clone + Send + 'static {
    /// The present instant. Never goes back.
    fn now(&self) -> Tick;

    /// Returns so many nanoseconds later, or a little after.
    fn sleep(&self, ns: u64);
}

/// `CLOCK_MONOTONIC`, the clock `ppoll` waits on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Monotonic;

impl Clock for Monotonic {
    #[inline]
    fn now(&self) -> Tick {
        let mut at = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: `at` is a valid, writable timespec, and CLOCK_MONOTONIC exists on every Linux.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut at) };
        Tick(at.tv_sec as u64 * NS_PER_S + at.tv_nsec as u64)
    }

    fn sleep(&self, ns: u64) {
        std::thread::sleep(std::time::Duration::from_nanos(ns));
    }
}

/// A clock that stands still until it is told to move: simulation's time.
#[derive(Clone, Debug, Default)]
pub struct Virtual(Arc<AtomicU64>);

impl Virtual {
    /// Moves the clock forward to `to`; an earlier instant changes nothing.
    pub fn advance_to(&self, to: Tick) {
        self.0.fetch_max(to.0, Ordering::SeqCst);
    }
}

impl Clock for Virtual {
    fn now(&self) -> Tick {
        Tick(self.0.load(Ordering::SeqCst))
    }

    fn sleep(&self, ns: u64) {
        self.advance_to(self.now().plus_ns(ns));
    }
}

/// The wall clock's present, for run names and file headers only: never for measuring.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the module that reads time"
)]
pub fn wall_now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Processor time that the calling thread has used, in nanoseconds: to see in tests that something does not spin.
#[cfg(test)]
pub fn thread_cpu_ns() -> u64 {
    let mut at = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `at` is a valid, writable timespec, and every Linux has this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut at) };
    at.tv_sec as u64 * NS_PER_S + at.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monotonic_never_goes_back() {
        let mut last = Monotonic.now();
        for _ in 0..10_000 {
            let now = Monotonic.now();
            assert!(now >= last);
            last = now;
        }
    }

    #[test]
    fn virtual_clock_moves_only_forward() {
        let clock = Virtual::default();
        clock.advance_to(Tick::from_ns(5));
        clock.advance_to(Tick::from_ns(3));
        assert_eq!(clock.now(), Tick::from_ns(5));
    }
}
