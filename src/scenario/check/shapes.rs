//! Shapes: factors over simulated time.

use std::time::Duration;

use toml::Spanned;

use super::super::extends::Chain;
use super::super::quantity::{Lapse, Moment};
use super::super::scalar::NonNegative;
use super::super::text::Findings;
use super::super::wire;
use super::super::{Shape, Time};
use super::time::offset;
use super::trace::trace_of;

/// Stands for the span when that has errors.
const DAY: f64 = 86_400.0;

/// What shapes are read in.
pub(super) struct Setting<'a> {
    /// `None` when `[time]` has errors.
    pub time: Option<&'a Time>,
    /// Where traces are found.
    pub chain: &'a Chain,
}

/// Checks one shape; without a time, as far as that goes. `None` after an error.
pub(super) fn shape(
    findings: &mut Findings<'_>,
    setting: &Setting<'_>,
    wire: &Spanned<wire::Shape>,
    what: &str,
) -> Option<Shape> {
    let shape = convert(findings, setting, wire, what)?;
    if zero(&shape) {
        let message = format!("this shape is 0 throughout, in {what}");
        findings.error(wire.span(), message).label = "nothing would be sent".into();
        return None;
    }
    Some(shape)
}

fn convert(
    findings: &mut Findings<'_>,
    setting: &Setting<'_>,
    wire: &Spanned<wire::Shape>,
    what: &str,
) -> Option<Shape> {
    let span = wire.span();
    let time = setting.time;
    Some(match wire.get_ref() {
        wire::Shape::Ramp(ramp) => {
            let at = match &ramp.at {
                Some(at) => within(findings, time, at)?,
                None => 0.0,
            };
            let over = match &ramp.over {
                Some(over) => positive(findings, over, "`over`")?,
                None => time.map_or(DAY, |t| t.span.as_secs_f64()) - at,
            };
            let (from, to) = (ramp.from.0, ramp.to.0);
            Shape::Ramp { from, to, at, over }
        }
        wire::Shape::Stairs(stairs) => stairs_of(findings, time, stairs)?,
        wire::Shape::Hours(hours) => hours_of(findings, hours, what)?,
        wire::Shape::Sine(sine) => {
            let (low, high) = (sine.low.0, sine.high.0);
            if low > high {
                findings.error(span, "`low` is above `high`").label = "the other way round?".into();
                return None;
            }
            Shape::Sine {
                period: positive(findings, &sine.period, "`period`")?,
                low,
                high,
                top_at: since_start(time, &sine.top_at),
            }
        }
        wire::Shape::Gaussian(bell) => Shape::Gaussian {
            at: since_start(time, &bell.at),
            sd: positive(findings, &bell.sd, "`sd`")?,
            height: bell.height.0,
            base: base(bell.base),
        },
        wire::Shape::Flash(flash) => {
            let seconds = |t: Option<Lapse>| t.map_or(0.0, |Lapse(t)| t.as_secs_f64());
            Shape::Flash {
                at: within(findings, time, &flash.at)?,
                height: flash.height.0,
                base: base(flash.base),
                attack: seconds(flash.attack),
                hold: seconds(flash.hold),
                decay: seconds(flash.decay),
            }
        }
        wire::Shape::Square(square) => square_of(findings, square)?,
        wire::Shape::Noise(noise) => Shape::Noise {
            cv: noise.cv.0,
            every: positive(findings, &noise.every, "`every`")?,
        },
        wire::Shape::Sum(parts) => sum(findings, setting, wire, parts, what)?,
        wire::Shape::Trace(trace) => trace_of(findings, setting, trace, what)?,
    })
}

fn hours_of(
    findings: &mut Findings<'_>,
    hours: &Spanned<Vec<NonNegative>>,
    what: &str,
) -> Option<Shape> {
    let factors: Vec<f64> = hours.get_ref().iter().map(|h| h.0).collect();
    let Ok(factors) = <[f64; 24]>::try_from(factors) else {
        let message = format!("`hours` has {} numbers in {what}", hours.get_ref().len());
        findings.error(hours.span(), message).label =
            "expected 24, one for each hour of the day".into();
        return None;
    };
    Some(Shape::Hours(factors))
}

fn square_of(findings: &mut Findings<'_>, square: &wire::Square) -> Option<Shape> {
    let every = positive(findings, &square.every, "`every`")?;
    let on = positive(findings, &square.on, "`on`")?;
    if on > every {
        let problem = findings.error(square.on.span(), "`on` is longer than `every`");
        problem.label = "the part of `every` that is on".into();
        return None;
    }
    Some(Shape::Square {
        every,
        on,
        height: square.height.0,
        base: base(square.base),
    })
}

