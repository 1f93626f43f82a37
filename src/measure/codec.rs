//! Histograms as text: HdrHistogram V2, deflated, in base64, as every HdrHistogram tool reads it.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer as _, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

use super::histogram::{Buckets, Count, HIGHEST_US};

/// A histogram's text that can't be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CodecError {
    /// Not base64.
    #[error("the histogram is not base64 text: {0}")]
    Base64(String),
    /// Not an HdrHistogram.
    #[error("the text is not an HdrHistogram in V2 deflate format: {0}")]
    Format(String),
    /// Another range or precision.
    #[error(
        "the histogram has {digits} digits up to {high} µs, but {expected} digits up to {HIGHEST_US} µs were expected"
    )]
    Range {
        /// Its significant digits.
        digits: u8,
        /// Its highest value.
        high: u64,
        /// The digits this place needs.
        expected: u8,
    },
}

/// What a compressed histogram begins with, and what it holds.
const COMPRESSED: [u8; 4] = [0x1c, 0x84, 0x93, 0x14];
const PLAIN: u64 = 0x1c84_9313;
/// Bytes before the counts: cookie, length, offset, digits, lowest, highest, ratio.
const HEADER: usize = 40;
/// The largest histogram of ours takes far less.
const LARGEST: u64 = 1 << 20;

/// What was deflated. A file of a long run holds millions of these: reading them in place is several times as fast as by way of
/// another histogram.
fn inflate(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    let deflated = bytes
        .strip_prefix(&COMPRESSED[..])
        .and_then(|rest| rest.get(4..))
        .ok_or_else(|| CodecError::Format("it begins with something else".to_owned()))?;
    let mut plain = Vec::with_capacity(1_024);
    ZlibDecoder::new(deflated)
        .take(LARGEST)
        .read_to_end(&mut plain)
        .map_err(|e| CodecError::Format(e.to_string()))?;
    Ok(plain)
}

/// The next number of a ZigZag LEB128 sequence; the ninth byte holds eight bits.
fn varint(from: &mut &[u8]) -> Result<i64, CodecError> {
    let mut value = 0_u64;
    for i in 0..9 {
        let (byte, rest) = from
            .split_first()
            .ok_or_else(|| CodecError::Format("it is cut short".to_owned()))?;
        *from = rest;
        let last = i == 8 || byte & 0x80 == 0;
        let bits = if i == 8 { *byte } else { byte & 0x7F };
        value |= u64::from(bits) << (7 * i);
        if last {
            break;
        }
    }
    Ok((value >> 1) as i64 ^ -((value & 1) as i64))
}

impl<C: Count, const HALF: u32> Buckets<C, HALF> {
    /// HdrHistogram V2 deflate, base64.
    pub fn to_base64(&self) -> String {
        let mut hdr = Histogram::<u64>::new_with_bounds(1, HIGHEST_US, Self::DIGITS)
            .expect("the bounds are legal");
        for (low, _, count) in self.recorded() {
            hdr.record_n(low.min(HIGHEST_US), count)
                .expect("values are at most the histogram's highest");
        }
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&hdr, &mut bytes)
            .expect("writing into memory succeeds");
        STANDARD.encode(bytes)
    }

    /// Reads back what [`Buckets::to_base64`] wrote. Values above the range stand in the last bucket; how many they were is
    /// not part of the format.
    ///
    /// # Errors
    /// When the text is no histogram, or one of another range or precision.
    pub fn from_base64(text: &str) -> Result<Self, CodecError> {
        let bytes = STANDARD
            .decode(text)
            .map_err(|e| CodecError::Base64(e.to_string()))?;
        let plain = inflate(&bytes)?;
        let (header, counts) = plain
            .split_at_checked(HEADER)
            .ok_or_else(|| CodecError::Format("it is cut short".to_owned()))?;
        let number = |at: usize| {
            header[at..at + 4]
                .iter()
                .fold(0, |n, b| n << 8 | u64::from(*b))
        };
        let (cookie, length, offset) = (number(0), number(4), number(8));
        if cookie != PLAIN || length != counts.len() as u64 || offset != 0 {
            return Err(CodecError::Format("its head is another's".to_owned()));
        }
        let (digits, high) = (number(12) as u8, number(24) << 32 | number(28));
        if digits != Self::DIGITS || high != HIGHEST_US {
            return Err(CodecError::Range {
                digits,
                high,
                expected: Self::DIGITS,
            });
        }
        Self::from_counts(counts)
    }

    /// The counts of all buckets in order: zigzag LEB128, a negative one stands for so many zeros.
    fn from_counts(mut counts: &[u8]) -> Result<Self, CodecError> {
        let mut ours = Self::new();
        let mut index = 0_u64;
        while !counts.is_empty() {
            match varint(&mut counts)? {
                n if n < 0 => index = index.saturating_add(n.unsigned_abs()),
                n => {
                    let place = usize::try_from(index).ok().filter(|at| Self::has(*at));
                    let place = place.ok_or_else(|| {
                        CodecError::Format("it counts beyond its range".to_owned())
                    })?;
                    if n > 0 {
                        ours.add_at(place, n.unsigned_abs());
                    }
                    index += 1;
                }
            }
        }
        Ok(ours)
    }
}

