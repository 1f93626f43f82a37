//! Threads of ours: named, so that the health sampler knows them, and woken on the nanosecond.

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

/// Linux may delay a thread's timers by its slack, 50 µs unless told otherwise. We want none.
fn wake_precisely() {
    // SAFETY: PR_SET_TIMERSLACK takes one number and concerns the calling thread only.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong) };
}
