//! Drawing a figure.
//!
//! Lengths are those of a page (CSS pixels); everything is drawn twice as large, so that lines stay smooth where the backend rounds
//! to whole pixels.

use plotters::backend::{DrawingBackend, SVGBackend};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{Canvas, Failed, Medium, Pixel, SCALE, triangle};
use super::legend::Legend;
use super::text::short;
use super::{Figure, Ink, Layer, Stroke, X};

/// The size of a drawing, in pixels of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) struct Size {
    pub(in crate::report) width: i32,
    pub(in crate::report) height: i32,
}

/// Across a page.
pub(in crate::report) const WIDE: Size = Size {
    width: 1080,
    height: 300,
};
/// Half of it.
pub(in crate::report) const HALF: Size = Size {
    width: 528,
    height: 220,
};
/// On a telephone.
pub(in crate::report) const NARROW: Size = Size {
    width: 440,
    height: 280,
};

/// The figure as an `<svg>` element without a ground of its own.
pub(in crate::report) fn svg(figure: &Figure, size: Size) -> Result<String, String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, pixels(size)).into_drawing_area();
        draw(&area, Medium::Svg, figure, size, false)
            .and_then(|()| area.present())
            .map_err(|error| format!("the plot can't be drawn: {error}"))?;
    }
    // Names in it have their quotes escaped, so only attributes can match.
    for (long, short) in [
        (" opacity=\"1\"", ""),
        (" stroke=\"none\"", ""),
        (" font-family=\"sans-serif\"", ""),
        (" \"/>", "\"/>"),
    ] {
        text = text.replace(long, short);
    }
    Ok(text)
}

pub(super) fn pixels(size: Size) -> (u32, u32) {
    let twice = |length: i32| u32::try_from(length * SCALE).unwrap_or(1);
    (twice(size.width), twice(size.height))
}

/// Draws it, on white and with its title where it stands alone.
pub(super) fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    medium: Medium,
    figure: &Figure,
    size: Size,
    alone: bool,
) -> Result<(), Failed<B>> {
    let canvas = Canvas::new(area, medium);
    let mut top = 4;
    if alone {
        canvas.ground()?;
        canvas.title(&short(&figure.title, 110), (12 * SCALE, 10 * SCALE))?;
        top += 32;
    }
    let legend = Legend::of(&canvas, figure, size)?;
    legend.draw(&canvas, top)?;
    top += legend.height() + 6;
    let frame = Frame::new(&canvas, figure, size, top)?;
    frame.shades()?;
    frame.y_axis()?;
    frame.heat()?;
    for layer in &figure.layers {
        frame.layer(layer)?;
    }
    for limit in &figure.limits {
        let y = frame.y(limit.at);
        canvas.line(vec![(frame.left, y), (frame.right, y)], Ink::Bad, 3)?;
    }
    frame.marks()?;
    frame.x_axis()
}

/// Of a line, in the backend's pixels.
pub(super) const fn width(stroke: Stroke) -> u32 {
    match stroke {
        Stroke::Thin => 2,
        _ => 4,
    }
}

/// The plot's own rectangle, in the backend's pixels, and what maps values to it.
struct Frame<'a, B: DrawingBackend> {
    canvas: &'a Canvas<'a, B>,
    figure: &'a Figure,
    ticks: Vec<(f64, String)>,
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
}

impl<'a, B: DrawingBackend> Frame<'a, B> {
    fn new(
        canvas: &'a Canvas<'a, B>,
        figure: &'a Figure,
        size: Size,
        top: i32,
    ) -> Result<Self, Failed<B>> {
        let height = size.height - top - 46;
        let ticks = figure.y.ticks((height / 34).max(2) as usize);
        let mut widest = 24;
        for (_, label) in &ticks {
            widest = widest.max(canvas.width(label)?);
        }
        Ok(Frame {
            canvas,
            figure,
            ticks,
            left: (widest + 14) * SCALE,
            right: (size.width - 30) * SCALE,
            top: (top + 6) * SCALE,
            bottom: (size.height - 40) * SCALE,
        })
    }

    /// The x axis' last value.
    fn length(&self) -> f64 {
        match self.figure.x {
            X::Time(axis) => axis.length_s.max(1e-9),
            X::Quantile(last) => last,
            X::Rate(axis) => axis.high,
        }
    }

    fn x(&self, value: f64) -> i32 {
        let share = match self.figure.x {
            X::Rate(axis) => axis.place(value),
            X::Time(_) | X::Quantile(_) => (value / self.length()).clamp(0.0, 1.0),
        };
        self.left + (share * f64::from(self.right - self.left)).round() as i32
    }

    fn y(&self, value: f64) -> i32 {
        self.row(self.figure.y.place(value))
    }

    /// From a share of the height.
    fn row(&self, share: f64) -> i32 {
        self.bottom - (share * f64::from(self.bottom - self.top)).round() as i32
    }

    fn shades(&self) -> Result<(), Failed<B>> {
        for shade in &self.figure.shades {
            let ink = if shade.line { Ink::Mark } else { Ink::Shade };
            let x = self.x(shade.from);
            let end = self.x(shade.to).max(x + SCALE);
            self.canvas
                .rectangle([(x, self.top), (end, self.bottom)], ink)?;
        }
        Ok(())
    }

