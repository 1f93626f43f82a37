//! Templates as they are rendered: a list of steps, each of which writes a few bytes.

use rand::Rng;

use super::belonging::Pools;
use super::calendar::{Calendar, INSTANT_LEN, Second};
use super::field::{Field, between};
use super::filler::Filler;
use super::pen::{HEX_LEN, NUMBER_LEN, Pen, UUID_LEN};
use super::repeats::Repeats;
use super::scope::Owner;
use crate::rng::Stream;
use crate::schedule::Origin;
use crate::schedule::choice::Choice;

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
    /// The most bytes it writes, lines left out.
    pub most: usize,
    /// The pools it uses outside lines.
    pub draws: Vec<Draw>,
}

/// A pool that an id is drawn of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Draw {
    pub pool: usize,
    /// Where the id goes in [`Scratch::picks`].
    pub pick: usize,
    /// Where the id is that it belongs to.
    pub parent: Option<usize>,
}

/// Some fixed text, and what comes behind it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    /// Where the text lies in [`Template::text`].
    pub start: u32,
    pub len: u32,
    pub op: Op,
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
        /// Of [`Kit::fields`].
        field: u32,
        quoted: bool,
    },
    /// The journey's id.
    Session,
    /// The device's number.
    Device,
    /// The batch's number.
    Batch,
    /// A random uuid.
    Uuid,
    /// The event's simulated time, RFC 3339.
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
    /// Here one of [`Template::lines`] begins.
    Lines(u32),
    /// Here it ends: back to its beginning while repetitions are left.
    Again(u32),
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
    /// The pools that each repetition draws for itself.
    pub draws: Vec<Draw>,
    /// The first of [`Template::steps`] that is repeated.
    pub first: usize,
    /// The one that leads back.
    pub last: usize,
    /// The most bytes of a repetition, its comma included.
    pub most: usize,
}

/// What the templates of a scenario have in common.
pub(super) struct Kit {
    pub pools: Pools,
    /// Those of all pools, one behind the other.
    pub fields: Vec<Field>,
    pub filler: Filler,
    pub calendar: Calendar,
}

/// What is kept from event to event so that none allocates.
#[derive(Clone, Default)]
pub(super) struct Scratch {
    /// Drawn ids: one for each pool, then one for each pool within lines.
    pub picks: Vec<u64>,
    /// By place of `picks`: an id that is not drawn but given; 0: none.
    pub given: Vec<u64>,
    /// By pool, whether its flash hit the event at hand.
    pub hit: Vec<bool>,
    pub second: Second,
    /// How often each of a template's lines is repeated in the event at hand.
    repeats: Vec<usize>,
}

impl Template {
    /// Finds out how many bytes its steps write at most.
    pub(super) fn bound(&mut self, kit: &Kit) {
        self.most = self.most_of(&self.steps, kit);
        for number in 0..self.lines.len() {
            let lines = &self.lines[number];
            let repeated = &self.steps[lines.first..=lines.last];
            // And a comma.
            self.lines[number].most = self.most_of(repeated, kit) + 1;
        }
    }

    fn most_of(&self, steps: &[Step], kit: &Kit) -> usize {
        let most = |op: &Op| match *op {
            Op::Nothing | Op::Lines(_) | Op::Again(_) => 0,
            Op::Session => HEX_LEN,
            Op::Id(_) | Op::Device | Op::Batch => NUMBER_LEN,
            Op::NowMs | Op::Int(..) | Op::Decimal(..) => NUMBER_LEN,
            Op::Field { field, .. } => kit.fields[field as usize].most(),
            Op::Uuid => UUID_LEN,
            Op::Now => INSTANT_LEN,
            Op::Choice(number) => {
                let words = self.choices[number as usize].words.iter();
                words.map(|(_, len)| *len as usize).max().unwrap_or(0)
            }
            Op::Pad(len) => len as usize,
        };
        let most = |step: &Step| step.len as usize + most(&step.op);
        steps.iter().map(most).sum()
    }
}

impl Scratch {
    pub(super) fn new(kit: &Kit) -> Scratch {
        Scratch {
            picks: vec![1; 2 * kit.pools.len()],
            given: vec![0; 2 * kit.pools.len()],
            hit: vec![false; kit.pools.len()],
            second: Second::default(),
            // More lines than these in one template make the list grow, once.
            repeats: Vec::with_capacity(64),
        }
    }
}

