//! Where an event comes from, as far as what it says depends on it.

/// Where an event comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Origin {
    /// It stands alone: everything in it is drawn for it.
    #[default]
    Alone,
    /// One of a batch.
    Batch {
        /// Which batch of the flow: what the batch keeps is drawn for this.
        batch: u32,
        /// When the batch began: run time in milliseconds.
        at_ms: i32,
    },
    /// The report of a device.
    Device {
        /// Which, from 1.
        device: u64,
    },
    /// A step of a journey.
    Step(Step),
}

pub use crate::scenario::HELD;

/// A step of a journey. Small, since millions of them may be pending.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Step {
    /// The journey's id, unique in the run. What the journey keeps is drawn for this.
    pub session: u64,
    /// When the journey began: run time in milliseconds; negative before the run.
    pub started_ms: i32,
    /// The batch it belongs to, if its flow has batches.
    pub batch: u32,
    /// Index of the event in the scenario.
    pub event: u16,
    /// Which of the events that its visit caused, follow-ups included: what is not drawn from a pool is drawn for this.
    pub nth: u16,
    /// The visit of a state that caused it, what is drawn anew with every visit is drawn for this.
    pub visit: Draw,
    /// By place in the journey's list of pools that some state keeps on: the visit whose draw holds.
    pub held: [Draw; HELD],
}

/// A visit of a state, for which things are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Draw {
    /// Its number in the journey, from 0.
    pub serial: u32,
    /// When it was: run time in milliseconds; negative before the run.
    pub at_ms: i32,
}
