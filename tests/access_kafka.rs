//! Clusters that ask who you are: what lets a run in, and what each wrong key is told.

mod support;

use std::fs;
use std::path::Path;

use highwater::clock::{Clock, Monotonic, NS_PER_S};

use support::Cluster;
use support::run::{Done, Highwater};

const SCENARIO: &str = r#"
name = "access"
why  = "who may come in?"
[time]
span     = "1s"
settle   = "5s"
catch_up = "10s"
[topic.orders]
partitions = 2
[event.order]
topic = "orders"
value = { bytes = "200B" }
[flow.orders]
event    = "order"
arrivals = "even"
mean     = "50/s"
client   = { linger.ms = 5 }
[consume.readers]
topics = ["orders"]
"#;

/// A cluster, and the properties of those who come in.
struct Gate {
    cluster: Cluster,
}

impl Gate {
    /// The text of a file that `ci/kafka` left.
    fn file(&self, name: &str) -> String {
        let path = self.cluster.dir().join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// A path below the certificates.
    fn certificate(&self, name: &str) -> String {
        self.cluster
            .dir()
            .join("certs")
            .join(name)
            .display()
            .to_string()
    }

    /// The address of the listener this many ports behind the clients' own.
    fn listener(&self, behind: u16) -> String {
        let port = self.cluster.bootstrap().rsplit(':').next().unwrap();
        format!("127.0.0.1:{}", port.parse::<u16>().unwrap() + behind)
    }

    /// Gives a user rights, or takes them away.
    fn acl(&self, change: &str, user: &str, rights: &[&str]) {
        let tools = self
            .cluster
            .dir()
            .join("tools.properties")
            .display()
            .to_string();
        let principal = format!("User:{user}");
        let mut args = vec![
            "--command-config",
            &tools,
            "--force",
            change,
            "--allow-principal",
            &principal,
        ];
        args.extend(rights);
        self.cluster.tool("AclCommand", &args);
    }

    /// A run with these properties.
    fn run(&self, to: &str, properties: &str, flags: &[&str]) -> Done {
        Highwater::new(SCENARIO)
            .file("client.properties", properties)
            .bootstrap(to)
            .args(&["-F", "client.properties"])
            .args(flags)
            .spawn()
            .wait()
    }

    /// A run that is let in. How healthy this machine is does not matter.
    fn comes_in(&self, who: &str, to: &str, properties: &str) {
        let done = self.run(to, properties, &["--delete-topics"]);
        assert!([0, 3].contains(&done.code), "{who}: {}", done.stderr);
        let account = &done.json["flows"]["orders"]["account"];
        assert_eq!(account["acknowledged"], 50, "{who}: {}", done.stderr);
        let group = &done.json["consume"]["readers"];
        assert_eq!(group["consumed"], 50, "{who}: {}", done.stderr);
    }

    /// A run that is not: exit 4 in less than 15 s, and these words.
    fn is_told(&self, who: &str, to: &str, properties: &str, words: &[&str]) {
        let began = Monotonic.now();
        let done = self.run(to, properties, &[]);
        let seconds = Monotonic.now().since(began) / NS_PER_S;
        assert_eq!(done.code, 4, "{who}: {}{}", done.stdout, done.stderr);
        assert!(seconds < 15, "{who}: {seconds} s");
        // Before the load errors are told as such, after it as the verdict's reason.
        let told = format!("{}{}", done.stderr, done.stdout);
        for word in words {
            assert!(told.contains(word), "{who}: `{word}` is not in\n{told}");
        }
    }
}

/// `properties` with some lines replaced or added.
fn with(properties: &str, lines: &[(&str, &str)]) -> String {
    let names: Vec<&str> = lines.iter().map(|(name, _)| *name).collect();
    let kept = properties.lines().filter(|line| {
        let name = line.split('=').next().unwrap_or_default();
        !names.contains(&name)
    });
    let new = lines.iter().map(|(name, value)| format!("{name}={value}"));
    kept.map(str::to_owned)
        .chain(new)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Rights on what begins with highwater's prefix.
const PREFIX: [&str; 2] = ["--resource-pattern-type", "prefixed"];
const WRITE: [&str; 4] = ["--topic", "highwater.", "--operation", "Write"];
const READ: [&str; 4] = ["--topic", "highwater.", "--operation", "Read"];
const CREATE: [&str; 4] = ["--topic", "highwater.", "--operation", "Create"];
const DELETE: [&str; 4] = ["--topic", "highwater.", "--operation", "Delete"];
const JOIN: [&str; 4] = ["--group", "highwater.", "--operation", "Read"];

fn all_of(rights: &[[&'static str; 4]]) -> Vec<&'static str> {
    PREFIX
        .into_iter()
        .chain(rights.iter().flatten().copied())
        .collect()
}

#[test]
fn keys_fit_or_it_is_said_which_does_not() {
    let gate = Gate {
        cluster: Cluster::secured(),
    };
    let (to, app) = (
        gate.cluster.bootstrap().to_owned(),
        gate.file("client.properties"),
    );
    wrong_keys(&gate, &to, &app);
    // Nothing is allowed yet; then all but one right at a time. Topics and groups are different resources.
    gate.is_told(
        "no rights",
        &to,
        &app,
        &[
            "TOPIC_AUTHORIZATION_FAILED",
            "CREATE, DESCRIBE, READ and WRITE on topic highwater.orders",
        ],
    );
    gate.acl("--add", "app", &all_of(&[WRITE, READ, DELETE]));
    gate.is_told(
        "no right to create",
        &to,
        &app,
        &["creating topic highwater.orders", "CREATE"],
    );
    gate.acl("--add", "app", &all_of(&[CREATE]));
    gate.is_told(
        "no right to join",
        &to,
        &app,
        &["GROUP_AUTHORIZATION_FAILED", "READ on the group"],
    );
    gate.acl("--add", "app", &all_of(&[JOIN]));
    right_keys(&gate, &to, &app);
    // All that an idempotent producer learns is that it gets no id.
    gate.acl("--remove", "app", &all_of(&[WRITE]));
    gate.is_told(
        "no right to write",
        &to,
        &app,
        &["CLUSTER_AUTHORIZATION_FAILED", "WRITE on the"],
    );
}

fn wrong_keys(gate: &Gate, to: &str, app: &str) {
    let foreign = gate.certificate("other-ca.crt");
    for (who, change, words) in [
        (
            "wrong password",
            ("sasl.password", "wrong"),
            ["sasl.password", "SCRAM-SHA-512"],
        ),
        (
            "unknown user",
            ("sasl.username", "nobody"),
            ["sasl.username", "SCRAM-SHA-512"],
        ),
        (
            "untrusted certificate",
            ("ssl.ca.location", foreign.as_str()),
            ["ssl.ca.location", "certificate verify failed"],
        ),
        (
            "TLS without SASL",
            ("security.protocol", "ssl"),
            ["security.protocol", "SSL"],
        ),
        (
            "plaintext against TLS",
            ("security.protocol", "plaintext"),
            ["security.protocol", "TLS or SASL"],
        ),
    ] {
        gate.is_told(who, to, &with(app, &[change]), &words);
    }
    let strict = gate.listener(3);
    let other = with(app, &[("sasl.mechanism", "SCRAM-SHA-256")]);
    gate.is_told(
        "wrong mechanism",
        &strict,
        &other,
        &["sasl.mechanism", "SCRAM-SHA-512"],
    );
    let mutual = gate.listener(2);
    let nameless = with(app, &[("security.protocol", "ssl")]);
    gate.is_told(
        "no certificate",
        &mutual,
        &nameless,
        &["ssl.certificate.location"],
    );
}

fn right_keys(gate: &Gate, to: &str, app: &str) {
    gate.comes_in("SCRAM-SHA-512", to, app);
    gate.comes_in(
        "SCRAM-SHA-256",
        to,
        &with(app, &[("sasl.mechanism", "SCRAM-SHA-256")]),
    );
    gate.comes_in("PLAIN", to, &with(app, &[("sasl.mechanism", "PLAIN")]));
    let token = [
        ("sasl.mechanism", "OAUTHBEARER"),
        ("enable.sasl.oauthbearer.unsecure.jwt", "true"),
        ("sasl.oauthbearer.config", "principal=app"),
    ];
    let nobody = app.lines().filter(|line| !line.starts_with("sasl."));
    let nobody = nobody.collect::<Vec<_>>().join("\n");
    gate.comes_in("OAUTHBEARER", to, &with(&nobody, &token));
    gate.acl("--add", "client", &all_of(&[WRITE, READ, CREATE, DELETE]));
    gate.acl("--add", "client", &all_of(&[JOIN]));
    gate.comes_in(
        "mutual TLS",
        &gate.listener(2),
        &gate.file("mtls.properties"),
    );
    secrets_stay_secret(gate, to, app);
}

/// The password stands in a file that the properties name: it is in no output, in no file of the run, and in no list of processes.
fn secrets_stay_secret(gate: &Gate, to: &str, app: &str) {
    let password = gate.file("certs/app.password");
    let elsewhere = format!("${{file:{}}}", gate.certificate("app.password"));
    let run = Highwater::new(SCENARIO)
        .file(
            "client.properties",
            &with(app, &[("sasl.password", &elsewhere)]),
        )
        .bootstrap(to)
        .args(&["-F", "client.properties", "-v", "-v"])
        .spawn();
    run.wait_for_windows(1);
    let listed = fs::read(format!("/proc/{}/cmdline", run.pid())).unwrap();
    let done = run.wait();
    assert_eq!(
        done.json["flows"]["orders"]["account"]["acknowledged"], 50,
        "{}",
        done.stderr
    );
    let holds = |bytes: &[u8]| {
        bytes
            .windows(password.len())
            .any(|part| part == password.as_bytes())
    };
    assert!(!holds(&listed) && !holds(done.stdout.as_bytes()) && !holds(done.stderr.as_bytes()));
    let mut files = 0;
    each_file(done.folder.path(), &mut |path| {
        files += 1;
        assert!(!holds(&fs::read(path).unwrap()), "{}", path.display());
    });
    assert!(
        files >= 4,
        "run.json, windows.jsonl, report.html and the properties: {files}"
    );
}

fn each_file(folder: &Path, with: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            each_file(&path, with);
        } else {
            with(&path);
        }
    }
}
