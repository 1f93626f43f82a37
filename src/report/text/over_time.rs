//! How the run went over time, as lines of bars. Pure.

use crate::measure::run::RunFile;

use super::super::term::Paint;
use super::{Context, INDENT};

/// Response time and rate over the run, with the axis below; nothing for a run too short to draw.
pub(super) fn over_time(run: &RunFile, context: &Context<'_>, paint: Paint) -> Vec<String> {
    let Some(over_time) = context.over_time else {
        return vec![];
    };
    let lines = over_time.timeline.lines(run.elapsed_us);
    lines
        .iter()
        .map(|(label, spark)| {
            let label = paint.dim(format!("{label:<INDENT$}"));
            format!("{label}{}  {}", spark.bars, paint.dim(&spark.text))
        })
        .collect()
}
