//! A curve drawn with characters.

/// Eighths of a character's height, from below.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A curve as columns from zero to its top: `width` columns and `height` lines, the highest first. Each column shows the highest of its
/// part of the points, so that no spike is lost. `points`: (place, value), ascending, values not negative.
pub fn columns(points: &[(f64, f64)], width: usize, height: usize) -> Vec<String> {
    let top = points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let levels: Vec<usize> = (0..width)
        .map(|column| {
            let value = highest(points, column, width);
            let full = (height * 8) as f64;
            match value {
                // Little is not nothing.
                value if value > 0.0 => ((value / top * full).round() as usize).max(1),
                _ => 0,
            }
        })
        .collect();
    (0..height)
        .rev()
        .map(|line| {
            let eighth = |level: &usize| EIGHTHS[level.saturating_sub(line * 8).min(8)];
            levels.iter().map(eighth).collect::<String>()
        })
        .collect()
}

/// The highest of the points that fall to a column.
fn highest(points: &[(f64, f64)], column: usize, width: usize) -> f64 {
    let from = column * points.len() / width;
    let to = ((column + 1) * points.len())
        .div_ceil(width)
        .min(points.len());
    points[from.min(to)..to]
        .iter()
        .map(|(_, value)| *value)
        .fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_climbs_and_a_spike_is_kept() {
        let mut points: Vec<(f64, f64)> = (0..100)
            .map(|i| (f64::from(i), f64::from(i) / 2.0))
            .collect();
        points[10].1 = 100.0;
        let lines = columns(&points, 20, 2);
        assert_eq!(
            lines[0].chars().filter(|c| *c != ' ').count(),
            1,
            "only the spike is in the upper half"
        );
        let heights: Vec<usize> = lines[1]
            .chars()
            .skip(3)
            .map(|c| EIGHTHS.iter().position(|e| *e == c).unwrap())
            .collect();
        assert!(heights.is_sorted(), "{heights:?}");
    }

    #[test]
    fn little_is_not_nothing_and_nothing_is() {
        assert_eq!(
            columns(&[(0.0, 0.0), (1.0, 1e-9), (2.0, 1.0)], 3, 1),
            [" ▁█"]
        );
        assert_eq!(columns(&[(0.0, 0.0); 4], 4, 1), ["    "]);
        assert_eq!(columns(&[], 3, 1), ["   "]);
    }
}
