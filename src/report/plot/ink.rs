//! Colours: Okabe and Ito's, which people with any kind of colour vision can tell apart, and a single-hue scale for the heat map.
//!
//! Plots are drawn in the colours for a light ground. On a page, style rules keyed by those colours change them for a dark one:
//! SVG's presentation attributes yield to any rule.

use std::fmt::Write as _;

use plotters::style::RGBColor;

/// How many steps the heat map's scale has.
pub const HEAT_STEPS: u8 = 7;

/// A colour by its use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Titles.
    Text,
    /// Labels of axes.
    Dim,
    /// Lines of the grid.
    Grid,
    /// Warm-up.
    Shade,
    /// What happened to the run.
    Mark,
    /// Limits, and what has no end.
    Bad,
    /// The planned curve's area.
    Plan,
    /// One of the colours for data; more than there are begin again.
    Data(usize),
    /// A step of the heat map's scale, from 1.
    Heat(u8),
}

/// For data: on a light ground, on a dark one.
const DATA: [(u32, u32); 7] = [
    (0x0072B2, 0x58B0E8), // blue
    (0xE08A00, 0xF0A93B), // orange
    (0x009E73, 0x2CC49A), // bluish green
    (0xB8568F, 0xE08FBF), // reddish purple
    (0x6B6B00, 0xE6DC55), // yellow, darkened on white
    (0x3A3F8F, 0x9FA4F2), // indigo
    (0x444444, 0xC8C8C8), // grey
];

/// For the heat map, few to many.
const HEAT: [(u32, u32); HEAT_STEPS as usize] = [
    (0xDCEAF5, 0x16324A),
    (0xBBD6EB, 0x1C4A6E),
    (0x90BEDE, 0x236494),
    (0x609FCD, 0x327FB8),
    (0x377EB8, 0x5A9FD6),
    (0x1D5C9A, 0x8FC2EC),
    (0x0B3A6F, 0xD2E8FA),
];

impl Ink {
    /// Its values, 0xRRGGBB, on a light ground and on a dark one.
    pub const fn values(self) -> (u32, u32) {
        match self {
            Ink::Text => (0x1B2129, 0xE8ECF1),
            Ink::Dim => (0x5A6472, 0xA3AEBC),
            Ink::Grid => (0xDFE4EA, 0x333C47),
            Ink::Shade => (0xEEF1F4, 0x232A33),
            Ink::Mark => (0xFBEBC8, 0x4A3A12),
            Ink::Bad => (0xC8410B, 0xFF8A57),
            Ink::Plan => (0xD6DCE3, 0x3B4654),
            Ink::Data(i) => DATA[i % DATA.len()],
            Ink::Heat(step) => {
                let step = if step == 0 { 1 } else { step };
                HEAT[(step as usize - 1) % HEAT.len()]
            }
        }
    }

    /// For `plotters`.
    pub(super) const fn light(self) -> RGBColor {
        let (light, _) = self.values();
        RGBColor((light >> 16) as u8, (light >> 8) as u8, light as u8)
    }

    fn all() -> impl Iterator<Item = Ink> {
        use Ink::{Bad, Dim, Grid, Mark, Plan, Shade, Text};
        [Text, Dim, Grid, Shade, Mark, Bad, Plan]
            .into_iter()
            .chain((0..DATA.len()).map(Ink::Data))
            .chain((1..=HEAT_STEPS).map(Ink::Heat))
    }
}

/// The style rules that change the plots' colours for a dark ground.
pub fn css() -> String {
    let mut rules = String::new();
    for (light, dark) in Ink::all().map(Ink::values) {
        for attribute in ["fill", "stroke"] {
            // Writing to a string succeeds.
            let _ = writeln!(
                rules,
                ".plot [{attribute}=\"#{light:06X}\"]{{{attribute}:#{dark:06X}}}"
            );
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// WCAG 2.1's relative luminance.
    fn luminance(rgb: u32) -> f64 {
        let channel = |shift: u32| {
            let c = f64::from(rgb >> shift & 0xFF) / 255.0;
            if c <= 0.04045 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(16) + 0.7152 * channel(8) + 0.0722 * channel(0)
    }

    fn contrast(a: u32, b: u32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_colour_is_its_own() {
        // Rules are keyed by the light colour: two uses with one value could not differ in the dark.
        let light: BTreeSet<u32> = Ink::all().map(|ink| ink.values().0).collect();
        assert_eq!(light.len(), Ink::all().count());
    }

    #[test]
    fn labels_and_lines_stand_out_from_the_ground() {
        // WCAG 2.1: 4.5 for text, 3 for graphics. Orange lines are 2.6 on white and always named beside.
        let (light, dark) = (0xFFFFFF, 0x14181D);
        for ink in [Ink::Text, Ink::Dim, Ink::Bad] {
            assert!(contrast(ink.values().0, light) >= 4.5, "{ink:?}");
            assert!(contrast(ink.values().1, dark) >= 4.5, "{ink:?}");
        }
        for ink in (0..DATA.len()).map(Ink::Data) {
            assert!(contrast(ink.values().0, light) >= 2.5, "{ink:?}");
            assert!(contrast(ink.values().1, dark) >= 3.0, "{ink:?}");
        }
    }

    #[test]
    fn more_is_darker_by_day_and_brighter_by_night() {
        for steps in HEAT.windows(2) {
            assert!(luminance(steps[1].0) < luminance(steps[0].0));
            assert!(luminance(steps[1].1) > luminance(steps[0].1));
        }
    }
}
