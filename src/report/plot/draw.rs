//! Drawing a figure on any of `plotters`' backends.
//!
//! Lengths are those of a page (CSS pixels); everything is drawn twice as large, so that lines stay smooth where the backend rounds
//! to whole pixels.

use std::sync::Once;

use plotters::backend::{DrawingBackend, SVGBackend};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, IntoFont, ShapeStyle, TextStyle, register_font};

use super::text::short;
use super::{Figure, Ink, Layer, Stroke, X};

/// Pixels of a backend in one of the page.
pub(super) const SCALE: i32 = 2;
/// Of letters.
const LETTERS: i32 = 12;
/// `plotters` takes the height of a line for the size of letters.
const LINE_OF_LETTERS: f64 = 1.24;
/// Between lines of the legend.
const LEADING: i32 = 18;
/// Most characters of a label in the legend.
const LABEL: usize = 40;

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
    width: 400,
    height: 270,
};

/// Why a drawing failed.
pub(super) type Failed<B> = DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>;

/// The figure as an `<svg>` element without a ground of its own.
pub(in crate::report) fn svg(figure: &Figure, size: Size) -> Result<String, String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, pixels(size)).into_drawing_area();
        draw(&area, figure, size, false)
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

/// Draws it, with its title where it stands alone.
pub(super) fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    figure: &Figure,
    size: Size,
    alone: bool,
) -> Result<(), Failed<B>> {
    letters();
    let mut top = 4;
    if alone {
        area.fill(&plotters::style::WHITE)?;
        let style = style(Ink::Text, LETTERS + 4, HPos::Left, VPos::Top);
        area.draw_text(&short(&figure.title, 110), &style, (12 * SCALE, 10 * SCALE))?;
        top += 32;
    }
    let legend = Legend::of(area, figure, size)?;
    legend.draw(area, top)?;
    top += legend.height() + 6;
    let frame = Frame::new(area, figure, size, top)?;
    frame.shades()?;
    frame.y_axis()?;
    if let Some(heat) = &figure.heat {
        for cell in heat.cells() {
            let (x0, x1) = (frame.x(cell.from), frame.x(cell.to));
            let (y0, y1) = (frame.row(cell.top), frame.row(cell.bottom));
            area.draw(&Rectangle::new(
                [(x0, y0), (x1, y1)],
                cell.ink.light().filled(),
            ))?;
        }
    }
    for layer in &figure.layers {
        frame.layer(layer)?;
    }
    for limit in &figure.limits {
        let y = frame.y(limit.at);
        frame.line(&[(frame.left, y), (frame.right, y)], Ink::Bad, 3)?;
    }
    frame.marks()?;
    frame.x_axis()
}

/// The letters are measured and, in bitmaps, drawn with a font of our own: none has to be installed.
fn letters() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // The embedded font is whole; were it not, drawing says that there is no font.
        let _ = register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular());
    });
}

fn style(ink: Ink, letters: i32, h: HPos, v: VPos) -> TextStyle<'static> {
    let size = f64::from(letters * SCALE) * LINE_OF_LETTERS;
    ("sans-serif", size)
        .into_font()
        .color(&ink.light())
        .pos(Pos::new(h, v))
}

fn width_of<B: DrawingBackend>(area: &DrawingArea<B, Shift>, text: &str) -> Result<i32, Failed<B>> {
    let style = style(Ink::Dim, LETTERS, HPos::Left, VPos::Top);
    let (width, _) = area.estimate_text_size(text, &style)?;
    Ok((f64::from(width) / LINE_OF_LETTERS * 1.08) as i32 / SCALE + 1)
}

/// A swatch and its label.
struct Entry {
    ink: Ink,
    stroke: Stroke,
    label: String,
    x: i32,
    row: i32,
}

/// The names of what is drawn, above it, in as many rows as they need.
struct Legend {
    entries: Vec<Entry>,
    rows: i32,
}

impl Legend {
    const SWATCH: i32 = 14;

    fn of<B: DrawingBackend>(
        area: &DrawingArea<B, Shift>,
        figure: &Figure,
        size: Size,
    ) -> Result<Legend, Failed<B>> {
        let mut legend = Legend {
            entries: Vec::new(),
            rows: 0,
        };
        let mut x = 12;
        for (ink, stroke, label) in named(figure) {
            let label = short(&label, LABEL);
            let width = Legend::SWATCH + 5 + width_of(area, &label)? + 16;
            if legend.rows == 0 || x + width > size.width {
                legend.rows += 1;
                x = 12;
            }
            legend.entries.push(Entry {
                ink,
                stroke,
                label,
                x,
                row: legend.rows - 1,
            });
            x += width;
        }
        Ok(legend)
    }

