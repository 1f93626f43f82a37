//! Records of the user's own, in turn.

use std::collections::HashMap;

use serde::de::IgnoredAny;

use super::problem::{Place, Problem};
use super::skew::below;
use super::stamp;
use crate::rng::{Purpose, hash};
use crate::scenario::StampPlace;
use crate::schedule::Identity;

/// The records of a file.
///
/// "In turn" has to be pure in an event's identity, so there is no counter that goes through the file. Instead every cell (shard and
/// bin) has its own place in the file to begin at, and its events take the lines from there on in order. The places of cells that
/// follow each other are a golden section of the file apart, which spreads any number of them evenly: all lines are used equally
/// often, within a few per cent after some dozen rounds.
pub(super) struct Samples {
    arena: Vec<u8>,
    ends: Vec<usize>,
    shards: u64,
    seed: u64,
}

/// 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Samples {
    /// Takes over the lines; checks that each can carry its stamp. All that can't are told, up to ten.
    pub(super) fn new(
        (name, lines): (&str, &[String]),
        stamp: StampPlace,
        (seed, shards): (u64, u32),
    ) -> Result<Samples, Vec<Problem>> {
        let mut samples = Samples {
            arena: Vec::with_capacity(lines.iter().map(String::len).sum()),
            ends: vec![0],
            shards: u64::from(shards),
            seed,
        };
        let mut problems = Vec::new();
        for (number, line) in lines.iter().enumerate() {
            let line = line.trim_ascii_end();
            if stamp != StampPlace::Payload {
                samples.arena.extend_from_slice(line.as_bytes());
            } else if let Err(message) = takes_stamp(line) {
                let place = Place {
                    line: number + 1,
                    ..Place::new(line, 0, line.len())
                };
                problems.push(Problem {
                    source: name.to_owned(),
                    place: Some(place),
                    message,
                    nearest: None,
                });
                if problems.len() == 10 {
                    break;
                }
            } else {
                // The stamp takes the place of the closing brace, so none but it may stand at the end.
                let open = line[..line.len() - 1].trim_ascii_end();
                samples.arena.extend_from_slice(open.as_bytes());
                samples.arena.push(b'}');
            }
            samples.ends.push(samples.arena.len());
        }
        if problems.is_empty() {
            Ok(samples)
        } else {
            Err(problems)
        }
    }

    /// The record of an event.
    #[inline]
    pub(super) fn get(&self, id: Identity) -> &[u8] {
        let at = self.index(id);
        &self.arena[self.ends[at]..self.ends[at + 1]]
    }

    fn index(&self, id: Identity) -> usize {
        let lines = self.ends.len() as u64 - 1;
        let cell = u64::from(id.bin) * self.shards + u64::from(id.shard);
        let offset = hash(self.seed, Purpose::Lines, u64::from(id.flow));
        let place = cell.wrapping_mul(GOLDEN).wrapping_add(offset);
        let at = below(place, lines) + u64::from(id.ordinal);
        (at % lines) as usize
    }
}

fn takes_stamp(line: &str) -> Result<(), String> {
    let remedy = "set `stamp = \"header\"` or `stamp = \"none\"`";
    match serde_json::from_str::<HashMap<String, IgnoredAny>>(line) {
        Ok(fields) if fields.contains_key(stamp::FIELD) => Err(format!(
            "this record has a field `{}`, which is the stamp's; {remedy}",
            stamp::FIELD
        )),
        Ok(_) => Ok(()),
        Err(_) => Err(format!(
            "this record is not a JSON object, so it can't take a stamp as its last field; {remedy}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(count: usize) -> Samples {
        let lines: Vec<String> = (0..count).map(|n| format!("{{\"n\":{n}}}")).collect();
        Samples::new(("s", &lines), StampPlace::Payload, (42, 256)).unwrap_or_else(|_| panic!())
    }

    fn id(bin: u32, shard: u16, ordinal: u32) -> Identity {
        Identity {
            flow: 1,
            shard,
            bin,
            ordinal,
        }
    }

    #[test]
    fn lines_are_used_equally_often() {
        for count in [1, 7, 1000] {
            let samples = samples(count);
            let mut used = vec![0u32; count];
            for bin in 0..100 {
                for shard in 0..256 {
                    used[samples.index(id(bin, shard, 0))] += 1;
                }
            }
            // 25,600 cells. Golden-section places are within 3 of even in each line's part of the file (three-distance theorem).
            let even = 25_600 / count as u32;
            let worst = used.iter().map(|&n| n.abs_diff(even)).max();
            assert!(worst <= Some(4), "{count} {worst:?}");
        }
    }

    #[test]
    fn a_cell_goes_on_in_order() {
        let samples = samples(10);
        let first = samples.index(id(5, 3, 0));
        for ordinal in 0..25 {
            let at = samples.index(id(5, 3, ordinal));
            assert_eq!(at, (first + ordinal as usize) % 10);
        }
    }

    #[test]
    fn records_that_cannot_take_a_stamp_are_told() {
        let lines = ["{\"a\":1}", "[1]", "{ } ", "{\"_hw\":1}", "x"].map(String::from);
        let Err(problems) = Samples::new(("s.jsonl", &lines), StampPlace::Payload, (1, 1)) else {
            panic!("must be refused");
        };
        let places: Vec<usize> = problems
            .iter()
            .map(|p| p.place.as_ref().unwrap().line)
            .collect();
        assert_eq!(places, [2, 4, 5]);
        assert!(Samples::new(("s.jsonl", &lines), StampPlace::Header, (1, 1)).is_ok());
        let Ok(kept) = Samples::new(("s", &lines[2..3]), StampPlace::Payload, (1, 1)) else {
            panic!("an empty object can take one");
        };
        assert_eq!(kept.arena, b"{}");
    }
}
