//! What this process used of the machine, second by second.

use std::collections::HashMap;
use std::fs;

use super::proc::{self, Schedstat, Steal};
use crate::clock::{NS_PER_S, Tick};

/// What one thread used between two looks.
#[derive(Clone, Debug, PartialEq)]
pub struct ThreadLoad {
    /// Its name, at most 15 bytes.
    pub name: String,
    /// Share of one core that it used.
    pub cpu: f64,
    /// Share of the time that it was runnable and had to wait for a core: its run-queue delay.
    pub wait: f64,
}

impl ThreadLoad {
    /// Whether it is a producer's or a member's thread: when it waits, what it measures is late.
    pub fn sends_or_reads(&self) -> bool {
        self.name.starts_with("hw-p-") || self.name.starts_with("hw-c-")
    }
}

/// What the process used between two looks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observation {
    /// The time between the looks, in nanoseconds.
    pub elapsed_ns: u64,
    /// Cores used by all threads together.
    pub cpu_cores: f64,
    /// The threads that were there at both looks.
    pub threads: Vec<ThreadLoad>,
    /// How often the cgroup's quota stopped us.
    pub throttled: u64,
    /// Share of the machine's time that the hypervisor gave to others.
    pub steal: f64,
    /// Memory in RAM now, in bytes.
    pub rss_bytes: u64,
    /// Memory in RAM at most since the process began, in bytes.
    pub rss_max_bytes: u64,
}

impl Observation {
    /// The largest share of the time that a thread which sends or reads waited for a core.
    pub fn worst_wait(&self) -> f64 {
        let threads = self.threads.iter();
        let waits = threads.filter(|thread| thread.sends_or_reads());
        waits.map(|thread| thread.wait).fold(0.0, f64::max)
    }
}

/// One look.
#[derive(Default)]
struct Look {
    at: Tick,
    process_ticks: u64,
    threads: HashMap<u64, (String, Schedstat)>,
    throttled: u64,
    steal: Steal,
}

/// Looks at this process. Reading costs about 20 µs a thread.
pub struct Sampler {
    ticks_per_s: u64,
    cpu_stat: Option<String>,
    last: Look,
}

impl Sampler {
    /// A sampler whose first interval begins now.
    pub fn new(now: Tick) -> Sampler {
        // SAFETY: sysconf reads a constant of the system.
        let ticks_per_s = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
        let cpu_stat = proc::cpu_stat_paths(&read("/proc/self/cgroup"))
            .into_iter()
            .find(|path| proc::throttled(&read(path)).is_some());
        let mut sampler = Sampler {
            ticks_per_s: u64::try_from(ticks_per_s).unwrap_or(100).max(1),
            cpu_stat,
            last: Look::default(),
        };
        sampler.last = sampler.look(now);
        sampler
    }

    /// What was used since the last call.
    pub fn sample(&mut self, now: Tick) -> Observation {
        let look = self.look(now);
        let mut seen = compare(&self.last, &look, self.ticks_per_s);
        (seen.rss_bytes, seen.rss_max_bytes) =
            proc::rss_bytes(&read("/proc/self/status")).unwrap_or_default();
        self.last = look;
        seen
    }

    fn look(&self, at: Tick) -> Look {
        let mut look = Look {
            at,
            process_ticks: proc::stat(&read("/proc/self/stat")).map_or(0, |stat| stat.cpu_ticks),
            throttled: self
                .cpu_stat
                .as_ref()
                .and_then(|path| proc::throttled(&read(path)))
                .unwrap_or(0),
            steal: proc::steal(&read("/proc/stat")).unwrap_or_default(),
            ..Look::default()
        };
        for entry in fs::read_dir("/proc/self/task")
            .into_iter()
            .flatten()
            .flatten()
        {
            let Some(id) = entry.file_name().to_str().and_then(|id| id.parse().ok()) else {
                continue;
            };
            // A thread may end between the two reads: then it is left out.
            let Some(stat) = proc::stat(&read(&format!("/proc/self/task/{id}/stat"))) else {
                continue;
            };
            // Kernels without scheduler statistics tell time in ticks and no waiting.
            let times = proc::schedstat(&read(&format!("/proc/self/task/{id}/schedstat")))
                .unwrap_or(Schedstat {
                    run_ns: stat.cpu_ticks * (NS_PER_S / self.ticks_per_s),
                    wait_ns: 0,
                });
            look.threads.insert(id, (stat.name, times));
        }
        look
    }
}

