//! Histograms as text: HdrHistogram V2, deflated, in base64, as every HdrHistogram tool reads it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};
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
        let hdr: Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|e| CodecError::Format(e.to_string()))?;
        if hdr.sigfig() != Self::DIGITS || hdr.high() != HIGHEST_US {
            return Err(CodecError::Range {
                digits: hdr.sigfig(),
                high: hdr.high(),
                expected: Self::DIGITS,
            });
        }
        let mut ours = Self::new();
        for bucket in hdr.iter_recorded() {
            let low = hdr.lowest_equivalent(bucket.value_iterated_to());
            ours.record_many(low.min(HIGHEST_US), bucket.count_at_value());
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
