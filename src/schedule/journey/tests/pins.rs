//! What a plan hash promises.

use super::*;

/// A checksum of all events of a small schedule. It may change only together with the generator's version.
#[test]
fn a_small_schedule_is_pinned() {
    let all = all(&replaying(shoppers(20.0, 30.0), 10.0));
    let mut sum = crc32fast::Hasher::new();
    for (arrival, step) in &all {
        sum.update(&arrival.due_ns.to_le_bytes());
        sum.update(&arrival.shard.to_le_bytes());
        sum.update(&arrival.ordinal.to_le_bytes());
        sum.update(&step.session.to_le_bytes());
        sum.update(&step.started_ms.to_le_bytes());
        sum.update(&step.event.to_le_bytes());
        sum.update(&step.nth.to_le_bytes());
        sum.update(&step.visit.serial.to_le_bytes());
    }
    assert_eq!((all.len(), sum.finalize()), (6970, 478414537));
}
