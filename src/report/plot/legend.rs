//! The names of what is drawn, above it.

use plotters::backend::DrawingBackend;
use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{Canvas, Failed, SCALE, triangle};
use super::draw::{Size, width};
use super::text::short;
use super::{Figure, Ink, Stroke};

/// Between lines.
const LEADING: i32 = 18;
/// Most characters of a label.
const LABEL: usize = 40;
/// A swatch's width.
const SWATCH: i32 = 14;
/// Between entries.
const GAP: i32 = 16;

/// A swatch and its label.
struct Entry {
    ink: Ink,
    stroke: Stroke,
    label: String,
    x: i32,
    row: i32,
}

/// All names, in as many rows as they need.
pub(super) struct Legend {
    entries: Vec<Entry>,
    rows: i32,
}

impl Legend {
    pub(super) fn of<B: DrawingBackend>(
        canvas: &Canvas<'_, B>,
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
            let width = SWATCH + 5 + canvas.width(&label)? + GAP;
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

    pub(super) fn height(&self) -> i32 {
        self.rows * LEADING
    }

    pub(super) fn draw<B: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, B>,
        top: i32,
    ) -> Result<(), Failed<B>> {
        for entry in &self.entries {
            let (x, y) = (
                entry.x * SCALE,
                (top + entry.row * LEADING + LEADING / 2) * SCALE,
            );
            let (end, half) = (x + SWATCH * SCALE, 5 * SCALE);
            match entry.stroke {
                Stroke::Line | Stroke::Thin => {
                    canvas.line(vec![(x, y), (end, y)], entry.ink, width(entry.stroke) + 1)?;
                }
                Stroke::Dots => {
                    canvas.dot(((x + end) / 2, y), 4 * SCALE as u32, entry.ink)?;
                }
                Stroke::Area => canvas.rectangle([(x, y - half), (end, y + half)], entry.ink)?,
                Stroke::Top => {
                    canvas.polygon(triangle(((x + end) / 2, y - 4 * SCALE)), entry.ink)?;
                }
            }
            canvas.label(&entry.label, (end + 5 * SCALE, y), HPos::Left, VPos::Center)?;
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
    if let Some(heat) = &figure.heat {
        all.extend(heat.legend().map(|(ink, label)| (ink, Stroke::Area, label)));
    }
    if figure.half {
        // The large plots above have told what the shades are.
        return all;
    }
    for shade in figure.shades.iter().filter(|shade| !shade.line) {
        let entry = (Ink::Shade, Stroke::Area, shade.label.clone());
        if !all.contains(&entry) {
            all.push(entry);
        }
    }
    if figure.shades.iter().any(|shade| shade.line) {
        all.push((Ink::Mark, Stroke::Area, "marked".to_owned()));
    }
    all
}
