//! Real Kafka brokers for a test, and what `kcat` and Kafka's own tools see in them.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::lease::{Lease, ci_kafka, directory};

static STARTED: AtomicU32 = AtomicU32::new(0);

/// Brokers started by `ci/kafka`, gone with their data when this is dropped.
#[derive(Debug)]
pub struct Cluster {
    dir: PathBuf,
    bootstrap: String,
    lease: Arc<Lease>,
}

impl Cluster {
    /// Starts 1 to 3 brokers on free ports. Waits while another test has a cluster.
    pub fn start(brokers: u32) -> Cluster {
        Cluster::under(Arc::new(Lease::wait()), brokers, &[])
    }

    /// One broker that asks who you are: TLS, SASL, ACLs. See `ci/kafka help`.
    pub fn secured() -> Cluster {
        Cluster::under(Arc::new(Lease::wait()), 1, &["--security", "sasl_ssl"])
    }

    /// Starts a second cluster for the same test: `start` would wait for ever.
    pub fn beside(&self, brokers: u32) -> Cluster {
        Cluster::under(Arc::clone(&self.lease), brokers, &[])
    }

    fn under(lease: Arc<Lease>, brokers: u32, options: &[&str]) -> Cluster {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let dir = directory().join(format!("kafka-{}-{number}", std::process::id()));
        let mut up = ci_kafka("up", &dir);
        up.args(["--port", "0", "--brokers", &brokers.to_string()]);
        up.args(options);
        let stdout = stdout_of(&mut up);
        let bootstrap = stdout.lines().last().expect("ci/kafka prints an address");
        Cluster {
            dir,
            bootstrap: bootstrap.to_owned(),
            lease,
        }
    }

    /// The clients' addresses, `host:port,...`, broker 1 first.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The directory of configuration, data and logs (`ID/broker.log`).
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Halts broker `id` (SIGSTOP): its connections stay, and nothing is answered.
    pub fn pause(&self, id: u32) {
        self.on_broker("pause", id);
    }

    /// Lets a paused broker go on.
    pub fn resume(&self, id: u32) {
        self.on_broker("resume", id);
    }

    /// Kills broker `id` (SIGKILL).
    pub fn kill(&self, id: u32) {
        self.on_broker("kill", id);
    }

    /// Shuts broker `id` down in good order.
    pub fn stop(&self, id: u32) {
        self.on_broker("stop", id);
    }

    /// Starts broker `id` after `kill` or `stop`, and returns when it serves clients.
    pub fn start_broker(&self, id: u32) {
        self.on_broker("start", id);
    }

    /// Shuts broker `id` down in good order and starts it.
    pub fn restart(&self, id: u32) {
        self.on_broker("restart", id);
    }

    /// What `ci/kafka status` says of each broker: `running`, `paused` or `stopped`.
    pub fn states(&self) -> Vec<String> {
        stdout_of(&mut ci_kafka("status", &self.dir))
            .lines()
            .map(|line| line.split(' ').nth(1).unwrap_or_default().to_owned())
            .collect()
    }

    /// Runs one of Kafka's own tools, such as `TopicCommand`, with this cluster's `--bootstrap-server`; its standard output.
    pub fn tool(&self, name: &str, args: &[&str]) -> String {
        let mut command = ci_kafka("tool", &self.dir);
        command.args([name, "--bootstrap-server", &self.bootstrap]);
        stdout_of(command.args(args))
    }

    /// Creates a topic with the cluster's default replication.
    pub fn create_topic(&self, topic: &str, partitions: u32) {
        let partitions = partitions.to_string();
        self.tool(
            "TopicCommand",
            &["--create", "--topic", topic, "--partitions", &partitions],
        );
    }

    /// `kcat` on this cluster.
    pub fn kcat<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Kcat {
        let mut command = Command::new("kcat");
        command.args(["-q", "-b", &self.bootstrap]).args(args);
        Kcat(command)
    }

    /// Every record of `topic`, counted by `kcat`.
    pub fn contents(&self, topic: &str) -> Contents {
        let mut kcat = self.kcat(["-C", "-e", "-o", "beginning", "-f", "%S\\n", "-t", topic]);
        let mut child = kcat.spawn(Stdio::null());
        let mut contents = Contents::default();
        for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
            let size: i64 = line.expect("kcat's output").parse().expect("a size");
            contents.records += 1;
            contents.value_bytes += u64::try_from(size).unwrap_or(0); // -1: a tombstone
        }
        let status = child.wait().expect("wait for kcat");
        assert!(status.success(), "kcat could not read {topic}: {status}");
        contents
    }

    fn on_broker(&self, name: &str, id: u32) {
        stdout_of(ci_kafka(name, &self.dir).arg(id.to_string()));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let status = ci_kafka("down", &self.dir).status();
        // A test that panics already tells why; two panics would hide it.
        if !std::thread::panicking() {
            let down = status.is_ok_and(|status| status.success());
            assert!(down, "{} does not go down", self.dir.display());
        }
    }
}

/// Records in a topic and the bytes of their values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// How many records, tombstones too.
    pub records: u64,
    /// The sum of the values' bytes.
    pub value_bytes: u64,
}

/// A call of `kcat`.
#[derive(Debug)]
pub struct Kcat(Command);

impl Kcat {
    /// Its standard output; panics when it fails.
    pub fn stdout(mut self) -> String {
        stdout_of(self.0.stdin(Stdio::null()))
    }

    /// Whether it succeeds when `input` is on its standard input.
    pub fn accepts(mut self, input: &str) -> bool {
        let mut child = self.spawn(Stdio::piped());
        // kcat may end before it has read everything; its exit code tells.
        let _ = child
            .stdin
            .take()
            .expect("piped")
            .write_all(input.as_bytes());
        let output = child.wait_with_output().expect("wait for kcat");
        output.status.success()
    }

    fn spawn(&mut self, stdin: Stdio) -> std::process::Child {
        self.0
            .stdin(stdin)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| {
                panic!("kcat: {e}; ci/test installs it (Debian: apt-get install kcat)")
            })
    }
}

/// Runs `command`, which must succeed.
fn stdout_of(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {status}\n{stderr}");
    String::from_utf8(stdout).expect("text")
}
