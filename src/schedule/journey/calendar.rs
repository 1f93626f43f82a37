//! What waits, by the bin it is due in: a calendar queue (Brown 1988) of two levels.
//!
//! The bins of the present block have a list each; what is due in a later block waits in one list for all of it, and is
//! laid out when the block begins. Lists are chains of small chunks, which are used again, so memory follows what waits now and not what ever
//! did.

use super::pending::Pending;

/// Bins in a block: 102 s.
const BLOCK: usize = 1024;
/// Entries in a chunk: 2 KiB.
const CHUNK: usize = 32;
/// No chunk.
const NONE: u32 = u32::MAX;

/// Entries by bin, for bins counted from 0.
#[derive(Clone, Debug)]
pub(super) struct Calendar {
    /// The block whose bins are laid out.
    block: usize,
    /// By bin of that block: its list.
    near: Vec<u32>,
    /// By block: its list.
    far: Vec<u32>,
    chunks: Vec<Chunk>,
    /// The first of the chunks that are free.
    free: u32,
    moved: Vec<Pending>,
}

#[derive(Clone, Debug)]
struct Chunk {
    entries: Vec<Pending>,
    next: u32,
}

impl Calendar {
    /// An empty one for `bins` bins.
    pub fn new(bins: usize) -> Calendar {
        Calendar {
            block: 0,
            near: vec![NONE; BLOCK],
            far: vec![NONE; bins.div_ceil(BLOCK)],
            chunks: Vec::new(),
            free: NONE,
            moved: Vec::new(),
        }
    }

    /// Adds what is due in `bin`, which was not taken yet.
    #[inline]
    pub fn push(&mut self, bin: usize, pending: Pending) {
        let block = bin / BLOCK;
        debug_assert!(block >= self.block, "bin {bin} is in the past");
        let head = if block == self.block {
            self.near[bin % BLOCK]
        } else {
            self.far[block]
        };
        let head = match self.chunks.get_mut(head as usize) {
            Some(chunk) if chunk.entries.len() < CHUNK => {
                chunk.entries.push(pending);
                return;
            }
            _ => self.chunk(head, pending),
        };
        if block == self.block {
            self.near[bin % BLOCK] = head;
        } else {
            self.far[block] = head;
        }
    }

    /// Replaces what `out` holds by what is due in `bin`, in no particular order. Bins are taken in ascending order, none left out;
    /// `bin_of` tells the bin of an entry.
    pub fn take(&mut self, bin: usize, bin_of: impl Fn(&Pending) -> usize, out: &mut Vec<Pending>) {
        if bin / BLOCK != self.block {
            self.block = bin / BLOCK;
            let mut list = std::mem::replace(&mut self.far[self.block], NONE);
            let mut moved = std::mem::take(&mut self.moved);
            // Chunk by chunk, so that the emptied ones are used again at once.
            while let Some(next) = self.empty(list, &mut moved) {
                for pending in moved.drain(..) {
                    self.push(bin_of(&pending), pending);
                }
                list = next;
            }
            self.moved = moved;
        }
        out.clear();
        let mut list = std::mem::replace(&mut self.near[bin % BLOCK], NONE);
        while let Some(next) = self.empty(list, out) {
            list = next;
        }
    }

    /// A chunk that holds this entry, in front of a list.
    fn chunk(&mut self, next: u32, pending: Pending) -> u32 {
        let index = self.free;
        if let Some(chunk) = self.chunks.get_mut(index as usize) {
            self.free = chunk.next;
            chunk.next = next;
            chunk.entries.push(pending);
            return index;
        }
        let mut entries = Vec::with_capacity(CHUNK);
        entries.push(pending);
        self.chunks.push(Chunk { entries, next });
        (self.chunks.len() - 1) as u32
    }

    /// Moves the entries of a chunk to `out` and frees it; answers with the next of its list. `None`: there is no such chunk.
    fn empty(&mut self, index: u32, out: &mut Vec<Pending>) -> Option<u32> {
        let chunk = self.chunks.get_mut(index as usize)?;
        out.append(&mut chunk.entries);
        let next = std::mem::replace(&mut chunk.next, self.free);
        self.free = index;
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::super::law::At;
    use super::*;
    use crate::rng::{Purpose, stream};
    use crate::schedule::Step;

    fn due(bin: usize, serial: u64) -> Pending {
        let step = Step {
            session: serial,
            ..Step::default()
        };
        Pending::event(At(bin as i64), 0, &step)
    }

    fn bin_of(pending: &Pending) -> usize {
        pending.at().0 as usize
    }

    #[test]
    fn everything_comes_out_in_its_bin() {
        let bins = 5 * BLOCK + 3;
        let mut calendar = Calendar::new(bins);
        let mut rng = stream(1, Purpose::Test, 0, 0);
        let mut expected = vec![0u32; bins];
        let mut out = Vec::new();
        let mut chunks = 0;
        for bin in 0..bins {
            // As many as are due in the bin, and no others; then ten more for later bins, some of them this block's.
            calendar.take(bin, bin_of, &mut out);
            assert_eq!(out.len() as u32, expected[bin], "{bin}");
            assert!(out.iter().all(|pending| bin_of(pending) == bin));
            for _ in 0..10 {
                let within = [3, 300, bins as u64][(rng.next_u64() % 3) as usize];
                let later = bin + 1 + (rng.next_u64() % within) as usize;
                if later < bins {
                    expected[later] += 1;
                    calendar.push(later, due(later, rng.next_u64()));
                }
            }
            if bin == BLOCK {
                chunks = calendar.chunks.len();
            }
        }
        // Chunks are used again: there are hardly more at the end than there were early.
        assert!(
            calendar.chunks.len() < 2 * chunks,
            "{} {chunks}",
            calendar.chunks.len()
        );
    }
}
