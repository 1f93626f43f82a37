//! Making it happen in one process: the plan, the producer and consumer loops, and the run around them.

pub mod abort;
mod action;
mod consumer;
pub mod control;
mod groups;
mod in_flight;
pub mod ladder;
mod outbox;
pub mod plan;
mod producer;
pub mod run;
mod source;
#[cfg(test)]
mod tests;
mod threads;
mod watch;
mod watched;

/// What a run is busy with, for whoever shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Making clients and waiting until every member of every group holds its partitions.
    GettingReady {
        /// Members that hold their partitions.
        ready: u32,
        /// All members.
        of: u32,
    },
    /// Offering the load.
    Load,
    /// Waiting for open acknowledgements.
    Settling,
    /// Letting consumer groups read on.
    CatchingUp {
        /// Acknowledged records that they have not reached.
        unread: u64,
    },
}
