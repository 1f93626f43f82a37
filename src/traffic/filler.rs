//! Bytes without meaning: word-like text, and plain bytes of a wanted compressibility.

use rand::Rng;

use super::pen::{Pen, SLACK};
use super::skew::below;
use crate::rng::{Purpose, Stream, stream};

/// The length of the text that pads are cut from. Pads start anywhere in it, so that a batch of 128 KiB mostly holds different
/// passages and compresses not much better than one pad; a longer one would not stay in the cache.
const TEXT_LEN: usize = 1 << 18;

/// Word-like text to cut pads from; printable ASCII without quotes and backslashes, so it may stand in any JSON string.
pub(super) struct Filler {
    text: Vec<u8>,
}

impl Filler {
    /// The text of a seed.
    pub(super) fn new(seed: u64) -> Filler {
        let mut rng = stream(seed, Purpose::Filler, 0, 0);
        let mut text = Vec::with_capacity(TEXT_LEN + 64);
        while text.len() < TEXT_LEN {
            let sentence = 4 + below(rng.next_u64(), 9);
            for _ in 0..sentence {
                let at = below(rng.next_u64(), WORDS.len() as u64);
                text.extend_from_slice(WORDS[at as usize].as_bytes());
                text.push(b' ');
                // Sizes, codes and quantities, as shops' texts have them; words alone would compress too well.
                if below(rng.next_u64(), 5) == 0 {
                    let number = below(rng.next_u64(), 10_000);
                    text.extend_from_slice(number.to_string().as_bytes());
                    text.push(b' ');
                }
            }
            text.pop();
            text.extend_from_slice(b". ");
        }
        text.truncate(TEXT_LEN);
        text.resize(TEXT_LEN + SLACK, b' ');
        Filler { text }
    }

    /// Writes `len` bytes of text. One draw.
    #[inline(always)]
    pub(super) fn put(&self, pen: &mut Pen<'_>, len: usize, rng: &mut Stream) {
        let start = below(rng.next_u64(), TEXT_LEN as u64) as usize;
        let first = len.min(TEXT_LEN - start);
        pen.piece(&self.text, start, first);
        let mut rest = len - first;
        while rest > 0 {
            let piece = rest.min(TEXT_LEN);
            pen.piece(&self.text, 0, piece);
            rest -= piece;
        }
    }
}

/// Plain bytes that compress about a given number of times: in each block, random bytes and then a passage that is always the same.
#[derive(Clone, Debug)]
pub(super) struct Opaque {
    random: usize,
    passage: Vec<u8>,
}

/// What an LZ coder spends on saying "now the random bytes, now the passage again".
const BLOCK_COST: f64 = 5.0;

impl Opaque {
    /// Bytes that compress `ratio` times; 1 or less is not at all.
    pub(super) fn new(ratio: f64) -> Opaque {
        if ratio <= 1.02 {
            return Opaque {
                random: 256,
                passage: Vec::new(),
            };
        }
        // At least 16 random bytes to a block, or the cost of the block would be most of it.
        let block = 256f64.max(21.0 * ratio).min(1e6);
        let random = (block / ratio - BLOCK_COST).max(1.0).round() as usize;
        let passage = "the quick brown parcel jumps over the lazy courier; "
            .bytes()
            .cycle()
            .take((block as usize).saturating_sub(random))
            .collect();
        Opaque { random, passage }
    }

    /// Writes `len` bytes, from anywhere in a block. Two draws; the second seeds the random bytes.
    #[inline]
    pub(super) fn put(&self, pen: &mut Pen<'_>, mut len: usize, rng: &mut Stream) {
        let block = self.random + self.passage.len();
        let mut at = below(rng.next_u64(), block as u64) as usize;
        let mut state = rng.next_u64();
        while len > 0 {
            let piece = if at < self.random {
                let piece = len.min(self.random - at);
                put_random(pen, piece, &mut state);
                piece
            } else {
                let rest = &self.passage[at - self.random..];
                let piece = len.min(rest.len());
                pen.bytes(&rest[..piece]);
                piece
            };
            len -= piece;
            at = (at + piece) % block;
        }
    }
}

/// Writes random bytes: a Weyl sequence through a folded multiplication (wyrand), a nanosecond for 8 bytes.
#[inline(always)]
fn put_random(pen: &mut Pen<'_>, len: usize, state: &mut u64) {
    for done in (0..len).step_by(8) {
        *state = state.wrapping_add(0xa076_1d64_78bd_642f);
        let wide = u128::from(*state) * u128::from(*state ^ 0xe703_7ed1_a0b4_28db);
        let eight = (((wide >> 64) ^ wide) as u64).to_le_bytes();
        pen.copy(&eight, (len - done).min(8));
    }
}

