//! Arrivals at equal steps of the cumulative rate.

use super::super::curve::{Curve, Pieces};
use super::stretch::{Keys, Stretch};

/// Arrival k at Λ⁻¹(k + ½), in shard k mod `shards`.
pub fn draw(curve: &Curve, shards: u32, stretch: &Stretch, pieces: &mut Pieces, out: &mut Keys) {
    let before = curve.cumulative(stretch.from());
    // k + ½ lies in [Λ(from), Λ(to)).
    let first = (before - 0.5).ceil().max(0.0) as u64;
    let end = (curve.cumulative(stretch.to()) - 0.5).ceil().max(0.0) as u64;
    if first >= end {
        return;
    }
    curve.cut(stretch.from(), stretch.to(), pieces);
    let shards = u64::from(shards);
    let mine = stretch.mine;
    // Shards ascend within a round, and rounds follow each other: already in order.
    for round in first / shards..=(end - 1) / shards {
        let lowest = first.saturating_sub(round * shards) as u32;
        let Some(lowest) = mine.at_or_above(lowest) else {
            continue;
        };
        for shard in (lowest..mine.end).step_by(usize::from(mine.step.max(1))) {
            let k = round * shards + u64::from(shard);
            if k >= end {
                break;
            }
            let y = (k as f64 + 0.5 - before).max(0.0);
            out.keys.push(stretch.key(pieces, y, shard));
        }
    }
    out.sort_by_due();
}
