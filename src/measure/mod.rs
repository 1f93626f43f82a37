//! What happened: samples, windows, histograms, accounts, the generator's own health, the run folder.
//!
//! ```text
//!  producer thread ─▶ Recorder ─────────┐ WindowPart, FlowTotals
//!  consumer thread ─▶ ConsumerRecorder ─┼─▶ Collector ─▶ windows.jsonl
//!  sampler ─▶ SecondSample ─────────────┘       │
//!                                           Collected ─▶ RunFile ─▶ run.json
//! ```

pub mod account;
pub mod calibration;
pub mod client_stats;
pub mod codec;
pub mod collect;
pub mod consumer_recorder;
pub mod folder;
pub mod health;
pub mod histogram;
pub mod ledger;
pub mod line;
pub mod live;
pub mod machine;
pub mod proc;
pub mod recorder;
mod results;
mod ring;
pub mod run;
pub mod run_io;
pub mod sampler;
pub mod second;
pub mod shape;
pub mod summary;
pub mod sums;
#[cfg(test)]
mod tests;
pub mod totals;
pub mod units;
pub mod window;

/// The life of one acknowledged event. All instants are nanoseconds since the start of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When the schedule wanted it sent.
    pub due_ns: u64,
    /// When it was actually sent.
    pub sent_ns: u64,
    /// When its acknowledgement came in.
    pub acked_ns: u64,
}

impl Sample {
    /// Response time: acknowledged − due.
    pub const fn response_ns(&self) -> u64 {
        self.acked_ns.saturating_sub(self.due_ns)
    }

    /// Service time: acknowledged − actually sent.
    pub const fn service_ns(&self) -> u64 {
        self.acked_ns.saturating_sub(self.sent_ns)
    }

    /// Send delay: actually sent − due.
    pub const fn send_delay_ns(&self) -> u64 {
        self.sent_ns.saturating_sub(self.due_ns)
    }
}
