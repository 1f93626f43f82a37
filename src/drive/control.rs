//! Starting and stopping: what the run's threads share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use super::action::kill_group;
use crate::clock::Tick;

/// How long open acknowledgements are waited for after a stop was asked for.
pub const SETTLE_AFTER_STOP_NS: u64 = 10_000_000_000;

const RUNNING: u64 = u64::MAX;

/// The run's switch. Clones share one.
#[derive(Clone, Debug)]
pub struct Control {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    start: Mutex<Gate>,
    opened: Condvar,
    /// Run time of the stop; `RUNNING` before.
    stopped_ns: AtomicU64,
    /// When the user interrupted, on the monotonic clock; `RUNNING` before.
    interrupted_at_ns: AtomicU64,
    reading_over: AtomicBool,
    /// The process groups of commands that run.
    commands: Mutex<Vec<i32>>,
}

#[derive(Debug, Clone, Copy)]
enum Gate {
    Closed,
    Open(Tick),
    Cancelled,
}

impl Default for Control {
    fn default() -> Control {
        Control {
            shared: Arc::new(Shared {
                start: Mutex::new(Gate::Closed),
                opened: Condvar::new(),
                stopped_ns: AtomicU64::new(RUNNING),
                interrupted_at_ns: AtomicU64::new(RUNNING),
                reading_over: AtomicBool::new(false),
                commands: Mutex::default(),
            }),
        }
    }
}

impl Control {
    /// Lets every waiting thread go; run time zero is `start`.
    pub fn open(&self, start: Tick) {
        self.set_gate(Gate::Open(start));
    }

    /// Sends every waiting thread home: the run does not take place.
    pub fn cancel(&self) {
        self.set_gate(Gate::Cancelled);
    }

    /// Waits for the start. `None`: the run does not take place.
    pub fn wait_for_start(&self) -> Option<Tick> {
        let mut gate = lock(&self.shared.start);
        loop {
            match *gate {
                Gate::Closed => {
                    gate = self
                        .shared
                        .opened
                        .wait(gate)
                        .unwrap_or_else(|poisoned| poisoned.into_inner());
                }
                Gate::Open(start) => return Some(start),
                Gate::Cancelled => return None,
            }
        }
    }

    /// Whether the start was given or cancelled.
    pub fn gate_is_decided(&self) -> bool {
        !matches!(*lock(&self.shared.start), Gate::Closed)
    }

    /// Ends the consumers' reading.
    pub fn end_reading(&self) {
        self.shared.reading_over.store(true, Ordering::SeqCst);
    }

    /// Whether consumers have read enough.
    pub fn reading_is_over(&self) -> bool {
        self.shared.reading_over.load(Ordering::Relaxed)
    }

    /// Ends the load at this run time: what is due later is no part of the run. The first call counts.
    pub fn stop_at(&self, run_ns: u64) {
        set_once(&self.shared.stopped_ns, run_ns);
    }

    /// The user's wish: ends the load now, or keeps it from beginning, and lets nothing after it be waited for much longer.
    /// The first call counts.
    pub fn interrupt(&self, now: Tick) {
        set_once(&self.shared.interrupted_at_ns, now.as_ns());
        let run_ns = match *lock(&self.shared.start) {
            Gate::Open(start) => now.since(start),
            Gate::Closed | Gate::Cancelled => 0,
        };
        self.stop_at(run_ns);
    }

    /// When the user interrupted the run, in whatever phase.
    pub fn interrupted(&self) -> Option<Tick> {
        let at = self.shared.interrupted_at_ns.load(Ordering::Relaxed);
        (at != RUNNING).then_some(Tick::from_ns(at))
    }

    /// When the load was ended before its time, in run time.
    #[inline]
    pub fn stopped_ns(&self) -> Option<u64> {
        let at = self.shared.stopped_ns.load(Ordering::Relaxed);
        (at != RUNNING).then_some(at)
    }

    /// A command of the user's runs in this process group.
    pub(super) fn command_began(&self, group: i32) {
        lock(&self.shared.commands).push(group);
    }

    /// It has ended.
    pub(super) fn command_ended(&self, group: i32) {
        lock(&self.shared.commands).retain(|running| *running != group);
    }

    /// Kills the commands that run, with their children: for a process that leaves at once.
    pub fn kill_commands(&self) {
        lock(&self.shared.commands)
            .iter()
            .for_each(|group| kill_group(*group));
    }

    fn set_gate(&self, to: Gate) {
        *lock(&self.shared.start) = to;
        self.shared.opened.notify_all();
    }
}

fn set_once(cell: &AtomicU64, to: u64) {
    let _ = cell.compare_exchange(RUNNING, to, Ordering::SeqCst, Ordering::SeqCst);
}

/// A thread that panicked while holding the lock left a whole value behind: each write is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_wait_for_the_start() {
        let control = Control::default();
        let waiter = {
            let control = control.clone();
            std::thread::spawn(move || control.wait_for_start())
        };
        control.open(Tick::from_ns(9));
        assert_eq!(waiter.join().unwrap(), Some(Tick::from_ns(9)));
    }

    #[test]
    fn an_interrupt_is_known_even_after_another_stop() {
        let control = Control::default();
        control.stop_at(5);
        assert_eq!(control.interrupted(), None);
        control.interrupt(Tick::from_ns(7));
        control.interrupt(Tick::from_ns(8));
        assert_eq!(control.stopped_ns(), Some(5));
        assert_eq!(control.interrupted(), Some(Tick::from_ns(7)));
    }

    #[test]
    fn the_first_stop_counts() {
        let control = Control::default();
        assert_eq!(control.stopped_ns(), None);
        control.stop_at(5);
        control.stop_at(7);
        assert_eq!(control.stopped_ns(), Some(5));
    }
}
