//! A disk that is full, or fills up. A small one of the test's own, in a mount namespace that nobody else sees and that goes with it.

use std::fs;

use crate::small;
use crate::support::run::{Done, Highwater, closes};

/// Runs `$0` with the arguments where mounting is allowed: root may, others in a user namespace of their own.
const UNSHARED: &str = r#"[ "$(id -u)" = 0 ] && user= || user=--map-root-user
exec unshare --mount $user sh -c "$0" sh "$@""#;

/// The program on a disk that is full.
const FULL_BEFORE: &str = r#"fill; "$@"; code=$?"#;

/// The program on a disk that fills up once two seconds of the run are recorded.
const FULL_AFTER_TWO_SECONDS: &str = r#"
"$@" & program=$!
while [ "$(cat disk/out/windows.jsonl 2>/dev/null | wc -l)" -lt 2 ] && kill -0 $program; do sleep 0.05; done
fill
wait $program; code=$?"#;

/// A run whose folder is on a disk of 1 MB. What is on it afterwards is kept in `kept`.
fn on_small_disk(scenario: &str, args: &[&str], how: &str) -> Done {
    let script = format!(
        "mkdir disk kept; mount -t tmpfs -o size=1m none disk || exit 99
         fill() {{ dd if=/dev/zero of=disk/filler bs=4k 2>/dev/null; }}
         {how}
         rm -f disk/filler; cp -a disk/. kept; exit $code"
    );
    Highwater::new(scenario)
        .under(&["sh", "-c", UNSHARED, &script])
        .args(args)
        .out("disk/out")
        .spawn()
        .wait()
}

#[test]
fn a_full_disk_is_told_before_anything_is_sent() {
    let done = on_small_disk(&small(2), &[], FULL_BEFORE);
    assert_eq!(done.code, 2, "{}", done.stderr);
    for word in ["disk/out", "No space left on device", "--out"] {
        assert!(done.stderr.contains(word), "{word}: {}", done.stderr);
    }
    assert_eq!(done.stdout, "");
    let left: Vec<_> = fs::read_dir(done.folder.path().join("kept"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// The load stops, since it can't be recorded any more; the result goes to the screen, and the seconds before stay in the folder.
#[test]
fn a_disk_that_fills_up_ends_the_run_and_the_account_is_shown() {
    let done = on_small_disk(&small(60), &["--json"], FULL_AFTER_TWO_SECONDS);
    assert_eq!(done.code, 3, "{}\n{}", done.stdout, done.stderr);
    let run: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    closes(&run);
    let account = &run["flows"]["orders"]["account"];
    let planned = account["planned"].as_u64().unwrap();
    assert!((400..12_000).contains(&planned), "{account}");
    assert_eq!(account["acknowledged"], account["planned"]);
    assert_eq!(run["verdict"], "invalid");
    let reasons = run["reasons"].as_array().unwrap();
    let incomplete: Vec<_> = reasons
        .iter()
        .filter(|reason| reason["kind"] == "incomplete")
        .collect();
    for file in ["windows.jsonl", "run.json"] {
        let told = incomplete.iter().any(|reason| {
            let text = reason["text"].as_str().unwrap();
            [file, "No space left on device", "--out"]
                .iter()
                .all(|word| text.contains(word))
        });
        assert!(told, "{file}: {reasons:?}");
    }
    assert!(!done.stdout.contains("interrupted"), "nobody interrupted");

    let out = done.folder.path().join("kept/out");
    let files: Vec<_> = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(files, ["windows.jsonl"]);
    // The page that was begun took a part of the next line; it must not be left.
    let windows = fs::read_to_string(out.join("windows.jsonl")).unwrap();
    assert!(windows.ends_with('\n'), "half a line");
    let lines = windows.lines().map(serde_json::from_str);
    let lines: Vec<serde_json::Value> = lines.collect::<Result<_, _>>().unwrap();
    assert!(lines.len() >= 2);
}
