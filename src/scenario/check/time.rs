//! When a scenario plays: `[time]`, and instants of its clock.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};
use toml::Spanned;
use toml::de::DeTable;

use super::super::Time;
use super::super::quantity::{Lapse, Moment};
use super::super::read::Read;
use super::super::scalar::RealLapse;
use super::super::text::{Findings, Texts};
use super::super::wire;
use super::one;

/// Where the simulated clock starts when nothing is said. Fixed, so that bytes do not depend on the day of the run.
const STARTS: &str = "2026-01-01T00:00:00Z";

/// How long open acknowledgements are waited for when nothing is said.
const SETTLE: Duration = Duration::from_secs(30);

/// Longer spans and runs are taken for mistakes.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// How far back journeys under way are replayed when nothing is said.
const HISTORY: Duration = Duration::from_secs(60);

/// A longer history would take longer to replay than anyone waits.
const LONGEST_HISTORY: Duration = Duration::from_secs(86_400);

const DAY: Duration = Duration::from_secs(86_400);

/// Reads `[time]`. `None` after an error.
pub(super) fn check(findings: &mut Findings<'_>, root: &DeTable<'_>) -> Option<Time> {
    let Some((key, _)) = root.get_key_value("time") else {
        let problem = findings.error(0..0, "[time] is missing");
        problem.label = "how long does it play?".into();
        problem.help = Some("add [time] with span = \"10m\"".into());
        return None;
    };
    let place = key.span();
    let Read { value: wire, whole } = one::<wire::Time>(findings, root, "time")?;
    // Each by itself, so that all that is wrong is told at once.
    let history = history(findings, wire.history.as_ref());
    let starts = match &wire.starts {
        Some(text) => starts(findings, text),
        None => instant(STARTS),
    };
    let Some(span) = &wire.span else {
        if whole {
            let problem = findings.error(place, "`span` is missing in [time]");
            problem.label = "how long does it play?".into();
            problem.help = Some("add span = \"10m\", of the simulated clock".into());
        }
        return None;
    };
    let Lapse(length) = *span.get_ref();
    if length.is_zero() || length > LONGEST {
        findings.error(span.span(), "the span is impossible").label =
            "above 0, and at most 366 days".into();
        return None;
    }
    let starts = starts?;
    let play = match &wire.play {
        Some(play) => played(findings, play, &starts, length)?,
        None => (Duration::ZERO, length),
    };
    let time = Time {
        history: history?,
        starts,
        span: length,
        play,
        compress: wire.compress.map_or(1.0, |c| c.0),
        warmup: wire
            .warmup
            .as_ref()
            .map_or(Duration::ZERO, |w| w.get_ref().0),
        settle: wire.settle.map_or(SETTLE, |s| s.0),
        catch_up: wire.catch_up.map_or(Duration::ZERO, |c| c.0),
    };
    let run = Duration::try_from_secs_f64(
        time.play.1.saturating_sub(time.play.0).as_secs_f64() / time.compress,
    )
    .unwrap_or(Duration::MAX);
    if run < Duration::from_millis(100) || run > LONGEST {
        let message = match run > LONGEST {
            true => "played so slowly, the run would take more than 366 days",
            false => "compressed so much, the run is over in less than 100 ms",
        };
        findings.error(place, message);
        return None;
    }
    if let Some(warmup) = &wire.warmup
        && time.warmup >= run
    {
        let message = format!("the run takes {} and is all warm-up", Lapse(run));
        findings.warn(warmup.span(), message).label = "SLOs judge what comes after it".into();
    }
    Some(time)
}

/// How far back journeys are replayed. `None` after an error.
fn history(findings: &mut Findings<'_>, given: Option<&Spanned<RealLapse>>) -> Option<Duration> {
    let Some(given) = given else {
        return Some(HISTORY);
    };
    let RealLapse(history) = *given.get_ref();
    if history > LONGEST_HISTORY {
        findings
            .error(given.span(), "the history is too long")
            .label = format!("real time, at most {}", Lapse(LONGEST_HISTORY));
        return None;
    }
    Some(history)
}

/// The time as it stands in a tree, without a word about errors; `None` when there are any.
pub(in super::super) fn preview(texts: &Texts, root: &DeTable<'_>) -> Option<Time> {
    let mut unheard = Findings::new(texts);
    check(&mut unheard, root).filter(|_| !unheard.any_error())
}

/// The part that is played.
fn played(
    findings: &mut Findings<'_>,
    play: &Spanned<Vec<Spanned<Moment>>>,
    starts: &Zoned,
    length: Duration,
) -> Option<(Duration, Duration)> {
    let [from, to] = play.get_ref().as_slice() else {
        findings
            .error(play.span(), "`play` is two clock times")
            .label = "as in [\"11:50\", \"12:10\"]".into();
        return None;
    };
    let start = offset(*from.get_ref(), starts);
    let mut end = offset(*to.get_ref(), starts);
    // "24:00" is written "00:00": the first such time after the start of the part.
    if matches!(to.get_ref(), Moment::Clock(_)) {
        while end <= start {
            end += DAY;
        }
    }
    if end <= start || end > length {
        let message = format!(
            "the part to play ends {} after the start of the simulated clock",
            Lapse(end)
        );
        findings.error(to.span(), message).label = match end <= start {
            true => "before it begins".into(),
            false => format!("but the span is {}", Lapse(length)),
        };
        return None;
    }
    Some((start, end))
}

/// How long after the start of the simulated clock an instant is: a clock time is the first such.
pub(super) fn offset(moment: Moment, starts: &Zoned) -> Duration {
    match moment {
        Moment::After(after) => after,
        Moment::Clock(second) => {
            let since_midnight = starts.time().duration_since(jiff::civil::Time::midnight());
            let since_midnight = since_midnight.unsigned_abs();
            let clock = Duration::from_secs(second.into());
            match clock >= since_midnight {
                true => clock - since_midnight,
                false => clock + DAY - since_midnight,
            }
        }
    }
}

fn starts(findings: &mut Findings<'_>, text: &Spanned<super::Text>) -> Option<Zoned> {
    let starts = instant(&text.get_ref().0);
    if starts.is_none() {
        let problem = findings.error(text.span(), "this is not a date and time");
        problem.label = "expected \"2026-11-30T00:00:00-05:00\"".into();
    }
    starts
}

/// A date and time with its offset, or with a time zone in brackets; in UTC when it has neither.
fn instant(text: &str) -> Option<Zoned> {
    if let Ok(zoned) = text.parse::<Zoned>() {
        return Some(zoned);
    }
    let pieces = jiff::fmt::temporal::Pieces::parse(text).ok()?;
    let offset = pieces.to_numeric_offset().unwrap_or(Offset::UTC);
    let civil = DateTime::from_parts(pieces.date(), pieces.time()?);
    let at: Timestamp = offset.to_timestamp(civil).ok()?;
    Some(at.to_zoned(TimeZone::fixed(offset)))
}
