//! The program as its user meets it: on the embedded cluster, on none, with wrong input, interrupted.

#[path = "../support/mod.rs"]
mod support;

mod full_disk;
mod interrupts;
mod plan;
mod starved;

use std::fs;

use highwater::clock::{Clock, Monotonic, NS_PER_S};

use support::run::{Done, Highwater, histogram, report};

/// A small run: 200 even events a second for this long, and a group that reads them.
fn small(seconds: u32) -> String {
    format!(
        r#"
name = "small"
why  = "does it work at all"
seed = 3
[time]
starts = "2026-11-27T12:00:00Z"
span   = "{seconds}s"
settle = "5s"
catch_up = "10s"
[client]
linger.ms = 5
[topic.orders]
partitions = 4
[event.order]
topic = "orders"
value = {{ bytes = "200B", compressible = 2 }}
[flow.orders]
event    = "order"
arrivals = "even"
mean     = "200/s"
[consume.readers]
topics  = ["orders"]
members = 2
"#
    )
}

fn counts(done: &Done) -> impl Fn(&str) -> u64 + '_ {
    |name| {
        done.json["flows"]["orders"]["account"][name]
            .as_u64()
            .unwrap()
    }
}

#[test]
fn a_run_on_the_embedded_cluster_passes_and_counts_exactly() {
    let done = Highwater::new(&small(4)).spawn().wait();
    assert_eq!(done.code, 0, "{}\n{}", done.stdout, done.stderr);
    let count = counts(&done);
    assert_eq!((count("planned"), count("acknowledged")), (800, 800));
    assert_eq!(done.json["flows"]["orders"]["bytes"], 800 * 200);
    let group = &done.json["consume"]["readers"];
    assert_eq!(group["consumed"], 800);
    assert_eq!(group["missing"], 0);
    assert_eq!(done.json["verdict"], "pass");
    assert!(done.stdout.contains("embedded"), "{}", done.stdout);
    let planned: u64 = done
        .windows
        .iter()
        .map(|window| window["flows"]["orders"]["planned"].as_u64().unwrap_or(0))
        .sum();
    assert_eq!(planned, 800, "windows add up to totals");
}

#[test]
fn json_goes_to_standard_output_and_is_the_run_file() {
    let done = Highwater::new(&small(2)).args(&["--json"]).spawn().wait();
    let printed: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(printed["id"], done.json["id"]);
}

#[test]
fn an_impossible_rate_is_invalid_not_slow() {
    // 20 M/s is several times what one thread renders: the generator is the limit, and says so.
    let scenario = small(3)
        .replace("200/s", "20M/s")
        .replace("5s\"\ncatch", "1s\"\ncatch");
    let done = Highwater::new(&scenario)
        .args(&["--target", "null"])
        .spawn()
        .wait();
    assert_eq!(done.code, 3, "{}\n{}", done.stdout, done.stderr);
    assert_eq!(done.json["verdict"], "invalid");
    let count = counts(&done);
    assert_eq!(count("planned"), count("sent") + count("unsent"));
    assert_eq!(count("planned"), 60_000_000);
}

#[test]
fn an_unreachable_cluster_is_told_in_time() {
    // A port of this machine that nobody listens on: bound, then closed.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .unwrap()
        .port();
    let bootstrap = format!("127.0.0.1:{port}");
    let began = Monotonic.now();
    let done = Highwater::new(&small(2))
        .bootstrap(&bootstrap)
        .spawn()
        .wait();
    assert_eq!(done.code, 4, "{}", done.stderr);
    assert!(Monotonic.now().since(began) < 15 * NS_PER_S);
    assert!(done.stderr.contains(&bootstrap), "{}", done.stderr);
    assert!(
        done.stderr.to_lowercase().contains("refused"),
        "{}",
        done.stderr
    );
}

#[test]
fn wrong_flags_send_nothing_and_say_what_is_right() {
    let cases: &[(&[&str], i32, &str)] = &[
        (&["-X", "linger.mss=5"], 2, "linger.ms"),
        (&["-X", "linger.ms=soon"], 2, "linger.ms"),
        (&["-X", "acks"], 2, "KEY=VALUE"),
        (&["--max-rate", "100/s"], 2, "max-rate"),
        (&["--set", "topic.order.partitions=3"], 2, "orders"),
        (&["--config", "absent.properties"], 2, "absent.properties"),
        (&["--target", "kafkaa"], 2, "embedded"),
        (&["--scale", "-1"], 2, "scale"),
    ];
    for (args, code, word) in cases {
        let done = Highwater::new(&small(1)).args(args).spawn().wait();
        assert_eq!(done.code, *code, "{args:?}: {}", done.stderr);
        assert!(done.stderr.contains(word), "{args:?}: {}", done.stderr);
        assert!(done.json.is_null(), "{args:?} left a run.json");
    }
}

