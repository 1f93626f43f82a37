//! The generator judges itself: was it, and not the cluster, the limit? A pure state machine over a second's observations.
//!
//! A second is bad when in it
//!
//! - a thread of ours used over 90 % of a core. Ours are those named `hw-*` (that send, read and collect) and librdkafka's
//!   own (`rdk:*`): its broker thread compresses and writes every batch, and when it has no time left the cluster looks slow.
//!   The embedded cluster's thread (`rdk:mock`) is the cluster, not us. Producers of unthrottled flows are busy by design: the
//!   caller exempts them.
//! - a thread that sends or reads was runnable and waited for a core for over 5 % of the time. (The one that collects what they measured
//!   may wait: nothing that it is given changes meanwhile.)
//! - the cgroup's quota stopped us, or the hypervisor took over 5 % of the machine. (Steal is told in ticks of 10 ms: a single one
//!   says nothing.)
//! - the send delay's p99 was above its limit, among the producers whose client had room all the time. Where a queue was full,
//!   waiting is the cluster's doing. Seconds with few events are taken together until there are a hundred, since the p99 of ten
//!   is their worst.
//!
//! More than 1 % of bad seconds, whatever made them bad, and the run proves nothing. A second is the finest that can be told, so a run of
//! ten warm seconds or more is excused one: a single hiccup of a busy machine must not throw a run of a minute away.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::histogram::{Buckets, Count, MergedHistogram};
use super::sampler::Observation;

/// Share of a core above which a thread is the limit.
pub const CORE_LIMIT: f64 = 0.9;
/// Share of the time a thread of ours may wait for a core.
pub const RUN_QUEUE_LIMIT: f64 = 0.05;
/// Share of the machine's time the hypervisor may give to others: as long as a thread may wait for a core, since it is the same wait,
/// seen from outside. What it does to sending shows in the send delay, which is judged by itself.
pub const STEAL_LIMIT: f64 = RUN_QUEUE_LIMIT;
/// Share of the warm seconds that may be bad.
pub const BAD_SHARE: f64 = 0.01;
/// The send delay that is always allowed, in nanoseconds.
pub const SEND_DELAY_FLOOR_NS: u64 = 1_000_000;
/// Events a p99 is judged on at least.
const ENOUGH: u64 = 100;
/// The kernel keeps so many bytes of a thread's name.
const NAME_BYTES: usize = 15;

/// The highest send delay p99 that is no fault of ours: 1 ms, or a tenth of the tightest limit that is judged, in nanoseconds.
pub fn send_delay_limit_ns(tightest_slo_ns: Option<u64>) -> u64 {
    SEND_DELAY_FLOOR_NS.max(tightest_slo_ns.unwrap_or(0) / 10)
}

/// What made a second bad, how often, and how bad it was.
#[derive(Clone, Debug, Default)]
struct Cause {
    seconds: BTreeSet<u32>,
    worst: f64,
    who: String,
}

impl Cause {
    fn mark(&mut self, seconds: impl IntoIterator<Item = u32>, value: f64, who: &str) {
        self.seconds.extend(seconds);
        if value > self.worst {
            self.worst = value;
            who.clone_into(&mut self.who);
        }
    }
}

/// The state of the judgement.
#[derive(Clone, Debug)]
pub struct Judge {
    send_delay_limit_us: u64,
    exempt: Vec<String>,
    seconds: BTreeSet<u32>,
    core: Cause,
    run_queue: Cause,
    throttled: Cause,
    steal: Cause,
    send_delay: Cause,
    /// Send delays of seconds that are not judged yet, since they are too few.
    pending: (Vec<u32>, MergedHistogram),
    cpu_ns: f64,
    elapsed_ns: f64,
    wait: (f64, u32),
    rss_max_bytes: u64,
}

/// What the limit of an unhealthy generator was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// A thread had no time left.
    Core,
    /// A thread waited for a core: something else had it.
    RunQueue,
    /// The cgroup's quota.
    Throttled,
    /// The hypervisor gave the machine's time to others.
    Steal,
    /// It sent late while the client had room.
    SendDelay,
}

impl Limit {
    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Limit::Core => "core",
            Limit::RunQueue => "run_queue",
            Limit::Throttled => "throttled",
            Limit::Steal => "steal",
            Limit::SendDelay => "send_delay",
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// False: the run proves nothing.
    pub healthy: bool,
    /// What the limit was; empty while healthy.
    pub limits: Vec<Limit>,
    /// Why not: a clause each, without a full stop.
    pub reasons: Vec<String>,
    /// Cores used, on average over all that was observed.
    pub cpu_cores: f64,
    /// Run-queue delay of the worst thread of ours, as a share of the time, on average over the warm seconds.
    pub run_queue_delay: f64,
    /// Memory in RAM at most, in bytes.
    pub rss_max_bytes: u64,
}

