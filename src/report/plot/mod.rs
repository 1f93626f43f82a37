//! Plots of runs: what is drawn is a value ([`Figure`]), drawn by `plotters` into the page's SVG or into files.
//!
//! ```text
//!  RunData ─▶ series ─▶ figures ─▶ Figure ─▶ draw ─▶ SVG in the page, .svg and .png files
//! ```

mod axis;
mod canvas;
mod draw;
mod figures;
mod files;
mod heat;
mod ink;
mod legend;
mod series;
mod text;

pub use axis::{Clock, TimeAxis};
pub use figures::{Part, figures};
pub(super) use figures::{filled, layer, linear_axis, time_axis};
pub use files::{PlotError, files};
pub use ink::{Ink, css};
pub use text::shown;

pub(super) use draw::{HALF, NARROW, Size, WIDE, svg};
pub(super) use figures::letter;

/// A plot: all that is needed to draw it, and to tell it to who can't see it.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Its name in files and links.
    pub id: String,
    /// Where on the page it belongs.
    pub part: Part,
    /// What is seen.
    pub title: String,
    /// What it shows, for who can't see it.
    pub alt: String,
    /// How to read it, where the title is not enough.
    pub note: Option<String>,
    /// Two of them stand side by side.
    pub half: bool,
    /// What runs from left to right.
    pub x: X,
    /// What runs upwards.
    pub y: Y,
    /// Stretches of the x axis with a shade: warm-up, marks.
    pub shades: Vec<Shade>,
    /// Horizontal lines: limits.
    pub limits: Vec<Limit>,
    /// Lines and areas, drawn in this order.
    pub layers: Vec<Layer>,
    /// A heat map below the lines.
    pub heat: Option<heat::Heat>,
}

/// What runs from left to right.
#[derive(Clone, Debug)]
pub enum X {
    /// Seconds since the start of the load.
    Time(TimeAxis),
    /// −log10(1 − quantile), up to this.
    Quantile(f64),
    /// Events per second, logarithmic, within an axis like those that run upwards.
    Rate(Y),
}

/// The unit of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Events per second.
    Rate,
    /// Microseconds.
    Time,
    /// A number of things.
    Count,
    /// A size.
    Bytes,
    /// A share of one.
    Share,
    /// Cores of a processor.
    Cores,
}

/// What runs upwards.
#[derive(Clone, Copy, Debug)]
pub struct Y {
    /// In what.
    pub unit: Unit,
    /// Logarithmic.
    pub log: bool,
    /// The lowest value shown.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

/// A stretch of the x axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Shade {
    /// From here.
    pub from: f64,
    /// To here.
    pub to: f64,
    /// What it is, in a word or two.
    pub label: String,
    /// With a line at its start: something happened.
    pub line: bool,
}

/// A limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// Its height.
    pub at: f64,
    /// What it limits.
    pub label: String,
}

/// A line or an area.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Its name; empty: not in the legend.
    pub label: String,
    /// Its colour.
    pub ink: Ink,
    /// How it is drawn.
    pub stroke: Stroke,
    /// Points in order of x; `None` breaks the line.
    pub points: Vec<(f64, Option<f64>)>,
}

/// How a layer is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stroke {
    /// A line.
    Line,
    /// A thin line.
    Thin,
    /// Filled down to the axis.
    Area,
    /// A dot for each point.
    Dots,
    /// A triangle at the top of the plot for each point: what has no value, since it never ended.
    Top,
}
