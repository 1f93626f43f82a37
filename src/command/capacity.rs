//! `capacity`: the highest load at which every limit holds, or the least number of consumers that carries one.

mod driver;
mod over;
mod search;

use std::path::Path;

use anyhow::Result;

use crate::capacity::search::file::{FORMAT, SearchFile};
use crate::capacity::search::held::Held;
use crate::cli::{CapacityArgs, Format, OutputArgs, Over};
use crate::command::client_options;
use crate::command::exit::Usage;
use crate::command::run::{Destination, Interrupts, Order, load};
use crate::measure::machine::Machine;
use crate::measure::run::Tool;
use crate::report::progress::Progress;
use crate::report::search as report;
use crate::report::term::Paint;
use crate::scenario::Scenario;
use crate::scenario::hash::plan_hash;
use crate::target::kafka::librdkafka_version;

/// The load by which searches are told apart lasts so long.
const HASHED: std::time::Duration = std::time::Duration::from_secs(60);

/// A search about to begin.
struct Search<'a> {
    args: &'a CapacityArgs,
    scenario: Scenario,
    warnings: Vec<String>,
    held: Held,
    interrupts: Interrupts,
}

/// Searches. Returns the exit code.
///
/// # Errors
/// The search did not take place: nothing was sent.
pub fn capacity(args: &CapacityArgs, output: &OutputArgs) -> Result<u8> {
    let (scenario, warnings) = load(&args.scenario.name, &args.scenario.overrides(), true)?;
    // A small model has a small peak; a safety factor is no part of the peak.
    let safety = scenario.scale * args.scenario.shrink.unwrap_or(1.0);
    let held = Held::of(&scenario, safety).map_err(|error| Usage(error.to_string()))?;
    let search = Search {
        args,
        scenario,
        warnings,
        held,
        interrupts: Interrupts::heed(),
    };
    let paint = Paint::stderr(super::color(output));
    let progress = Progress::stderr(output.quiet, paint);
    let (file, folder) = match args.over {
        None => search.rate(progress)?,
        Some(Over::Consumers) => search.members(safety, output.quiet, paint)?,
    };
    let page = write_page(&file, &folder);
    let text = match args.format() {
        Format::Json => serde_json::to_string_pretty(&file)? + "\n",
        Format::Text => report::text(
            &file,
            &folder,
            page.is_some(),
            Paint::stdout(super::color(output)),
        ),
    };
    super::print(&text)?;
    Ok(file.exit())
}

/// Writes the page of a search. The search is over by now: a page that can't be written changes nothing of what it found.
fn write_page(file: &SearchFile, folder: &Path) -> Option<()> {
    match report::write_page(file, folder) {
        Ok(_) => Some(()),
        Err(error) => {
            eprintln!(
                "warning: can't write {}: {error}",
                folder.join(crate::report::html::PAGE_FILE).display()
            );
            None
        }
    }
}

impl Search<'_> {
    /// A run of this scenario where the flags say.
    fn order(&self, scenario: Scenario) -> Result<Order> {
        let args = self.args;
        Ok(Order {
            scenario,
            warnings: self.warnings.clone(),
            to: Destination::new(&args.to, client_options(&args.to.cluster)?),
            run_id: None,
            delete_topics: args.delete_topics,
            page: false,
            tell: true,
        })
    }

    /// What is known of the search before it begins.
    fn file(&self) -> SearchFile {
        let at = self.scenario.time.starts.checked_add(self.held.instant);
        let at_peak = self.held.at(self.held.peak_per_s, HASHED, 0);
        SearchFile {
            format: FORMAT,
            tool: Tool {
                name: env!("CARGO_PKG_NAME").to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                librdkafka: librdkafka_version(),
            },
            scenario: self.scenario.name.clone(),
            effective: self.scenario.effective.clone(),
            plan_hash: plan_hash(&at_peak),
            instant: at.map_or_else(|_| String::new(), |at| at.strftime("%H:%M:%S").to_string()),
            peak_per_s: self.held.peak_per_s,
            wanted: self.args.headroom,
            machine: Machine::this(),
            ..SearchFile::default()
        }
    }
}