#[test]
fn an_unwritable_run_folder_is_told_before_anything_is_sent() {
    let done = Highwater::new(&small(1))
        .out("/proc/nowhere")
        .spawn()
        .wait();
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert!(done.stderr.contains("/proc/nowhere"), "{}", done.stderr);
}

#[test]
fn a_run_folder_is_never_overwritten() {
    let run = Highwater::new(&small(1)).file("out/keep", "mine");
    let done = run.spawn().wait();
    assert_eq!(done.code, 2, "{}", done.stderr);
    let kept = fs::read_to_string(done.folder.path().join("out/keep")).unwrap();
    assert_eq!(kept, "mine");
}

/// A value nobody may ever see again; `n` tells where it was planted.
fn planted(n: u32) -> String {
    format!("hunter{n}hunter{n}")
}

/// Everything a run said or wrote, but for the files the user put there; nothing of it may hold a planted value.
fn assert_nothing_planted(done: &Done, inputs: &[&str], label: &str) {
    let mut texts = vec![
        ("standard output".to_owned(), done.stdout.clone()),
        ("standard error".to_owned(), done.stderr.clone()),
    ];
    let mut folders = vec![done.folder.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !inputs.iter().any(|input| path.ends_with(input)) {
                let bytes = fs::read(&path).unwrap();
                let text = String::from_utf8_lossy(&bytes).into_owned();
                texts.push((path.display().to_string(), text));
            }
        }
    }
    for (place, text) in texts {
        let found = text
            .find("hunter")
            .map(|at| text[at..].chars().take(30).collect::<String>());
        assert_eq!(found, None, "{label}: a secret got into {place}");
    }
}

/// Properties with a planted value each, from a file, the environment and a flag.
fn with_secrets(run: Highwater) -> Highwater {
    let file = format!(
        "sasl.password=${{env:TOP_SECRET}}\nsasl.username={}\nssl.key.password={}\nssl.key.pem=${{file:key.pem}}\n",
        planted(2),
        planted(3)
    );
    let key = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        planted(4)
    );
    let flag = format!("ssl.keystore.password={}", planted(5));
    run.file("client.properties", &file)
        .file("key.pem", &key)
        .env("TOP_SECRET", &planted(1))
        .args(&["-F", "client.properties", "-X", &flag, "-vv"])
}

const INPUTS: [&str; 3] = ["client.properties", "key.pem", "scenario.toml"];

#[test]
fn a_secret_never_reaches_a_file_or_the_terminal() {
    let run = with_secrets(Highwater::new(&small(1)));
    let done = run.args(&["-X", "debug=all"]).spawn().wait();
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_nothing_planted(&done, &INPUTS, "the embedded cluster");
    let folder = done.folder.path().join("out");
    for format in ["text", "json", "md", "csv", "junit", "line"] {
        let told = report(&[folder.to_str().unwrap(), "--format", format]);
        assert_eq!(told.code, 0, "{}", told.stderr);
        let all = told.stdout + &told.stderr;
        assert!(!all.contains("hunter"), "{format}: a secret got out");
    }
}

#[test]
fn a_client_that_cannot_log_in_repeats_no_secret() {
    // It takes connections and hangs up, so that the client says all it has to say.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let bootstrap = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let flags = [
        "-X",
        "security.protocol=sasl_plaintext",
        "-X",
        "sasl.mechanism=PLAIN",
        "-X",
        "debug=all",
    ];
    let plain = format!(
        "sasl.username={}\nsasl.password=${{env:TOP_SECRET}}\n",
        planted(2)
    );
    let done = Highwater::new(&small(1))
        .file("client.properties", &plain)
        .env("TOP_SECRET", &planted(1))
        .args(&["-F", "client.properties", "-vv"])
        .args(&flags)
        .bootstrap(&bootstrap)
        .spawn()
        .wait();
    assert_eq!(done.code, 4, "{}", done.stderr);
    assert!(done.stderr.contains("librdkafka"), "{}", done.stderr);
    assert_nothing_planted(&done, &INPUTS, "a broker that hangs up");
}

