//! Traces: rates or counts over time as monitoring systems export them, read from CSV.
//!
//! The first row is laid at the start of the simulated clock, so that last year's day replays whatever its date. A rate holds at
//! its row's instant, with straight lines between rows; a count is spread evenly from its row to the next. The last row holds for
//! as long as rows are apart on the whole (the median).

use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use toml::Spanned;

use super::super::problem::{Problem, nearest};
use super::super::quantity::Lapse;
use super::super::scalar::Text;
use super::super::text::{Findings, Span};
use super::super::wire;
use super::super::{Shape, TracePiece};
use super::shapes::Setting;

/// Rows that are further apart than so many medians have a gap between them.
const GAP: f64 = 1.5;

/// So many errors of a file are shown; the rest is counted.
const SHOWN: usize = 20;

/// Epoch numbers from here on are milliseconds: as seconds they would lie after the year 5138.
const MILLISECONDS: f64 = 1e11;

/// Epoch numbers beyond this are neither: as milliseconds they would lie after the year 5138.
const LATEST: f64 = 1e14;

/// A row that can be used.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// Seconds since the epoch.
    at: f64,
    value: f64,
    /// The byte of the file it begins at.
    place: usize,
}

/// A file with what is wrong in it.
struct File<'a> {
    name: &'a str,
    text: &'a str,
    problems: Vec<Problem>,
    /// Rows that were left out because of what is wrong, or moved.
    bridged: usize,
    bridge: bool,
}

impl File<'_> {
    /// Says what is wrong with the bytes of a row; or counts it, when gaps are bridged.
    fn wrong(&mut self, span: Range<usize>, message: String, label: &str) {
        if self.bridge {
            self.bridged += 1;
            return;
        }
        self.error(span, message, label);
    }

    fn error(&mut self, span: Range<usize>, message: String, label: &str) {
        let problem = Problem::in_text(self.name, self.text, span, message);
        self.problems.push(problem.label(label));
    }
}

/// Reads a trace. `None` after an error.
pub(super) fn trace_of(
    findings: &mut Findings<'_>,
    setting: &Setting<'_>,
    wire: &wire::Trace,
    what: &str,
) -> Option<Shape> {
    let (value, counts) = match (&wire.rate, &wire.count) {
        (Some(rate), None) => (rate, false),
        (None, Some(count)) => (count, true),
        (Some(_), Some(count)) => {
            let message = format!("`count` beside `rate` in {what}");
            findings.error(count.span(), message).label = "one of the two".into();
            return None;
        }
        (None, None) => {
            let message = format!("a trace without a column of values in {what}");
            findings.error(wire.file.span(), message).label = "needs `rate` or `count`".into();
            return None;
        }
    };
    let (name, text) = match setting
        .chain
        .file(&wire.file.span(), &wire.file.get_ref().0)
    {
        Ok(file) => file,
        Err(error) => {
            findings.error(wire.file.span(), error).label = "a CSV file is expected there".into();
            return None;
        }
    };
    if text.trim_matches('\u{feff}').trim().is_empty() {
        findings
            .error(wire.file.span(), format!("`{name}` is empty"))
            .label = "a line of names and lines of values are expected there".into();
        return None;
    }
    let mut file = File {
        name: &name,
        text: text.strip_prefix('\u{feff}').unwrap_or(&text),
        problems: Vec::new(),
        bridged: 0,
        bridge: wire.gaps == Some(wire::Gaps::Bridge),
    };
    let rows = rows(findings, &mut file, &wire.time, value)?;
    let pieces = pieces(findings, &mut file, rows, counts, wire.file.span());
    let place = wire.file.span();
    report(findings, file, place.clone())?;
    let pieces = pieces?;
    let end = pieces.last().map_or(0.0, |p| p.to);
    if let Some(time) = setting.time
        && end < time.span.as_secs_f64()
    {
        let lapse =
            |seconds: f64| std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
        let message = format!(
            "the trace is over {} before the span is",
            Lapse(lapse(time.span.as_secs_f64() - end))
        );
        findings.warn(place, message).label = "nothing is sent after it".into();
    }
    Some(Shape::Trace(pieces))
}

