//! Parts of a template that are repeated: `{{#lines 2.87}} ... {{/lines}}`.

use std::collections::BTreeSet;
use std::ops::Range;

use super::super::repeats::Repeats;
use super::super::syntax::{Blank, Mode};
use super::super::template::{Draw, Lines, MOST_LINES, Op};
use super::{Compiler, number};

/// Lines that have begun.
pub(super) struct Open {
    pub at: Range<usize>,
    pub mean: f64,
    /// The first step that is repeated.
    first: usize,
    /// The pools used.
    pub draws: BTreeSet<usize>,
}

impl Compiler<'_> {
    pub(super) fn open_lines(&mut self, blank: &Blank) {
        let mean = match &blank.words[1..] {
            [mean] => number(mean).filter(|mean| (1.0..=MOST_LINES).contains(mean)),
            _ => None,
        };
        let wrong = if self.mode == Mode::Plain {
            Some("lines stand in an event's template only")
        } else if self.open.is_some() {
            Some("lines within lines are not possible; close the first with `{{/lines}}`")
        } else if blank.quoted {
            Some("lines stand outside JSON strings only")
        } else {
            None
        };
        if let Some(message) = wrong {
            self.refused += 1;
            return self.problem(blank.at.clone(), message.to_owned(), None);
        }
        if mean.is_none() {
            self.usage(blank);
        }
        let number = self.template.lines.len() as u32;
        self.push(Op::Lines(number), blank.at.clone());
        // Opened all the same, so that `{{/lines}}` is not a second mistake.
        self.open = Some(Open {
            at: blank.at.clone(),
            mean: mean.unwrap_or(1.0),
            first: self.template.steps.len(),
            draws: BTreeSet::new(),
        });
    }

    pub(super) fn close_lines(&mut self, blank: &Blank) {
        if self.refused > 0 {
            // No second mistake, and the outer lines stay open.
            self.refused -= 1;
            return;
        }
        let Some(open) = self.open.take() else {
            let message = "`{{/lines}}` closes nothing; `{{#lines 2}}` must stand before it";
            return self.problem(blank.at.clone(), message.to_owned(), None);
        };
        if blank.words.len() > 1 {
            self.usage(blank);
        }
        let draws = self.line_draws(&open.draws);
        self.template.lines.push(Lines {
            repeats: Repeats::new(open.mean),
            draws,
            first: open.first,
            last: self.template.steps.len(),
            most: 0,
        });
        let number = self.template.lines.len() as u32 - 1;
        self.push(Op::Again(number), blank.at.clone());
    }

    /// What a repetition draws. Ids that belong to one which the lines do not name belong to the same in all lines: that one is
    /// drawn outside.
    fn line_draws(&mut self, named: &BTreeSet<usize>) -> Vec<Draw> {
        let within = self.pools.len();
        let mut pools = named.clone();
        for &pool in named {
            let above: Vec<usize> =
                std::iter::successors(Some(pool), |&at| self.kit.pools.parent(at)).collect();
            let highest = above.iter().rposition(|at| named.contains(at));
            pools.extend(&above[..=highest.unwrap_or(0)]);
        }
        let draw = |&pool: &usize| {
            let parent = self.kit.pools.parent(pool);
            let parent = parent.map(|parent| match pools.contains(&parent) {
                true => within + parent,
                false => {
                    self.draws.insert(parent);
                    parent
                }
            });
            Draw {
                pool,
                pick: within + pool,
                parent,
            }
        };
        pools.iter().map(draw).collect()
    }
}