fn stairs_of(
    findings: &mut Findings<'_>,
    time: Option<&Time>,
    stairs: &wire::Stairs,
) -> Option<Shape> {
    let every = positive(findings, &stairs.every, "`every`")?;
    let (from, step) = (stairs.from.0, stairs.step.get_ref().0);
    let steps = (time.map_or(every, |t| t.span.as_secs_f64()) / every).ceil() - 1.0;
    if step == 0.0 || from + step * steps < 0.0 {
        let message = match step == 0.0 {
            true => "stairs without a step",
            false => "the stairs go below 0 within the span",
        };
        findings.error(stairs.step.span(), message).label = "another `step`".into();
        return None;
    }
    Some(Shape::Stairs { from, step, every })
}

fn sum(
    findings: &mut Findings<'_>,
    setting: &Setting<'_>,
    wire: &Spanned<wire::Shape>,
    parts: &[Spanned<wire::Shape>],
    what: &str,
) -> Option<Shape> {
    if parts.is_empty() {
        findings.error(wire.span(), "a sum of no shapes").label = "at least one".into();
        return None;
    }
    let mut checked = Vec::new();
    for part in parts {
        if matches!(part.get_ref(), wire::Shape::Noise(_)) {
            findings
                .error(part.span(), "noise can't be a part of a sum")
                .label = "it goes on top: put it into `shape` or `spikes`".into();
            return None;
        }
        checked.push(convert(findings, setting, part, what)?);
    }
    Some(Shape::Sum(checked))
}

fn base(wire: Option<NonNegative>) -> f64 {
    wire.map_or(1.0, |b| b.0)
}

/// Seconds of a time that must be above zero.
pub(super) fn positive(
    findings: &mut Findings<'_>,
    time: &Spanned<Lapse>,
    what: &str,
) -> Option<f64> {
    let Lapse(length) = *time.get_ref();
    if length.is_zero() {
        findings
            .error(time.span(), format!("{what} must be above 0"))
            .label = "a time above 0".into();
        return None;
    }
    Some(length.as_secs_f64())
}

/// Seconds from the start of the clock to an instant.
fn since_start(time: Option<&Time>, at: &Spanned<Moment>) -> f64 {
    time.map_or(0.0, |t| offset(*at.get_ref(), &t.starts).as_secs_f64())
}

/// Seconds from the start of the clock to an instant, which must lie within the span.
pub(super) fn within(
    findings: &mut Findings<'_>,
    time: Option<&Time>,
    at: &Spanned<Moment>,
) -> Option<f64> {
    let Some(time) = time else {
        return Some(0.0);
    };
    let after: Duration = offset(*at.get_ref(), &time.starts);
    if after >= time.span {
        let message = format!(
            "{} is {} after the start of the simulated clock, and the span is over by then",
            at.get_ref(),
            Lapse(after)
        );
        findings.error(at.span(), message).label =
            format!("within the span of {}", Lapse(time.span));
        return None;
    }
    Some(after.as_secs_f64())
}

/// The highest factor of a shape within the span, or a bound of it; `None` for noise, which has none.
pub(super) fn top(shape: &Shape, time: Option<&Time>) -> Option<f64> {
    let highest = |factors: &mut dyn Iterator<Item = f64>| factors.fold(0.0, f64::max);
    Some(match shape {
        Shape::Ramp { from, to, .. } => from.max(*to),
        Shape::Stairs { from, step, every } => {
            let steps = (time.map_or(0.0, |t| t.span.as_secs_f64()) / every).ceil() - 1.0;
            from + step.max(0.0) * steps.max(0.0)
        }
        Shape::Hours(factors) => highest(&mut factors.iter().copied()),
        Shape::Sine { high, .. } => *high,
        Shape::Gaussian { height, base, .. }
        | Shape::Flash { height, base, .. }
        | Shape::Square { height, base, .. } => height.max(*base),
        Shape::Trace(pieces) => highest(&mut pieces.iter().map(|p| p.rate_from.max(p.rate_to))),
        Shape::Noise { .. } => return None,
        Shape::Sum(parts) => parts
            .iter()
            .map(|part| top(part, time))
            .sum::<Option<f64>>()?,
    })
}

/// Whether a shape is 0 at all times.
fn zero(shape: &Shape) -> bool {
    match shape {
        Shape::Ramp { from, to, .. } => *from == 0.0 && *to == 0.0,
        Shape::Stairs { .. } | Shape::Noise { .. } => false,
        Shape::Hours(factors) => factors.iter().all(|f| *f == 0.0),
        Shape::Sine { high, .. } => *high == 0.0,
        Shape::Gaussian { height, base, .. }
        | Shape::Flash { height, base, .. }
        | Shape::Square { height, base, .. } => *height == 0.0 && *base == 0.0,
        Shape::Trace(pieces) => pieces
            .iter()
            .all(|p| p.rate_from == 0.0 && p.rate_to == 0.0),
        Shape::Sum(parts) => parts.iter().all(zero),
    }
}
