//! Nothing on the hot path allocates once it is warm: every allocation of this program is counted, thread by thread, so that tests
//! beside each other do not count one another's.

mod recording;
mod rendering;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    // Without a destructor and known when compiled: reading it allocates nothing itself.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

/// Allocations of this thread so far.
fn allocations() -> u64 {
    ALLOCATIONS.get()
}

// SAFETY: hands everything on to the system's allocator, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are the ones asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The counter counts, and only what its own thread does: otherwise the tests here prove nothing.
#[test]
fn the_counter_sees_this_thread_alone() {
    let before = allocations();
    let mut grown = Vec::with_capacity(1);
    assert_eq!(allocations() - before, 1);
    grown.extend_from_slice(&[1_u8; 100]);
    assert_eq!(allocations() - before, 2, "{grown:?}");
    let before = allocations();
    std::thread::scope(|scope| {
        let theirs = scope.spawn(|| {
            let before = allocations();
            drop(vec![0_u8; 1_000]);
            allocations() - before
        });
        assert!(theirs.join().expect("no panic") >= 1);
    });
    let starting_a_thread = allocations() - before;
    assert!(starting_a_thread < 50, "{starting_a_thread}");
}