#[test]
fn an_error_about_a_property_never_repeats_its_value() {
    let secret = planted(1);
    let flags = [
        format!("sasl.password {secret}"),
        secret.clone(),
        format!("={secret}"),
        format!("sasl.pasword={secret}"),
        format!("sasl.jaas.config=x password=\"{secret}\";"),
        format!("ssl.truststore.password={secret}"),
        format!("sasl.password=a${{{secret}}}b"),
        format!("bootstrap.servers=me:{secret}@kafka:9092"),
    ];
    for flag in flags {
        let done = Highwater::new(&small(1))
            .args(&["-X", &flag])
            .spawn()
            .wait();
        assert_eq!(done.code, 2, "{flag}: {}", done.stderr);
        assert_nothing_planted(&done, &INPUTS, &flag);
    }
    let key = format!("ssl.key.pem={secret}");
    let done = Highwater::new(&small(1))
        .args(&["-X", "security.protocol=ssl", "-X", &key])
        .bootstrap("127.0.0.1:1")
        .spawn()
        .wait();
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert_nothing_planted(&done, &INPUTS, "a key that is none");
    let done = Highwater::new(&small(1))
        .file("client.properties", &format!("sasl.password=x\n{secret}\n"))
        .args(&["-F", "client.properties"])
        .spawn()
        .wait();
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert_nothing_planted(&done, &INPUTS, "a line without =");
    let scenario = small(1).replace(
        "[client]\n",
        &format!("[client]\nsasl.password = \"{secret}\"\n"),
    );
    let done = Highwater::new(&scenario).spawn().wait();
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert_nothing_planted(&done, &INPUTS, "a scenario");
    // Without a cluster there is no client to refuse it.
    let scenario = small(1).replace(
        "[client]\n",
        &format!("[client]\nplugin.library.paths = \"{secret}\"\n"),
    );
    let done = Highwater::new(&scenario)
        .args(&["--target", "null"])
        .spawn()
        .wait();
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert_nothing_planted(&done, &INPUTS, "a scenario on no cluster");
}

#[test]
fn a_report_tells_a_run_in_every_form() {
    let done = Highwater::new(&small(4)).spawn().wait();
    let folder = done.folder.path().join("out");
    let folder = folder.to_str().unwrap();
    let told = |args: &[&str]| {
        let told = report(args);
        assert_eq!(told.code, 0, "{args:?}: {}", told.stderr);
        told.stdout
    };
    let text = told(&[folder]);
    assert!(
        text.contains("response   ") && text.contains("report.html"),
        "{text}"
    );
    let page = fs::read_to_string(format!("{folder}/report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"));
    let json: serde_json::Value = serde_json::from_str(&told(&[folder, "--json"])).unwrap();
    assert_eq!(json, done.json);
    assert!(told(&[folder, "--format", "md"]).starts_with("### "));
    assert!(told(&[folder, "--format", "junit"]).contains("<testsuite name=\"small\""));
    assert_eq!(
        told(&[folder, folder, "--format", "line"]).lines().count(),
        2
    );
    let csv = told(&[folder, "--format", "csv"]);
    let flows = csv
        .lines()
        .filter(|line| line.contains(",flow,orders,"))
        .count();
    assert_eq!(flows, done.windows.len());
    let both = told(&[folder, folder]);
    assert!(
        both.contains("out-and-out.html") && both.contains("(same)"),
        "{both}"
    );
    let plots = done.folder.path().join("plots");
    told(&[
        folder,
        "--format",
        "line",
        "--plots",
        plots.to_str().unwrap(),
    ]);
    assert!(fs::read_dir(plots).unwrap().count() >= 2);
    // Without its end it is told as what it is.
    fs::remove_file(format!("{folder}/run.json")).unwrap();
    let text = told(&[folder]);
    assert!(text.starts_with("INVALID  run.json is missing"), "{text}");
}

#[test]
fn a_report_that_cannot_be_made_is_a_usage_error() {
    let done = Highwater::new(&small(1))
        .args(&["--target", "null"])
        .spawn()
        .wait();
    let run = done.folder.path().join("out").display().to_string();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    for (args, word) in [
        (&["/no/such/run"][..], "/no/such/run"),
        (&[path], "not a run folder"),
        (&[], "RUN"),
        (&[path, "--format", "pdf"], "junit"),
        (&[&run, "--out", "/proc/nowhere/page.html"], "--out"),
        (&[&run, "--plots", "/proc/nowhere"], "--plots"),
    ] {
        let told = report(args);
        assert_eq!(told.code, 2, "{args:?}: {}", told.stderr);
        assert!(told.stderr.contains(word), "{args:?}: {}", told.stderr);
    }
}

#[test]
fn the_response_histogram_is_of_the_public_format() {
    let done = Highwater::new(&small(2)).spawn().wait();
    let histogram = histogram(&done.json["flows"]["orders"]["response"]);
    assert_eq!(histogram.len(), 400);
}
