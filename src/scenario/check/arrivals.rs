//! How the arrivals of a flow are spaced, and what that leaves to be said.

use toml::Spanned;

use super::super::quantity::{Lapse, Moment};
use super::super::text::{Findings, Span};
use super::super::wire;
use super::super::wire_arrivals::{self as wire_of, Phase};
use super::super::wire_values::Devices;
use super::super::{Arrivals, Batch, Lag, Periodic, Pool, Shape, Time};
use super::flows::Ground;
use super::names::{once, resolve, resolve_all};
use super::shapes::{top, within};
use super::{Table, bounded};

/// More devices or users than anyone has.
const MOST: u64 = 1_000_000_000;

/// Checks the arrivals of a flow. `None` after an error.
pub(super) fn arrivals(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    table: &Table<wire::Flow>,
    wire: &wire::Flow,
) -> Option<Arrivals> {
    let Some(given) = &wire.arrivals else {
        return Some(Arrivals::Poisson);
    };
    let arrivals = match given.get_ref() {
        wire_of::Arrivals::Even => Arrivals::Even,
        wire_of::Arrivals::Poisson => Arrivals::Poisson,
        wire_of::Arrivals::PoissonExact => Arrivals::PoissonExact,
        wire_of::Arrivals::Unthrottled => Arrivals::Unthrottled,
        wire_of::Arrivals::Bursty(bursty) => Arrivals::Bursty { cv: bursty.cv.0 },
        wire_of::Arrivals::Batch(batch) => Arrivals::Batch(batch_of(findings, ground, batch)?),
        wire_of::Arrivals::Periodic(periodic) => {
            Arrivals::Periodic(periodic_of(findings, ground, periodic)?)
        }
        wire_of::Arrivals::Closed(closed) => closed_of(findings, ground, closed)?,
    };
    let takes = Takes::of(&arrivals);
    if let (Some(journey), false) = (&wire.journey, takes.journey) {
        let message = format!(
            "a journey can't begin with {}, in {}",
            takes.called, table.what
        );
        let problem = findings.error(given.span(), message);
        problem.label = "these are for flows of an `event`".into();
        problem.help = Some(format!(
            "take other arrivals for `{}`, as in arrivals = \"poisson\"",
            journey.get_ref().0
        ));
        return None;
    }
    nothing_idle(findings, wire, &takes).then_some(arrivals)
}

/// What a kind of arrivals takes beside itself.
pub(super) struct Takes {
    /// What messages call them.
    called: &'static str,
    /// Why they take no more.
    because: &'static str,
    pub journey: bool,
    /// One of `mean`, `peak` and `total`.
    pub height: bool,
    pub shape: bool,
}

impl Takes {
    pub fn of(arrivals: &Arrivals) -> Takes {
        let (called, because, journey, height, shape) = match arrivals {
            Arrivals::Even
            | Arrivals::Poisson
            | Arrivals::PoissonExact
            | Arrivals::Bursty { .. } => ("such arrivals", "", true, true, true),
            Arrivals::Batch(batch) if batch.at.is_empty() => ("batches", "", true, true, true),
            Arrivals::Batch(_) => (
                "batches with `at`",
                "their times and sizes are given",
                true,
                false,
                false,
            ),
            Arrivals::Periodic(_) => (
                "periodic arrivals",
                "their devices and `every` say how many",
                false,
                false,
                true,
            ),
            Arrivals::Closed { .. } => (
                "closed arrivals",
                "users wait for their answers and think",
                false,
                false,
                false,
            ),
            Arrivals::Unthrottled => (
                "unthrottled arrivals",
                "they go as fast as they can",
                false,
                false,
                false,
            ),
        };
        Takes {
            called,
            because,
            journey,
            height,
            shape,
        }
    }
}

/// Whether nothing is said that these arrivals don't take. False after an error.
fn nothing_idle(findings: &mut Findings<'_>, wire: &wire::Flow, takes: &Takes) -> bool {
    let height = !takes.height;
    let shape = !takes.shape;
    let words: [(&str, Option<Span>, bool); 6] = [
        ("mean", wire.mean.as_ref().map(Spanned::span), height),
        ("peak", wire.peak.as_ref().map(Spanned::span), height),
        ("total", wire.total.as_ref().map(Spanned::span), height),
        ("of", wire.of.as_ref().map(Spanned::span), height),
        ("shape", wire.shape.as_ref().map(Spanned::span), shape),
        ("spikes", wire.spikes.as_ref().map(Spanned::span), shape),
    ];
    let mut right = true;
    for (word, span, refused) in words {
        if let (Some(span), true) = (span, refused) {
            let message = format!("`{word}` beside {}", takes.called);
            findings.error(span, message).label = takes.because.into();
            right = false;
        }
    }
    right
}

