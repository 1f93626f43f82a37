//! Templates as they are rendered: a list of operations, each of which appends a few bytes.

use std::ops::Range;

use rand::Rng;

use super::choice::{Choice, Repeats};
use super::field::{Field, between};
use super::filler::Filler;
use super::pool::Pool;
use super::text::{Calendar, Second, put, put_hundredths, put_i64, put_u64, put_uuid};
use crate::rng::Stream;

/// The most lines that may be asked for on average.
pub(super) const MOST_LINES: f64 = 1000.0;

/// A compiled template.
#[derive(Default)]
pub(super) struct Template {
    pub ops: Vec<Op>,
    /// The bytes of all its fixed texts, with slack behind.
    pub text: Vec<u8>,
    pub choices: Vec<Words>,
    pub lines: Vec<Lines>,
    /// The pools it uses outside lines, in order.
    pub draws: Vec<usize>,
}

/// What appends some bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Op {
    /// A part of [`Template::text`].
    Text { start: usize, len: usize },
    /// A drawn id; a place in [`Scratch::picks`].
    Id(usize),
    /// A field of a drawn id.
    Field {
        pick: usize,
        pool: usize,
        field: usize,
        quoted: bool,
    },
    /// A random uuid.
    Uuid,
    /// The due instant in simulated time, RFC 3339.
    Now,
    /// The same in milliseconds since 1970.
    NowMs,
    /// A whole number between these.
    Int(i64, i64),
    /// A number of hundredths between these.
    Decimal(i64, i64),
    /// One of [`Template::choices`].
    Choice(usize),
    /// So many bytes of text.
    Pad(usize),
    /// One of [`Template::lines`].
    Lines(usize),
}

/// The words of a choice: parts of [`Template::text`].
pub(super) struct Words {
    pub choice: Choice,
    pub words: Vec<Range<usize>>,
}

/// A part that is repeated with commas.
pub(super) struct Lines {
    pub repeats: Repeats,
    /// The pools that each repetition draws for itself, in order.
    pub draws: Vec<usize>,
    pub ops: Vec<Op>,
}

/// What the templates of a scenario have in common.
pub(super) struct Kit {
    pub pools: Vec<Pool>,
    /// By pool, then by field.
    pub fields: Vec<Vec<Field>>,
    pub filler: Filler,
    pub calendar: Calendar,
}

/// What is kept from event to event so that none allocates.
#[derive(Clone, Default)]
pub(super) struct Scratch {
    /// Drawn ids: one for each pool, then one for each pool within lines.
    pub picks: Vec<u64>,
    pub second: Second,
}

impl Scratch {
    pub(super) fn new(kit: &Kit) -> Scratch {
        Scratch {
            picks: vec![1; 2 * kit.pools.len()],
            second: Second::default(),
        }
    }
}

/// One event in the making.
pub(super) struct Draft<'a> {
    pub kit: &'a Kit,
    pub scratch: &'a mut Scratch,
    pub rng: &'a mut Stream,
    pub due_ns: u64,
}

impl Draft<'_> {
    /// Draws the event's id of each of these pools.
    #[inline]
    pub(super) fn draw(&mut self, pools: &[usize]) {
        for &pool in pools {
            self.scratch.picks[pool] = self.kit.pools[pool].pick(self.rng);
        }
    }

    /// Appends a template.
    #[inline]
    pub(super) fn render(&mut self, template: &Template, out: &mut Vec<u8>) {
        self.trace(template, out, &mut |_, _, _| ());
    }

    /// Appends a template, and tells before each operation: the lines it is in, its number there, and where its bytes will begin.
    #[inline(always)]
    pub(super) fn trace(
        &mut self,
        template: &Template,
        out: &mut Vec<u8>,
        tell: &mut impl FnMut(Option<usize>, usize, usize),
    ) {
        for (at, op) in template.ops.iter().enumerate() {
            tell(None, at, out.len());
            let Op::Lines(number) = *op else {
                self.append(template, op, out);
                continue;
            };
            let lines = &template.lines[number];
            for repetition in 0..lines.repeats.pick(self.rng) {
                if repetition > 0 {
                    out.push(b',');
                }
                for &pool in &lines.draws {
                    let within = self.kit.pools.len() + pool;
                    self.scratch.picks[within] = self.kit.pools[pool].pick(self.rng);
                }
                for (at, op) in lines.ops.iter().enumerate() {
                    tell(Some(number), at, out.len());
                    self.append(template, op, out);
                }
            }
        }
    }

    #[inline(always)]
    fn append(&mut self, template: &Template, op: &Op, out: &mut Vec<u8>) {
        match *op {
            Op::Text { start, len } => put(out, &template.text, start, len),
            Op::Id(pick) => put_u64(out, self.scratch.picks[pick]),
            Op::Field {
                pick,
                pool,
                field,
                quoted,
            } => self.kit.fields[pool][field].put(out, self.scratch.picks[pick], quoted),
            Op::Uuid => put_uuid(out, self.rng.next_u64(), self.rng.next_u64()),
            Op::Now => self
                .kit
                .calendar
                .put(out, self.due_ns, &mut self.scratch.second),
            Op::NowMs => put_i64(out, self.kit.calendar.millis(self.due_ns)),
            Op::Int(low, high) => put_i64(out, between(self.rng, low, high)),
            Op::Decimal(low, high) => put_hundredths(out, between(self.rng, low, high)),
            Op::Choice(number) => {
                let words = &template.choices[number];
                let word = &words.words[words.choice.pick(self.rng)];
                put(out, &template.text, word.start, word.len());
            }
            Op::Pad(len) => self.kit.filler.put(out, len, self.rng),
            // Lines within lines are refused when the template is compiled.
            Op::Lines(_) => {}
        }
    }
}
