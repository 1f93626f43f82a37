//! What is asked: a scenario file, checked.
//!
//! Only [`load`] makes a [`Scenario`], so whoever holds one may believe it: every name resolves, every number is possible.
//! Times in shapes are seconds of simulated time since [`Time::starts`]; rates are events per real second.

mod arrivals;
mod chain;
mod check;
mod counts;
mod defects;
mod extends;
mod fake_kind;
pub mod hash;
mod journey;
mod law;
mod overrides;
mod presets;
mod problem;
pub mod quantity;
mod read;
mod scalar;
mod text;
mod unthrottled;
mod wire;
mod wire_arrivals;
mod wire_journey;
mod wire_laws;
mod wire_values;

use std::path::PathBuf;
use std::time::Duration;

pub use arrivals::{Arrivals, Batch, Periodic};
pub use defects::{Defects, Delay, Oversized};
pub use fake_kind::FakeKind;
pub use journey::{Follow, HELD, Journey, Lag, Length, Next, State, Times};
pub use overrides::Overrides;
pub use presets::{PRESETS, Preset, SCHEMA, Source};
pub use problem::{Place, Problem, ScenarioErrors, Severity, nearest};

use text::{Findings, Texts};

#[cfg(test)]
mod tests;

/// A scenario, and what is suspicious about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The checked scenario.
    pub scenario: Scenario,
    /// Things that are legal and hardly meant.
    pub warnings: Vec<Problem>,
}

/// The `[time]` of a scenario's text, without reading the rest; `None` when it has none that is right.
pub fn time_of(text: &str) -> Option<Time> {
    let mut texts = Texts::default();
    let base = texts.add("the scenario", text.to_owned());
    let mut findings = Findings::new(&texts);
    let root = text::parse(&mut findings, base);
    check::time::preview(&texts, &root)
}

/// Reads a scenario, with what it extends and what the command line changes, and checks all of it.
///
/// # Errors
/// All errors of the file and the overrides, each with its place.
pub fn load(source: &Source, overrides: &Overrides) -> Result<Loaded, ScenarioErrors> {
    let mut texts = Texts::default();
    let chain = extends::Chain::gather(source, &mut texts)?;
    let edits = overrides.edits(&mut texts);
    let mut findings = Findings::new(&texts);
    let mut root = chain.tree(&mut findings);
    overrides::apply(&mut findings, &mut root, &edits);
    let effective = text::effective(&root);
    let scenario = check::scenario(&mut findings, &root, &chain, effective);
    let (problems, warnings) = findings.finish();
    match scenario {
        Some(scenario) if problems.is_empty() => Ok(Loaded { scenario, warnings }),
        _ => Err(ScenarioErrors { problems }),
    }
}

/// A client's or a topic's properties, in the order they were given; the last of a name wins.
pub type Properties = Vec<(String, String)>;

/// A checked scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The scenario's name; part of the run folder's.
    pub name: String,
    /// The question it answers.
    pub why: String,
    /// The seed of every draw.
    pub seed: u64,
    /// Where relative file names start from; `None` for a preset, whose files are compiled in.
    pub folder: Option<PathBuf>,
    /// The effective file after all overrides, as TOML: what `run.json` keeps. Never holds a secret.
    pub effective: String,
    /// When it plays.
    pub time: Time,
    /// How many virtual shards each flow is split into. At most 65,536.
    pub shards: u32,
    /// What every rate is multiplied by: `[load] scale` × `--scale` ÷ `--shrink`. Already applied to every height of the flows.
    pub scale: f64,
    /// The pools entities are drawn from.
    pub pools: Vec<Pool>,
    /// The topics written to.
    pub topics: Vec<Topic>,
    /// The kinds of event.
    pub events: Vec<Event>,
    /// What customers do one thing after the other.
    pub journeys: Vec<Journey>,
    /// The streams of arrivals.
    pub flows: Vec<Flow>,
    /// Producer properties of all flows.
    pub client: Properties,
    /// The consumer groups that read beside the load.
    pub consumers: Vec<Consume>,
    /// The limits it is judged by; the three that are always there included.
    pub slos: Vec<Slo>,
    /// When to stop early.
    pub abort: Abort,
}

/// When a scenario plays.
#[derive(Clone, Debug)]
pub struct Time {
    /// The simulated clock at the start of the span, with its offset.
    pub starts: jiff::Zoned,
    /// How long the simulated day is; heights are fixed over it.
    pub span: Duration,
    /// The part that is run, as simulated offsets from `starts`.
    pub play: (Duration, Duration),
    /// Simulated seconds in a real one. Above 0; below 1 is slow motion.
    pub compress: f64,
    /// Real time: how far back journeys under way at the start are replayed.
    pub history: Duration,
    /// Real time at the beginning whose windows are labelled as warm-up.
    pub warmup: Duration,
    /// Real time for which open acknowledgements are waited for at the end.
    pub settle: Duration,
    /// Real time for which groups read on at the end.
    pub catch_up: Duration,
}

impl Time {
    /// How long the load lasts, in real nanoseconds.
    pub fn run_ns(&self) -> u64 {
        let simulated = self.play.1.saturating_sub(self.play.0).as_secs_f64();
        (simulated / self.compress * 1e9).round() as u64
    }
}

