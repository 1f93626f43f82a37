//! `windows.jsonl` read on all cores and merged as it is read: a file of a day holds millions of histograms.
//!
//! Each thread takes a stretch of the file and adds its lines up by itself, histograms straight from their text; the stretches are
//! then put together in order.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use serde::Deserialize;
use serde::de::Error as _;

use super::merge::Merger;
use crate::measure::codec::{Encoded, Unread};
use crate::measure::line::{ReadError, WindowLine};

/// The least a thread is started for: reading it takes some milliseconds.
const STRETCH: u64 = 4 << 20;
/// The most threads: each holds windows of its own.
const THREADS: u64 = 16;
/// Read from the disk at a time.
const BUFFER: usize = 1 << 20;

/// Which histograms of a line are added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Those that are shown over time.
    Shown,
    /// Service times as well: they are shown over the whole run, and nothing but the windows has them.
    ShownAndService,
}

/// At most `most` windows, in order of time, and their length in microseconds. A last line that was cut short (the run was killed
/// while it was written) is left out, and so are the response times by event, and service times where they are not `wanted`.
///
/// # Errors
/// When the file can't be read, or a line of it.
pub(super) fn merged(
    path: &Path,
    most: usize,
    wanted: Wanted,
) -> Result<(Vec<WindowLine>, u64), ReadError> {
    let io = |source| ReadError::Io {
        path: path.to_owned(),
        source,
    };
    let length = File::open(path)
        .and_then(|file| file.metadata())
        .map_err(io)?
        .len();
    let last_us = last_at_us(path, length).map_err(io)?.unwrap_or(0);
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let threads = cores.min(THREADS).min(length / STRETCH + 1);
    let stretch = |i: u64| (length * i / threads, length * (i + 1) / threads);
    let read = |i: u64| {
        let mut merger = Merger::up_to(last_us, most);
        let (from, to) = stretch(i);
        let take = match wanted {
            Wanted::Shown => shown,
            Wanted::ShownAndService => shown_and_service,
        };
        add(path, from, to, take, &mut merger).map(|()| merger)
    };
    let parts: Vec<Result<Merger, Fault>> = std::thread::scope(|scope| {
        let read = &read;
        let others: Vec<_> = (1..threads).map(|i| scope.spawn(move || read(i))).collect();
        let first = read(0);
        let joined = others.into_iter().map(|thread| match thread.join() {
            Ok(part) => part,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        std::iter::once(first).chain(joined).collect()
    });
    let mut all = Merger::up_to(last_us, most);
    for part in parts {
        let part = part.map_err(|fault| fault.told(path))?;
        // What could not be read was found above.
        all.append(part)
            .map_err(|error| io(io::Error::other(error)))?;
    }
    Ok(all.finish())
}

/// What is wrong with a stretch.
enum Fault {
    Io(io::Error),
    /// Of the line that begins at this byte.
    Line(u64, serde_json::Error),
}

impl Fault {
    fn told(self, path: &Path) -> ReadError {
        let path = path.to_owned();
        match self {
            Fault::Io(source) => ReadError::Io { path, source },
            Fault::Line(begins, source) => match lines_before(&path, begins) {
                Ok(before) => ReadError::Line {
                    line: before + 1,
                    path,
                    source,
                },
                Err(source) => ReadError::Io { path, source },
            },
        }
    }
}

/// How many lines end before this byte.
fn lines_before(path: &Path, end: u64) -> io::Result<usize> {
    let mut from = BufReader::with_capacity(BUFFER, File::open(path)?).take(end);
    let mut lines = 0;
    while from.skip_until(b'\n')? > 0 {
        lines += 1;
    }
    Ok(lines)
}

/// Adds a line without what nothing of a report shows over time: half of all histograms.
fn shown(line: &[u8], into: &mut Merger) -> Result<(), serde_json::Error> {
    let line: WindowLine<Encoded<'_>, Unread, Unread> = serde_json::from_slice(line)?;
    into.push(&line).map_err(serde_json::Error::custom)
}

/// The same with service times.
fn shown_and_service(line: &[u8], into: &mut Merger) -> Result<(), serde_json::Error> {
    let line: WindowLine<Encoded<'_>, Unread> = serde_json::from_slice(line)?;
    into.push(&line).map_err(serde_json::Error::custom)
}

/// Adds the lines that begin in `from..to`, each as `take` does.
fn add(
    path: &Path,
    from: u64,
    to: u64,
    take: fn(&[u8], &mut Merger) -> Result<(), serde_json::Error>,
    into: &mut Merger,
) -> Result<(), Fault> {
    let mut file = File::open(path).map_err(Fault::Io)?;
    let mut begins = from;
    if from > 0 {
        file.seek(SeekFrom::Start(from - 1)).map_err(Fault::Io)?;
    }
    let mut file = BufReader::with_capacity(BUFFER, file);
    if from > 0 {
        // The line before ends here, or goes on: it is another stretch's.
        begins = from - 1 + file.skip_until(b'\n').map_err(Fault::Io)? as u64;
    }
    let mut text = Vec::new();
    while begins < to {
        text.clear();
        let length = file.read_until(b'\n', &mut text).map_err(Fault::Io)?;
        if text.last() != Some(&b'\n') {
            break;
        }
        take(&text, into).map_err(|error| Fault::Line(begins, error))?;
        begins += length as u64;
    }
    Ok(())
}

/// When the second of the last whole line begins; `None` where there is none that says so.
fn last_at_us(path: &Path, length: u64) -> io::Result<Option<u64>> {
    #[derive(Deserialize)]
    struct At {
        at_us: u64,
    }
    let mut file = File::open(path)?;
    let mut tail = Vec::new();
    let mut back = 64 << 10;
    loop {
        let from = length.saturating_sub(back);
        file.seek(SeekFrom::Start(from))?;
        tail.clear();
        (&mut file).take(length - from).read_to_end(&mut tail)?;
        let mut ends = tail.iter().enumerate().rev();
        let mut newline = || ends.find(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
        let line = match (newline(), newline()) {
            (Some(end), Some(before)) => &tail[before + 1..end],
            (Some(end), None) if from == 0 => &tail[..end],
            _ if from == 0 => return Ok(None),
            _ => {
                back *= 4;
                continue;
            }
        };
        return Ok(serde_json::from_slice(line).ok().map(|At { at_us }| at_us));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn written(lines: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("windows.jsonl");
        fs::write(&path, lines).expect("written");
        (dir, path)
    }

    fn lines(seconds: u64) -> String {
        let line = |s| WindowLine {
            at_us: s * 1_000_000,
            // Of different lengths, so that stretches begin anywhere.
            marks: vec!["x".repeat((s * 37 % 101) as usize)],
            ..WindowLine::<crate::measure::histogram::WindowHistogram>::default()
        };
        let text = |s| serde_json::to_string(&line(s)).expect("serialises") + "\n";
        (0..seconds).map(text).collect()
    }

    #[test]
    fn every_line_is_in_one_stretch() {
        let text = lines(40);
        let (_dir, path) = written(&text);
        let length = text.len() as u64;
        for cut in 0..=length {
            let mut parts = [(0, cut), (cut, length)].map(|(from, to)| {
                let mut part = Merger::new(900);
                assert!(add(&path, from, to, shown, &mut part).is_ok());
                part.finish().0
            });
            let both = parts[0].len() + parts[1].len();
            assert_eq!(both, 40, "cut at {cut}");
            let last = parts[0].pop();
            let first = parts[1].first();
            if let (Some(last), Some(first)) = (last, first) {
                assert_eq!(last.at_us + 1_000_000, first.at_us, "cut at {cut}");
            }
        }
    }

    #[test]
    fn the_last_whole_line_is_found() {
        for (text, at_us) in [
            (String::new(), None),
            ("{\"at_us\":5".to_owned(), None),
            (lines(1), Some(0)),
            (lines(3) + "{\"at_us\":9", Some(2_000_000)),
            // Longer than what is read at first.
            (
                format!(
                    "{}{{\"at_us\":7,\"x\":\"{}\"}}\n",
                    lines(2),
                    "y".repeat(200_000)
                ),
                Some(7),
            ),
        ] {
            let (_dir, path) = written(&text);
            let found = last_at_us(&path, text.len() as u64).expect("readable");
            assert_eq!(found, at_us);
        }
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        let bad = lines(7) + "{\"at_us\":7000000}\n" + &lines(3);
        let (_dir, path) = written(&bad);
        let error = merged(&path, 900, Wanted::Shown).expect_err("a field is missing");
        assert!(error.to_string().contains("line 8"), "{error}");
        let histogram = lines(1).replace(
            "\"flows\":{}",
            "\"flows\":{\"a\":{\"planned\":0,\"sent\":0,\"unsent\":0,\"lost\":0,\"acknowledged\":0,\"failed\":0,\"unresolved\":0,\
             \"queue_full\":false,\"during\":{\"sent\":0,\"acknowledged\":0,\"failed\":0,\"bytes\":0,\"key_bytes\":0},\
             \"response\":null,\"service\":\"AAAA\",\"send_delay\":null}}",
        );
        let (_dir, path) = written(&(lines(2) + &histogram));
        assert!(
            merged(&path, 900, Wanted::Shown).is_ok(),
            "it is not looked at"
        );
        let error = merged(&path, 900, Wanted::ShownAndService)
            .expect_err("no histogram")
            .to_string();
        assert!(
            error.contains("line 3") && error.contains("HdrHistogram"),
            "{error}"
        );
    }
}