fn batch_of(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    wire: &wire_of::Batch,
) -> Option<Batch> {
    let keeps = resolve_all(findings, "pool", &ground.tables.pools, wire.keeps.as_ref()).map(once);
    if wire.within.get_ref().seconds == 0.0 {
        findings
            .error(wire.within.span(), "`within` must be above 0")
            .label = "a time above 0".into();
        return None;
    }
    let list: &[Spanned<Moment>] = wire.at.as_ref().map_or(&[], |at| at.get_ref().as_slice());
    if let (Some(at), []) = (&wire.at, list) {
        let problem = findings.error(at.span(), "`at` names no time");
        problem.label = "as in [\"10:00\", \"14:30\"]".into();
        problem.help =
            Some("without `at` batches begin at random, as the flow's height asks".into());
        return None;
    }
    let mut starts = Some(Vec::new());
    for at in list {
        match (&mut starts, within(findings, ground.setting.time, at)) {
            (Some(starts), Some(second)) => starts.push(second),
            _ => starts = None,
        }
    }
    let mut at = starts?;
    at.sort_unstable_by(f64::total_cmp);
    let within = *wire.within.get_ref();
    if let (Some(time), Some(given)) = (ground.setting.time, &wire.at)
        && !at.iter().any(|at| played(time, *at, within.seconds))
    {
        findings
            .warn(given.span(), "no batch is in the part that is played")
            .label = "nothing would be sent".into();
    }
    Some(Batch {
        size: wire.size,
        within,
        at,
        keeps: keeps?,
    })
}

/// Whether a batch that begins at a second of the simulated clock and lasts so long is played at all.
fn played(time: &Time, at: f64, lasts: f64) -> bool {
    at < time.play.1.as_secs_f64() && at + lasts > time.play.0.as_secs_f64()
}

/// A number with the scale applied; never none.
fn scaled(n: u64, scale: f64) -> u64 {
    ((n as f64 * scale).round() as u64).max(1)
}

fn periodic_of(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    wire: &wire_of::Periodic,
) -> Option<Periodic> {
    let span = wire.devices.span();
    let (devices, pool) = match wire.devices.get_ref() {
        Devices::Many(n) => (*n, None),
        Devices::Pool(name) => {
            let pool = resolve(findings, "pool", &ground.tables.pools, name, span.clone())?;
            (ground.pools.get(pool).map_or(1, |p| p.count), Some(pool))
        }
    };
    if !(1..=MOST).contains(&devices) {
        let message = format!("{devices} is impossible for devices");
        findings.error(span, message).label = "from 1 to 1B".into();
        return None;
    }
    let every = wire.every.get_ref().0;
    if every.is_zero() {
        findings
            .error(wire.every.span(), "`every` must be above 0")
            .label = "a time above 0".into();
        return None;
    }
    let jitter = wire
        .jitter
        .as_ref()
        .map_or_else(Default::default, |j| j.get_ref().0);
    if let Some(given) = wire.jitter.as_ref().filter(|_| jitter > every / 2) {
        let message = "with this much jitter a report could overtake the one before";
        findings.error(given.span(), message).label =
            format!("at most half of `every`: {}", Lapse(every / 2));
        return None;
    }
    Some(Periodic {
        devices: scaled(devices, ground.scale),
        pool,
        every,
        jitter,
        aligned: wire.phase == Some(Phase::Aligned),
    })
}

fn closed_of(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    wire: &wire_of::Closed,
) -> Option<Arrivals> {
    let users = bounded(findings, Some(&wire.users), "users", 1..=MOST, 1);
    let think = wire.think.as_ref();
    let span = think.map_or(wire.users.span(), Spanned::span);
    // Real in any case: a person does not think faster because the clock does.
    let think = think.map_or(Lag::default(), |think| *think.get_ref());
    if matches!(think, Lag::At { .. }) {
        findings
            .error(span, "users don't think until a clock time")
            .label = "a time, as in { exponential = \"5s\" }".into();
        return None;
    }
    Some(Arrivals::Closed {
        users: scaled(users, ground.scale),
        think,
    })
}

/// Whether a share of devices stays a share. False after an error.
pub(super) fn shares(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    wire: &wire::Flow,
    shapes: (&[Option<Shape>], &[Option<Shape>]),
) -> bool {
    let lists = [(&wire.shape, shapes.0), (&wire.spikes, shapes.1)];
    let mut right = true;
    for (wires, shapes) in lists {
        let wires = wires.iter().flat_map(|list| list.get_ref());
        for (wire, shape) in wires.zip(shapes) {
            let Some(shape) = shape else { continue };
            let highest = top(shape, ground.setting.time);
            if highest.is_none_or(|top| top > 1.0) {
                let message = match highest {
                    Some(top) => format!("a share of {top} of the devices"),
                    None => "noise on a share of the devices".to_owned(),
                };
                let problem = findings.error(wire.span(), message);
                problem.label = "the share switched on, from 0 to 1".into();
                right = false;
            }
        }
    }
    right
}

/// Makes pools as large as the devices that are taken from them: a scale above 1 asks for more than there are.
pub(super) fn grow<'a>(pools: &mut [Pool], arrivals: impl Iterator<Item = &'a Arrivals>) {
    for arrivals in arrivals {
        if let Arrivals::Periodic(Periodic {
            devices,
            pool: Some(pool),
            ..
        }) = arrivals
            && let Some(pool) = pools.get_mut(*pool)
        {
            pool.count = pool.count.max(*devices);
        }
    }
}