/// One event in the making.
pub(super) struct Draft<'a> {
    pub kit: &'a Kit,
    pub scratch: &'a mut Scratch,
    pub rng: &'a mut Stream,
    /// The event's simulated time: milliseconds since 1970 UTC.
    pub at_ms: i64,
    pub names: Names,
    /// What it is part of; `None`: all is drawn for it alone, by the skews alone.
    pub owner: Option<Owner<'a>>,
}

/// What an event's blanks say of what it is part of; 0 where it is not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Names {
    pub session: u64,
    pub device: u64,
    pub batch: u32,
}

impl Names {
    /// Those of an event of this origin.
    #[inline]
    pub(super) fn of(origin: &Origin) -> Names {
        let (mut session, mut device, mut batch) = (0, 0, 0);
        match origin {
            Origin::Alone => {}
            Origin::Batch { batch: of, .. } => batch = *of,
            Origin::Device { device: of } => device = *of,
            Origin::Step(step) => (session, batch) = (step.session, step.batch),
        }
        Names {
            session,
            device,
            batch,
        }
    }
}

impl Draft<'_> {
    /// Draws an id of each of these pools, and puts it where it goes.
    #[inline(always)]
    pub(super) fn draw(&mut self, draws: &[Draw]) {
        if let Some(owner) = self.owner {
            return self.draw_for(&owner, draws, false);
        }
        for draw in draws {
            let of = draw.parent.map(|parent| self.scratch.picks[parent]);
            self.scratch.picks[draw.pick] = self.kit.pools.pick(draw.pool, of, self.rng);
        }
    }

    /// The same for a repetition of lines.
    #[inline(always)]
    fn draw_line(&mut self, draws: &[Draw]) {
        match self.owner {
            Some(owner) => self.draw_for(&owner, draws, true),
            None => self.draw(draws),
        }
    }

    /// Draws how often lines are repeated. Returns the most bytes that [`Draft::render`] then writes.
    #[inline(always)]
    pub(super) fn measure(&mut self, template: &Template) -> usize {
        self.scratch.repeats.clear();
        let mut most = template.most;
        for lines in &template.lines {
            let repeats = lines.repeats.pick(self.rng);
            most += repeats * lines.most;
            self.scratch.repeats.push(repeats);
        }
        most
    }

    /// Writes a template that has been measured.
    #[inline(always)]
    pub(super) fn render(&mut self, template: &Template, pen: &mut Pen<'_>) {
        self.trace(template, pen, &mut |_, _| ());
    }

    /// Writes a template that has been measured, and tells before each step its number and where its bytes will begin.
    #[inline(always)]
    pub(super) fn trace(
        &mut self,
        template: &Template,
        pen: &mut Pen<'_>,
        tell: &mut impl FnMut(usize, usize),
    ) {
        let mut at = 0;
        let mut left = 0;
        while let Some(step) = template.steps.get(at) {
            tell(at, pen.at());
            at += 1;
            pen.piece(&template.text, step.start as usize, step.len as usize);
            match step.op {
                Op::Nothing => {}
                Op::Id(pick) => pen.unsigned(self.scratch.picks[pick as usize]),
                Op::Field {
                    pick,
                    field,
                    quoted,
                } => {
                    let id = self.scratch.picks[pick as usize];
                    self.kit.fields[field as usize].put(pen, id, quoted);
                }
                Op::Session => pen.hex(self.names.session),
                Op::Device => pen.unsigned(self.names.device),
                Op::Batch => pen.unsigned(u64::from(self.names.batch)),
                Op::Uuid => pen.uuid(self.rng.next_u64(), self.rng.next_u64()),
                Op::Now => {
                    let second = &mut self.scratch.second;
                    self.kit.calendar.put(pen, self.at_ms, second);
                }
                Op::NowMs => pen.signed(self.at_ms),
                Op::Int(low, high) => pen.signed(between(self.rng, low, high)),
                Op::Decimal(low, high) => pen.hundredths(between(self.rng, low, high)),
                Op::Choice(number) => {
                    let words = &template.choices[number as usize];
                    let (start, len) = words.words[words.choice.pick(self.rng)];
                    pen.piece(&template.text, start as usize, len as usize);
                }
                Op::Pad(len) => self.kit.filler.put(pen, len as usize, self.rng),
                Op::Lines(number) => {
                    left = self.scratch.repeats[number as usize] - 1;
                    self.draw_line(&template.lines[number as usize].draws);
                }
                Op::Again(number) => {
                    if left > 0 {
                        left -= 1;
                        let lines = &template.lines[number as usize];
                        pen.byte(b',');
                        self.draw_line(&lines.draws);
                        at = lines.first;
                    }
                }
            }
        }
    }
}