#[rustfmt::skip]
const WORDS: [&str; 256] = [
    "the", "to", "and", "of", "order", "your", "for", "in", "with", "is", "you", "this", "item", "on", "are", "from", "has",
    "free", "new", "size", "color", "shipping", "price", "gift", "set", "day", "home", "black", "white", "blue", "red",
    "cotton", "steel", "small", "large", "pack", "delivery", "returns", "customer", "review", "quality", "great", "soft",
    "light", "easy", "fit", "style", "made", "wood", "summer", "winter", "kids", "women", "men", "shirt", "shoes", "jacket",
    "dress", "bag", "box", "cup", "lamp", "chair", "table", "sofa", "pillow", "blanket", "towel", "kitchen", "garden",
    "office", "travel", "sport", "running", "outdoor", "indoor", "water", "glass", "leather", "wool", "silk", "linen",
    "paper", "plastic", "metal", "copper", "silver", "gold", "green", "yellow", "orange", "purple", "pink", "brown", "grey",
    "natural", "organic", "fresh", "classic", "modern", "vintage", "premium", "basic", "daily", "weekly", "limited",
    "edition", "series", "model", "brand", "warranty", "months", "year", "days", "hours", "minutes", "before", "after",
    "during", "under", "over", "between", "without", "available", "stock", "ready", "ships", "arrives", "tomorrow", "today",
    "soon", "later", "please", "note", "contact", "support", "email", "phone", "address", "street", "city", "country",
    "postal", "code", "payment", "card", "credit", "invoice", "refund", "exchange", "discount", "coupon", "sale", "deal",
    "offer", "bundle", "bonus", "points", "member", "account", "profile", "wishlist", "cart", "checkout", "confirm",
    "cancel", "update", "track", "package", "parcel", "courier", "driver", "depot", "warehouse", "shelf", "pallet",
    "barcode", "label", "weight", "height", "width", "depth", "capacity", "battery", "charger", "cable", "screen",
    "display", "camera", "speaker", "headphone", "keyboard", "mouse", "laptop", "tablet", "watch", "band", "strap", "case",
    "cover", "sleeve", "collar", "pocket", "zipper", "button", "hood", "waist", "length", "regular", "slim", "relaxed",
    "stretch", "washable", "durable", "lightweight", "waterproof", "adjustable", "foldable", "portable", "wireless",
    "rechargeable", "compact", "powerful", "efficient", "reliable", "comfortable", "elegant", "beautiful", "perfect",
    "favorite", "popular", "recommended", "matching", "included", "separate", "assembly", "required", "instructions",
    "manual", "tools", "parts", "replacement", "original", "genuine", "certified", "tested", "approved", "safe", "simple",
    "smart", "quick", "bright", "cool", "warm", "clean", "heavy",
];

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::DeflateEncoder};
    use std::io::Write;

    fn deflated(bytes: &[u8]) -> f64 {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        bytes.len() as f64 / encoder.finish().unwrap().len() as f64
    }

    fn lz4(bytes: &[u8]) -> f64 {
        bytes.len() as f64 / lz4_flex::block::compress(bytes).len() as f64
    }

    fn pad(filler: &Filler, out: &mut Vec<u8>, len: usize, rng: &mut Stream) {
        let mut pen = Pen::new(out, len);
        filler.put(&mut pen, len, rng);
        pen.put_down();
    }

    fn plain(opaque: &Opaque, out: &mut Vec<u8>, len: usize, rng: &mut Stream) {
        let mut pen = Pen::new(out, len);
        opaque.put(&mut pen, len, rng);
        pen.put_down();
    }

    /// A batch of values of `len` bytes, 128 KiB in all.
    fn batch(len: usize, put: impl Fn(&mut Vec<u8>, usize, &mut Stream)) -> Vec<u8> {
        let mut out = Vec::new();
        for value in 0..(128 << 10) / len as u64 {
            put(&mut out, len, &mut stream(1, Purpose::Test, value, 0));
        }
        out
    }

    #[test]
    fn text_compresses_about_three_times() {
        let filler = Filler::new(42);
        for len in [100, 400, 2000] {
            let batch = batch(len, |out, len, rng| pad(&filler, out, len, rng));
            let (deflated, lz4) = (deflated(&batch), lz4(&batch));
            assert!((2.6..3.4).contains(&deflated), "{len}: {deflated}");
            assert!((1.6..3.4).contains(&lz4), "{len}: {lz4}");
        }
    }

    #[test]
    fn text_stands_in_any_json_string() {
        let filler = Filler::new(1);
        assert!(
            filler
                .text
                .iter()
                .all(|&b| (b' '..=b'~').contains(&b) && b != b'"' && b != b'\\')
        );
        let mut out = Vec::new();
        let mut rng = stream(1, Purpose::Test, 0, 0);
        pad(&filler, &mut out, 3 * TEXT_LEN, &mut rng);
        assert_eq!(out.len(), 3 * TEXT_LEN);
    }

    #[test]
    fn plain_bytes_compress_as_asked() {
        for ratio in [1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0] {
            let opaque = Opaque::new(ratio);
            for len in [1000, 1200, 10_000] {
                let batch = batch(len, |out, len, rng| plain(&opaque, out, len, rng));
                let (deflated, lz4) = (deflated(&batch), lz4(&batch));
                // Beyond 10 times the coders' own costs differ more than what they say.
                let within = if ratio > 10.0 { 0.25 } else { 0.12 };
                for got in [deflated, lz4] {
                    assert!((got / ratio - 1.0).abs() < within, "{ratio} {len}: {got}");
                }
            }
        }
    }

    #[test]
    fn bytes_are_as_many_as_asked() {
        let opaque = Opaque::new(3.0);
        for len in [0, 1, 7, 85, 86, 256, 257, 1156] {
            let mut out = vec![1, 2, 3];
            plain(&opaque, &mut out, len, &mut stream(1, Purpose::Test, 0, 0));
            assert_eq!(out.len(), 3 + len);
        }
    }
}
