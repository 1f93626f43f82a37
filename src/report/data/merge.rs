//! Windows merged to longer ones, so that a day is as easily shown as a minute.
//!
//! Counts and histograms are added, so every quantile of a merged window is that of its events. Of figures that can't be added (lag, memory,
//! waits) the largest is kept; processor use is averaged by time.

use std::collections::BTreeMap;

use crate::measure::client_stats::{BrokerFigures, ClientFigures};
use crate::measure::codec::{CodecError, Times};
use crate::measure::histogram::WindowHistogram;
use crate::measure::line::{EventLine, FlowLine, GeneratorSecond, GroupLine, WindowLine};

/// Lengths of windows, in seconds: each divides the next.
const LENGTHS_S: [u64; 10] = [1, 5, 10, 30, 60, 120, 600, 3_600, 21_600, 86_400];

/// A window, and how many seconds it holds so far.
type Window = (WindowLine, u64);

/// Takes windows in order of time and keeps at most so many.
pub(super) struct Merger {
    most: usize,
    /// Where in [`LENGTHS_S`].
    length: usize,
    windows: Vec<Window>,
}

impl Merger {
    /// None yet, of a second each.
    #[cfg(test)]
    pub(super) fn new(most: usize) -> Merger {
        Merger::up_to(0, most)
    }

    /// None yet, of the length at which a run whose last second begins at `last_us` has at most so many.
    pub(super) fn up_to(last_us: u64, most: usize) -> Merger {
        let fits = |length_s: &u64| last_us / (length_s * 1_000_000) < most as u64;
        let length = LENGTHS_S.iter().position(fits);
        Merger {
            most,
            length: length.unwrap_or(LENGTHS_S.len() - 1),
            windows: Vec::new(),
        }
    }

    /// The next second.
    ///
    /// # Errors
    /// A histogram of it can't be read.
    pub(super) fn push<H: Times, E: Times, S: Times>(
        &mut self,
        line: &WindowLine<H, E, S>,
    ) -> Result<(), CodecError> {
        self.add(line, 1)?;
        self.narrow()
    }

    /// The windows that follow these.
    ///
    /// # Errors
    /// None that reading them did not find.
    pub(super) fn append(&mut self, mut later: Merger) -> Result<(), CodecError> {
        while self.length < later.length {
            self.widen()?;
        }
        while later.length < self.length {
            later.widen()?;
        }
        let last = self.windows.last().map(|(window, _)| window.at_us);
        for (window, seconds) in later.windows {
            match last {
                Some(last_us) if window.at_us <= last_us => self.add(&window, seconds)?,
                _ => self.windows.push((window, seconds)),
            }
        }
        self.narrow()
    }

    /// The windows, and their length in microseconds.
    pub(super) fn finish(self) -> (Vec<WindowLine>, u64) {
        let windows = self.windows.into_iter().map(|(window, _)| window);
        (windows.collect(), LENGTHS_S[self.length] * 1_000_000)
    }

    /// Adds a window of so many seconds to the one it falls into.
    fn add<H: Times, E: Times, S: Times>(
        &mut self,
        line: &WindowLine<H, E, S>,
        seconds: u64,
    ) -> Result<(), CodecError> {
        let length_us = LENGTHS_S[self.length] * 1_000_000;
        let begins_us = line.at_us - line.at_us % length_us;
        if let Some((last, n)) = self.windows.last_mut()
            && last.at_us >= begins_us
        {
            merge(last, *n, line, seconds)?;
            *n += seconds;
            return Ok(());
        }
        let mut window = WindowLine {
            at_us: begins_us,
            warm: line.warm,
            ..WindowLine::default()
        };
        merge(&mut window, 0, line, seconds)?;
        self.windows.push((window, seconds));
        Ok(())
    }

    fn narrow(&mut self) -> Result<(), CodecError> {
        while self.windows.len() > self.most && self.length + 1 < LENGTHS_S.len() {
            self.widen()?;
        }
        Ok(())
    }

    fn widen(&mut self) -> Result<(), CodecError> {
        self.length += 1;
        let windows = std::mem::take(&mut self.windows);
        windows
            .iter()
            .try_for_each(|(window, seconds)| self.add(window, *seconds))
    }
}

/// Adds a later window of `m` seconds to one of `n`.
fn merge<H: Times, E: Times, S: Times>(
    into: &mut WindowLine,
    n: u64,
    later: &WindowLine<H, E, S>,
    m: u64,
) -> Result<(), CodecError> {
    into.warm &= later.warm;
    into.marks.extend(later.marks.iter().cloned());
    each(&mut into.flows, &later.flows, flow)?;
    each(&mut into.events, &later.events, event)?;
    each(&mut into.consume, &later.consume, group)?;
    for (name, theirs) in &later.partitions {
        let mine = entry(&mut into.partitions, name);
        mine.resize(mine.len().max(theirs.len()), (0, 0));
        for (mine, theirs) in mine.iter_mut().zip(theirs) {
            mine.0 += theirs.0;
            mine.1 += theirs.1;
        }
    }
    for (name, theirs) in &later.watched {
        let mine = entry(&mut into.watched, name);
        mine.lag_records = mine.lag_records.max(theirs.lag_records);
        mine.lag_us = mine.lag_us.max(theirs.lag_us);
    }
    both(&mut into.client, &later.client, client);
    both(&mut into.generator, &later.generator, |mine, theirs| {
        generator(mine, n, theirs, m);
    });
    Ok(())
}

