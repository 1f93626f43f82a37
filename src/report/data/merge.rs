//! Windows merged to longer ones, so that a day is as easily shown as a minute.
//!
//! Counts and histograms are added, so every quantile of a merged window is that of its events. Of figures that can't be added (lag, memory,
//! waits) the largest is kept; processor use is averaged by time.

use std::collections::BTreeMap;

use crate::measure::client_stats::{BrokerFigures, ClientFigures};
use crate::measure::line::{EventLine, FlowLine, GeneratorSecond, GroupLine, WindowLine};

/// Lengths of windows, in seconds: each divides the next.
const LENGTHS_S: [u64; 10] = [1, 5, 10, 30, 60, 120, 600, 3_600, 21_600, 86_400];

/// Takes windows in order of time and keeps at most so many.
pub(super) struct Merger {
    most: usize,
    /// Where in [`LENGTHS_S`].
    length: usize,
    windows: Vec<WindowLine>,
    /// How many seconds the last window holds so far.
    last_s: u64,
}

impl Merger {
    /// None yet.
    pub(super) fn new(most: usize) -> Merger {
        Merger {
            most,
            length: 0,
            windows: Vec::new(),
            last_s: 0,
        }
    }

    /// The next second.
    pub(super) fn push(&mut self, line: WindowLine) {
        self.add(line, 1);
        while self.windows.len() > self.most && self.length + 1 < LENGTHS_S.len() {
            self.widen();
        }
    }

    /// The windows, and their length in microseconds.
    pub(super) fn finish(self) -> (Vec<WindowLine>, u64) {
        (self.windows, LENGTHS_S[self.length] * 1_000_000)
    }

    /// Adds a window of so many seconds to the one it falls into.
    fn add(&mut self, mut line: WindowLine, seconds: u64) {
        let length_us = LENGTHS_S[self.length] * 1_000_000;
        let begins_us = line.at_us - line.at_us % length_us;
        match self.windows.last_mut() {
            Some(last) if last.at_us >= begins_us => {
                merge(last, self.last_s, &line, seconds);
                self.last_s += seconds;
            }
            _ => {
                line.at_us = begins_us;
                self.windows.push(line);
                self.last_s = seconds;
            }
        }
    }

    fn widen(&mut self) {
        let (shorter, last_s) = (LENGTHS_S[self.length], self.last_s);
        self.length += 1;
        let windows = std::mem::take(&mut self.windows);
        let last = windows.len().saturating_sub(1);
        for (i, window) in windows.into_iter().enumerate() {
            self.add(window, if i == last { last_s } else { shorter });
        }
    }
}

/// Adds a later window of `m` seconds to one of `n`.
fn merge(into: &mut WindowLine, n: u64, later: &WindowLine, m: u64) {
    into.warm &= later.warm;
    into.marks.extend(later.marks.iter().cloned());
    each(&mut into.flows, &later.flows, flow);
    each(&mut into.events, &later.events, event);
    each(&mut into.consume, &later.consume, group);
    each(&mut into.partitions, &later.partitions, |mine, theirs| {
        mine.resize(mine.len().max(theirs.len()), (0, 0));
        for (mine, theirs) in mine.iter_mut().zip(theirs) {
            mine.0 += theirs.0;
            mine.1 += theirs.1;
        }
    });
    both(&mut into.client, &later.client, client);
    both(&mut into.generator, &later.generator, |mine, theirs| {
        generator(mine, n, theirs, m);
    });
}

/// Merges what stands under each name.
fn each<T: Clone + Default>(
    into: &mut BTreeMap<String, T>,
    later: &BTreeMap<String, T>,
    merge: impl Fn(&mut T, &T),
) {
    for (name, theirs) in later {
        match into.get_mut(name) {
            Some(mine) => merge(mine, theirs),
            None => {
                into.insert(name.clone(), theirs.clone());
            }
        }
    }
}

/// Merges where both are known, else keeps the one that is.
fn both<T: Clone>(into: &mut Option<T>, later: &Option<T>, merge: impl FnOnce(&mut T, &T)) {
    match (into.as_mut(), later) {
        (Some(mine), Some(theirs)) => merge(mine, theirs),
        (None, Some(theirs)) => *into = Some(theirs.clone()),
        (_, None) => {}
    }
}

