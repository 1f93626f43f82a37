//! Paired differences as a strip: a dot for each pair, the estimate with its interval, and what matters. As SVG in the page's colours.

use maud::{Markup, html};

use crate::capacity::paired::FigureResult;

use super::{change, changed, interval};

/// The drawing's size, in pixels of the page.
const WIDTH: f64 = 1_080.0;
const HEIGHT: f64 = 150.0;
/// Room beside the axis.
const SIDE: f64 = 60.0;
/// Rows: the pairs', the interval's, the axis'.
const DOTS: (f64, f64) = (22.0, 78.0);
const BAR: f64 = 98.0;
const AXIS: f64 = 116.0;
/// Ratios that a tick may stand at.
const TICKS: [f64; 23] = [
    0.01, 0.02, 0.05, 0.1, 0.2, 0.33, 0.5, 0.67, 0.8, 0.9, 0.95, 0.98, 1.0, 1.02, 1.05, 1.1, 1.25,
    1.5, 2.0, 3.0, 5.0, 10.0, 100.0,
];

/// A scale of log ratios.
struct Scale {
    reach: f64,
}

impl Scale {
    /// Wide enough for all dots, the interval and what matters, the same to both sides of "no change".
    fn of(figure: &FigureResult) -> Scale {
        let ends = [figure.low, figure.high, figure.ratio];
        let all = figure
            .pairs
            .iter()
            .map(|pair| pair.ratio)
            .chain(ends.into_iter().flatten());
        let margin = (1.0 + figure.min_effect).ln() * 1.5;
        let reach = all
            .map(|ratio| ratio.ln().abs())
            .filter(|log| log.is_finite())
            .fold(margin, f64::max);
        Scale {
            reach: reach * 1.08,
        }
    }

    fn x(&self, ratio: f64) -> f64 {
        let share = (ratio.ln() / self.reach).clamp(-1.0, 1.0);
        WIDTH / 2.0 + share * (WIDTH / 2.0 - SIDE)
    }

    /// Ticks that do not run into each other.
    fn ticks(&self) -> Vec<f64> {
        let mut ticks: Vec<f64> = vec![1.0];
        let inside = TICKS.iter().filter(|tick| tick.ln().abs() <= self.reach);
        for tick in inside {
            if ticks
                .iter()
                .all(|other| (self.x(*other) - self.x(*tick)).abs() > 70.0)
            {
                ticks.push(*tick);
            }
        }
        ticks
    }
}

/// What is written at a tick: whole percents, or a factor.
fn label(tick: f64) -> String {
    let percent = ((tick - 1.0) * 100.0).round();
    match percent {
        0.0 => "no change".to_owned(),
        p if p >= 200.0 => format!("× {tick:.0}"),
        p if p > 0.0 => format!("+{p:.0} %"),
        p => format!("−{:.0} %", -p),
    }
}

/// The strip of a figure; the shaded side is worse by what matters.
pub(super) fn strip(figure: &FigureResult) -> Markup {
    let scale = Scale::of(figure);
    let at = |value: f64| format!("{value:.1}");
    let margin = match figure.more_is_better {
        true => 1.0 - figure.min_effect,
        false => 1.0 + figure.min_effect,
    };
    let (left, right) = match figure.more_is_better {
        true => (SIDE, scale.x(margin)),
        false => (scale.x(margin), WIDTH - SIDE),
    };
    let n = figure.pairs.len().max(1) as f64;
    let alt = format!(
        "{} of {}: {} pairs, change {}, 95 % interval {}",
        figure.name,
        figure.side,
        figure.pairs.len(),
        changed(figure.ratio),
        interval(figure)
    );
    html! {
        svg.strip role="img" aria-label=(alt) viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } width="100%" {
            rect.worse x=(at(left)) y="8" width=(at((right - left).max(0.0))) height=(at(AXIS - 8.0)) {}
            line.none x1=(at(scale.x(1.0))) x2=(at(scale.x(1.0))) y1="8" y2=(at(AXIS)) {}
            @for (i, pair) in figure.pairs.iter().enumerate() {
                circle.second[pair.look > 1] cx=(at(scale.x(pair.ratio))) cy=(at(DOTS.0 + (DOTS.1 - DOTS.0) * i as f64 / n)) r="4.5" {
                    title { "look " (pair.look) ", pair " (pair.pair) ": " (change(pair.ratio)) }
                }
            }
            @if let (Some(low), Some(high), Some(ratio)) = (figure.low, figure.high, figure.ratio) {
                line.bar x1=(at(scale.x(low))) x2=(at(scale.x(high))) y1=(BAR) y2=(BAR) {}
                circle.estimate cx=(at(scale.x(ratio))) cy=(BAR) r="6" {}
            }
            line.axis x1=(SIDE) x2=(WIDTH - SIDE) y1=(AXIS) y2=(AXIS) {}
            @for tick in scale.ticks() {
                text x=(at(scale.x(tick))) y=(AXIS + 20.0) text-anchor="middle" {
                    (label(tick))
                }
            }
        }
    }
}

/// The rules of the strips.
pub(super) const CSS: &str = "
.strip { display: block; height: auto; }
.strip text { fill: var(--dim); font-size: 13px; font-family: inherit; }
.strip .worse { fill: var(--bad-ground); }
.strip .none { stroke: var(--dim); stroke-dasharray: 3 3; }
.strip .axis { stroke: var(--line); }
.strip circle { fill: var(--link); fill-opacity: 0.55; }
.strip circle.second { fill: var(--key); }
.strip .bar { stroke: var(--text); stroke-width: 3; }
.strip circle.estimate { fill: var(--text); fill-opacity: 1; }
@media (max-width: 820px) { .strip text { font-size: 26px; } .strip circle { r: 8px; } }
";
