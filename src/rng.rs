//! Seeded random streams, one for each (seed, purpose, index).
//!
//! The streams are part of what a plan hash promises: the same scenario and seed give the same bytes on every machine and
//! in every later version. Hence a generator whose output is fixed by its paper (PCG-64-MCG: O'Neill 2014), seeded by
//! our own mixer, and golden tests that pin both.

use rand_pcg::Pcg64Mcg;

/// The generator behind every draw. 16 bytes of state, so that seeding one for each event or cell costs a few nanoseconds.
pub type Stream = Pcg64Mcg;

/// What a stream is for. Two purposes never share draws, so adding one cannot shift another. The numbers are fixed for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// How many events a cell (flow, shard, bin) has, and when.
    Arrivals = 1,
    /// The splitting tree of exact-total arrivals.
    Split = 2,
    /// What one event contains.
    Event = 3,
    /// The variants a pool's fields are rendered to at start-up.
    Variants = 4,
    /// Which variant an id shows.
    VariantOfId = 5,
    /// Noise on a rate curve.
    Noise = 6,
    /// The partition of a record without a key.
    Keyless = 7,
    /// Filler text.
    Filler = 8,
    /// Tests.
    Test = 9,
    /// Where a file's lines begin in a flow.
    Lines = 10,
    /// Which event of its flow an arrival is.
    Mix = 11,
    /// Journeys: their steps and lags.
    Journey = 12,
    /// What a journey, a visit or a batch draws from pools.
    Pick = 13,
    /// Batches: when, how large, and when each of theirs.
    Batch = 14,
    /// Gaps of bursty arrivals.
    Bursty = 15,
    /// Devices: phase and jitter.
    Device = 16,
    /// What is wrong with an event on purpose.
    Defect = 17,
    /// Think times of closed users.
    Think = 18,
    /// Late steps of journeys that began before the history.
    Past = 19,
    /// Which events are sent twice.
    Duplicate = 20,
}

/// The stream of (`seed`, `purpose`, `a`, `b`). Pure; the same arguments give the same draws for ever.
#[inline]
pub fn stream(seed: u64, purpose: Purpose, a: u64, b: u64) -> Stream {
    let root = mix(seed ^ (purpose as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let hi = mix(root ^ a.wrapping_mul(0xd1b5_4a32_d192_ed03));
    let lo = mix(hi ^ b.wrapping_mul(0x8cb9_2ba7_2f3d_8dd7));
    Pcg64Mcg::new((u128::from(hi) << 64) | u128::from(lo))
}

/// A 64-bit hash of (`seed`, `purpose`, `index`), for choices that need one number only.
#[inline]
pub fn hash(seed: u64, purpose: Purpose, index: u64) -> u64 {
    mix(mix(seed ^ (purpose as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)) ^ index)
}

/// SplitMix64's finaliser (Steele, Lea, Flood 2014): a bijection that avalanches.
#[inline]
const fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn streams_are_pinned() {
        let draws: Vec<u64> = (0..3)
            .map(|a| stream(42, Purpose::Test, a, 7).next_u64())
            .collect();
        assert_eq!(draws, GOLDEN, "a plan hash promises these bytes for ever");
    }
    // Computed apart from this code, from the papers' definitions of SplitMix64 and PCG-64-MCG (XSL-RR).
    const GOLDEN: [u64; 3] = [
        0x905f_7df5_44db_8b5f,
        0x447d_1e85_39df_b02c,
        0x2e51_b896_8cd1_e854,
    ];

    #[test]
    fn purposes_do_not_share_draws() {
        let a = stream(1, Purpose::Event, 1, 1).next_u64();
        let b = stream(1, Purpose::Arrivals, 1, 1).next_u64();
        assert_ne!(a, b);
    }
}