/// Hands over what is wrong with a file. `None` when anything is.
fn report(findings: &mut Findings<'_>, mut file: File<'_>, place: Span) -> Option<()> {
    if file.bridged > 0 {
        let rows = match file.bridged {
            1 => "1 row".to_owned(),
            n => format!("{n} rows"),
        };
        let message = format!("`{}` was bridged at {rows}", file.name);
        findings.warn(place.clone(), message).label = "gaps, disorder or bad rows".into();
    }
    let all = file.problems.len();
    let line = |problem: &Problem| problem.place.as_ref().map_or(0, |place| place.line);
    file.problems.sort_by_key(line);
    for (number, mut problem) in file.problems.into_iter().take(SHOWN).enumerate() {
        if all > SHOWN && number + 1 == SHOWN {
            problem.help = Some(format!("and {} more in this file", all - SHOWN));
        }
        findings.push(place.clone(), problem);
    }
    (all == 0).then_some(())
}

/// The rows that can be used, in the order of the file. `None` when the columns are not there.
fn rows(
    findings: &mut Findings<'_>,
    file: &mut File<'_>,
    time: &Spanned<Text>,
    value: &Spanned<Text>,
) -> Option<Vec<Row>> {
    let text = file.text;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(text))
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let columns = match reader.headers() {
        Ok(headers) => headers.clone(),
        Err(error) => {
            let message = format!("`{}` can't be read as CSV: {error}", file.name);
            findings.error(time.span(), message);
            return None;
        }
    };
    let columns = (
        column(findings, file.name, &columns, time),
        column(findings, file.name, &columns, value),
    );
    let columns = (columns.0?, columns.1?);
    let mut rows = Vec::new();
    for record in reader.records() {
        match record {
            Ok(record) => match row(text, &record, columns) {
                Ok(row) => rows.push(row),
                Err((span, message, label)) => file.wrong(span, message, label),
            },
            Err(error) => {
                let at = error.position().map_or(0, |p| p.byte() as usize);
                file.wrong(line(text, at), format!("not a row: {error}"), "here");
            }
        }
    }
    Some(rows)
}

/// Which column has the name that a word of the scenario gives; an error with the nearest when none has.
fn column(
    findings: &mut Findings<'_>,
    file: &str,
    columns: &csv::StringRecord,
    word: &Spanned<Text>,
) -> Option<usize> {
    let name = word.get_ref().0.trim();
    let found = columns.iter().position(|column| column == name);
    if found.is_none() {
        let near = nearest(name, columns.iter()).map(str::to_owned);
        let message = format!("`{file}` has no column `{name}`");
        let problem = findings.error(word.span(), message);
        problem.label = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "not in its first line".into(),
        };
        let known: Vec<&str> = columns.iter().collect();
        problem.help = Some(format!("its columns: {}", known.join(", ")));
    }
    found
}

/// What is wrong with a row: where, and what is expected there.
type Wrong = (Range<usize>, String, &'static str);

/// A row's time and value, from these columns.
fn row(text: &str, record: &csv::StringRecord, columns: (usize, usize)) -> Result<Row, Wrong> {
    let at = record.position().map_or(0, |p| p.byte() as usize);
    let time = record.get(columns.0).unwrap_or("");
    let value = record.get(columns.1).unwrap_or("");
    let Some(instant) = instant(time) else {
        let label = "RFC 3339, or seconds or milliseconds since 1970";
        let message = format!("`{time}` is not a time");
        return Err((marked(text, at, time), message, label));
    };
    match value.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(Row {
            at: instant,
            value: number,
            place: at,
        }),
        _ => {
            let message = match value {
                "" => "this row has no value".to_owned(),
                other => format!("`{other}` is not a number of events"),
            };
            Err((marked(text, at, value), message, "a number of 0 or more"))
        }
    }
}

/// What stands between the fields: the one of the usual three that the first line has most of.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or("");
    let count = |d: &u8| first.bytes().filter(|b| b == d).count();
    // Of equals the last, so the comma.
    [b'\t', b';', b',']
        .into_iter()
        .max_by_key(count)
        .unwrap_or(b',')
}

/// The line that a byte lies in.
fn line(text: &str, at: usize) -> Range<usize> {
    // The reader's position is where the row before ended: what is left of its line end is skipped.
    let rest = text.get(at..).unwrap_or("");
    let start = at + (rest.len() - rest.trim_start_matches(['\r', '\n']).len());
    let rest = text.get(start..).unwrap_or("");
    let length = rest.find(['\r', '\n']).unwrap_or(rest.len());
    start..start + length
}