    fn height(&self) -> i32 {
        self.rows * LEADING
    }

    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        top: i32,
    ) -> Result<(), Failed<B>> {
        let style = style(Ink::Dim, LETTERS, HPos::Left, VPos::Center);
        for entry in &self.entries {
            let (x, y) = (
                entry.x * SCALE,
                (top + entry.row * LEADING + LEADING / 2) * SCALE,
            );
            let (end, fill) = (x + Legend::SWATCH * SCALE, entry.ink.light().filled());
            match entry.stroke {
                Stroke::Line | Stroke::Thin => {
                    let style = stroke(entry.ink, width(entry.stroke) + 1);
                    area.draw(&PathElement::new(vec![(x, y), (end, y)], style))?;
                }
                Stroke::Area => area.draw(&Rectangle::new(
                    [(x, y - 5 * SCALE), (end, y + 5 * SCALE)],
                    fill,
                ))?,
                Stroke::Top => {
                    area.draw(&Polygon::new(triangle((x + end) / 2, y - 4 * SCALE), fill))?
                }
            }
            area.draw_text(&entry.label, &style, (end + 5 * SCALE, y))?;
        }
        Ok(())
    }
}

/// What a legend names: layers, limits, kinds of shade, steps of the heat map.
fn named(figure: &Figure) -> Vec<(Ink, Stroke, String)> {
    let layers = figure
        .layers
        .iter()
        .filter(|layer| !layer.label.is_empty())
        .map(|layer| (layer.ink, layer.stroke, layer.label.clone()));
    let limits = figure
        .limits
        .iter()
        .map(|limit| (Ink::Bad, Stroke::Line, limit.label.clone()));
    let mut all: Vec<_> = layers.chain(limits).collect();
    for shade in figure.shades.iter().filter(|shade| !shade.line) {
        let entry = (Ink::Shade, Stroke::Area, shade.label.clone());
        if !all.contains(&entry) {
            all.push(entry);
        }
    }
    if figure.shades.iter().any(|shade| shade.line) {
        all.push((Ink::Mark, Stroke::Area, "marked".to_owned()));
    }
    if let Some(heat) = &figure.heat {
        all.extend(heat.legend().map(|(ink, label)| (ink, Stroke::Area, label)));
    }
    all
}

fn stroke(ink: Ink, width: u32) -> ShapeStyle {
    ink.light().stroke_width(width)
}

const fn width(stroke: Stroke) -> u32 {
    match stroke {
        Stroke::Thin => 2,
        _ => 4,
    }
}

/// Pointing up, its tip here.
fn triangle(x: i32, y: i32) -> Vec<(i32, i32)> {
    let side = 4 * SCALE;
    vec![(x, y), (x - side, y + 2 * side), (x + side, y + 2 * side)]
}

/// The plot's own rectangle, in the backend's pixels, and what maps values to it.
struct Frame<'a, B: DrawingBackend> {
    area: &'a DrawingArea<B, Shift>,
    figure: &'a Figure,
    ticks: Vec<(f64, String)>,
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
}

impl<'a, B: DrawingBackend> Frame<'a, B> {
    fn new(
        area: &'a DrawingArea<B, Shift>,
        figure: &'a Figure,
        size: Size,
        top: i32,
    ) -> Result<Self, Failed<B>> {
        let height = size.height - top - 46;
        let ticks = figure.y.ticks((height / 34).max(2) as usize);
        let mut widest = 24;
        for (_, label) in &ticks {
            widest = widest.max(width_of(area, label)?);
        }
        Ok(Frame {
            area,
            figure,
            ticks,
            left: (widest + 14) * SCALE,
            right: (size.width - 22) * SCALE,
            top: (top + 6) * SCALE,
            bottom: (size.height - 40) * SCALE,
        })
    }

    /// The x axis' last value.
    fn length(&self) -> f64 {
        match self.figure.x {
            X::Time(axis) => axis.length_s.max(1e-9),
            X::Quantile(last) => last,
        }
    }

    fn x(&self, value: f64) -> i32 {
        let share = (value / self.length()).clamp(0.0, 1.0);
        self.left + (share * f64::from(self.right - self.left)).round() as i32
    }

