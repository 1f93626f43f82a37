//! From a template's text to its steps; every mistake is found and shown at its place.

mod lines;

use std::collections::BTreeSet;
use std::ops::Range;

use self::lines::Open;
use super::blanks::Refused;
use super::field::escape;
use super::pen::SLACK;
use super::problem::{Place, Problem, nearest};
use super::syntax::{Blank, Mode, Piece, Word, cut};
use super::template::{Draw, Kit, Op, Step, Template, Words};
use crate::scenario::{Pool, TemplateText};
use crate::schedule::choice::Choice;

/// A template, and where in its text everything came from.
pub(super) struct Compiled {
    pub template: Template,
    pub origins: Origins,
}

/// Where in the template's text everything came from: bytes of it.
#[derive(Default)]
pub(super) struct Origins {
    /// For the operation of each of [`Template::steps`].
    pub steps: Vec<Range<usize>>,
    /// For each byte of [`Template::text`].
    pub text: Vec<usize>,
}

/// Compiles a template. `None` when there were problems. `unfit`: blanks that its event can't have.
pub(super) fn compile(
    source: &TemplateText,
    mode: Mode,
    (pools, kit, unfit): (&[Pool], &Kit, &[Refused]),
    problems: &mut Vec<Problem>,
) -> Option<Compiled> {
    let before = problems.len();
    let (pieces, uncut) = cut(&source.text, mode);
    let mut compiler = Compiler {
        source,
        mode,
        pools,
        kit,
        unfit,
        problems,
        template: Template::default(),
        origins: Origins::default(),
        draws: BTreeSet::new(),
        open: None,
        pending: (0, 0),
        refused: 0,
        padding: 0.0,
    };
    for error in uncut {
        compiler.problem(error.at, error.message, None);
    }
    for piece in pieces {
        match piece {
            Piece::Text { start, bytes } => compiler.text(start, &bytes),
            Piece::Blank(blank) => compiler.blank(&blank),
        }
    }
    compiler.finish();
    let Compiler {
        mut template,
        origins,
        draws,
        problems,
        ..
    } = compiler;
    template.draws = with_parents(draws, kit);
    template.text.resize(template.text.len() + SLACK, 0);
    problems[before..].sort_by_key(|problem| {
        problem
            .place
            .as_ref()
            .map(|place| (place.line, place.column))
    });
    if problems.len() > before {
        return None;
    }
    template.bound(kit);
    Some(Compiled { template, origins })
}

/// These pools, and those that their ids belong to, which come first.
pub(super) fn with_parents(pools: impl IntoIterator<Item = usize>, kit: &Kit) -> Vec<Draw> {
    let mut draws = BTreeSet::new();
    for pool in pools {
        let mut next = Some(pool);
        while let Some(pool) = next {
            next = kit.pools.parent(pool);
            draws.insert(Draw {
                pool,
                pick: pool,
                parent: next,
            });
        }
    }
    draws.into_iter().collect()
}

/// What each built-in blank takes, as its mistakes are answered.
const USAGE: [(&str, &str); 11] = [
    ("uuid", "nothing more: `{{uuid}}`"),
    ("now", "nothing more: `{{now}}`"),
    ("now_ms", "nothing more: `{{now_ms}}`"),
    ("int", "two whole numbers, the smaller first: `{{int 1 5}}`"),
    (
        "decimal",
        "two numbers below a quadrillion, the smaller first: `{{decimal 5 250}}`",
    ),
    (
        "choice",
        "words, each with its weight behind it: `{{choice mobile 65 desktop 32}}`",
    ),
    (
        "pad",
        "a number of bytes, at most 10,000,000: `{{pad 400}}`",
    ),
    ("session", "nothing more: `{{session}}`"),
    ("device", "nothing more: `{{device}}`"),
    ("batch", "nothing more: `{{batch}}`"),
    (
        "#lines",
        "how many there are on average, from 1 to 1000: `{{#lines 2.87}} ... {{/lines}}`",
    ),
];

const MOST_PAD: u32 = 10_000_000;

/// The most bytes of pads that an event may have on average, its lines counted. Brokers refuse records far smaller than this.
const MOST_PADDING: f64 = 20e6;

