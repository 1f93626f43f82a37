//! Flags of `gate` and `compare`: sides that are compared by runs in turn.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{DestinationArgs, ScenarioArgs, positive};
use crate::scenario::quantity::Lapse;

/// Flags of both.
#[derive(Clone, Debug, Args)]
pub struct PairedArgs {
    /// What is sent.
    #[command(flatten)]
    pub scenario: ScenarioArgs,

    /// Where to, as far as a side's own file does not say. Without --allow-existing each run has topics of its own, deleted after it.
    #[command(flatten)]
    pub to: DestinationArgs,

    /// Start or reset a side's cluster before each of its turns; NAME is the side's. No shell: words are split and quoted as in one
    #[arg(long, value_name = "NAME=COMMAND", help_heading = "Cluster")]
    pub before_each: Vec<Named<String>>,

    /// Let a built-in scenario run its commands (`plan` lists them); a file named by its path may anyway
    #[arg(long, help_heading = "Safety")]
    pub allow_actions: bool,

    /// A quantile of the response times to compare; repeatable [default: 0.5 and 0.99]
    #[arg(long = "quantile", value_name = "Q", value_parser = quantile, help_heading = "Comparison")]
    pub quantiles: Vec<f64>,

    /// The smallest effect that matters, as in response=10% or response.p99=25%; repeatable
    /// [default: throughput=3%, all others 10%]
    #[arg(
        long = "min-effect",
        value_name = "FIGURE=SHARE",
        help_heading = "Comparison"
    )]
    pub min_effects: Vec<MinEffect>,

    /// Folder of all runs; must not exist [default: runs/NAME-TIME]
    #[arg(long, value_name = "DIR", help_heading = "Result")]
    pub out: Option<PathBuf>,

    /// What goes to standard output at the end
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Result"
    )]
    format: PairedFormat,

    /// Short for --format json
    #[arg(long, conflicts_with = "format", help_heading = "Result")]
    json: bool,
}

impl PairedArgs {
    /// What goes to standard output at the end.
    pub fn format(&self) -> PairedFormat {
        if self.json {
            PairedFormat::Json
        } else {
            self.format
        }
    }
}

/// The forms of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PairedFormat {
    /// A summary of one screen
    Text,
    /// The file of the result
    Json,
    /// Markdown for a comment on a pull request
    Md,
    /// JUnit XML: every figure is a test case
    Junit,
}

/// Flags of `gate`.
#[derive(Clone, Debug, Args)]
pub struct GateArgs {
    /// Flags it shares with `compare`.
    #[command(flatten)]
    pub paired: PairedArgs,

    /// Client properties of the baseline, as for --config
    #[arg(long, value_name = "FILE", required_unless_present_any = ["itself", "against"], conflicts_with = "against", help_heading = "Cluster")]
    pub baseline: Option<PathBuf>,

    /// Client properties of the candidate
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "itself",
        conflicts_with = "itself",
        help_heading = "Cluster"
    )]
    pub candidate: Option<PathBuf>,

    /// Compare the baseline with itself: how noisy it is here, and the smallest regression that would be found
    #[arg(
        long = "self",
        id = "itself",
        conflicts_with = "against",
        help_heading = "Comparison"
    )]
    pub itself: bool,

    /// Compare the candidate with a run that was made another time, which is weaker evidence
    #[arg(long, value_name = "RUN", help_heading = "Comparison")]
    pub against: Option<PathBuf>,

    /// Pairs of a look at least, 6 to 50
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(6..=50), help_heading = "Comparison")]
    pub pairs: u32,

    /// Pairs of a look at most [default: half as many again as --pairs]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(6..=75), help_heading = "Comparison")]
    pub max_pairs: Option<u32>,

    /// How long each side's unthrottled phase lasts; 0s: none
    #[arg(long, value_name = "TIME", value_parser = phase, default_value = "5s", help_heading = "Comparison")]
    pub unthrottled: Duration,
}

/// Flags of `compare`.
#[derive(Clone, Debug, Args)]
pub struct CompareArgs {
    /// Flags it shares with `gate`.
    #[command(flatten)]
    pub paired: PairedArgs,

    /// A cluster, with the file of its client properties; two to five, the first is what the others are compared with
    #[arg(
        long = "cluster",
        value_name = "NAME=FILE",
        required = true,
        help_heading = "Cluster"
    )]
    pub clusters: Vec<Named<PathBuf>>,

    /// What a cluster costs a month, in any currency
    #[arg(long = "price", value_name = "NAME=X", help_heading = "Comparison")]
    pub prices: Vec<Named<Price>>,

    /// How often each cluster has its turn, 2 to 50; below 6 there are no intervals
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=50), help_heading = "Comparison")]
    pub rounds: u32,

    /// Load all clusters at once instead of in turn, as a pilot beside the old system
    #[arg(long, conflicts_with = "unthrottled", help_heading = "Comparison")]
    pub side_by_side: bool,

    /// Add a phase of this length in which each cluster takes as much as it can
    #[arg(long, value_name = "TIME", value_parser = phase, help_heading = "Comparison")]
    pub unthrottled: Option<Duration>,
}

