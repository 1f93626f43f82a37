//! Runs of the program itself, as a user starts them.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
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
    before: Vec<String>,
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
    stdout: Stream,
    stderr: Stream,
    folder: Option<TempDir>,
}

/// What a process writes, as far as it has come.
struct Stream {
    text: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
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
            before: Vec::new(),
            args: args.into(),
            out: "out".to_owned(),
            environment: Vec::new(),
        }
    }

    /// Another command than `run`.
    pub fn command(mut self, name: &str) -> Highwater {
        self.args[0] = name.to_owned();
        self
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

    /// As arguments of this command, which starts it.
    pub fn under(mut self, command: &[&str]) -> Highwater {
        self.before = command.iter().map(|word| (*word).to_owned()).collect();
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
        let program = env!("CARGO_BIN_EXE_highwater").to_owned();
        let mut words = self.before.iter().chain([&program]).chain(&self.args);
        let mut child = Command::new(words.next().unwrap())
            .current_dir(self.folder.path())
            .args(words)
            .args(["--out", &self.out])
            .envs(self.environment)
            .env_remove("HIGHWATER_BOOTSTRAP")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running {
            stdout: Stream::of(child.stdout.take().unwrap()),
            stderr: Stream::of(child.stderr.take().unwrap()),
            child,
            folder: Some(self.folder),
        }
    }

    /// What `plan --json` says of this scenario text.
    pub fn plan(scenario: &str) -> serde_json::Value {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("scenario.toml");
        fs::write(&file, scenario).unwrap();
        let output = binary()
            .args(["plan", "--json"])
            .arg(file)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "plan: {text}");
        serde_json::from_slice(&output.stdout).unwrap()
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

impl Done {
    /// Names of the files in the run folder; `None`: there is no folder.
    pub fn files(&self) -> Option<Vec<String>> {
        let entries = fs::read_dir(self.folder.path().join("out")).ok()?;
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        Some(names.collect())
    }

    /// The kinds of the verdict's reasons, the heaviest first.
    pub fn reasons(&self) -> Vec<String> {
        let reasons = self.json["reasons"].as_array().cloned().unwrap_or_default();
        let kinds = reasons.iter().filter_map(|reason| reason["kind"].as_str());
        kinds.map(str::to_owned).collect()
    }

    /// The account of every flow and group closes, and windows add up to it.
    pub fn assert_closed(&self) {
        closes(&self.json);
        let flows = self.json["flows"].as_object().unwrap();
        for name in flows.keys() {
            let in_windows: u64 = self
                .windows
                .iter()
                .map(|window| window["flows"][name]["planned"].as_u64().unwrap_or(0))
                .sum();
            assert_eq!(flows[name]["account"]["planned"], in_windows, "{name}");
        }
    }

    /// The cluster, and not the tool, is blamed for events that waited for room in the client's queue: a send delay that is held
    /// against us is one of the machine, below `limit_ms`, not one of the queue.
    pub fn assert_queue_not_blamed(&self, limit_ms: f64) {
        let reasons = self.json["reasons"].to_string();
        let Some((_, after)) = reasons.split_once("send delay's p99 was up to ") else {
            return;
        };
        let ms = after
            .split(' ')
            .next()
            .and_then(|ms| ms.parse::<f64>().ok());
        assert!(ms.expect("milliseconds") < limit_ms, "{reasons}");
    }
}

/// The equations that hold for every run file.
pub fn closes(run: &serde_json::Value) {
    for (name, flow) in run["flows"].as_object().unwrap() {
        let n = |key: &str| flow["account"][key].as_u64().unwrap();
        assert_eq!(n("planned"), n("sent") + n("unsent") + n("lost"), "{name}");
        let answered = n("acknowledged") + n("failed") + n("unresolved");
        assert_eq!(n("sent"), answered, "{name}");
    }
    for (name, group) in run["consume"].as_object().unwrap() {
        let n = |key: &str| group[key].as_u64().unwrap();
        let known = n("consumed") + n("missing") + n("expired") + n("unread");
        assert_eq!(n("acknowledged"), known, "{name}");
    }
}

impl Running {
    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the load has run for at least this many windows.
    pub fn wait_for_windows(&self, count: usize) {
        wait_until(&format!("{count} windows"), || self.windows() >= count);
    }

    /// Waits until it has said this on standard error.
    pub fn wait_for_stderr(&self, words: &str) {
        wait_until(&format!("{words:?} on standard error"), || {
            self.stderr.so_far().contains(words)
        });
    }

    /// Waits until it handles Ctrl-C itself: before, a signal ends it as any program that has just been started.
    pub fn wait_for_handler(&self) {
        let path = format!("/proc/{}/status", self.child.id());
        let caught = || {
            let status = fs::read_to_string(&path).unwrap_or_default();
            let line = status.lines().find_map(|l| l.strip_prefix("SigCgt:"));
            let mask = line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
            mask.is_some_and(|mask| mask & (1 << (libc::SIGINT - 1)) != 0)
        };
        wait_until("a handler of Ctrl-C", caught);
    }

    /// Interrupts it as Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal(libc::SIGINT);
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: i32) {
        // SAFETY: the process is our own child and not yet waited for.
        unsafe { libc::kill(self.child.id() as libc::pid_t, signal) };
    }

    /// Waits for its end.
    pub fn wait(self) -> Done {
        self.wait_at_most(LIMIT)
    }

    /// Waits for its end; the limit only ends a hang.
    pub fn wait_at_most(mut self, limit: Duration) -> Done {
        let deadline = Monotonic.now().plus_ns(limit.as_nanos() as u64);
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Monotonic.now() > deadline {
                self.child.kill().unwrap();
                self.child.wait().unwrap();
                panic!("still running after {limit:?}: {}", self.stderr.all());
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
            stdout: self.stdout.all(),
            stderr: self.stderr.all(),
            json,
            windows: windows
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
            folder: self.folder.take().unwrap(),
        }
    }

    /// How many windows it has written.
    pub fn windows(&self) -> usize {
        let path = self.out().join("windows.jsonl");
        fs::read_to_string(path).map_or(0, |text| text.lines().count())
    }

    /// Its run folder.
    pub fn out(&self) -> PathBuf {
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

impl Stream {
    fn of(mut stream: impl Read + Send + 'static) -> Stream {
        let text: Arc<Mutex<Vec<u8>>> = Arc::default();
        let into = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            let mut some = [0; 8192];
            while let Ok(count @ 1..) = stream.read(&mut some) {
                into.lock().unwrap().extend_from_slice(&some[..count]);
            }
        });
        Stream { text, reader }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }

    /// Everything, once the process has closed it.
    fn all(self) -> String {
        self.reader.join().unwrap();
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }
}
