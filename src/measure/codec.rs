//! Histograms as text: HdrHistogram V2, deflated, in base64, as every HdrHistogram tool reads it.
//!
//! Those of windows are deflated without compression (stored blocks, RFC 1951 §3.2.4): a day of ten flows holds four million of
//! them, and building the Huffman tables of so small a text takes ten times as long as all the rest of reading it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer as _, V2Serializer};
use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::histogram::{Buckets, Count, HIGHEST_US, WindowHistogram};

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
/// Room for most histograms, once inflated; [`Reader::inflate`] makes more.
const ROOM: usize = 4_096;
/// The largest histogram of ours takes far less.
const LARGEST: usize = 1 << 20;
/// How hard zlib tries: not at all, and as it usually does.
const STORED: u8 = 0;
const USUAL: u8 = 6;

/// A histogram that is still text: read only when it is added to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Encoded<'a>(#[serde(borrow)] Cow<'a, str>);

/// A histogram that is left as it stands: adding it adds nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
pub struct Unread(IgnoredAny);

/// Times that can be added to a window's.
pub trait Times {
    /// Adds them.
    ///
    /// # Errors
    /// They are text that can't be read; a part of it may have been added.
    fn add_to(&self, sum: &mut WindowHistogram) -> Result<(), CodecError>;
}

impl Times for WindowHistogram {
    fn add_to(&self, sum: &mut WindowHistogram) -> Result<(), CodecError> {
        sum.merge(self);
        Ok(())
    }
}

impl Times for Unread {
    fn add_to(&self, _: &mut WindowHistogram) -> Result<(), CodecError> {
        Ok(())
    }
}

impl Times for Encoded<'_> {
    fn add_to(&self, sum: &mut WindowHistogram) -> Result<(), CodecError> {
        sum.add_base64(&self.0)
    }
}

/// What a thread needs to read histograms, made once: a file of a long run holds millions of them.
struct Reader {
    bytes: Vec<u8>,
    plain: Vec<u8>,
    decompressor: DecompressorOxide,
}

thread_local! {
    static READER: RefCell<Reader> = RefCell::new(Reader {
        bytes: Vec::new(),
        plain: vec![0; ROOM],
        decompressor: DecompressorOxide::new(),
    });
}

impl Reader {
    /// What was deflated and put in base64.
    fn read(&mut self, text: &str) -> Result<&[u8], CodecError> {
        self.bytes.clear();
        STANDARD
            .decode_vec(text, &mut self.bytes)
            .map_err(|e| CodecError::Base64(e.to_string()))?;
        if !self.bytes.starts_with(&COMPRESSED) || self.bytes.len() < 8 {
            let why = "it begins with something else";
            return Err(CodecError::Format(why.to_owned()));
        }
        let zlib = &self.bytes[8..];
        if let Some(place) = stored(zlib) {
            return Ok(&self.bytes[8..][place]);
        }
        let length = self.inflate()?;
        Ok(&self.plain[..length])
    }

    /// Inflates what follows the cookie and the length. Returns how long it is.
    fn inflate(&mut self) -> Result<usize, CodecError> {
        let flags = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        loop {
            self.decompressor.init();
            let (status, _, length) = decompress(
                &mut self.decompressor,
                &self.bytes[8..],
                &mut self.plain,
                0,
                flags,
            );
            match status {
                TINFLStatus::Done => return Ok(length),
                TINFLStatus::HasMoreOutput if self.plain.len() < LARGEST => {
                    let room = self.plain.len() * 4;
                    self.plain.resize(room, 0);
                }
                status => {
                    let why = format!("it can't be inflated ({status:?})");
                    return Err(CodecError::Format(why));
                }
            }
        }
    }
}

/// Where the text of a zlib stream stands that holds one stored block (RFC 1950, RFC 1951 §3.2.4), as those of windows do: it need not be
/// copied. `None`: it is another stream, or its checksum does not hold.
fn stored(zlib: &[u8]) -> Option<Range<usize>> {
    const HEAD: usize = 7;
    let (head, rest) = zlib.split_first_chunk::<HEAD>()?;
    let [
        method,
        flags,
        block,
        length_low,
        length_high,
        not_low,
        not_high,
    ] = *head;
    let is_zlib =
        method & 0x0F == 8 && flags & 0x20 == 0 && u16::from_be_bytes([method, flags]) % 31 == 0;
    let length = u16::from_le_bytes([length_low, length_high]);
    // The last block, and of the kind that is stored.
    let is_stored = block & 7 == 1 && length == !u16::from_le_bytes([not_low, not_high]);
    let (text, sum) = rest.split_at_checked(usize::from(length))?;
    let holds = || simd_adler32::adler32(&text).to_be_bytes() == *sum;
    (is_zlib && is_stored && holds()).then(|| HEAD..HEAD + text.len())
}

