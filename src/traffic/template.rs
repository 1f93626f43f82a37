//! Templates as they are rendered: a list of steps, each of which writes a few bytes.

use rand::Rng;

use super::calendar::{Calendar, Second};
use super::choice::{Choice, Repeats};
use super::field::{Field, between};
use super::filler::Filler;
use super::pen::Pen;
use super::pool::Pool;
use crate::rng::Stream;

/// The most lines that may be asked for on average.
pub(super) const MOST_LINES: f64 = 1000.0;

/// A compiled template.
#[derive(Default)]
pub(super) struct Template {
    pub steps: Vec<Step>,
    /// The bytes of all its fixed texts, with slack behind.
    pub text: Vec<u8>,
    pub choices: Vec<Words>,
    pub lines: Vec<Lines>,
    /// The pools it uses outside lines, in order.
    pub draws: Vec<usize>,
}

/// Some fixed text, and what comes behind it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    /// Where the text lies in [`Template::text`].
    pub start: u32,
    pub len: u32,
    pub op: Op,
}

impl Step {
    #[inline(always)]
    fn put_text(&self, template: &Template, pen: &mut Pen<'_>) {
        pen.piece(&template.text, self.start as usize, self.len as usize);
    }
}

/// What writes some bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Op {
    /// Nothing: the text is all.
    Nothing,
    /// A drawn id; a place in [`Scratch::picks`].
    Id(u32),
    /// A field of a drawn id.
    Field {
        pick: u32,
        pool: u32,
        field: u32,
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
    Choice(u32),
    /// So many bytes of text.
    Pad(u32),
    /// One of [`Template::lines`].
    Lines(u32),
}

/// The words of a choice: parts of [`Template::text`].
pub(super) struct Words {
    pub choice: Choice,
    /// Start and length.
    pub words: Vec<(u32, u32)>,
}

/// A part that is repeated with commas.
pub(super) struct Lines {
    pub repeats: Repeats,
    /// The pools that each repetition draws for itself, in order.
    pub draws: Vec<usize>,
    pub steps: Vec<Step>,
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

    /// Writes a template.
    #[inline(always)]
    pub(super) fn render(&mut self, template: &Template, pen: &mut Pen<'_>) {
        self.trace(template, pen, &mut |_, _, _| ());
    }

    /// Writes a template, and tells before each step: the lines it is in, its number there, and where its bytes will begin.
    #[inline(always)]
    pub(super) fn trace(
        &mut self,
        template: &Template,
        pen: &mut Pen<'_>,
        tell: &mut impl FnMut(Option<usize>, usize, usize),
    ) {
        for (at, step) in template.steps.iter().enumerate() {
            tell(None, at, pen.at());
            let Op::Lines(number) = step.op else {
                self.step(template, step, pen);
                continue;
            };
            step.put_text(template, pen);
            let lines = &template.lines[number as usize];
            for repetition in 0..lines.repeats.pick(self.rng) {
                if repetition > 0 {
                    pen.byte(b',');
                }
                for &pool in &lines.draws {
                    let within = self.kit.pools.len() + pool;
                    self.scratch.picks[within] = self.kit.pools[pool].pick(self.rng);
                }
                for (at, step) in lines.steps.iter().enumerate() {
                    tell(Some(number as usize), at, pen.at());
                    self.step(template, step, pen);
                }
            }
        }
    }

    #[inline(always)]
    fn step(&mut self, template: &Template, step: &Step, pen: &mut Pen<'_>) {
        step.put_text(template, pen);
        match step.op {
            Op::Nothing => {}
            Op::Id(pick) => pen.unsigned(self.scratch.picks[pick as usize]),
            Op::Field {
                pick,
                pool,
                field,
                quoted,
            } => {
                let field = &self.kit.fields[pool as usize][field as usize];
                field.put(pen, self.scratch.picks[pick as usize], quoted);
            }
            Op::Uuid => pen.uuid(self.rng.next_u64(), self.rng.next_u64()),
            Op::Now => self
                .kit
                .calendar
                .put(pen, self.due_ns, &mut self.scratch.second),
            Op::NowMs => pen.signed(self.kit.calendar.millis(self.due_ns)),
            Op::Int(low, high) => pen.signed(between(self.rng, low, high)),
            Op::Decimal(low, high) => pen.hundredths(between(self.rng, low, high)),
            Op::Choice(number) => {
                let words = &template.choices[number as usize];
                let (start, len) = words.words[words.choice.pick(self.rng)];
                pen.piece(&template.text, start as usize, len as usize);
            }
            Op::Pad(len) => self.kit.filler.put(pen, len as usize, self.rng),
            // Lines within lines are refused when the template is compiled.
            Op::Lines(_) => {}
        }
    }
}
