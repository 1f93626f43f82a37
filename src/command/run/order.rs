//! What a run is made of, whichever command asks for it.

use anyhow::Result;

use crate::cli::{RunArgs, TargetKind};
use crate::command::client_options;
use crate::scenario::quantity::Rate;
use crate::scenario::{self, Overrides, Problem, Scenario, Source};
use crate::target::kafka::config::ClientOptions;

/// One run: what is sent, and where to.
#[derive(Clone)]
pub(in crate::command) struct Order {
    /// What is sent.
    pub(in crate::command) scenario: Scenario,
    /// What the user should know of the scenario, a sentence each.
    pub(in crate::command) warnings: Vec<String>,
    /// Where to.
    pub(in crate::command) to: Destination,
    /// The run's name; `None`: made up.
    pub(in crate::command) run_id: Option<String>,
    /// Delete the topics that this run created when it ends.
    pub(in crate::command) delete_topics: bool,
    /// Write the page into the run folder.
    pub(in crate::command) page: bool,
    /// Say what there is to be warned of.
    pub(in crate::command) tell: bool,
}

/// Where runs go, and what they may do there.
#[derive(Clone, Default)]
pub(in crate::command) struct Destination {
    /// Which cluster, and how to talk to it.
    pub(in crate::command) options: ClientOptions,
    /// No cluster of the user's.
    pub(in crate::command) target: Option<TargetKind>,
    /// Comes before the name of every topic.
    pub(in crate::command) topic_prefix: String,
    /// Existing topics of other names may be written to.
    pub(in crate::command) allow_existing: bool,
    /// Don't ask before loading a cluster that is not on this machine.
    pub(in crate::command) yes: bool,
    /// Refuse to offer more.
    pub(in crate::command) max_rate: Option<Rate>,
    /// The threads that send may be scheduled in real time.
    pub(in crate::command) realtime: bool,
}

impl Order {
    /// What the flags of `run` ask for.
    pub(super) fn of(args: &RunArgs) -> Result<Order> {
        let (scenario, warnings) = load(&args.scenario.name, &args.scenario.overrides())?;
        Ok(Order {
            scenario,
            warnings,
            to: Destination {
                options: client_options(&args.cluster)?,
                target: args.target,
                topic_prefix: args.topic_prefix.clone(),
                allow_existing: args.allow_existing,
                yes: args.yes,
                max_rate: args.max_rate,
                realtime: !args.no_realtime,
            },
            run_id: args.run_id.clone(),
            delete_topics: args.delete_topics,
            page: true,
            tell: true,
        })
    }
}

/// The scenario of this name with what the flags change in it, and what the user should know of it.
pub(in crate::command) fn load(
    name: &str,
    overrides: &Overrides,
) -> Result<(Scenario, Vec<String>)> {
    let loaded = scenario::load(&Source::named(name)?, overrides)?;
    // A problem says itself that it is a warning; what is added here is called one when it is shown.
    let told = |warning: &Problem| {
        warning
            .to_string()
            .trim_start_matches("warning: ")
            .to_owned()
    };
    let warnings = loaded.warnings.iter().map(told).collect();
    Ok((loaded.scenario, warnings))
}
