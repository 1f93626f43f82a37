//! What is drawn on: lines, shapes and letters in our colours, on any of `plotters`' backends.

use std::sync::Once;

use plotters::backend::DrawingBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind};
use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, IntoFont, TextStyle, register_font};

use super::Ink;

/// Pixels of a backend in one of the page.
pub(super) const SCALE: i32 = 2;
/// Of letters, in pixels of the page.
const LETTERS: i32 = 12;
/// The embedded font's line, ascent to descent, for letters of size 1.
const LINE: f64 = 1.164;

/// Why a drawing failed.
pub(super) type Failed<B> = DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>;

/// A point in the backend's pixels.
pub(super) type Pixel = (i32, i32);

/// How a backend takes the size of letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Medium {
    /// It divides the size by 1.24 before it writes it down.
    Svg,
    /// The size is that of a line, ascent to descent.
    Bitmap,
}

impl Medium {
    const fn factor(self) -> f64 {
        match self {
            Medium::Svg => 1.24,
            Medium::Bitmap => LINE,
        }
    }
}

/// An area of a backend.
pub(super) struct Canvas<'a, B: DrawingBackend> {
    area: &'a DrawingArea<B, Shift>,
    medium: Medium,
}

impl<'a, B: DrawingBackend> Canvas<'a, B> {
    /// The letters are measured and, in bitmaps, drawn with a font of our own: none has to be installed.
    pub(super) fn new(area: &'a DrawingArea<B, Shift>, medium: Medium) -> Canvas<'a, B> {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // The embedded font is whole; were it not, drawing says that there is no font.
            let _ = register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular());
        });
        Canvas { area, medium }
    }

    pub(super) fn ground(&self) -> Result<(), Failed<B>> {
        self.area.fill(&plotters::style::WHITE)
    }

    pub(super) fn line(&self, points: Vec<Pixel>, ink: Ink, width: u32) -> Result<(), Failed<B>> {
        let style = ink.light().stroke_width(width);
        self.area.draw(&PathElement::new(points, style))
    }

    pub(super) fn rectangle(&self, corners: [Pixel; 2], ink: Ink) -> Result<(), Failed<B>> {
        self.area
            .draw(&Rectangle::new(corners, ink.light().filled()))
    }

    pub(super) fn polygon(&self, points: Vec<Pixel>, ink: Ink) -> Result<(), Failed<B>> {
        self.area.draw(&Polygon::new(points, ink.light().filled()))
    }

    pub(super) fn dot(&self, at: Pixel, radius: u32, ink: Ink) -> Result<(), Failed<B>> {
        self.area
            .draw(&Circle::new(at, radius, ink.light().filled()))
    }

    /// A label, placed by the side that is named.
    pub(super) fn label(&self, text: &str, at: Pixel, h: HPos, v: VPos) -> Result<(), Failed<B>> {
        // Bitmaps centre the line, whose lower part most letters do not use.
        let lower = i32::from(self.medium == Medium::Bitmap && matches!(v, VPos::Center)) * SCALE;
        let at = (at.0, at.1 + lower);
        self.area
            .draw_text(text, &self.style(Ink::Dim, LETTERS, h, v), at)
    }

    pub(super) fn title(&self, text: &str, at: Pixel) -> Result<(), Failed<B>> {
        let style = self.style(Ink::Text, LETTERS + 4, HPos::Left, VPos::Top);
        self.area.draw_text(text, &style, at)
    }

    /// The width of a label, in pixels of the page.
    pub(super) fn width(&self, text: &str) -> Result<i32, Failed<B>> {
        let style = self.style(Ink::Dim, LETTERS, HPos::Left, VPos::Top);
        let (width, _) = self.area.estimate_text_size(text, &style)?;
        // Measured are letters of this size by line; drawn are letters of this size divided by the medium's factor.
        let drawn = f64::from(width) * LINE / self.medium.factor();
        Ok(drawn.ceil() as i32 / SCALE + 2)
    }

    fn style(&self, ink: Ink, letters: i32, h: HPos, v: VPos) -> TextStyle<'static> {
        let size = f64::from(letters * SCALE) * self.medium.factor();
        ("sans-serif", size)
            .into_font()
            .color(&ink.light())
            .pos(Pos::new(h, v))
    }
}

/// Pointing up, its tip here.
pub(super) fn triangle((x, y): Pixel) -> Vec<Pixel> {
    let side = 4 * SCALE;
    vec![(x, y), (x - side, y + 2 * side), (x + side, y + 2 * side)]
}
