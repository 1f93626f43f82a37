//! Flags of `capacity`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{DestinationArgs, Format, ScenarioArgs, lapse, positive};

/// Flags of `capacity`.
#[derive(Clone, Debug, Args)]
pub struct CapacityArgs {
    /// What is sent.
    #[command(flatten)]
    pub scenario: ScenarioArgs,

    /// Where to.
    #[command(flatten)]
    pub to: DestinationArgs,

    /// Search the least number of consumers that carries the scenario's peak instead
    #[arg(long, value_name = "WHAT", help_heading = "Search")]
    pub over: Option<Over>,

    /// Half the width of the estimate's 90 % interval, as in 3%
    #[arg(long, value_name = "SHARE", value_parser = precision, default_value = "3%", help_heading = "Search")]
    pub precision: f64,

    /// How long each of the three confirmations measures; 5m for a rehearsal
    #[arg(long, value_name = "TIME", value_parser = lapse, default_value = "30s", help_heading = "Search")]
    pub confirm: Duration,

    /// How long the search may take; with --over, each of its runs a tenth of it
    #[arg(long, value_name = "TIME", value_parser = lapse, default_value = "15m", help_heading = "Search")]
    pub max_duration: Duration,

    /// The headroom wanted over the scenario's peak
    #[arg(long, value_name = "X", value_parser = positive, default_value = "1.5", help_heading = "Search")]
    pub headroom: f64,

    /// How far back the cluster's quotas look (brokers' quota.window.num): where throttling is seen, steps last twice as long
    #[arg(long, value_name = "TIME", value_parser = lapse, default_value = "11s", help_heading = "Search")]
    pub quota_window: Duration,

    /// Go on from what an earlier search of the same load found
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with = "over",
        help_heading = "Search"
    )]
    pub resume: Option<PathBuf>,

    /// Delete the topics this search created when it ends
    #[arg(long, help_heading = "Safety")]
    pub delete_topics: bool,

    /// The search's folder; must not exist [default: runs/NAME-TIME]
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

/// What is varied instead of the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Over {
    /// The members of each consumer group
    Consumers,
}

impl CapacityArgs {
    /// What goes to standard output at the end.
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

/// `3%`, or `0.03`.
fn precision(text: &str) -> Result<f64, String> {
    let (number, unit) = match text.strip_suffix('%') {
        Some(number) => (number.trim(), 100.0),
        None => (text, 1.0),
    };
    match number.parse::<f64>() {
        Ok(share) if (0.005..=0.5).contains(&(share / unit)) => Ok(share / unit),
        _ => Err("a share between 0.5% and 50% is expected".into()),
    }
}