/// How many bad seconds are excused among so many warm ones.
fn excused(warm: usize) -> f64 {
    let share = warm as f64 * BAD_SHARE;
    if warm < 10 { share } else { share.max(1.0) }
}

impl Judge {
    /// A judge for whom send delays up to `send_delay_limit_ns` are fine, and who lets threads whose names begin with one of
    /// `exempt` use all of a core.
    pub fn new(send_delay_limit_ns: u64, exempt: Vec<String>) -> Judge {
        Judge {
            send_delay_limit_us: send_delay_limit_ns / 1_000,
            exempt,
            seconds: BTreeSet::new(),
            core: Cause::default(),
            run_queue: Cause::default(),
            throttled: Cause::default(),
            steal: Cause::default(),
            send_delay: Cause::default(),
            pending: (Vec::new(), MergedHistogram::new()),
            cpu_ns: 0.0,
            elapsed_ns: 0.0,
            wait: (0.0, 0),
            rss_max_bytes: 0,
        }
    }

    /// What was used in the second (or seconds: a sampler that was starved itself comes late) that ended with `second`.
    /// `judged`: it is warm and within the load.
    pub fn observe(&mut self, second: u32, judged: bool, seen: &Observation) {
        self.cpu_ns += seen.cpu_cores * seen.elapsed_ns as f64;
        self.elapsed_ns += seen.elapsed_ns as f64;
        self.rss_max_bytes = self.rss_max_bytes.max(seen.rss_max_bytes);
        if !judged {
            return;
        }
        let covered = (seen.elapsed_ns as f64 / 1e9).round().max(1.0) as u32;
        let span = second.saturating_sub(covered - 1)..=second;
        self.seconds.extend(span.clone());
        for thread in &seen.threads {
            if thread.cpu > CORE_LIMIT && self.counts(&thread.name) {
                self.core.mark(span.clone(), thread.cpu, &thread.name);
            }
            if thread.wait > RUN_QUEUE_LIMIT && thread.sends_or_reads() {
                self.run_queue.mark(span.clone(), thread.wait, &thread.name);
            }
        }
        self.wait = (self.wait.0 + seen.worst_wait(), self.wait.1 + 1);
        if seen.throttled > 0 {
            self.throttled.mark(span.clone(), seen.throttled as f64, "");
        }
        if seen.steal > STEAL_LIMIT {
            self.steal.mark(span, seen.steal, "");
        }
    }

    /// Whether a busy thread of this name means that we are the limit.
    fn counts(&self, name: &str) -> bool {
        let ours =
            name.starts_with("hw-") || (name.starts_with("rdk:") && !name.starts_with("rdk:mock"));
        ours && !self.exempt.iter().any(|prefix| {
            // A long prefix is cut as the kernel cut the name.
            name.starts_with(prefix.as_str())
                || (name.len() >= NAME_BYTES && prefix.starts_with(name))
        })
    }

    /// The send delays of events that came due in this warm second, of the producers whose clients had room.
    pub fn send_delays<C: Count>(&mut self, second: u32, delays: &Buckets<C, 7>) {
        if delays.is_empty() {
            return;
        }
        self.pending.0.push(second);
        self.pending.1.merge(delays);
        if self.pending.1.count() >= ENOUGH {
            self.judge_delays(0.99);
        }
    }

    fn judge_delays(&mut self, q: f64) {
        let (seconds, delays) = std::mem::take(&mut self.pending);
        if let Some(us) = delays.quantile_us(q, 0)
            && us > self.send_delay_limit_us
        {
            self.send_delay.mark(seconds, us as f64, "");
        }
    }

    /// The judgement.
    pub fn finish(mut self) -> Health {
        // Too few for a p99: the median must do.
        self.judge_delays(0.5);
        let all = [
            (Limit::Core, &self.core),
            (Limit::RunQueue, &self.run_queue),
            (Limit::Throttled, &self.throttled),
            (Limit::Steal, &self.steal),
            (Limit::SendDelay, &self.send_delay),
        ];
        let bad: BTreeSet<u32> = all
            .iter()
            .flat_map(|(_, cause)| &cause.seconds)
            .copied()
            .collect();
        let warm = self.seconds.union(&bad).count();
        let healthy = bad.len() as f64 <= excused(warm);
        let at_limit = all.iter().filter(|(_, cause)| !cause.seconds.is_empty());
        Health {
            healthy,
            limits: match healthy {
                true => Vec::new(),
                false => at_limit.map(|(limit, _)| *limit).collect(),
            },
            reasons: if healthy {
                Vec::new()
            } else {
                self.reasons(warm)
            },
            cpu_cores: if self.elapsed_ns > 0.0 {
                self.cpu_ns / self.elapsed_ns
            } else {
                0.0
            },
            run_queue_delay: self.wait.0 / f64::from(self.wait.1.max(1)),
            rss_max_bytes: self.rss_max_bytes,
        }
    }