    fn y(&self, value: f64) -> i32 {
        self.row(self.figure.y.place(value))
    }

    /// From a share of the height.
    fn row(&self, share: f64) -> i32 {
        self.bottom - (share * f64::from(self.bottom - self.top)).round() as i32
    }

    fn line(&self, points: &[(i32, i32)], ink: Ink, width: u32) -> Result<(), Failed<B>> {
        self.area
            .draw(&PathElement::new(points.to_vec(), stroke(ink, width)))
    }

    fn text(&self, text: &str, at: (i32, i32), h: HPos, v: VPos) -> Result<(), Failed<B>> {
        self.area
            .draw_text(text, &style(Ink::Dim, LETTERS, h, v), at)
    }

    fn shades(&self) -> Result<(), Failed<B>> {
        for shade in &self.figure.shades {
            let ink = if shade.line { Ink::Mark } else { Ink::Shade };
            let x = self.x(shade.from);
            let end = self.x(shade.to).max(x + SCALE);
            self.area.draw(&Rectangle::new(
                [(x, self.top), (end, self.bottom)],
                ink.light().filled(),
            ))?;
        }
        Ok(())
    }

    /// Grid lines and their values.
    fn y_axis(&self) -> Result<(), Failed<B>> {
        for (value, label) in &self.ticks {
            let y = self.y(*value);
            self.line(&[(self.left, y), (self.right, y)], Ink::Grid, 2)?;
            self.text(label, (self.left - 8 * SCALE, y), HPos::Right, VPos::Center)?;
        }
        Ok(())
    }

    fn x_axis(&self) -> Result<(), Failed<B>> {
        let base = self.bottom;
        self.line(&[(self.left, base), (self.right, base)], Ink::Dim, 2)?;
        let room = (self.right - self.left) / SCALE;
        let (ticks, caption) = match self.figure.x {
            X::Time(axis) => (axis.ticks((room / 70).max(2) as usize), axis.caption()),
            X::Quantile(last) => (quantile_ticks(last), "share of the events".to_owned()),
        };
        let mut free = i32::MIN;
        for (value, label) in ticks {
            let x = self.x(value);
            self.line(&[(x, base), (x, base + 5 * SCALE)], Ink::Dim, 2)?;
            let half = width_of(self.area, &label)? / 2 * SCALE;
            let edge = self.right + 20 * SCALE;
            if x - half < free || x + half > edge {
                continue;
            }
            free = x + half + 8 * SCALE;
            self.text(&label, (x, base + 8 * SCALE), HPos::Center, VPos::Top)?;
        }
        let at = (self.right, base + 25 * SCALE);
        self.text(&caption, at, HPos::Right, VPos::Top)
    }

    /// A line and a word where something happened; words that would run into each other are left out (the page lists them all).
    fn marks(&self) -> Result<(), Failed<B>> {
        let mut free = i32::MIN;
        for shade in self.figure.shades.iter().filter(|shade| shade.line) {
            let x = self.x(shade.from);
            self.line(&[(x, self.top), (x, self.bottom)], Ink::Dim, 2)?;
            let label = short(&shade.label, 24);
            let end = x + (width_of(self.area, &label)? + 10) * SCALE;
            if x >= free && end <= self.right {
                self.text(
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
                let tip = triangle(self.x(*x), self.top);
                self.area
                    .draw(&Polygon::new(tip, layer.ink.light().filled()))?;
            }
            return Ok(());
        }
        for piece in layer.points.split(|(_, value)| value.is_none()) {
            let points: Vec<(i32, i32)> = piece
                .iter()
                .filter_map(|(x, value)| Some((self.x(*x), self.y((*value)?))))
                .collect();
            self.piece(layer, points)?;
        }
        Ok(())
    }

    fn piece(&self, layer: &Layer, points: Vec<(i32, i32)>) -> Result<(), Failed<B>> {
        let (Some(first), Some(last)) = (points.first().copied(), points.last().copied()) else {
            return Ok(());
        };
        let fill = layer.ink.light().filled();
        if layer.stroke == Stroke::Area {
            let mut outline = points;
            outline.extend([(last.0, self.bottom), (first.0, self.bottom)]);
            return self.area.draw(&Polygon::new(outline, fill));
        }
        if points.len() == 1 {
            return self
                .area
                .draw(&Circle::new(first, width(layer.stroke), fill));
        }
        let style = stroke(layer.ink, width(layer.stroke));
        self.area.draw(&PathElement::new(points, style))
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
