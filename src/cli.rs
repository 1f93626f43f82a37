//! Every flag.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

mod capacity;
mod paired;

pub use capacity::{CapacityArgs, Over};
pub use paired::{CompareArgs, GateArgs, MinEffect, Named, PairedArgs, PairedFormat};

use crate::scenario::Overrides;
use crate::scenario::quantity::{Count, Lapse, Rate};

/// What comes before the name of every topic, unless said otherwise.
pub const TOPIC_PREFIX: &str = "highwater.";

/// Finds out, before the peak, whether a Kafka cluster will carry it.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "highwater",
    version,
    max_term_width = 110,
    propagate_version = true,
    after_help = "Exit codes: 0 every SLO held; 1 an SLO missed, records lost or corrupt; 2 usage or scenario error, nothing was sent; \
                  3 invalid, inconclusive or interrupted; 4 the cluster could not be used."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Flags of every command.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Flags of every command: how much is said, and how.
#[derive(Clone, Debug, Args)]
pub struct OutputArgs {
    /// Say less: no progress, only warnings and the result
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Say more; twice: everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,

    /// When to use colour. NO_COLOR is honoured
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The subcommands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Replay a scenario against a cluster, judge it, write a run folder
    Run(Box<RunArgs>),
    /// Show what would be sent, without a cluster
    Plan(Box<PlanArgs>),
    /// Find the highest load at which every limit holds, and the headroom over the scenario's peak
    Capacity(Box<CapacityArgs>),
    /// Carry the same load to two to five clusters in turn, and tell how they differ
    Compare(Box<CompareArgs>),
    /// Compare a candidate with a baseline, with an exit code for CI
    Gate(Box<GateArgs>),
    /// Measure what this machine can generate and how noisy it is
    Calibrate(CalibrateArgs),
    /// Tell what run folders hold: pages, plots, tables
    Report(ReportArgs),
    /// List the built-in scenarios, print one, or copy one to edit
    Scenarios(ScenariosArgs),
    /// Print the JSON Schema of scenario files, for editors that complete them
    Schema,
    /// List the topics and groups this tool left on a cluster, and delete them after asking
    Clean(CleanArgs),
    /// Print a script that completes commands in a shell
    Completions(CompletionsArgs),
}

/// Which cluster, and how to talk to it.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterArgs {
    /// The cluster's brokers. Left out: an embedded cluster is started
    #[arg(short, long, value_name = "HOST:PORT,...", env = "HIGHWATER_BOOTSTRAP")]
    pub bootstrap: Option<String>,

    /// File of client properties, a `key=value` a line. Values may be ${env:NAME} or ${file:PATH}
    #[arg(short = 'F', long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// One client property; repeatable; wins over the file
    // Read where its origin is known: an error here would repeat what was typed, which may be a secret.
    #[arg(short = 'X', long = "property", value_name = "KEY=VALUE")]
    pub properties: Vec<String>,
}

/// Where runs go, and what they may do there.
#[derive(Clone, Debug, Args)]
pub struct DestinationArgs {
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,

    /// No cluster of yours: the embedded one, or none at all. Wins over HIGHWATER_BOOTSTRAP
    #[arg(long, value_name = "KIND", help_heading = "Cluster")]
    pub target: Option<TargetKind>,

    /// Comes before the name of every topic
    #[arg(long, value_name = "PREFIX", default_value = TOPIC_PREFIX, value_parser = topic_prefix, help_heading = "Safety")]
    pub topic_prefix: String,

    /// Write into existing topics even if their names don't start with `highwater.`
    #[arg(long, help_heading = "Safety")]
    pub allow_existing: bool,

    /// Don't ask before loading a cluster that is not on this machine
    #[arg(short, long, help_heading = "Safety")]
    pub yes: bool,

    /// Offer no more than this, as in 20k/s: a run that would is refused, a search stays below
    #[arg(long, value_name = "RATE", value_parser = rate, help_heading = "Safety")]
    pub max_rate: Option<Rate>,

    /// Leave the threads that send and read to the ordinary scheduler, where they could be scheduled in real time
    #[arg(long, help_heading = "Safety")]
    pub no_realtime: bool,
}

/// Flags of `run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// What is sent.
    #[command(flatten)]
    pub scenario: ScenarioArgs,

    /// Where to.
    #[command(flatten)]
    pub to: DestinationArgs,

    /// Delete the topics this run created when it ends
    #[arg(long, help_heading = "Safety")]
    pub delete_topics: bool,

    /// Let a built-in scenario run its commands (`plan` lists them); a file named by its path may anyway
    #[arg(long, help_heading = "Safety")]
    pub allow_actions: bool,

    /// Name of this run, in stamps, groups and the run file [default: made up]
    #[arg(long, value_name = "ID", value_parser = run_id, help_heading = "Result")]
    pub run_id: Option<String>,

    /// Run folder; must not exist [default: runs/NAME-TIME]
    #[arg(long, value_name = "DIR", help_heading = "Result")]
    pub out: Option<PathBuf>,

    /// What goes to standard output at the end
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Result"
    )]
    format: Format,

    /// Short for --format json
    #[arg(long, conflicts_with = "format", help_heading = "Result")]
    json: bool,
}

