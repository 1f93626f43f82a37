//! Runs of the program itself, as a user starts them.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use highwater::clock::{Clock, Monotonic};
use tempfile::TempDir;

/// Longest that any one run in the tests may take; far beyond what they do, so that only a hang meets it.
const LIMIT: Duration = Duration::from_secs(180);

/// A run about to start: a scenario in a folder of its own, and flags.
pub struct Highwater {
    folder: TempDir,
    args: Vec<String>,
    out: String,
    environment: Vec<(String, String)>,
}

/// What a run left behind.
pub struct Done {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// `run.json`; null when there is none.
    pub json: serde_json::Value,
    /// The lines of `windows.jsonl`.
    pub windows: Vec<serde_json::Value>,
    /// The folder everything is in; it goes when this goes.
    pub folder: TempDir,
}

/// A run under way.
pub struct Running {
    child: Child,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
    folder: Option<TempDir>,
}

fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_highwater"))
}

impl Highwater {
    /// A run of this scenario text.
    pub fn new(scenario: &str) -> Highwater {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("scenario.toml"), scenario).unwrap();
        let args = ["run", "scenario.toml"].map(str::to_owned);
        Highwater {
            folder,
            args: args.into(),
            out: "out".to_owned(),
            environment: Vec::new(),
        }
    }

    /// Puts a file beside the scenario.
    pub fn file(self, name: &str, text: &str) -> Highwater {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Against this cluster.
    pub fn bootstrap(self, bootstrap: &str) -> Highwater {
        self.args(&["-b", bootstrap])
    }

    /// With these flags.
    pub fn args(mut self, args: &[&str]) -> Highwater {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    /// Into this run folder instead of `out`.
    pub fn out(mut self, out: &str) -> Highwater {
        self.out = out.to_owned();
        self
    }

    /// With this environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Highwater {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where it will run.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it.
    pub fn spawn(self) -> Running {
        let mut child = binary()
            .current_dir(self.folder.path())
            .args(&self.args)
            .args(["--out", &self.out])
            .envs(self.environment)
            .env_remove("HIGHWATER_BOOTSTRAP")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running {
            stdout: drain(child.stdout.take().unwrap()),
            stderr: drain(child.stderr.take().unwrap()),
            child,
            folder: Some(self.folder),
        }
    }

    /// Deletes what the tool left on a cluster.
    pub fn clean(bootstrap: &str) {
        let output = binary()
            .args(["clean", "--yes", "-b", bootstrap])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "clean: {text}");
    }
}

/// What `highwater report` said.
pub struct Told {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// `highwater report` with these arguments.
pub fn report(args: &[&str]) -> Told {
    let output = binary().arg("report").args(args).output().unwrap();
    Told {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Done {
    /// Everything is as it should be, but for the generator's own health: broker, load and tests share two cores, and a run that was
    /// starved of them for a second is invalid by right.
    pub fn assert_sound(&self) {
        let reasons = self.json["reasons"].as_array().cloned().unwrap_or_default();
        let kinds: Vec<&str> = reasons.iter().filter_map(|r| r["kind"].as_str()).collect();
        let sound = self.code == 0 || self.code == 3;
        assert!(
            sound && kinds.iter().all(|kind| kind.starts_with("generator")),
            "exit {}: {kinds:?}\n{}\n{}",
            self.code,
            self.stdout,
            self.stderr
        );
    }
}

impl Running {
    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the load has run for at least this many windows.
    pub fn wait_for_windows(&self, count: usize) {
        let path = self.out().join("windows.jsonl");
        let lines = || fs::read_to_string(&path).map_or(0, |text| text.lines().count());
        wait_until(&format!("{count} windows"), || lines() >= count);
    }

    /// Interrupts it as Ctrl-C does.
    pub fn interrupt(&self) {
        // SAFETY: the process is our own child and not yet waited for.
        unsafe { libc::kill(self.child.id() as libc::pid_t, libc::SIGINT) };
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Done {
        let deadline = Monotonic.now().plus_ns(LIMIT.as_nanos() as u64);
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Monotonic.now() > deadline {
                self.child.kill().unwrap();
                self.child.wait().unwrap();
                panic!(
                    "still running after {LIMIT:?}: {}",
                    self.stderr.join().unwrap()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let out = self.out();
        let json = fs::read_to_string(out.join("run.json"))
            .map(|text| serde_json::from_str(&text).unwrap())
            .unwrap_or_default();
        let windows = fs::read_to_string(out.join("windows.jsonl")).unwrap_or_default();
        Done {
            code: status.code().unwrap_or(-1),
            stdout: self.stdout.join().unwrap(),
            stderr: self.stderr.join().unwrap(),
            json,
            windows: windows
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
            folder: self.folder.take().unwrap(),
        }
    }

    fn out(&self) -> PathBuf {
        self.folder.as_ref().unwrap().path().join("out")
    }
}

/// Waits for a condition; the time limit only ends a hang.
pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Monotonic.now().plus_ns(LIMIT.as_nanos() as u64);
    while !condition() {
        assert!(
            Monotonic.now() < deadline,
            "{what} did not come in {LIMIT:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The histogram in a summary object of `run.json`, read by its public format.
pub fn histogram(summary: &serde_json::Value) -> Histogram<u64> {
    use base64::Engine;
    let text = summary["histogram"].as_str().unwrap();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap();
    Deserializer::new()
        .deserialize(&mut bytes.as_slice())
        .unwrap()
}

/// The share of events above so many seconds, those never acknowledged included.
pub fn share_above(summary: &serde_json::Value, seconds: f64) -> f64 {
    let histogram = histogram(summary);
    let beyond = summary["beyond"].as_u64().unwrap();
    let below = histogram.count_between(0, (seconds * 1e6) as u64);
    let all = histogram.len() + beyond;
    (all - below) as f64 / all as f64
}

/// Every record of a topic as kcat prints it.
pub fn kcat_lines(bootstrap: &str, topic: &str, format: &str) -> Vec<String> {
    let format = format!("{format}\\n");
    let output = Command::new("kcat")
        .args(["-C", "-q", "-e", "-o", "beginning", "-b", bootstrap])
        .args(["-t", topic, "-f", &format])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}

fn drain(mut stream: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        text
    })
}
