//! What the kernel says about us: the texts of `/proc` and of the cgroup, read as numbers. Pure.

/// What `/proc/PID/task/TID/stat` says of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadStat {
    /// Its name; the kernel keeps 15 bytes of it.
    pub name: String,
    /// Time on a cpu, in clock ticks.
    pub cpu_ticks: u64,
}

/// Reads `/proc/PID/stat` or `/proc/PID/task/TID/stat`.
pub fn stat(text: &str) -> Option<ThreadStat> {
    // The name may hold blanks and parentheses: it ends at the last one.
    let (head, tail) = text.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    // utime and stime are fields 14 and 15; the tail begins with field 3.
    let mut fields = tail.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(ThreadStat {
        name: name.to_owned(),
        cpu_ticks: user + system,
    })
}

/// What `/proc/PID/task/TID/schedstat` says of a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Schedstat {
    /// Time on a cpu, in nanoseconds.
    pub run_ns: u64,
    /// Time runnable and waiting for a cpu, in nanoseconds: the run-queue delay.
    pub wait_ns: u64,
}

/// Reads a `schedstat`.
pub fn schedstat(text: &str) -> Option<Schedstat> {
    let mut fields = text.split_ascii_whitespace().map(str::parse);
    Some(Schedstat {
        run_ns: fields.next()?.ok()?,
        wait_ns: fields.next()?.ok()?,
    })
}

/// Time the hypervisor gave to others while this machine wanted it, and all time, in ticks over all cpus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steal {
    /// Stolen.
    pub stolen: u64,
    /// All time, idle included.
    pub all: u64,
}

/// Reads `/proc/stat`.
pub fn steal(text: &str) -> Option<Steal> {
    let line = text.lines().find(|line| line.starts_with("cpu "))?;
    // user nice system idle iowait irq softirq steal; guest times after that are part of user.
    let ticks: Vec<u64> = line
        .split_ascii_whitespace()
        .skip(1)
        .take(8)
        .map_while(|field| field.parse().ok())
        .collect();
    Some(Steal {
        stolen: *ticks.get(7)?,
        all: ticks.iter().sum(),
    })
}

/// How often the cgroup's cpu quota stopped us (`nr_throttled` of `cpu.stat`, versions 1 and 2).
pub fn throttled(text: &str) -> Option<u64> {
    field(text, "nr_throttled")
}

/// Where this process's `cpu.stat` may be, likeliest first, from `/proc/self/cgroup`. Inside a container the path is the
/// host's and the file lies at the root.
pub fn cpu_stat_paths(cgroup: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for line in cgroup.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let path = path.trim_end_matches('/');
        let mount = if controllers.is_empty() {
            String::new()
        } else if controllers.split(',').any(|c| c == "cpu") {
            format!("/{controllers}")
        } else {
            continue;
        };
        paths.push(format!("/sys/fs/cgroup{mount}{path}/cpu.stat"));
        paths.push(format!("/sys/fs/cgroup{mount}/cpu.stat"));
    }
    paths.dedup();
    paths
}

/// Memory in RAM now and at most so far, in bytes, from `/proc/self/status`.
pub fn rss_bytes(status: &str) -> Option<(u64, u64)> {
    let kib = |name| field(status, name);
    Some((kib("VmRSS:")? * 1_024, kib("VmHWM:")? * 1_024))
}

/// The number that follows a name at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some(name) {
            return None;
        }
        words.next()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_parentheses_and_blanks() {
        let text = "71 (hw-p (x) 1) S 1 71 71 0 -1 4194304 101 0 0 0 250 50 0 0 20 0 3 0 181390 3133440 363";
        let expected = ThreadStat {
            name: "hw-p (x) 1".into(),
            cpu_ticks: 300,
        };
        assert_eq!(stat(text), Some(expected));
        assert_eq!(stat("71 (x"), None);
        assert_eq!(stat("71 (x) S 1"), None);
    }

    #[test]
    fn schedstat_has_run_and_wait() {
        assert_eq!(
            schedstat("194032 114363 2\n"),
            Some(Schedstat {
                run_ns: 194_032,
                wait_ns: 114_363
            })
        );
        assert_eq!(schedstat("12"), None);
    }

    #[test]
    fn steal_is_the_eighth_figure() {
        let text = "cpu  100 1 200 600 50 5 10 34 7 8\ncpu0 1 1 1 1 1 1 1 1 0 0\nintr 5\n";
        assert_eq!(
            steal(text),
            Some(Steal {
                stolen: 34,
                all: 1_000
            })
        );
        // Kernels before 2.6.11 have no steal.
        assert_eq!(steal("cpu  1 2 3 4\n"), None);
    }

    #[test]
    fn throttling_of_both_cgroup_versions() {
        assert_eq!(
            throttled("nr_periods 10\nnr_throttled 3\nthrottled_time 12\n"),
            Some(3)
        );
        assert_eq!(
            throttled(
                "usage_usec 1\nuser_usec 1\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n"
            ),
            Some(0)
        );
        assert_eq!(throttled("usage_usec 1\n"), None);
    }

    #[test]
    fn cgroup_paths_of_both_versions() {
        assert_eq!(
            cpu_stat_paths("0::/user.slice/run\n"),
            [
                "/sys/fs/cgroup/user.slice/run/cpu.stat",
                "/sys/fs/cgroup/cpu.stat"
            ]
        );
        assert_eq!(
            cpu_stat_paths("9:name=systemd:/\n4:memory:/x\n3:cpuset:/\n1:cpu,cpuacct:/\n"),
            ["/sys/fs/cgroup/cpu,cpuacct/cpu.stat"]
        );
        assert_eq!(cpu_stat_paths("garbage"), [""; 0]);
    }

    #[test]
    fn memory_now_and_at_most() {
        let text = "Name:\tx\nVmHWM:\t    2104 kB\nVmRSS:\t    1000 kB\n";
        assert_eq!(rss_bytes(text), Some((1_024_000, 2_154_496)));
    }
}
