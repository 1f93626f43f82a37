//! A million journeys under way take less than 200 MB: every byte this program has allocated is counted.

#![allow(missing_docs, reason = "a test")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use highwater::schedule::{Bin, FlowSchedule, Origin, Shards};

#[path = "../benches/shop/mod.rs"]
#[allow(dead_code, reason = "the benches use more of it")]
mod shop;
#[path = "../benches/shop/journeys.rs"]
#[allow(dead_code, reason = "the benches use more of it")]
mod shop_journeys;

struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: hands everything on to the system's allocator, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are the ones asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// 110,000 journeys a second, each with a second event ten seconds after its first.
#[test]
fn a_million_live_sessions_stay_under_200_mb() {
    let scenario = shop_journeys::pairs((9.0, 11.0), 110_000.0, 30.0);
    let schedule = FlowSchedule::compile(&scenario, 0);
    let before = BYTES.load(Ordering::Relaxed);
    let mut cells = schedule.cells(Shards::all(256));
    let mut out = Bin::default();
    let (mut live, mut most_bytes) = (0i64, 0);
    let mut walk = |bins: std::ops::Range<u32>| {
        for bin in bins {
            cells.bin(bin, &mut out);
            for origin in &out.origins {
                match origin {
                    // What journeys from before the run owe does not wait.
                    Origin::Step(step) if step.started_ms < 0 => {}
                    Origin::Step(step) if step.event == 0 => live += 1,
                    _ => live -= 1,
                }
            }
            most_bytes = most_bytes.max(BYTES.load(Ordering::Relaxed) - before);
        }
        (live, most_bytes)
    };
    let (live, bytes) = walk(0..100);
    assert!(live > 1_000_000, "{live}");
    assert!(bytes < 200_000_000, "{bytes} bytes for {live} sessions");
    assert!(bytes > 64_000_000, "the counter counts: {bytes}");
    // In the steady state memory is used again.
    let (_, later) = walk(100..300);
    assert!(later < bytes + bytes / 5, "{bytes} bytes, then {later}");
}