    fn heat(&self) -> Result<(), Failed<B>> {
        let Some(heat) = &self.figure.heat else {
            return Ok(());
        };
        for cell in heat.cells() {
            let (x0, x1) = (self.x(cell.from), self.x(cell.to));
            let (y0, y1) = (self.row(cell.top), self.row(cell.bottom));
            self.canvas.rectangle([(x0, y0), (x1, y1)], cell.ink)?;
        }
        Ok(())
    }

    /// Grid lines and their values.
    fn y_axis(&self) -> Result<(), Failed<B>> {
        for (value, label) in &self.ticks {
            let y = self.y(*value);
            self.canvas
                .line(vec![(self.left, y), (self.right, y)], Ink::Grid, 2)?;
            self.canvas
                .label(label, (self.left - 8 * SCALE, y), HPos::Right, VPos::Center)?;
        }
        Ok(())
    }

    fn x_axis(&self) -> Result<(), Failed<B>> {
        let base = self.bottom;
        self.canvas
            .line(vec![(self.left, base), (self.right, base)], Ink::Dim, 2)?;
        let room = (self.right - self.left) / SCALE;
        let (ticks, caption) = match self.figure.x {
            X::Time(axis) => (axis.ticks((room / 70).max(2) as usize), axis.caption()),
            X::Quantile(last) => (quantile_ticks(last), "share of the events".to_owned()),
            X::Rate(axis) => (
                axis.ticks((room / 80).max(2) as usize),
                "offered events per second".to_owned(),
            ),
        };
        let mut free = i32::MIN;
        for (value, label) in ticks {
            let x = self.x(value);
            self.canvas
                .line(vec![(x, base), (x, base + 5 * SCALE)], Ink::Dim, 2)?;
            let half = self.canvas.width(&label)? / 2 * SCALE;
            let edge = self.right + 29 * SCALE;
            if x - half < free || x + half > edge {
                continue;
            }
            free = x + half + 8 * SCALE;
            self.canvas
                .label(&label, (x, base + 8 * SCALE), HPos::Center, VPos::Top)?;
        }
        let at = (self.right, base + 25 * SCALE);
        self.canvas.label(&caption, at, HPos::Right, VPos::Top)
    }

    /// A line and a word where something happened; words that would run into each other are left out (the page lists them all).
    fn marks(&self) -> Result<(), Failed<B>> {
        let mut free = i32::MIN;
        for shade in self.figure.shades.iter().filter(|shade| shade.line) {
            let x = self.x(shade.from);
            self.canvas
                .line(vec![(x, self.top), (x, self.bottom)], Ink::Dim, 2)?;
            let label = short(&shade.label, 32);
            let end = x + (self.canvas.width(&label)? + 10) * SCALE;
            if x >= free && end <= self.right {
                self.canvas.label(
                    &label,
                    (x + 4 * SCALE, self.top + 2 * SCALE),
                    HPos::Left,
                    VPos::Top,
                )?;
                free = end;
            }
        }
        Ok(())
    }

    fn layer(&self, layer: &Layer) -> Result<(), Failed<B>> {
        if layer.stroke == Stroke::Top {
            for (x, _) in &layer.points {
                self.canvas
                    .polygon(triangle((self.x(*x), self.top)), layer.ink)?;
            }
            return Ok(());
        }
        if layer.stroke == Stroke::Dots {
            let dots = layer.points.iter();
            for (x, y) in dots.filter_map(|(x, value)| Some((self.x(*x), self.y((*value)?)))) {
                self.canvas.dot((x, y), 4 * SCALE as u32, layer.ink)?;
            }
            return Ok(());
        }
        for piece in layer.points.split(|(_, value)| value.is_none()) {
            let points: Vec<Pixel> = piece
                .iter()
                .filter_map(|(x, value)| Some((self.x(*x), self.y((*value)?))))
                .collect();
            self.piece(layer, points)?;
        }
        Ok(())
    }

    fn piece(&self, layer: &Layer, points: Vec<Pixel>) -> Result<(), Failed<B>> {
        let (Some(first), Some(last)) = (points.first().copied(), points.last().copied()) else {
            return Ok(());
        };
        if layer.stroke == Stroke::Area {
            let mut outline = points;
            outline.extend([(last.0, self.bottom), (first.0, self.bottom)]);
            return self.canvas.polygon(outline, layer.ink);
        }
        if points.len() == 1 {
            return self.canvas.dot(first, width(layer.stroke), layer.ink);
        }
        self.canvas.line(points, layer.ink, width(layer.stroke))
    }
}

/// HdrHistogram's axis: each tenth of the rest has the same width.
fn quantile_ticks(last: f64) -> Vec<(f64, String)> {
    [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999]
        .into_iter()
        .map(|q: f64| (-(1.0 - q).log10(), q))
        .filter(|(x, _)| *x <= last + 1e-6)
        .map(|(x, q)| {
            // Nine places, so that 0.999 * 100 is not shown as 99.90000000000001.
            (x, format!("{} %", (q * 1e11).round() / 1e9))
        })
        .collect()
}