struct Compiler<'a> {
    source: &'a TemplateText,
    mode: Mode,
    pools: &'a [Pool],
    kit: &'a Kit,
    unfit: &'a [Refused],
    problems: &'a mut Vec<Problem>,
    template: Template,
    origins: Origins,
    /// The pools used outside lines.
    draws: BTreeSet<usize>,
    open: Option<Open>,
    /// The text since the last blank: start and length in [`Template::text`].
    pending: (usize, usize),
    /// Lines that were refused and whose end is still to come.
    refused: usize,
    /// Bytes of pads in an event, on average.
    padding: f64,
}

impl Compiler<'_> {
    fn problem(&mut self, at: Range<usize>, message: String, nearest: Option<String>) {
        self.problems.push(Problem {
            source: self.source.name.clone(),
            place: Some(Place::new(&self.source.text, at.start, at.len())),
            message,
            nearest,
        });
    }

    fn usage(&mut self, blank: &Blank) {
        let name = &blank.words[0].text;
        let usage = USAGE.iter().find(|(word, _)| word == name);
        let takes = usage.map_or("nothing more", |(_, takes)| takes);
        self.problem(blank.at.clone(), format!("`{name}` takes {takes}"), None);
    }

    fn push(&mut self, op: Op, at: Range<usize>) {
        if let Op::Pad(len) = op {
            self.padding += f64::from(len) * self.open.as_ref().map_or(1.0, |open| open.mean);
        }
        let (start, len) = std::mem::take(&mut self.pending);
        self.template.steps.push(Step {
            start: start as u32,
            len: len as u32,
            op,
        });
        self.origins.steps.push(at);
    }

    fn text(&mut self, from: usize, bytes: &[u8]) {
        if self.pending.1 == 0 {
            self.pending.0 = self.template.text.len();
        }
        self.template.text.extend_from_slice(bytes);
        self.origins.text.extend(from..from + bytes.len());
        self.pending.1 += bytes.len();
    }

    fn blank(&mut self, blank: &Blank) {
        let name = blank.words[0].text.as_str();
        let rest = &blank.words[1..];
        if let Some((_, why)) = self.unfit.iter().find(|(unfit, _)| *unfit == name) {
            return self.problem(blank.words[0].at.clone(), why.clone(), None);
        }
        let op = match name {
            "#lines" => return self.open_lines(blank),
            "/lines" => return self.close_lines(blank),
            "session" if rest.is_empty() => Some(Op::Session),
            "device" if rest.is_empty() => Some(Op::Device),
            "batch" if rest.is_empty() => Some(Op::Batch),
            "uuid" if rest.is_empty() => Some(Op::Uuid),
            "now" if rest.is_empty() => Some(Op::Now),
            "now_ms" if rest.is_empty() => Some(Op::NowMs),
            "int" => int(rest),
            "decimal" => decimal(rest),
            "pad" => pad(rest),
            "choice" => self.choice(blank),
            "session" | "device" | "batch" | "uuid" | "now" | "now_ms" => None,
            _ => return self.entity(blank),
        };
        match op {
            Some(op) => self.push(op, blank.at.clone()),
            None => self.usage(blank),
        }
    }

    /// A pool, or a field of one.
    fn entity(&mut self, blank: &Blank) {
        let name = blank.words[0].text.as_str();
        let (pool, field) = match name.split_once('.') {
            Some((pool, field)) => (pool, Some(field)),
            None => (name, None),
        };
        let Some(number) = self.pools.iter().position(|p| p.name == pool) else {
            return self.unknown(blank);
        };
        if blank.words.len() > 1 {
            return self.usage(blank);
        }
        let (within, draws) = match &mut self.open {
            Some(open) => (self.pools.len(), &mut open.draws),
            None => (0, &mut self.draws),
        };
        let pick = within + number;
        let Some(field) = field else {
            draws.insert(number);
            return self.push(Op::Id(pick as u32), blank.at.clone());
        };
        let fields = &self.pools[number].fields;
        let Some(at) = fields.iter().position(|f| f.name == field) else {
            let has = names(fields.iter().map(|f| f.name.as_str()));
            let message = format!("pool `{pool}` has no field `{field}`; it has {has}");
            let near = nearest(field, fields.iter().map(|f| f.name.as_str()));
            return self.problem(
                blank.words[0].at.clone(),
                message,
                near.map(|field| format!("{pool}.{field}")),
            );
        };
        draws.insert(number);
        let before = self.pools[..number].iter().map(|pool| pool.fields.len());
        let field = before.sum::<usize>() + at;
        self.push(
            Op::Field {
                pick: pick as u32,
                field: field as u32,
                quoted: blank.quoted,
            },
            blank.at.clone(),
        );
    }

    fn unknown(&mut self, blank: &Blank) {
        let name = blank.words[0].text.as_str();
        let at = blank.words[0].at.clone();
        let known: Vec<String> = self
            .pools
            .iter()
            .flat_map(|pool| {
                let fields = pool.fields.iter();
                let fields = fields.map(|field| format!("{}.{}", pool.name, field.name));
                std::iter::once(pool.name.clone()).chain(fields)
            })
            .chain(USAGE.iter().map(|(word, _)| (*word).to_owned()))
            .chain(["/lines".to_owned()])
            .collect();
        let pools = names(self.pools.iter().map(|pool| pool.name.as_str()));
        let built_in = names(USAGE.iter().map(|(word, _)| *word));
        let message = format!(
            "no blank is called `{name}`; expected a pool ({pools}), a pool's field, or one of {built_in}"
        );
        let near = nearest(name, known.iter().map(String::as_str));
        self.problem(at, message, near);
    }

    fn choice(&mut self, blank: &Blank) -> Option<Op> {
        let pairs = blank.words[1..].chunks(2);
        let mut weights = Vec::new();
        let mut words = Vec::new();
        for pair in pairs {
            let [word, weight] = pair else {
                return None;
            };
            weights.push(number(weight).filter(|weight| *weight >= 0.0)?);
            let text = if blank.quoted {
                escape(&word.text)
            } else {
                word.text.clone()
            };
            let start = self.template.text.len();
            self.template.text.extend_from_slice(text.as_bytes());
            self.origins
                .text
                .resize(self.template.text.len(), word.at.start);
            words.push((start as u32, text.len() as u32));
        }
        let total: f64 = weights.iter().sum();
        if total <= 0.0 || !total.is_finite() {
            return None;
        }
        let choice = Choice::new(weights.into_iter());
        self.template.choices.push(Words { choice, words });
        Some(Op::Choice(self.template.choices.len() as u32 - 1))
    }

    fn finish(&mut self) {
        let end = self.source.text.len();
        self.push(Op::Nothing, end..end);
        if let Some(open) = self.open.take() {
            let message = "these lines are never closed: `{{/lines}}` is missing";
            self.problem(open.at, message.to_owned(), None);
        }
        if self.padding > MOST_PADDING {
            let message = format!(
                "an event would be {:.0} MB of pads; at most {:.0} MB are possible",
                self.padding / 1e6,
                MOST_PADDING / 1e6
            );
            self.problem(0..self.source.text.len(), message, None);
        }
    }
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

fn number(word: &Word) -> Option<f64> {
    let number: f64 = word.text.replace('_', "").parse().ok()?;
    number.is_finite().then_some(number)
}

fn int(words: &[Word]) -> Option<Op> {
    let [low, high] = words else {
        return None;
    };
    let whole = |word: &Word| word.text.replace('_', "").parse::<i64>().ok();
    let (low, high) = (whole(low)?, whole(high)?);
    (low <= high).then_some(Op::Int(low, high))
}

fn decimal(words: &[Word]) -> Option<Op> {
    let [low, high] = words else {
        return None;
    };
    let hundredths = |word: &Word| {
        number(word)
            .filter(|number| number.abs() < 1e15)
            .map(|number| (number * 100.0).round() as i64)
    };
    let (low, high) = (hundredths(low)?, hundredths(high)?);
    (low <= high).then_some(Op::Decimal(low, high))
}

fn pad(words: &[Word]) -> Option<Op> {
    let [len] = words else {
        return None;
    };
    let len: u32 = len.text.replace('_', "").parse().ok()?;
    (len <= MOST_PAD).then_some(Op::Pad(len))
}
