//! Ordering a bin's arrivals: radix sort of packed keys, since at a million a second a comparing sort would cost as much
//! as everything else together.

/// Bits below the due offset: the shard.
pub const SHARD_BITS: u32 = 16;
/// Bits of a due offset within a bin; 2^27 ns is more than a bin.
pub const OFFSET_BITS: u32 = 27;
const DIGIT_BITS: u32 = 9;
const PASSES: usize = (OFFSET_BITS / DIGIT_BITS) as usize;
const DIGITS: usize = 1 << DIGIT_BITS;
/// Below this the histograms of a radix sort cost more than they save.
const FEW: usize = 600;

const _: () = assert!(crate::schedule::BIN_NS < 1 << OFFSET_BITS);
const _: () = assert!(OFFSET_BITS.is_multiple_of(DIGIT_BITS));

/// Sorts keys of `offset << SHARD_BITS | shard`. They must come with shards ascending, which every producer of keys here does:
/// the passes are stable, so only the offset's digits need one.
pub fn sort(keys: &mut Vec<u64>, spare: &mut Vec<u64>) {
    if keys.len() < FEW {
        keys.sort_unstable();
        return;
    }
    debug_assert!(keys.is_sorted_by_key(|key| key & ((1 << SHARD_BITS) - 1)));
    let digit = |key: u64, pass: usize| {
        (key >> (SHARD_BITS + DIGIT_BITS * pass as u32)) as usize & (DIGITS - 1)
    };
    let mut starts = [[0u32; DIGITS]; PASSES];
    for &key in keys.iter() {
        for (pass, counts) in starts.iter_mut().enumerate() {
            counts[digit(key, pass)] += 1;
        }
    }
    for counts in &mut starts {
        let mut before = 0;
        for count in counts {
            before += std::mem::replace(count, before);
        }
    }
    spare.resize(keys.len(), 0);
    for (pass, starts) in starts.iter_mut().enumerate() {
        for &key in keys.iter() {
            let place = &mut starts[digit(key, pass)];
            spare[*place as usize] = key;
            *place += 1;
        }
        std::mem::swap(keys, spare);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};
    use rand::Rng;

    #[test]
    fn sorts_as_the_standard_library_does() {
        let mut rng = stream(1, Purpose::Test, 0, 0);
        for (n, offsets) in [
            (0, 1 << 27),
            (5, 9),
            (599, 1 << 27),
            (600, 1 << 27),
            (9000, 400),
            (9000, 1 << 27),
        ] {
            let mut keys: Vec<u64> = (0..n)
                .map(|i| ((rng.next_u64() % offsets) << SHARD_BITS) | (i * 256 / n))
                .collect();
            let mut expected = keys.clone();
            expected.sort_unstable();
            sort(&mut keys, &mut Vec::new());
            assert_eq!(keys, expected);
        }
    }
}