fn flow(into: &mut FlowLine, later: &FlowLine) {
    into.planned += later.planned;
    into.sent += later.sent;
    into.unsent += later.unsent;
    into.lost += later.lost;
    into.acknowledged += later.acknowledged;
    into.failed += later.failed;
    into.refused += later.refused;
    into.unresolved += later.unresolved;
    into.queue_full |= later.queue_full;
    for (name, count) in &later.errors {
        *into.errors.entry(name.clone()).or_default() += count;
    }
    into.during.sent += later.during.sent;
    into.during.acknowledged += later.during.acknowledged;
    into.during.failed += later.during.failed;
    into.during.bytes += later.during.bytes;
    into.during.key_bytes += later.during.key_bytes;
    both(&mut into.response, &later.response, |a, b| a.merge(b));
    into.service.merge(&later.service);
    both(&mut into.send_delay, &later.send_delay, |a, b| a.merge(b));
}

fn event(into: &mut EventLine, later: &EventLine) {
    into.acknowledged += later.acknowledged;
    into.failed += later.failed;
    into.refused += later.refused;
    into.unresolved += later.unresolved;
    into.during.acknowledged += later.during.acknowledged;
    into.during.bytes += later.during.bytes;
    into.during.key_bytes += later.during.key_bytes;
    into.response.merge(&later.response);
}

fn group(into: &mut GroupLine, later: &GroupLine) {
    into.end_to_end.merge(&later.end_to_end);
    into.negative += later.negative;
    into.during.records += later.during.records;
    into.during.bytes += later.during.bytes;
    into.during.again += later.during.again;
    into.during.corrupt += later.during.corrupt;
    into.during.foreign += later.during.foreign;
    into.lag_records = into.lag_records.max(later.lag_records);
    into.lag_us = into.lag_us.max(later.lag_us);
}

/// Counts since the clients' start stay as they are at the end; what is of the moment is shown at its worst.
fn client(into: &mut ClientFigures, later: &ClientFigures) {
    into.clients = into.clients.max(later.clients);
    into.queued = into.queued.max(later.queued);
    into.queued_bytes = into.queued_bytes.max(later.queued_bytes);
    into.queue_limit = into.queue_limit.max(later.queue_limit);
    into.queue_full_share_max = into.queue_full_share_max.max(later.queue_full_share_max);
    let (n, m) = (into.batches, later.batches);
    into.batch_bytes_mean = mean(into.batch_bytes_mean, n, later.batch_bytes_mean, m);
    into.batch_messages_mean = mean(into.batch_messages_mean, n, later.batch_messages_mean, m);
    into.batches += m;
    each(&mut into.brokers, &later.brokers, broker);
}

fn broker(into: &mut BrokerFigures, later: &BrokerFigures) {
    into.up = into.up.min(later.up);
    into.requests = later.requests;
    into.bytes_sent = later.bytes_sent;
    into.bytes_received = later.bytes_received;
    into.retries = later.retries;
    into.errors = later.errors;
    into.timeouts = later.timeouts;
    into.in_flight = into.in_flight.max(later.in_flight);
    let of = |us: Option<u64>| us.map(|us| us as f64);
    let (n, m) = (into.rtt_count, later.rtt_count);
    into.rtt_mean_us =
        mean(of(into.rtt_mean_us), n, of(later.rtt_mean_us), m).map(|us| us.round() as u64);
    into.rtt_p99_max_us = into.rtt_p99_max_us.max(later.rtt_p99_max_us);
    into.rtt_count += m;
    into.throttle_max_us = into.throttle_max_us.max(later.throttle_max_us);
    into.throttle_sum_us += later.throttle_sum_us;
}

fn generator(into: &mut GeneratorSecond, n: u64, later: &GeneratorSecond, m: u64) {
    let cores = mean(Some(into.cpu_cores), n, Some(later.cpu_cores), m);
    into.cpu_cores = cores.unwrap_or(into.cpu_cores);
    if later.busiest_core > into.busiest_core {
        into.busiest.clone_from(&later.busiest);
        into.busiest_core = later.busiest_core;
    }
    into.run_queue_delay = into.run_queue_delay.max(later.run_queue_delay);
    into.throttled += later.throttled;
    into.steal = into.steal.max(later.steal);
    into.rss_bytes = into.rss_bytes.max(later.rss_bytes);
}

