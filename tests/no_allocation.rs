//! Rendering an event allocates nothing once warm: every allocation of this program is counted.

#![allow(missing_docs, reason = "a test")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use highwater::scenario::{StampPlace, TemplateText, Value};
use highwater::schedule::{Identity, Origin};
use highwater::traffic::{Renderer, Traffic, headers, stamp};

#[path = "../benches/shop/mod.rs"]
mod shop;
use shop::{ORDER, event, shop, template};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: hands everything on to the system's allocator, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are the ones asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const RUN: u64 = 7;

/// The only test of this program, so that nothing else allocates beside it.
#[test]
fn rendering_and_checking_allocate_nothing() {
    let mut with_headers = event("with_headers", template(ORDER));
    with_headers.stamp = StampPlace::Header;
    with_headers.headers = vec![(
        "source".to_owned(),
        TemplateText {
            name: "header".to_owned(),
            text: "shop-{{merchant}} {{merchant.name}} {{uuid}} {{now}}".to_owned(),
        },
    )];
    let bytes = Value::Bytes {
        size: 1200,
        compressible: 3.0,
    };
    let lines = Value::Lines {
        name: "samples.jsonl".to_owned(),
        lines: vec!["{\"a\": 1}".to_owned(), "{}".to_owned()],
    };
    let long = r#"{"lines": [{{#lines 20}} "{{pad 400}} {{product.title}}" {{/lines}}], "at": {{now_ms}}}"#;
    let scenario = shop(vec![
        event("order", template(ORDER)),
        event("long", template(long)),
        with_headers,
        event("bytes", bytes),
        event("lines", lines),
    ]);
    let mut renderer = Renderer::new(Arc::new(Traffic::compile(&scenario, RUN).unwrap()));
    // The longest event of these is 20 lines on average, 500 hardly ever: 64 bytes short of 1 MiB is never reached.
    let mut buffer = Vec::with_capacity(1 << 20);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let mut ours = 0;
    for number in 0..100_000u32 {
        buffer.clear();
        let id = Identity {
            flow: 0,
            shard: (number % 256) as u16,
            bin: number / 1000,
            ordinal: number,
        };
        let rendered = renderer.render(
            (number % 5) as u16,
            id,
            u64::from(number) * 10_000_000,
            &Origin::Alone,
            &mut buffer,
        );
        let header = headers(&buffer[rendered.headers.clone()])
            .find(|(name, _)| *name == stamp::HEADER)
            .map(|(_, value)| value);
        let key = rendered.key.clone().map(|key| &buffer[key]);
        let checked = stamp::check(
            RUN,
            key,
            Some(&buffer[rendered.value.clone().expect("a value")]),
            header,
        );
        ours += u32::from(matches!(checked, stamp::Checked::Ours(stamp) if stamp.id == id));
    }
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    assert_eq!((allocations, ours), (0, 100_000));
    // The counter counts: growing a buffer is seen.
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    renderer.render(
        0,
        Identity {
            flow: 0,
            shard: 0,
            bin: 0,
            ordinal: 0,
        },
        0,
        &Origin::Alone,
        &mut Vec::new(),
    );
    assert!(ALLOCATIONS.load(Ordering::Relaxed) > before);
}
