//! What a run is made of, whichever command asks for it.

use anyhow::Result;

use crate::cli::{DestinationArgs, RunArgs, TargetKind};
use crate::command::client_options;
use crate::command::exit::Usage;
use crate::drive::plan::shown;
use crate::scenario::quantity::Rate;
use crate::scenario::{self, Deed, Overrides, Problem, Scenario, Source};
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
    /// The threads that send and read may be scheduled in real time.
    pub(in crate::command) realtime: bool,
}

impl Destination {
    /// What the flags say, to the cluster of these client options.
    pub(in crate::command) fn new(args: &DestinationArgs, options: ClientOptions) -> Destination {
        Destination {
            options,
            target: args.target,
            topic_prefix: args.topic_prefix.clone(),
            allow_existing: args.allow_existing,
            yes: args.yes,
            max_rate: args.max_rate,
            realtime: !args.no_realtime,
        }
    }
}

impl Order {
    /// What the flags of `run` ask for.
    pub(super) fn of(args: &RunArgs) -> Result<Order> {
        let overrides = args.scenario.overrides();
        let (scenario, warnings) = load(&args.scenario.name, &overrides, args.allow_actions)?;
        Ok(Order {
            scenario,
            warnings,
            to: Destination::new(&args.to, client_options(&args.to.cluster)?),
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
    allow_actions: bool,
) -> Result<(Scenario, Vec<String>)> {
    let source = Source::named(name)?;
    let loaded = scenario::load(&source, overrides)?;
    if !allow_actions && !matches!(source, Source::Path(_)) {
        refuse_commands(name, &loaded.scenario)?;
    }
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

/// Commands run only from a file that was named by its path, or when that is asked for.
fn refuse_commands(name: &str, scenario: &Scenario) -> Result<()> {
    let commands: Vec<String> = scenario
        .actions
        .iter()
        .filter_map(|action| match &action.deed {
            Deed::Run(run) => Some(shown(&run.command)),
            Deed::Pause(_) => None,
        })
        .collect();
    if commands.is_empty() {
        return Ok(());
    }
    Err(Usage(format!(
        "the built-in scenario {name} runs commands: {}; allow them with --allow-actions, or copy the scenario \
         (highwater scenarios copy {name}) and write your own",
        commands.join("; "),
    ))
    .into())
}