/// The mean of both, each counted as often as it was seen.
fn mean(a: Option<f64>, n: u64, b: Option<f64>, m: u64) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) if n + m > 0 => Some((a * n as f64 + b * m as f64) / (n + m) as f64),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::histogram::WindowHistogram;

    fn second(at_s: u64, us: u64) -> WindowLine {
        let mut response = WindowHistogram::new();
        response.record_us(us);
        let flow = FlowLine {
            planned: 2,
            acknowledged: 1,
            response: Some(response),
            ..FlowLine::default()
        };
        WindowLine {
            at_us: at_s * 1_000_000,
            warm: at_s >= 3,
            flows: [("shoppers".to_owned(), flow)].into(),
            generator: Some(GeneratorSecond {
                cpu_cores: at_s as f64,
                rss_bytes: 1_000 - at_s,
                ..GeneratorSecond::default()
            }),
            ..WindowLine::default()
        }
    }

    fn merged(seconds: u64, most: usize) -> (Vec<WindowLine>, u64) {
        let mut merger = Merger::new(most);
        (0..seconds).for_each(|s| merger.push(second(s, 100 + s)));
        merger.finish()
    }

    #[test]
    fn few_windows_stay_as_they_are() {
        let (windows, length) = merged(8, 8);
        assert_eq!((windows.len(), length), (8, 1_000_000));
        assert_eq!(windows[7], second(7, 107));
    }

    #[test]
    fn many_are_added_and_nothing_is_lost() {
        // 23 seconds in at most 4 windows: ten-second windows, the last of three.
        let (windows, length) = merged(23, 4);
        assert_eq!(length, 10_000_000);
        let starts: Vec<u64> = windows.iter().map(|w| w.at_us / 1_000_000).collect();
        assert_eq!(starts, [0, 10, 20]);
        let planned: Vec<u64> = windows
            .iter()
            .map(|w| w.flows["shoppers"].planned)
            .collect();
        assert_eq!(planned, [20, 20, 6]);
        let response = windows[1].flows["shoppers"].response.as_ref().expect("due");
        assert_eq!(response.count(), 10);
        assert_eq!(
            (response.min_us(), response.max_us()),
            (Some(110), Some(119))
        );
        assert_eq!(
            windows.iter().map(|w| w.warm).collect::<Vec<_>>(),
            [false, true, true]
        );
        // The mean of 20, 21, 22; of 10 to 19.
        let cores = |w: &WindowLine| w.generator.as_ref().expect("seen").cpu_cores;
        assert!((cores(&windows[2]) - 21.0).abs() < 1e-9);
        assert!((cores(&windows[1]) - 14.5).abs() < 1e-9);
        assert_eq!(windows[1].generator.as_ref().expect("seen").rss_bytes, 990);
    }

    #[test]
    fn the_result_is_the_same_whether_widened_early_or_late() {
        let (few, _) = merged(100, 12);
        let mut late = Merger::new(1_000);
        (0..100).for_each(|s| late.push(second(s, 100 + s)));
        late.most = 12;
        while late.windows.len() > late.most {
            late.widen();
        }
        let (late, _) = late.finish();
        assert_eq!(few.len(), late.len());
        for (a, b) in few.iter().zip(&late) {
            assert_eq!((a.at_us, &a.flows), (b.at_us, &b.flows));
        }
    }

    #[test]
    fn means_weigh_by_what_was_seen_and_counts_since_the_start_stay() {
        let figures = |batches, bytes, requests| ClientFigures {
            batches,
            batch_bytes_mean: Some(bytes),
            brokers: [(
                "a:9092/1".to_owned(),
                BrokerFigures {
                    requests,
                    rtt_p99_max_us: Some(requests * 10),
                    ..BrokerFigures::default()
                },
            )]
            .into(),
            ..ClientFigures::default()
        };
        let mut into = figures(10, 100.0, 50);
        client(&mut into, &figures(30, 300.0, 70));
        assert_eq!((into.batches, into.batch_bytes_mean), (40, Some(250.0)));
        let broker = &into.brokers["a:9092/1"];
        assert_eq!((broker.requests, broker.rtt_p99_max_us), (70, Some(700)));
    }
}