    fn reasons(&self, warm: usize) -> Vec<String> {
        let percent = |share: f64| (share * 100.0).round();
        let reasons = [
            (
                &self.core,
                format!(
                    "thread {} used up to {} % of a core",
                    self.core.who,
                    percent(self.core.worst)
                ),
                format!("limit {} %", percent(CORE_LIMIT)),
                "give the flow more producers, or the run more cores or workers",
            ),
            (
                &self.run_queue,
                format!(
                    "thread {} waited for a core up to {} % of the time",
                    self.run_queue.who,
                    percent(self.run_queue.worst)
                ),
                format!("limit {} %", percent(RUN_QUEUE_LIMIT)),
                "other programs compete for this machine's cores",
            ),
            (
                &self.throttled,
                format!(
                    "the container's cpu quota stopped us up to {} times",
                    self.throttled.worst
                ),
                "limit none".to_owned(),
                "raise its cpu limit",
            ),
            (
                &self.steal,
                format!(
                    "the hypervisor took up to {} % of this machine",
                    percent(self.steal.worst)
                ),
                format!("limit {} %", percent(STEAL_LIMIT)),
                "use a machine that is not shared",
            ),
            (
                &self.send_delay,
                format!(
                    "the send delay's p99 was up to {} ms while the client's queue had room",
                    self.send_delay.worst / 1_000.0
                ),
                format!("limit {} ms", self.send_delay_limit_us as f64 / 1_000.0),
                "lower the rate, or give the flow more producers",
            ),
        ];
        reasons
            .into_iter()
            .filter(|(cause, ..)| !cause.seconds.is_empty())
            .map(|(cause, what, limit, remedy)| {
                let bad = cause.seconds.len();
                format!("{what} in {bad} of {warm} warm seconds ({limit}); {remedy}")
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::NS_PER_S;
    use crate::measure::histogram::WindowHistogram;
    use crate::measure::sampler::ThreadLoad;

    fn seen(threads: &[(&str, f64, f64)]) -> Observation {
        Observation {
            elapsed_ns: NS_PER_S,
            cpu_cores: 0.5,
            threads: threads
                .iter()
                .map(|(name, cpu, wait)| ThreadLoad {
                    name: (*name).into(),
                    cpu: *cpu,
                    wait: *wait,
                })
                .collect(),
            ..Observation::default()
        }
    }

    fn judge() -> Judge {
        Judge::new(
            send_delay_limit_ns(None),
            vec!["hw-p-a-very-long-flood-".into(), "hw-p-raw-".into()],
        )
    }

    /// A run of `seconds` of which the first `bad` look like `what`.
    fn run(seconds: u32, bad: u32, what: &Observation) -> Health {
        let mut judge = judge();
        for second in 0..seconds {
            let fine = seen(&[("hw-p-f-0", 0.5, 0.01), ("rdk:broker1", 0.3, 0.3)]);
            judge.observe(second, true, if second < bad { what } else { &fine });
        }
        judge.finish()
    }

    /// Which causes were named, by a word that only they use.
    fn kinds(health: &Health) -> Vec<&'static str> {
        let words = [
            "% of a core",
            "waited for a core",
            "quota",
            "hypervisor",
            "send delay",
        ];
        let named = |reason: &String| words.into_iter().find(|word| reason.contains(word));
        health.reasons.iter().filter_map(named).collect()
    }

    #[test]
    fn one_percent_of_bad_seconds_is_allowed_and_no_more() {
        let busy = seen(&[("hw-p-f-0", 0.97, 0.0)]);
        assert!(run(200, 2, &busy).healthy);
        let health = run(200, 3, &busy);
        assert!(!health.healthy);
        assert_eq!(kinds(&health), ["% of a core"]);
        let text = &health.reasons[0];
        assert!(
            text.contains("hw-p-f-0") && text.contains("97 %") && text.contains("3 of 200"),
            "{text}"
        );
    }

    #[test]
    fn every_rule_fires_and_only_on_its_own() {
        let cases: [(Observation, &[&str]); 11] = [
            (seen(&[("hw-c-g-1", 0.91, 0.0)]), &["% of a core"]),
            (seen(&[("rdk:broker1", 0.95, 0.9)]), &["% of a core"]),
            (seen(&[("rdk:mock", 0.99, 0.9)]), &[]),
            (seen(&[("tokio-rt", 1.0, 1.0)]), &[]),
            (seen(&[("hw-p-raw-0", 1.0, 0.01)]), &[]),
            // The name is cut at 15 bytes, the exemption is not.
            (seen(&[("hw-p-a-very-lon", 1.0, 0.01)]), &[]),
            (seen(&[("hw-p-f-0", 0.2, 0.051)]), &["waited for a core"]),
            (seen(&[("hw-c-0-1", 0.2, 0.051)]), &["waited for a core"]),
            (seen(&[("hw-collect", 0.2, 0.9)]), &[]),
            (
                Observation {
                    throttled: 1,
                    ..seen(&[])
                },
                &["quota"],
            ),
            (
                Observation {
                    steal: 0.051,
                    ..seen(&[])
                },
                &["hypervisor"],
            ),
        ];
        for (what, expected) in cases {
            let health = run(10, 5, &what);
            assert_eq!(kinds(&health), expected, "{what:?}");
            assert_eq!(health.healthy, expected.is_empty());
        }
    }

    #[test]
    fn warm_up_and_settling_are_not_judged_but_counted_in_what_was_used() {
        let mut judge = judge();
        judge.observe(
            0,
            false,
            &Observation {
                rss_max_bytes: 77,
                ..seen(&[("hw-p-f-0", 1.0, 1.0)])
            },
        );
        judge.observe(1, true, &seen(&[("hw-p-f-0", 0.1, 0.02)]));
        let health = judge.finish();
        assert!(health.healthy);
        assert_eq!(
            (
                health.cpu_cores,
                health.rss_max_bytes,
                health.run_queue_delay
            ),
            (0.5, 77, 0.02)
        );
    }

    #[test]
    fn a_starved_sampler_answers_for_the_seconds_it_missed() {
        let mut judge = judge();
        (0..100).for_each(|second| judge.observe(second, true, &seen(&[])));
        let late = Observation {
            elapsed_ns: 3 * NS_PER_S,
            ..seen(&[("hw-p-f-0", 0.1, 0.6)])
        };
        judge.observe(102, true, &late);
        assert!(!judge.finish().healthy, "3 of 103 seconds");
    }

    fn delays(us: &[(u64, u64)]) -> WindowHistogram {
        let mut h = WindowHistogram::new();
        us.iter().for_each(|(us, n)| h.record_many(*us, *n));
        h
    }

    #[test]
    fn send_delay_is_judged_by_its_p99() {
        let health = |late: u64| {
            let mut judge = judge();
            for second in 0..20 {
                judge.observe(second, true, &seen(&[]));
                judge.send_delays(second, &delays(&[(50, 1_000 - late), (5_000, late)]));
            }
            judge.finish()
        };
        assert!(health(10).healthy, "p99 is 50 µs");
        let ill = health(11);
        assert_eq!(kinds(&ill), ["send delay"]);
    }

    #[test]
    fn slow_flows_are_judged_on_a_hundred_events() {
        // Ten events a second, one of 200 is late: the p99 of a hundred is the second worst.
        let mut slow = judge();
        for second in 0..60 {
            slow.observe(second, true, &seen(&[]));
            let late = u64::from(second % 20 == 0);
            slow.send_delays(second, &delays(&[(50, 10 - late), (9_000, late)]));
        }
        assert!(slow.finish().healthy);
        // Fewer than a hundred in all: the median.
        for (late, healthy) in [(2, true), (6, false)] {
            let mut few = judge();
            few.observe(0, true, &seen(&[]));
            few.send_delays(0, &delays(&[(50, 10 - late), (9_000, late)]));
            assert_eq!(few.finish().healthy, healthy);
        }
    }

    #[test]
    fn the_limit_follows_the_tightest_slo() {
        assert_eq!(send_delay_limit_ns(None), 1_000_000);
        assert_eq!(send_delay_limit_ns(Some(5_000_000)), 1_000_000);
        assert_eq!(send_delay_limit_ns(Some(100_000_000)), 10_000_000);
    }

    #[test]
    fn nothing_observed_is_no_fault() {
        assert!(judge().finish().healthy);
    }
}
