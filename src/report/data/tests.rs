//! Folders that are whole, cut short, edited or none of ours.

use std::fs;

use super::*;
use crate::measure::run::Verdict;

/// A folder with a run of nothing: it adds up, since all of it is zero.
fn folder(edit: impl FnOnce(&mut serde_json::Value), windows: Option<&str>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let mut run = serde_json::json!({
        "format": 1, "tool": {"name": "highwater", "version": "0.1.0", "librdkafka": "2.12.1"}, "id": "test",
        "started": "2026-11-27T08:00:00Z", "elapsed_us": 2_000_000,
        "plan": {"hash": "", "setup_hash": "", "scenario": "name = \"calm\"", "seed": 1, "curve": []},
        "machine": {"cpu": "", "cores": 2, "memory_bytes": 0, "kernel": ""},
        "target": {"kind": "null", "bootstrap": [], "brokers": [], "topics": {}, "client": {}},
        "verdict": "pass", "reasons": [], "slos": [], "flows": {}, "events": {}, "consume": {}, "partitions": {},
        "actions": [],
        "generator": {"cpu_cores": 0.0, "send_delay_p99_us": null, "run_queue_delay": 0.0, "rss_max_bytes": 0, "healthy": true},
    });
    edit(&mut run);
    if !run.is_null() {
        fs::write(dir.path().join(RUN_FILE), run.to_string()).expect("written");
    }
    if let Some(windows) = windows {
        fs::write(dir.path().join(WINDOWS_FILE), windows).expect("written");
    }
    dir
}

fn lines(seconds: u64) -> String {
    (0..seconds)
        .map(|s| {
            let line: WindowLine = WindowLine {
                at_us: s * 1_000_000,
                warm: true,
                ..WindowLine::default()
            };
            serde_json::to_string(&line).expect("serialises") + "\n"
        })
        .collect()
}

fn error(dir: &tempfile::TempDir) -> String {
    load(dir.path()).expect_err("refused").to_string()
}

#[test]
fn a_whole_folder_is_read() {
    let dir = folder(|_| {}, Some(&lines(2)));
    let data = load(dir.path()).expect("whole");
    assert_eq!(
        data.run.as_ref().map(|run| run.verdict),
        Some(Verdict::Pass)
    );
    assert_eq!(
        (data.windows.len(), data.window_us, &data.note),
        (2, 1_000_000, &None)
    );
    assert_eq!((data.name().as_str(), data.elapsed_s()), ("calm", 2.0));
    let by_file = load(&dir.path().join(RUN_FILE)).expect("the file's name serves as well");
    assert_eq!(by_file.folder, dir.path());
}

#[test]
fn without_run_json_it_is_incomplete() {
    let mut text = lines(3);
    text.push_str("{\"at_us\":3000000,\"wa");
    let dir = folder(|run| *run = serde_json::Value::Null, Some(&text));
    let data = load(dir.path()).expect("readable");
    assert!(data.run.is_none());
    assert_eq!(data.windows.len(), 3, "the line that was cut is left out");
    let note = data.note.clone().expect("why");
    assert!(
        note.contains("run.json is missing") && note.contains("3 s"),
        "{note}"
    );
    assert_eq!(data.elapsed_s(), 3.0);
    assert_eq!(
        data.name(),
        dir.path().file_name().expect("named").to_string_lossy()
    );
}

#[test]
fn without_windows_the_totals_remain() {
    let data = load(folder(|_| {}, None).path()).expect("readable");
    assert!(data.note.expect("why").contains("windows.jsonl is missing"));
}

#[test]
fn a_later_format_is_refused_with_the_remedy() {
    let dir = folder(|run| run["format"] = 2.into(), Some(&lines(1)));
    let error = error(&dir);
    assert!(
        error.contains("format 2") && error.contains("use the version that wrote it"),
        "{error}"
    );
}

#[test]
fn what_is_none_of_ours_is_named() {
    let empty = tempfile::tempdir().expect("a folder");
    assert!(error(&empty).contains("is not a run folder"));
    let nowhere = load(&empty.path().join("no")).expect_err("nowhere");
    assert!(matches!(nowhere, LoadError::Missing(_)), "{nowhere}");
    let foreign = folder(|run| *run = serde_json::json!({"metrics": []}), None);
    assert!(error(&foreign).contains("is not a run file of this tool"));
    let nothing = folder(|run| *run = serde_json::Value::Null, Some("{\"at_us\":0"));
    assert!(error(&nothing).contains("holds no result"));
    let line = folder(|_| {}, Some("{\"hello\":1}\n"));
    assert!(error(&line).contains("windows.jsonl, line 1"));
}

#[test]
fn a_truncated_run_json_is_an_error() {
    let dir = folder(|_| {}, Some(&lines(1)));
    let path = dir.path().join(RUN_FILE);
    let text = fs::read_to_string(&path).expect("readable");
    for cut in [0, 1, text.len() / 2, text.len() - 1] {
        fs::write(&path, &text[..cut]).expect("written");
        assert!(
            error(&dir).contains("run.json is not a run file"),
            "cut at {cut}"
        );
    }
}

#[test]
fn an_edited_run_is_refused_when_it_says_pass_and_doubted_otherwise() {
    let edit = |run: &mut serde_json::Value| {
        run["events"] = serde_json::json!({"order": {"acknowledged": 5, "bytes": 0}});
    };
    let dir = folder(edit, Some(&lines(1)));
    assert!(error(&dir).contains("does not add up"));
    let failed = |run: &mut serde_json::Value| {
        edit(run);
        run["verdict"] = "fail".into();
    };
    let data = load(folder(failed, Some(&lines(1))).path()).expect("shown all the same");
    assert!(data.note.expect("why").contains("do not add up"));
}

#[test]
fn a_long_run_is_held_in_few_windows() {
    let data = load(folder(|_| {}, Some(&lines(2_000))).path()).expect("whole");
    assert_eq!((data.windows.len(), data.window_us), (400, 5_000_000));
}