/// A population of entities that events refer to by id, `1..=count`.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Its name, as blanks spell it.
    pub name: String,
    /// How many ids it has; at least 1.
    pub count: u64,
    /// The pool each id belongs to one of: index into [`Scenario::pools`], smaller than this pool's own. Where both are drawn, they match.
    pub of: Option<usize>,
    /// How unevenly ids are picked.
    pub skew: Skew,
    /// One id that takes a share of all picks for a while.
    pub flash: Option<PickFlash>,
    /// What is known of each id.
    pub fields: Vec<Field>,
}

/// One id takes a share of all picks for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PickFlash {
    /// The id.
    pub id: u64,
    /// Its share of the picks.
    pub share: f64,
    /// From when: seconds of simulated time since the start of the span.
    pub at: f64,
    /// For how long: simulated seconds.
    pub lasting: f64,
}

/// How unevenly ids are picked. Lower ids are the popular ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Skew {
    /// All alike.
    Uniform,
    /// Id `k` in proportion to `k^-s`.
    Zipf(f64),
    /// Weights log-normally distributed with this sigma.
    LogNormal(f64),
    /// This share of the picks goes to this share of the ids, uniformly within both parts.
    Hot {
        /// Share of the picks.
        share: f64,
        /// Share of the ids.
        of: f64,
    },
}

/// A named property of a pool's ids.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name, as `{{pool.field}}` spells it.
    pub name: String,
    /// Where its values come from.
    pub kind: FieldKind,
}

/// Where a field's values come from.
#[derive(Clone, Debug)]
pub enum FieldKind {
    /// A kind of realistic value (`company`, `email`...): one of [`FakeKind::NAMES`].
    Fake(FakeKind),
    /// A whole number, both ends included.
    Int(i64, i64),
    /// A number with two decimals.
    Decimal(f64, f64),
    /// One of these, by weight.
    Choice(Vec<(String, f64)>),
}

/// A topic written to.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Its key in the scenario (`page_views`).
    pub key: String,
    /// Its name on the cluster, without the prefix (`page-views`).
    pub name: String,
    /// How many partitions; at least 1.
    pub partitions: u32,
    /// How many replicas; `None`: the cluster's default.
    pub replication: Option<u16>,
    /// Topic configuration.
    pub config: Properties,
}

/// A kind of event.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Index into [`Scenario::topics`].
    pub topic: usize,
    /// What its key is made of.
    pub key: Key,
    /// What its value is made of.
    pub value: Value,
    /// Headers, each a template text.
    pub headers: Vec<(String, TemplateText)>,
    /// Where its stamp goes.
    pub stamp: StampPlace,
    /// What is wrong with it on purpose.
    pub defects: Defects,
}

/// What a key is made of: the texts of these blanks, joined with `:`. Empty: no key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Key {
    /// The blanks.
    pub parts: Vec<KeyPart>,
}

/// A blank of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPart {
    /// The id of a pool: index into [`Scenario::pools`].
    Pool(usize),
    /// The journey's id.
    Session,
    /// The device's id.
    Device,
}

/// What a value is made of.
#[derive(Clone, Debug)]
pub enum Value {
    /// A template, which `traffic` compiles.
    Template(TemplateText),
    /// Records from a file, in turn: its text, and the name it was given by.
    Lines {
        /// The name as typed, for messages.
        name: String,
        /// The lines, without their ends; at least one, none empty.
        lines: Vec<String>,
    },
    /// Plain bytes of this size that compress about this many times.
    Bytes {
        /// Bytes, the stamp included.
        size: usize,
        /// Compression ratio to aim at; 1 is incompressible.
        compressible: f64,
    },
}

/// The text of a template with the name to show when it is wrong.
#[derive(Clone, Debug)]
pub struct TemplateText {
    /// File name or field, for messages.
    pub name: String,
    /// The text.
    pub text: String,
}

/// Where an event's stamp goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StampPlace {
    /// The last field of the JSON object, or the last bytes of plain bytes.
    Payload,
    /// A header.
    Header,
    /// Nowhere: no verification, no end-to-end.
    None,
}

/// A stream of arrivals.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Its name.
    pub name: String,
    /// The events it sends, as (index into [`Scenario::events`], share of its events); shares add up to 1. For a flow of journeys the shares of
    /// expected visits.
    pub mix: Vec<(usize, f64)>,
    /// Each arrival starts one of these journeys; `None`: each arrival is an event.
    pub journey: Option<FlowJourney>,
    /// How arrivals are spaced.
    pub arrivals: Arrivals,
    /// How high its curve is; `None` for arrivals that need none.
    pub height: Option<Height>,
    /// Shapes that are multiplied, before the height is fixed.
    pub shape: Vec<Shape>,
    /// Shapes that are multiplied on top, after the height is fixed.
    pub spikes: Vec<Shape>,
    /// What is wrong with its events on purpose, beside what is wrong with each event.
    pub defects: Defects,
    /// How many clients share the flow; at least 1.
    pub producers: u32,
    /// Producer properties of this flow, on top of the scenario's.
    pub client: Properties,
}