/// The next number of a ZigZag LEB128 sequence; the ninth byte holds eight bits.
fn varint(from: &mut &[u8]) -> Result<i64, CodecError> {
    let mut value = 0_u64;
    for i in 0..9 {
        let (byte, rest) = from.split_first().ok_or_else(cut_short)?;
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

#[cold]
fn cut_short() -> CodecError {
    CodecError::Format("it is cut short".to_owned())
}

#[cold]
fn out_of_range() -> CodecError {
    CodecError::Format("it counts beyond its range".to_owned())
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
        let mut plain = Vec::new();
        V2Serializer::new()
            .serialize(&hdr, &mut plain)
            .expect("writing into memory succeeds");
        let level = if Self::DIGITS == 2 { STORED } else { USUAL };
        let deflated = compress_to_vec_zlib(&plain, level);
        let mut bytes = COMPRESSED.to_vec();
        bytes.extend((deflated.len() as u32).to_be_bytes());
        bytes.extend(deflated);
        STANDARD.encode(bytes)
    }

    /// Reads back what [`Buckets::to_base64`] wrote. Values above the range stand in the last bucket; how many they were is
    /// not part of the format.
    ///
    /// # Errors
    /// When the text is no histogram, or one of another range or precision.
    pub fn from_base64(text: &str) -> Result<Self, CodecError> {
        let mut ours = Self::new();
        ours.add_base64(text)?;
        Ok(ours)
    }

    /// Adds what a text holds, without a histogram of its own in between.
    ///
    /// # Errors
    /// As [`Buckets::from_base64`]; a part of it may have been added.
    pub fn add_base64(&mut self, text: &str) -> Result<(), CodecError> {
        READER.with_borrow_mut(|reader| self.add_plain(reader.read(text)?))
    }

    /// Adds a histogram in HdrHistogram's V2 format.
    fn add_plain(&mut self, plain: &[u8]) -> Result<(), CodecError> {
        let (header, counts) = plain.split_at_checked(HEADER).ok_or_else(cut_short)?;
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
        self.add_counts(counts)
    }

    /// The counts of all buckets in order: zigzag LEB128, a negative one stands for so many zeros. This loop is most of the time
    /// that reading a long run takes. Counts and zeros alternate as chance has it, so what takes one byte, and that is nearly all, is
    /// added without asking which of them it is.
    fn add_counts(&mut self, mut counts: &[u8]) -> Result<(), CodecError> {
        let mut index = 0_usize;
        // Where the octave at hand has its counts, and the index that it ends before.
        let (mut start, mut end) = (0, 0);
        while let Some((&byte, rest)) = counts.split_first() {
            if index < end && byte < 0x80 {
                counts = rest;
                let (half, is_zeros) = (usize::from(byte >> 1), usize::from(byte & 1));
                let count = half * (1 - is_zeros);
                self.counts[start + (index & (Self::BLOCK - 1))].add(count as u64);
                index += 1 + half * is_zeros;
                continue;
            }
            let n = varint(&mut counts)?;
            if n < 0 {
                let zeros = usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX);
                index = index.saturating_add(zeros);
                continue;
            }
            if index >= end {
                (start, end) = self.octave_of(index).ok_or_else(out_of_range)?;
            }
            self.counts[start + (index & (Self::BLOCK - 1))].add(n as u64);
            index += 1;
        }
        Ok(())
    }
}

impl<C: Count, const HALF: u32> Serialize for Buckets<C, HALF> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.to_base64())
    }
}

impl<'de, C: Count, const HALF: u32> Deserialize<'de> for Buckets<C, HALF> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Encoded(text) = Encoded::deserialize(from)?;
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
    fn a_changed_text_is_an_error() {
        let mut h = WindowHistogram::new();
        (0..500).for_each(|i| h.record_us(i * 37));
        let bytes = STANDARD.decode(h.to_base64()).expect("base64");
        assert!(stored(&bytes[8..]).is_some(), "windows' are stored");
        for at in 8..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            let read = WindowHistogram::from_base64(&STANDARD.encode(changed));
            // Of the byte that says what a block is, the bits above the third say nothing.
            assert!(
                read.is_err() || read.as_ref() == Ok(&h) && at == 10,
                "byte {at}"
            );
        }
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
