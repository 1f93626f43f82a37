//! How the run went over time, as lines of bars. Pure.

use crate::measure::run::RunFile;

use unicode_width::UnicodeWidthStr;

use super::super::table::wrap;
use super::super::term::Paint;
use super::{Context, INDENT};

/// Response time and rate over the run, with the axis below; nothing for a run too short to draw.
pub(super) fn over_time(run: &RunFile, context: &Context<'_>, paint: Paint) -> Vec<String> {
    let Some(over_time) = context.over_time else {
        return vec![];
    };
    let mut lines = Vec::new();
    for (label, spark) in over_time.timeline.lines(run.elapsed_us) {
        let before = INDENT + spark.bars.width() + 2;
        // What does not fit beside the bars stands below, under its own.
        let words = wrap(&spark.text, paint.width().saturating_sub(before));
        for (i, words) in words.iter().enumerate() {
            let words = paint.dim(words);
            lines.push(match i {
                0 => format!(
                    "{}{}  {words}",
                    paint.dim(format!("{label:<INDENT$}")),
                    spark.bars
                ),
                _ => format!("{:before$}{words}", ""),
            });
        }
    }
    lines
}
