//! What is sent: pools of entities, event templates, keys, partitions, stamps. Pure in (seed, identity).
//!
//! [`Traffic::compile`] turns a scenario's events into lists of operations over prepared texts, once; a [`Renderer`] runs such a list
//! for one event at a time, into a buffer of the caller's, and allocates nothing. Everything in an event comes from random
//! streams that its identity or its journey seeds, so any event can be made again alone, anywhere.

mod belonging;
mod blanks;
mod calendar;
mod compile;
mod defect;
mod field;
mod filler;
mod header;
mod normal;
pub mod partition;
mod pen;
mod plan;
mod pool;
mod problem;
mod proof;
mod render;
mod repeats;
mod samples;
mod scope;
mod skew;
pub mod stamp;
mod syntax;
mod template;
mod texts;

use std::ops::Range;

pub use field::MOST_VARIANTS;
pub use header::headers;
pub use plan::Traffic;
pub use pool::Pool;
pub use problem::{Place, Problem, TrafficError};
pub use render::Renderer;

/// Where the pieces of a rendered event lie in the buffer it was rendered into, and where it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// Index of the event in the scenario.
    pub event: u16,
    /// Index of the topic in the scenario.
    pub topic: u16,
    /// Its partition.
    pub partition: u32,
    /// The key's bytes in the buffer; `None`: no key.
    pub key: Option<Range<usize>>,
    /// The value's bytes in the buffer, stamp included; `None`: a tombstone.
    pub value: Option<Range<usize>>,
    /// Encoded headers in the buffer (`headers` decodes them); empty: none.
    pub headers: Range<usize>,
}

#[cfg(test)]
mod tests;