impl<C: Count, const HALF: u32> Serialize for Buckets<C, HALF> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.to_base64())
    }
}

impl<'de, C: Count, const HALF: u32> Deserialize<'de> for Buckets<C, HALF> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::from_base64(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::super::histogram::{TotalHistogram, WindowHistogram};
    use super::*;
    use hdrhistogram::serialization::Deserializer;
    use proptest::prelude::*;

    #[test]
    fn another_tool_reads_ours() {
        let mut ours = TotalHistogram::new();
        (1..=1_000).for_each(|ms| ours.record_us(ms * 1_000));
        let bytes = STANDARD.decode(ours.to_base64()).expect("base64");
        // The cookie of V2 deflate: any HdrHistogram reader starts here.
        assert_eq!(&bytes[..4], [0x1c, 0x84, 0x93, 0x14]);
        let hdr: Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .expect("readable");
        assert_eq!(hdr.len(), 1_000);
        assert_eq!(Some(hdr.value_at_quantile(0.99)), ours.quantile_us(0.99, 0));
        assert_eq!(Some(hdr.max()), ours.max_us());
    }

    #[test]
    fn wrong_texts_are_errors() {
        assert!(matches!(
            TotalHistogram::from_base64("%%"),
            Err(CodecError::Base64(_))
        ));
        assert!(matches!(
            TotalHistogram::from_base64(""),
            Err(CodecError::Format(_))
        ));
        assert!(matches!(
            TotalHistogram::from_base64("AAAAAAAA"),
            Err(CodecError::Format(_))
        ));
        let window = WindowHistogram::new().to_base64();
        assert_eq!(
            TotalHistogram::from_base64(&window),
            Err(CodecError::Range {
                digits: 2,
                high: HIGHEST_US,
                expected: 3
            })
        );
    }

    #[test]
    fn a_cut_text_is_an_error() {
        let mut h = TotalHistogram::new();
        (0..5_000).for_each(|i| h.record_us(i * 37));
        let text = h.to_base64();
        assert!(TotalHistogram::from_base64(&text[..text.len() / 8 * 4]).is_err());
    }

    proptest! {
        #[test]
        fn there_and_back(values in prop::collection::vec((0..=HIGHEST_US, 1..1_000_u64), 0..50)) {
            let (mut total, mut window) = (TotalHistogram::new(), WindowHistogram::new());
            for (us, n) in values {
                total.record_many(us, n);
                window.record_many(us, n);
            }
            prop_assert_eq!(&TotalHistogram::from_base64(&total.to_base64()).expect("readable"), &total);
            prop_assert_eq!(&WindowHistogram::from_base64(&window.to_base64()).expect("readable"), &window);
        }
    }
}