/// Which scenario, and what the command line changes in it.
#[derive(Clone, Debug, Args)]
pub struct ScenarioArgs {
    /// Path of a scenario file, or name of a built-in one (`highwater scenarios`)
    #[arg(value_name = "SCENARIO")]
    pub name: String,

    /// Multiply every rate by this
    #[arg(long, value_name = "X", value_parser = positive, allow_negative_numbers = true, help_heading = "Scenario")]
    pub scale: Option<f64>,

    /// Make a small model: rates ÷ N, think times × N
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true, help_heading = "Scenario")]
    pub shrink: Option<f64>,

    /// Cut the run after this real time, as in 30s
    #[arg(long, value_name = "TIME", value_parser = lapse, conflicts_with = "fit", help_heading = "Scenario")]
    pub duration: Option<Duration>,

    /// Choose `compress` so that the whole run takes this real time
    #[arg(long, value_name = "TIME", value_parser = lapse, conflicts_with = "compress", help_heading = "Scenario")]
    pub fit: Option<Duration>,

    /// Play this many simulated seconds in a real one
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true, help_heading = "Scenario")]
    pub compress: Option<f64>,

    /// Seed of every draw: the same seed sends the same bytes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64), help_heading = "Scenario")]
    pub seed: Option<u64>,

    /// Override a field, as in topic.orders.partitions=24; repeatable
    #[arg(long, value_name = "PATH=VALUE", help_heading = "Scenario")]
    pub set: Vec<String>,
}

/// Targets that need no cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TargetKind {
    /// A cluster inside this process: for trying out, not for numbers
    Embedded,
    /// Everything but the network: what the generator itself costs
    Null,
}

/// What goes to standard output at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A summary of one screen
    Text,
    /// run.json
    Json,
}

impl RunArgs {
    /// What goes to standard output at the end.
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

impl ScenarioArgs {
    /// What the flags change in the scenario.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            scale: self.scale,
            shrink: self.shrink,
            duration: self.duration,
            fit: self.fit,
            compress: self.compress,
            seed: self.seed,
            set: self.set.clone(),
        }
    }
}

/// Flags of `plan`.
#[derive(Clone, Debug, Args)]
pub struct PlanArgs {
    /// What would be sent.
    #[command(flatten)]
    pub scenario: ScenarioArgs,

    /// Print the events themselves instead, as lines of JSON: the first N, or `all`
    #[arg(long, value_name = "N|all", conflicts_with = "json")]
    pub events: Option<Many>,

    /// Name of the run that the stamps of --events are made for
    #[arg(long, value_name = "ID", value_parser = run_id, requires = "events")]
    pub run_id: Option<String>,

    /// Print the plan as JSON
    #[arg(long)]
    pub json: bool,
}

/// How many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Many {
    /// So many, from the first.
    First(u64),
    /// All.
    All,
}

impl std::str::FromStr for Many {
    type Err = String;

    fn from_str(text: &str) -> Result<Many, String> {
        if text == "all" {
            return Ok(Many::All);
        }
        match text.parse::<Count>() {
            Ok(Count(count)) if count > 0 => Ok(Many::First(count)),
            _ => Err("a number above 0 or `all` is expected".to_owned()),
        }
    }
}

/// Flags of `report`.
#[derive(Clone, Debug, Args)]
pub struct ReportArgs {
    /// Run folders; two or more are compared with the first
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,

    /// What goes to standard output
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: ReportFormat,

    /// Write the page here [default: with --format text, report.html in the run folder; of several runs, beside the first folder]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Write the plots into this folder, as .svg and .png files
    #[arg(long, value_name = "DIR")]
    pub plots: Option<PathBuf>,

    /// Short for --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// A summary of one screen, or a comparison
    Text,
    /// run.json; of several runs a list
    Json,
    /// Markdown for a comment on a pull request
    Md,
    /// Every second of each run and each part of it, as a table
    Csv,
    /// JUnit XML: every SLO is a test case
    Junit,
    /// A line a run
    Line,
}

impl ReportArgs {
    /// What goes to standard output.
    pub fn format(&self) -> ReportFormat {
        if self.json {
            ReportFormat::Json
        } else {
            self.format
        }
    }
}

/// Flags of `scenarios`.
#[derive(Clone, Debug, Args)]
pub struct ScenariosArgs {
    /// What to do; left out: list them.
    #[command(subcommand)]
    pub command: Option<ScenariosCommand>,
}

/// What `scenarios` can do.
#[derive(Clone, Debug, Subcommand)]
pub enum ScenariosCommand {
    /// Print one
    Show {
        /// Its name
        name: String,
    },
    /// Copy one into a folder, with its event templates, to edit
    Copy {
        /// Its name
        name: String,
        /// The folder, which is made if it is not there; no file is overwritten
        folder: PathBuf,
    },
}