/// NAME=VALUE.
#[derive(Clone, Debug, PartialEq)]
pub struct Named<T> {
    /// Before the first `=`.
    pub name: String,
    /// After it.
    pub value: T,
}

impl<T: FromStr> FromStr for Named<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text
            .split_once('=')
            .ok_or("a name, `=` and a value are expected")?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
            return Err(
                "a name of letters, digits, `.`, `_` and `-` is expected, at most 40".into(),
            );
        }
        if value.is_empty() {
            return Err(format!("nothing follows `{name}=`"));
        }
        match value.parse() {
            Ok(value) => Ok(Named {
                name: name.to_owned(),
                value,
            }),
            Err(_) => Err(format!("`{value}` can't be read")),
        }
    }
}

/// A sum of money.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price(pub f64);

impl FromStr for Price {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        positive(text).map(Price)
    }
}

/// The smallest effect that matters, of one figure or of all of a kind.
#[derive(Clone, Debug, PartialEq)]
pub struct MinEffect {
    /// `response`, `end_to_end`, `throughput` or `cpu`.
    pub word: String,
    /// Of this quantile only, as `p99`.
    pub quantile: Option<String>,
    /// A share of one.
    pub share: f64,
}

impl FromStr for MinEffect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXAMPLE: &str = "expected as in response=10%, response.p99=25%, throughput=3%, cpu=10% or end_to_end=10%";
        let (figure, share) = text.split_once('=').ok_or(EXAMPLE)?;
        let (word, quantile) = match figure.split_once('.') {
            Some((word, quantile)) => (word, Some(quantile.to_owned())),
            None => (figure, None),
        };
        let has_quantiles = ["response", "end_to_end"].contains(&word);
        let is_known = has_quantiles || ["throughput", "cpu"].contains(&word);
        if !is_known || (quantile.is_some() && !has_quantiles) {
            return Err(EXAMPLE.to_owned());
        }
        let share = match share.strip_suffix('%') {
            Some(percent) => percent.trim().parse::<f64>().map(|p| p / 100.0),
            None => share.parse(),
        };
        match share {
            Ok(share) if share > 0.0 && share < 1.0 => Ok(MinEffect {
                word: word.to_owned(),
                quantile,
                share,
            }),
            _ => Err(format!("a share between 0 and 100 % is needed; {EXAMPLE}")),
        }
    }
}

fn quantile(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(q) if q > 0.0 && q < 1.0 => Ok(q),
        _ => Err("a number between 0 and 1 is expected, as in 0.99".into()),
    }
}

/// None, or at least the second that a figure is taken from.
fn phase(text: &str) -> Result<Duration, String> {
    match text.parse::<Lapse>() {
        Ok(Lapse(time)) if time.is_zero() || time >= Duration::from_secs(1) => Ok(time),
        Ok(_) => Err("at least 1s is expected, or 0s for none".into()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn gate(args: &[&str]) -> Result<GateArgs, clap::Error> {
        let all = ["highwater", "gate", "ci-gate"].iter().chain(args);
        Cli::try_parse_from(all).map(|cli| match cli.command {
            Command::Gate(args) => *args,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn a_gate_needs_two_sides() {
        assert!(gate(&["--baseline", "a", "--candidate", "b"]).is_ok());
        assert!(gate(&["--self"]).is_ok());
        assert!(gate(&["--self", "--baseline", "a"]).is_ok());
        assert!(gate(&["--against", "runs/x", "--candidate", "b"]).is_ok());
        for args in [
            &["--baseline", "a"][..],
            &["--candidate", "b"],
            &["--self", "--candidate", "b"],
            &["--against", "runs/x", "--baseline", "a"],
            &["--self", "--pairs", "5"],
            &["--self", "--unthrottled", "500ms"],
        ] {
            assert_eq!(gate(args).unwrap_err().exit_code(), 2, "{args:?}");
        }
    }

    #[test]
    fn effects_are_shares_of_known_figures() {
        let read = |text: &str| text.parse::<MinEffect>();
        let effect = read("response.p99=25%").expect("legal");
        assert_eq!(
            (effect.word.as_str(), effect.quantile.as_deref()),
            ("response", Some("p99"))
        );
        assert!((effect.share - 0.25).abs() < 1e-12);
        assert!((read("cpu=0.2").expect("legal").share - 0.2).abs() < 1e-12);
        for text in [
            "latency=10%",
            "cpu.p99=10%",
            "cpu=0",
            "cpu=100%",
            "cpu",
            "cpu=x",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_come_before_the_first_equals_sign() {
        let named: Named<String> = "a=b c=d".parse().expect("legal");
        assert_eq!((named.name.as_str(), named.value.as_str()), ("a", "b c=d"));
        assert!("=x".parse::<Named<String>>().is_err());
        assert!("a b=x".parse::<Named<String>>().is_err());
        assert!("a=x".parse::<Named<Price>>().is_err());
    }
}
