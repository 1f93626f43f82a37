//! Threads of ours: named, so that the health sampler knows them, woken on the nanosecond, and where we may, before others.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts a thread. The name is cut to the 15 bytes that Linux keeps.
pub(super) fn spawn<T: Send + 'static>(
    name: String,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    Builder::new().name(name).spawn(move || {
        wake_precisely();
        work()
    })
}

/// Who goes first among the threads in real time: what is due is sent before what came is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rank {
    Reads = 1,
    Sends = 2,
}

/// Starts a thread that is scheduled in real time (`SCHED_RR`, the lowest priorities of its kind) if the system allows it: it does for
/// root, with `CAP_SYS_NICE`, and within an `rtprio` limit. Threads that it starts are scheduled as usual.
///
/// An ordinary thread that wakes on a busy machine waits for the running one's slice to end, some milliseconds: the send delay, and
/// the time until an event is read, would show this machine, not the cluster. The client's own threads are no part of this: librdkafka's spin while they wait for a connection
/// to take more, and would keep an embedded cluster from ever taking it.
pub(super) fn spawn_in_real_time<T: Send + 'static>(
    rank: Rank,
    name: String,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    spawn(name, move || {
        schedule(
            libc::SCHED_RR | libc::SCHED_RESET_ON_FORK,
            rank as libc::c_int,
        );
        work()
    })
}

/// Whether the system allows threads in real time.
pub(super) fn may_be_in_real_time() -> bool {
    let allowed = schedule(libc::SCHED_RR, Rank::Sends as libc::c_int);
    if allowed {
        schedule(libc::SCHED_OTHER, 0);
    }
    allowed
}

fn schedule(policy: libc::c_int, priority: libc::c_int) -> bool {
    let priority = libc::sched_param {
        sched_priority: priority,
    };
    // SAFETY: 0 is the calling thread, and the parameters are read during the call alone.
    unsafe { libc::sched_setscheduler(0, policy, &priority) == 0 }
}

/// Linux may delay a thread's timers by its slack, 50 µs unless told otherwise. We want none.
fn wake_precisely() {
    // SAFETY: PR_SET_TIMERSLACK takes one number and concerns the calling thread only.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong) };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> i32 {
        // SAFETY: 0 is the calling thread.
        unsafe { libc::sched_getscheduler(0) }
    }

    #[test]
    fn only_threads_started_in_real_time_are_so() {
        let before = policy();
        let allowed = may_be_in_real_time();
        let both = spawn_in_real_time(Rank::Sends, "test".to_owned(), || {
            let child = spawn("child".to_owned(), policy).unwrap().join().unwrap();
            (policy() & !libc::SCHED_RESET_ON_FORK, child)
        });
        let wanted = if allowed { libc::SCHED_RR } else { before };
        assert_eq!(both.unwrap().join().unwrap(), (wanted, before));
        assert_eq!(policy(), before);
    }
}
