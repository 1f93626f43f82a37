//! The events themselves, in the order they are due.

use std::sync::Arc;

use super::Ground;
use crate::schedule::{Bin, Cells, Identity, Shards};
use crate::traffic::{Rendered, Renderer};

/// An event as it would be sent.
pub struct Planned<'a> {
    /// Index of the topic in the scenario.
    pub topic: usize,
    /// Its partition.
    pub partition: u32,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// When it is due: nanoseconds since the start of the load.
    pub due_ns: u64,
    /// Its value; `None`: a tombstone.
    pub value: Option<&'a [u8]>,
}

/// Gives every planned event of the run to `take`, ordered by due, until that returns false. Flows in which nothing is due are left out.
///
/// # Errors
/// What `take` returns.
pub fn each<E>(
    ground: &Ground<'_>,
    mut take: impl FnMut(&Planned<'_>) -> Result<bool, E>,
) -> Result<(), E> {
    let mut walks: Vec<Walk> = (0..ground.schedules.len())
        .filter(|&flow| ground.scenario.flows[flow].arrivals.has_due())
        .map(|flow| Walk {
            flow,
            cells: ground.schedules[flow].cells(Shards::all(ground.scenario.shards)),
            held: Bin::default(),
        })
        .collect();
    let bins = ground
        .schedules
        .iter()
        .map(|schedule| schedule.bins())
        .max();
    let mut renderer = Renderer::new(Arc::clone(ground.traffic));
    let (mut order, mut buffer) = (Vec::new(), Vec::new());
    for bin in 0..bins.unwrap_or(0) {
        order.clear();
        for (number, walk) in walks.iter_mut().enumerate() {
            walk.cells.bin(bin, &mut walk.held);
            let dues = walk.held.arrivals.iter().enumerate();
            order.extend(dues.map(|(at, arrival)| (arrival.due_ns, number, at)));
        }
        order.sort_unstable();
        for &(due_ns, number, at) in &order {
            buffer.clear();
            let rendered = walks[number].render(&mut renderer, bin, at, &mut buffer);
            let part = |range: Option<std::ops::Range<usize>>| range.map(|range| &buffer[range]);
            let event = Planned {
                topic: usize::from(rendered.topic),
                partition: rendered.partition,
                key: part(rendered.key),
                due_ns,
                value: part(rendered.value),
            };
            if !take(&event)? {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// A walk through a flow.
struct Walk {
    flow: usize,
    cells: Cells,
    held: Bin,
}

impl Walk {
    fn render(
        &self,
        renderer: &mut Renderer,
        bin: u32,
        at: usize,
        buffer: &mut Vec<u8>,
    ) -> Rendered {
        let arrival = self.held.arrivals[at];
        let id = Identity {
            flow: self.flow as u16,
            shard: arrival.shard,
            bin,
            ordinal: arrival.ordinal,
        };
        let (origin, original) = (self.held.origin(at), self.held.original(at));
        renderer.render_copy(arrival.event, id, original, arrival.due_ns, &origin, buffer)
    }
}
