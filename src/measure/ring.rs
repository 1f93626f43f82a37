//! The open windows of one thread, pooled and reused.

use std::collections::VecDeque;

use super::window::Window;

/// Nothing has happened in this second yet.
const UNTOUCHED: u32 = u32::MAX;
/// This second was handed over.
const DONE: u32 = u32::MAX - 1;

/// Windows by second, from the earliest that is still open.
pub(super) struct Ring<W> {
    /// The second of `slots[0]`.
    first: u32,
    /// For each second: where its window lies in `windows`, or [`UNTOUCHED`], or [`DONE`].
    slots: VecDeque<u32>,
    /// No second from here on was handed over.
    floor: u32,
    windows: Vec<W>,
    free: Vec<u32>,
    blank: W,
    /// The second asked for last and where its window lies: nearly always asked for again.
    last: (u32, u32),
}

/// No second was asked for yet.
const NOBODY: (u32, u32) = (u32::MAX, 0);

impl<W: Window> Ring<W> {
    /// An empty ring whose windows start as `blank`.
    pub fn new(blank: W) -> Ring<W> {
        Ring {
            first: 0,
            slots: VecDeque::new(),
            floor: 0,
            windows: Vec::new(),
            free: Vec::new(),
            blank,
            last: NOBODY,
        }
    }

    /// The window of a second. One that was handed over is never opened again: what comes too late for it goes to the
    /// earliest that can't have been, so that nothing is left out of the sums.
    #[inline]
    pub fn at(&mut self, second: u32) -> &mut W {
        if self.last.0 == second {
            return &mut self.windows[self.last.1 as usize];
        }
        let index = second.wrapping_sub(self.first) as usize;
        let mut place = self.slots.get(index).copied().unwrap_or(UNTOUCHED);
        if place >= DONE {
            place = self.open(second);
        }
        self.last = (second, place);
        &mut self.windows[place as usize]
    }

    #[cold]
    fn open(&mut self, second: u32) -> u32 {
        let known = second
            .checked_sub(self.first)
            .is_some_and(|index| self.slots.get(index as usize) != Some(&DONE));
        let second = if known {
            second
        } else {
            self.floor.max(self.first)
        };
        let index = (second - self.first) as usize;
        self.reach(second + 1);
        if self.slots[index] < DONE {
            return self.slots[index];
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.windows.push(self.blank.clone());
            (self.windows.len() - 1) as u32
        });
        self.slots[index] = place;
        place
    }

    /// Makes sure that there is a slot for every second before `end`.
    fn reach(&mut self, end: u32) {
        let needed = end.saturating_sub(self.first) as usize;
        if self.slots.len() < needed {
            self.slots.resize(needed, UNTOUCHED);
        }
    }

    /// Hands over every window before second `end` that is `done`, and an empty one for a second in which nothing happened.
    pub fn hand_over(&mut self, end: u32, done: impl Fn(&W) -> bool, mut sink: impl FnMut(u32, W)) {
        self.last = NOBODY;
        self.reach(end);
        self.floor = self.floor.max(end);
        for index in 0..self
            .slots
            .len()
            .min(end.saturating_sub(self.first) as usize)
        {
            let (second, place) = (self.first + index as u32, self.slots[index]);
            match place {
                DONE => continue,
                UNTOUCHED => sink(second, self.blank.clone()),
                place => {
                    let window = &mut self.windows[place as usize];
                    if !done(window) {
                        continue;
                    }
                    sink(second, window.clone());
                    window.clear();
                    self.free.push(place);
                }
            }
            self.slots[index] = DONE;
        }
        while self.slots.front() == Some(&DONE) {
            self.slots.pop_front();
            self.first += 1;
        }
    }

    /// The end of the seconds that were touched or handed over.
    pub fn end(&self) -> u32 {
        self.first + self.slots.len() as u32
    }

    /// How many windows exist, in use or not.
    #[cfg(test)]
    pub fn allocated(&self) -> usize {
        self.windows.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::window::DuringWindow;

    fn ring() -> Ring<DuringWindow> {
        Ring::new(DuringWindow::new(1, 0))
    }

    fn handed(
        ring: &mut Ring<DuringWindow>,
        end: u32,
        done: impl Fn(&DuringWindow) -> bool,
    ) -> Vec<(u32, u64)> {
        let mut got = Vec::new();
        ring.hand_over(end, done, |second, w| got.push((second, w.sent)));
        got
    }

    #[test]
    fn every_second_is_handed_over_once_and_only_when_done() {
        let mut r = ring();
        r.at(0).sent = 5;
        r.at(3).sent = 7;
        r.at(1).sent = 1;
        // Second 1 is not done: the others pass it.
        assert_eq!(handed(&mut r, 4, |w| w.sent != 1), [(0, 5), (2, 0), (3, 7)]);
        r.at(1).sent = 2;
        assert_eq!(handed(&mut r, 6, |w| w.sent != 1), [(1, 2), (4, 0), (5, 0)]);
        assert_eq!(r.end(), 6);
    }

    #[test]
    fn what_comes_too_late_is_kept_in_the_earliest_open_window() {
        let mut r = ring();
        r.at(0).sent = 1;
        handed(&mut r, 3, |_| true);
        r.at(1).sent += 1;
        r.at(2).sent += 1;
        assert_eq!(handed(&mut r, 4, |_| true), [(3, 2)]);
        // Also when an earlier one is still open.
        r.at(4).sent = 1;
        r.at(5).sent = 2;
        assert_eq!(handed(&mut r, 6, |w| w.sent != 1), [(5, 2)]);
        r.at(5).sent += 9;
        assert_eq!(handed(&mut r, 7, |w| w.sent != 1), [(6, 9)]);
    }

    #[test]
    fn windows_are_reused() {
        let mut r = ring();
        for second in 0..1_000 {
            r.at(second).sent = 1;
            r.at(second + 1).sent = 1;
            handed(&mut r, second, |_| true);
        }
        assert!(
            r.allocated() <= 4,
            "{} windows for a ring of three",
            r.allocated()
        );
    }
}
