//! What is sent: pools of entities, event templates, keys, partitions, stamps. Pure in (seed, identity).

use std::ops::Range;

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
    /// The value's bytes in the buffer, stamp included.
    pub value: Range<usize>,
    /// Encoded headers in the buffer (`headers` decodes them); empty: none.
    pub headers: Range<usize>,
}
