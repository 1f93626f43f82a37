//! `run`: replay a scenario against a cluster, judge it, write a run folder.

mod assemble;
mod interrupts;
mod order;
mod perform;
mod prepare;
mod watch;

pub(super) use interrupts::Interrupts;
pub(super) use order::{Destination, Order, load};
pub(super) use perform::{Performed, judge_of, perform};
pub(super) use prepare::{Prepared, made_up_id, prepare, tag_of};

use anyhow::Result;

use crate::cli::{Format, OutputArgs, RunArgs};
use crate::report::progress::Progress;
use crate::report::term::Paint;
use crate::report::text::{self, Context as TextContext};

/// Runs a scenario. Returns the exit code of its verdict.
///
/// # Errors
/// The run did not take place: nothing was sent.
pub fn run(args: &RunArgs, output: &OutputArgs) -> Result<u8> {
    let interrupts = Interrupts::heed();
    let progress = Progress::stderr(output.quiet, Paint::stderr(super::color(output)));
    let done = perform(
        &Order::of(args)?,
        args.out.as_deref(),
        progress,
        &interrupts,
    )?;
    show(args, output, &done)?;
    Ok(done.exit)
}

/// Prints the result.
fn show(args: &RunArgs, output: &OutputArgs, done: &Performed) -> Result<()> {
    let context = TextContext {
        folder: Some(&done.folder),
        page: done.page.as_deref(),
        over_time: Some(&done.over_time),
        ..TextContext::default()
    };
    let text = match args.format() {
        Format::Json => serde_json::to_string_pretty(&done.file)? + "\n",
        Format::Text => text::summary(&done.file, &context, Paint::stdout(super::color(output))),
    };
    super::print(&text)
}