/// The entry of a name: the name is copied once a window and not once a line.
fn entry<'a, T: Default>(into: &'a mut BTreeMap<String, T>, name: &str) -> &'a mut T {
    if !into.contains_key(name) {
        into.insert(name.to_owned(), T::default());
    }
    into.get_mut(name).expect("it was just inserted")
}

/// Merges what stands under each name.
fn each<T: Default, U>(
    into: &mut BTreeMap<String, T>,
    later: &BTreeMap<String, U>,
    merge: impl Fn(&mut T, &U) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    later
        .iter()
        .try_for_each(|(name, theirs)| merge(entry(into, name), theirs))
}

/// Adds times where there are any.
fn times<H: Times>(
    into: &mut Option<WindowHistogram>,
    later: &Option<H>,
) -> Result<(), CodecError> {
    match later {
        Some(later) => later.add_to(into.get_or_insert_default()),
        None => Ok(()),
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

fn flow<H: Times, S: Times>(into: &mut FlowLine, later: &FlowLine<H, S>) -> Result<(), CodecError> {
    into.planned += later.planned;
    into.sent += later.sent;
    into.unsent += later.unsent;
    into.lost += later.lost;
    into.acknowledged += later.acknowledged;
    into.failed += later.failed;
    into.refused += later.refused;
    into.unresolved += later.unresolved;
    into.queue_full |= later.queue_full;
    into.during.sent += later.during.sent;
    into.during.acknowledged += later.during.acknowledged;
    into.during.failed += later.during.failed;
    into.during.bytes += later.during.bytes;
    into.during.key_bytes += later.during.key_bytes;
    for (name, n) in &later.errors {
        *entry(&mut into.errors, name) += n;
    }
    times(&mut into.response, &later.response)?;
    later.service.add_to(&mut into.service)?;
    times(&mut into.send_delay, &later.send_delay)
}

fn event<H: Times>(into: &mut EventLine, later: &EventLine<H>) -> Result<(), CodecError> {
    into.acknowledged += later.acknowledged;
    into.failed += later.failed;
    into.refused += later.refused;
    into.unresolved += later.unresolved;
    into.during.acknowledged += later.during.acknowledged;
    into.during.bytes += later.during.bytes;
    into.during.key_bytes += later.during.key_bytes;
    later.response.add_to(&mut into.response)
}

fn group<H: Times>(into: &mut GroupLine, later: &GroupLine<H>) -> Result<(), CodecError> {
    into.negative += later.negative;
    into.during.records += later.during.records;
    into.during.bytes += later.during.bytes;
    into.during.again += later.during.again;
    into.during.corrupt += later.during.corrupt;
    into.during.foreign += later.during.foreign;
    into.duplicated += later.duplicated;
    into.reordered += later.reordered;
    into.missing += later.missing;
    into.lag_records = into.lag_records.max(later.lag_records);
    into.lag_us = into.lag_us.max(later.lag_us);
    later.end_to_end.add_to(&mut into.end_to_end)
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
    for (name, theirs) in &later.brokers {
        match into.brokers.get_mut(name) {
            Some(mine) => broker(mine, theirs),
            None => {
                into.brokers.insert(name.clone(), theirs.clone());
            }
        }
    }
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
        for s in 0..seconds {
            merger.push(&second(s, 100 + s)).expect("decoded");
        }
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
        for s in 0..100 {
            late.push(&second(s, 100 + s)).expect("decoded");
        }
        late.most = 12;
        late.narrow().expect("decoded");
        let (late, _) = late.finish();
        assert_eq!(few.len(), late.len());
        for (a, b) in few.iter().zip(&late) {
            assert_eq!((a.at_us, &a.flows), (b.at_us, &b.flows));
        }
    }

    #[test]
    fn parts_appended_are_the_whole() {
        let (whole, length) = merged(100, 12);
        // Cut in the middle of a window of ten seconds, the second part so short that its windows are of one.
        for cut in [1, 37, 95, 99] {
            let mut parts = [Merger::new(12), Merger::new(12)];
            for s in 0..100 {
                let part = &mut parts[usize::from(s >= cut)];
                part.push(&second(s, 100 + s)).expect("decoded");
            }
            let [mut sum, later] = parts;
            sum.append(later).expect("decoded");
            let (sum, sum_length) = sum.finish();
            assert_eq!(sum_length, length);
            assert_eq!(sum, whole, "cut at {cut}");
        }
    }

    #[test]
    fn the_length_is_known_from_the_last_second() {
        for seconds in [1, 899, 900, 901, 4_500, 4_501, 86_400] {
            let mut grown = Merger::new(900);
            for s in 0..seconds {
                let empty: WindowLine = WindowLine {
                    at_us: s * 1_000_000,
                    ..WindowLine::default()
                };
                grown.push(&empty).expect("decoded");
            }
            let told = Merger::up_to((seconds - 1) * 1_000_000, 900);
            assert_eq!(told.length, grown.length, "{seconds} s");
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