/// Flags of `clean`.
#[derive(Clone, Debug, Args)]
pub struct CleanArgs {
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,

    /// What the names of topics and groups start with; 4 characters or more
    #[arg(long, value_name = "PREFIX", default_value = TOPIC_PREFIX, value_parser = clean_prefix)]
    pub topic_prefix: String,

    /// Delete without asking
    #[arg(short, long)]
    pub yes: bool,
}

/// Flags of `calibrate`.
#[derive(Clone, Debug, Args)]
pub struct CalibrateArgs {
    /// How long each of its runs lasts
    #[arg(long, value_name = "TIME", value_parser = lapse, default_value = "5s")]
    pub duration: Duration,

    /// Print what is stored already, and measure nothing
    #[arg(long)]
    pub show: bool,

    /// Print it as JSON
    #[arg(long)]
    pub json: bool,
}

/// Flags of `completions`.
#[derive(Clone, Debug, Args)]
pub struct CompletionsArgs {
    /// Which shell
    pub shell: clap_complete::Shell,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if x.is_finite() && x > 0.0 => Ok(x),
        _ => Err("a number above 0 is expected".into()),
    }
}

fn lapse(text: &str) -> Result<Duration, String> {
    match text.parse::<Lapse>() {
        Ok(Lapse(time)) if !time.is_zero() => Ok(time),
        Ok(_) => Err("a time above 0 is expected".into()),
        Err(error) => Err(error.to_string()),
    }
}

fn rate(text: &str) -> Result<Rate, String> {
    match text.parse::<Rate>() {
        Ok(rate) if rate.as_per_second() > 0.0 => Ok(rate),
        Ok(_) => Err("a rate above 0 is expected".into()),
        Err(error) => Err(error.to_string()),
    }
}

fn plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    text.len() <= 100 && text.chars().all(plain)
}

fn topic_prefix(text: &str) -> Result<String, String> {
    match plain(text) {
        true => Ok(text.to_owned()),
        false => Err("letters, digits, `.`, `_` and `-` only, at most 100".into()),
    }
}

fn clean_prefix(text: &str) -> Result<String, String> {
    match text.len() {
        0..4 => Err("4 characters or more are needed: everything that starts so is deleted".into()),
        _ => topic_prefix(text),
    }
}

fn run_id(text: &str) -> Result<String, String> {
    match plain(text) && !text.is_empty() {
        true => Ok(text.to_owned()),
        false => Err("letters, digits, `.`, `_` and `-` only, 1 to 100 of them".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn run(args: &[&str]) -> Result<RunArgs, clap::Error> {
        let all = ["highwater", "run"].iter().chain(args);
        Cli::try_parse_from(all).map(|cli| match cli.command {
            Command::Run(args) => *args,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_become_overrides() {
        let args = run(&[
            "storefront",
            "--scale",
            "1.5",
            "--shrink",
            "4",
            "--duration",
            "10s",
            "--compress",
            "60",
            "--seed",
            "7",
            "--set",
            "a.b=1",
            "--set",
            "c=x=y",
        ])
        .unwrap();
        assert_eq!(
            args.scenario.overrides(),
            Overrides {
                scale: Some(1.5),
                shrink: Some(4.0),
                duration: Some(Duration::from_secs(10)),
                fit: None,
                compress: Some(60.0),
                seed: Some(7),
                set: vec!["a.b=1".into(), "c=x=y".into()],
            }
        );
    }

    #[test]
    fn defaults_are_as_documented() {
        let args = run(&["storefront"]).unwrap();
        assert_eq!(args.scenario.overrides(), Overrides::default());
        assert_eq!(args.to.topic_prefix, "highwater.");
        assert_eq!(args.format(), Format::Text);
        assert_eq!(run(&["x", "--json"]).unwrap().format(), Format::Json);
    }

    #[test]
    fn impossible_values_are_usage_errors() {
        for args in [
            &["x", "--scale", "0"][..],
            &["x", "--scale", "NaN"],
            &["x", "--scale=-1"],
            &["x", "--duration", "30"],
            &["x", "--duration", "0s"],
            &["x", "--duration", "5s", "--fit", "5s"],
            &["x", "--compress", "5", "--fit", "5s"],
            &["x", "--max-rate", "5"],
            &["x", "--seed", "-1"],
            &["x", "--topic-prefix", "a b"],
            &["x", "--run-id", ""],
            &["x", "--target", "kafka"],
            &["x", "-q", "-v"],
            &["x", "--json", "--format", "text"],
            &[],
        ] {
            let error = run(args).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{args:?}");
        }
    }

    #[test]
    fn clean_needs_a_prefix_worth_the_name() {
        let clean = |prefix| Cli::try_parse_from(["highwater", "clean", "--topic-prefix", prefix]);
        assert!(clean("abc").is_err());
        assert!(clean("abcd").is_ok());
    }
}
