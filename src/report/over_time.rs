//! What the windows of a run say that its `run.json` does not: how it went over time, and what the clients told. Pure.

use crate::measure::client_stats::ClientFigures;
use crate::measure::line::WindowLine;

use super::data::RunData;
use super::timeline::Timeline;

/// Taken from the windows as they come, or from a run folder.
#[derive(Clone, Debug)]
pub struct OverTime {
    /// Response time and rate.
    pub timeline: Timeline,
    /// librdkafka's own view of the whole run; `None` when no client told anything.
    pub client: Option<ClientTotals>,
}

impl Default for OverTime {
    /// Of a run whose windows are seconds.
    fn default() -> OverTime {
        OverTime::of_windows(1_000_000)
    }
}

impl OverTime {
    /// Of a run whose windows have this length, in microseconds.
    pub fn of_windows(window_us: u64) -> OverTime {
        OverTime {
            timeline: Timeline::of_windows(window_us),
            client: None,
        }
    }

    /// Of a run that was read.
    pub fn of(data: &RunData) -> OverTime {
        let mut over_time = OverTime::of_windows(data.window_us);
        data.windows.iter().for_each(|line| over_time.add(line));
        over_time
    }

    /// Adds the next window.
    pub fn add(&mut self, line: &WindowLine) {
        self.timeline.add(line);
        if let Some(figures) = &line.client {
            self.client.get_or_insert_default().add(figures);
        }
    }
}

/// librdkafka's own view of a whole run: the figures of its intervals taken together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientTotals {
    /// Requests sent again.
    pub retries: u64,
    /// Requests never answered in time.
    pub timeouts: u64,
    /// The longest throttling a broker asked for, in microseconds.
    pub throttle_max_us: u64,
    /// The largest p99 of the round trip to a broker in an interval, in microseconds.
    pub rtt_p99_max_us: Option<u64>,
}

impl ClientTotals {
    /// Takes the next interval of all clients.
    pub fn add(&mut self, figures: &ClientFigures) {
        let brokers = || figures.brokers.values();
        // Counts only grow, so the last are the run's.
        self.retries = brokers()
            .map(|broker| broker.retries)
            .sum::<u64>()
            .max(self.retries);
        self.timeouts = brokers()
            .map(|broker| broker.timeouts)
            .sum::<u64>()
            .max(self.timeouts);
        let throttle = brokers().map(|broker| broker.throttle_max_us).max();
        self.throttle_max_us = self.throttle_max_us.max(throttle.unwrap_or(0));
        let rtt = brokers().filter_map(|broker| broker.rtt_p99_max_us).max();
        self.rtt_p99_max_us = self.rtt_p99_max_us.max(rtt);
    }
}