fn compare(before: &Look, after: &Look, ticks_per_s: u64) -> Observation {
    let elapsed_ns = after.at.since(before.at).max(1);
    let share = |ns: u64| ns as f64 / elapsed_ns as f64;
    // A sampler that is kept waiting reads the threads later than its clock: no thread has more than all of the time.
    let of_thread = |ns: u64| share(ns).min(1.0);
    let mut threads: Vec<ThreadLoad> = after
        .threads
        .iter()
        .filter_map(|(id, (name, now))| {
            let (_, then) = before.threads.get(id)?;
            Some(ThreadLoad {
                name: name.clone(),
                cpu: of_thread(now.run_ns.saturating_sub(then.run_ns)),
                wait: of_thread(now.wait_ns.saturating_sub(then.wait_ns)),
            })
        })
        .collect();
    threads.sort_by(|a, b| a.name.cmp(&b.name));
    let ticks = after.process_ticks.saturating_sub(before.process_ticks);
    let stolen = after.steal.stolen.saturating_sub(before.steal.stolen);
    let all = after.steal.all.saturating_sub(before.steal.all);
    Observation {
        elapsed_ns,
        cpu_cores: share(ticks * (NS_PER_S / ticks_per_s)),
        threads,
        throttled: after.throttled.saturating_sub(before.throttled),
        steal: if all == 0 {
            0.0
        } else {
            stolen as f64 / all as f64
        },
        rss_bytes: 0,
        rss_max_bytes: 0,
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, Monotonic};

    #[test]
    fn shares_are_of_the_time_between_looks() {
        let thread = |run_ns, wait_ns| ("hw-p-a-0".to_owned(), Schedstat { run_ns, wait_ns });
        let before = Look {
            at: Tick::from_ns(NS_PER_S),
            process_ticks: 100,
            threads: [(1, thread(5, 5))].into(),
            throttled: 3,
            steal: Steal {
                stolen: 10,
                all: 1_000,
            },
        };
        let after = Look {
            at: Tick::from_ns(3 * NS_PER_S),
            process_ticks: 400,
            threads: [(1, thread(1_000_000_005, 200_000_005)), (2, thread(9, 9))].into(),
            throttled: 5,
            steal: Steal {
                stolen: 14,
                all: 1_400,
            },
        };
        let seen = compare(&before, &after, 100);
        // 300 ticks of 10 ms in 2 s.
        assert_eq!((seen.cpu_cores, seen.throttled, seen.steal), (1.5, 2, 0.01));
        assert_eq!(
            seen.threads,
            [ThreadLoad {
                name: "hw-p-a-0".into(),
                cpu: 0.5,
                wait: 0.1
            }]
        );
    }

    #[test]
    fn a_late_look_at_a_thread_is_no_more_than_all_of_the_time() {
        let look = |at_ns, run_ns, wait_ns| Look {
            at: Tick::from_ns(at_ns),
            threads: [(1, ("hw-p-a-0".to_owned(), Schedstat { run_ns, wait_ns }))].into(),
            ..Look::default()
        };
        let seen = compare(
            &look(0, 0, 0),
            &look(NS_PER_S, 1_050_000_000, 1_100_000_000),
            100,
        );
        assert_eq!((seen.threads[0].cpu, seen.threads[0].wait), (1.0, 1.0));
    }

    #[test]
    fn this_process_is_seen() {
        let mut sampler = Sampler::new(Monotonic.now());
        let begin = Monotonic.now();
        while Monotonic.now().since(begin) < 60_000_000 {
            std::hint::spin_loop();
        }
        let seen = sampler.sample(Monotonic.now());
        assert!(!seen.threads.is_empty());
        // A busy machine may leave us little of it, but never nothing.
        assert!(seen.threads.iter().any(|thread| thread.cpu > 0.0));
        assert!(seen.rss_max_bytes >= seen.rss_bytes && seen.rss_bytes > 0);
    }
}
