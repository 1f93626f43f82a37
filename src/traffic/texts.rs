//! Thousands of short texts to copy from at random.

use super::pen::{Pen, SLACK};

/// Texts by number, one behind the other: the fewer lines of memory they take, the more of them stay in the caches.
pub(super) struct Texts {
    arena: Vec<u8>,
    /// Where each begins; the last is where the last ends.
    ends: Vec<u32>,
    /// Bytes of the longest.
    pub longest: usize,
}

impl Texts {
    pub(super) fn new(texts: &[String]) -> Texts {
        let mut arena = Vec::with_capacity(texts.iter().map(String::len).sum::<usize>() + SLACK);
        let mut ends = vec![0];
        for text in texts {
            arena.extend_from_slice(text.as_bytes());
            ends.push(arena.len() as u32);
        }
        arena.resize(arena.len() + SLACK, 0);
        Texts {
            arena,
            ends,
            longest: texts.iter().map(String::len).max().unwrap_or(0),
        }
    }

    /// Writes the text of this number.
    #[inline(always)]
    pub(super) fn put(&self, pen: &mut Pen<'_>, number: usize) {
        let (start, end) = (self.ends[number] as usize, self.ends[number + 1] as usize);
        pen.piece(&self.arena, start, end - start);
    }
}