/// The place of a field in the row at a byte; the whole line when it is not plain to see there.
fn marked(text: &str, at: usize, field: &str) -> Range<usize> {
    let line = line(text, at);
    let shown = text.get(line.clone()).unwrap_or("");
    match shown.find(field) {
        Some(offset) if !field.is_empty() => line.start + offset..line.start + offset + field.len(),
        _ => line,
    }
}

/// Seconds since the epoch. Dates without an offset count as UTC: of a trace only the distances matter.
fn instant(text: &str) -> Option<f64> {
    if let Ok(number) = text.parse::<f64>() {
        return match number.abs() {
            n if n < MILLISECONDS => Some(number),
            n if n < LATEST => Some(number / 1000.0),
            _ => None,
        };
    }
    let at = match text.parse::<Timestamp>() {
        Ok(at) => at,
        Err(_) => text
            .parse::<DateTime>()
            .ok()?
            .to_zoned(TimeZone::UTC)
            .ok()?
            .timestamp(),
    };
    Some(at.as_nanosecond() as f64 / 1e9)
}

/// Rows as straight pieces from the start of the clock on. `None` when there are too few.
fn pieces(
    findings: &mut Findings<'_>,
    file: &mut File<'_>,
    rows: Vec<Row>,
    counts: bool,
    place: Span,
) -> Option<Vec<TracePiece>> {
    let rows = in_order(file, rows);
    if rows.len() < 2 {
        if file.problems.is_empty() {
            let message = format!("`{}` has fewer than two rows to go by", file.name);
            findings.error(place, message).label = "a trace goes from row to row".into();
        }
        return None;
    }
    let mut distances: Vec<f64> = rows.windows(2).map(|w| w[1].at - w[0].at).collect();
    distances.sort_unstable_by(f64::total_cmp);
    let median = distances[distances.len() / 2];
    let start = rows[0].at;
    let rate = |row: &Row| {
        if counts {
            row.value / median
        } else {
            row.value
        }
    };
    let mut pieces = Vec::new();
    for pair in rows.windows(2) {
        let (row, next) = (&pair[0], &pair[1]);
        let (from, to) = (row.at - start, next.at - start);
        let gap = to - from > GAP * median;
        if gap {
            let apart = |s: f64| Lapse(std::time::Duration::from_secs_f64(s.clamp(0.0, 1e9)));
            let message = format!("no row for {} before this one", apart(to - from));
            let label = format!("rows are {} apart", apart(median));
            file.wrong(line(file.text, next.place), message, &label);
        }
        let piece = |from, to, rate_from, rate_to| TracePiece {
            from,
            to,
            rate_from,
            rate_to,
        };
        match (counts, gap) {
            (false, _) => pieces.push(piece(from, to, row.value, next.value)),
            (true, false) => {
                let even = row.value / (to - from);
                pieces.push(piece(from, to, even, even));
            }
            // The count is that of one interval; a straight line leads over the gap.
            (true, true) => {
                let end = from + median;
                pieces.push(piece(from, end, rate(row), rate(row)));
                pieces.push(piece(end, to, rate(row), rate(next)));
            }
        }
    }
    let last = &rows[rows.len() - 1];
    let from = last.at - start;
    pieces.push(TracePiece {
        from,
        to: from + median,
        rate_from: rate(last),
        rate_to: rate(last),
    });
    Some(pieces)
}

/// Rows by time. Disorder and two rows of one time are errors, or put right: of two rows of one time the first stays.
fn in_order(file: &mut File<'_>, mut rows: Vec<Row>) -> Vec<Row> {
    for pair in rows.windows(2) {
        let (before, row) = (&pair[0], &pair[1]);
        let place = line(file.text, row.place);
        if row.at < before.at {
            let message = "this row is earlier than the one before".to_owned();
            file.wrong(place, message, "rows go from early to late");
        } else if row.at == before.at {
            let message = "this row has the time of the one before".to_owned();
            file.wrong(place, message, "one row for each time");
        }
    }
    rows.sort_by(|a, b| a.at.total_cmp(&b.at));
    rows.dedup_by(|next, kept| next.at == kept.at);
    rows
}