/// The journeys a flow starts.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowJourney {
    /// Index into [`Scenario::journeys`].
    pub journey: usize,
    /// The state it begins at: index into [`Journey::states`].
    pub start: usize,
    /// How many of each event one journey has on average: (index into [`Scenario::events`], number).
    pub visits: Vec<(usize, f64)>,
}

/// What fixes a curve's height.
#[derive(Clone, Debug, PartialEq)]
pub struct Height {
    /// Which figure of the curve is fixed.
    pub fixes: Fixes,
    /// The figure, with [`Scenario::scale`] applied: events per real second for mean and peak, events of the uncompressed span for total.
    pub value: f64,
    /// The events of the journey whose figure it is: indices into [`Scenario::events`]. Empty: the flow's arrivals, as always for a flow
    /// without a journey, where `of` is applied to the value.
    pub of: Vec<usize>,
}

/// Which figure of a curve is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fixes {
    /// The mean over the span.
    Mean,
    /// The highest rate within the span.
    Peak,
    /// The integral over the uncompressed span.
    Total,
}

/// A factor over simulated time. Instants are seconds since [`Time::starts`], lengths are seconds.
#[derive(Clone, Debug, PartialEq)]
#[allow(
    missing_docs,
    reason = "the fields are the language's own, which the README explains"
)]
pub enum Shape {
    Ramp {
        from: f64,
        to: f64,
        at: f64,
        over: f64,
    },
    Stairs {
        from: f64,
        step: f64,
        every: f64,
    },
    /// Factors at the hour centres of the simulated day, linear between, repeating.
    Hours([f64; 24]),
    Sine {
        period: f64,
        low: f64,
        high: f64,
        top_at: f64,
    },
    Gaussian {
        at: f64,
        sd: f64,
        height: f64,
        base: f64,
    },
    Flash {
        at: f64,
        height: f64,
        base: f64,
        attack: f64,
        hold: f64,
        decay: f64,
    },
    Square {
        every: f64,
        on: f64,
        height: f64,
        base: f64,
    },
    Noise {
        cv: f64,
        every: f64,
    },
    Trace(Vec<TracePiece>),
    Sum(Vec<Shape>),
}

/// A straight piece of a trace, from one row to the next. Zero outside all pieces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TracePiece {
    /// When it begins: seconds of simulated time since [`Time::starts`].
    pub from: f64,
    /// When it ends.
    pub to: f64,
    /// The factor at its beginning.
    pub rate_from: f64,
    /// The factor at its end.
    pub rate_to: f64,
}

/// A consumer group that reads beside the load.
#[derive(Clone, Debug)]
pub struct Consume {
    /// Its name.
    pub name: String,
    /// Indices into [`Scenario::topics`].
    pub topics: Vec<usize>,
    /// How many members; at least 1.
    pub members: u32,
    /// Think time for each record.
    pub work: Duration,
    /// Consumer properties.
    pub client: Properties,
}

/// A stated limit on a measured quantity.
#[derive(Clone, Debug, PartialEq)]
pub struct Slo {
    /// What is measured.
    pub metric: Metric,
    /// Whom it is about; `None`: each flow (or group) by itself.
    pub subject: Option<Subject>,
    /// The quantile of a time, in (0, 1).
    pub quantile: Option<f64>,
    /// The limit.
    pub limit: Limit,
    /// Judged window by window.
    pub every: Option<Every>,
    /// Whether warm-up windows count.
    pub all: bool,
    /// True for the three that nobody wrote.
    pub implied: bool,
}

/// What an SLO measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the language's own")]
pub enum Metric {
    Response,
    Service,
    EndToEnd,
    SendDelay,
    LagRecords,
    LagTime,
    Failed,
    Missing,
    Corrupt,
    Duplicated,
    Reordered,
    Achieved,
}

/// Whom an SLO is about: an index into the scenario's list of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Subject {
    Flow(usize),
    Event(usize),
    Consume(usize),
}

/// A limit, in the metric's own unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// A time that must stay below this.
    BelowTime(Duration),
    /// A count that must not exceed this.
    AtMostCount(u64),
    /// A share that must not exceed this.
    AtMostShare(f64),
    /// A share that must reach this.
    AtLeastShare(f64),
}

/// An SLO judged window by window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Every {
    /// The window's length; a whole number of seconds.
    pub window: Duration,
    /// How many windows may miss.
    pub allow: u32,
}

/// When to stop a run early.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Abort {
    /// Response quantile above a time, for a while.
    pub response: Option<AbortResponse>,
    /// Share of failed events above this, for a while.
    pub errors: Option<AbortLevel>,
    /// Backlog in events above this, for a while.
    pub backlog: Option<AbortLevel>,
}

/// Stop when the response quantile of the last seconds stays above a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AbortResponse {
    /// In (0, 1).
    pub quantile: f64,
    /// The time.
    pub above: Duration,
    /// How long it must stay above.
    pub lasting: Duration,
}

/// Stop when a number stays above a level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AbortLevel {
    /// The level.
    pub above: f64,
    /// How long it must stay above.
    pub lasting: Duration,
}
