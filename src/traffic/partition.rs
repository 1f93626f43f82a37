//! Which partition a key belongs to: the rule of Kafka's own clients, so that records lie where a user's services would put them.

/// The partition of a key, as Java's default partitioner has it: `toPositive(murmur2(key)) % partitions`.
/// `partitions` is at least 1.
#[inline]
pub fn of_key(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff) % partitions
}

/// MurmurHash2 in 32 bits with Kafka's seed.
#[inline]
fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    let mut h = SEED ^ data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        k = k.wrapping_mul(M);
        k ^= k >> R;
        k = k.wrapping_mul(M);
        h = h.wrapping_mul(M) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (place, &byte) in rest.iter().enumerate() {
            h ^= u32::from(byte) << (8 * place);
        }
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^ (h >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Kafka's `UtilsTest.testMurmur2`.
    const PUBLISHED: [(&[u8], i32); 6] = [
        (b"21", -973_932_308),
        (b"foobar", -790_332_482),
        (b"a-little-bit-long-string", -985_981_536),
        (b"a-little-bit-longer-string", -1_486_304_829),
        (
            b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
            -58_897_971,
        ),
        (b"abc", 479_470_107),
    ];

    #[test]
    fn hashes_as_kafka_does() {
        for (key, hash) in PUBLISHED {
            assert_eq!(murmur2(key) as i32, hash, "{key:?}");
        }
    }

    #[test]
    fn partitions_as_kafka_does() {
        // toPositive clears the sign bit: -973932308 & 0x7fffffff = 1173551340.
        for (key, hash) in PUBLISHED {
            for partitions in [1, 3, 12, 100] {
                let positive = i64::from(hash & 0x7fff_ffff);
                assert_eq!(
                    i64::from(of_key(key, partitions)),
                    positive % i64::from(partitions)
                );
            }
        }
        assert_eq!(of_key(b"21", 12), 1_173_551_340 % 12);
    }
}
