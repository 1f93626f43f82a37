//! The mark every record carries: enough to find loss, duplicates, reordering and corruption, and to time the record.
//!
//! 33 bytes, big-endian: version, run, flow, shard, bin, ordinal, due, checksum. As text they are exactly 44 characters of
//! base64url, so every bit of the text means something. The checksum (CRC-32) covers the key, the value up to the stamp, and the
//! stamp itself.

use crc32fast::Hasher;

use crate::schedule::Identity;

/// The header a stamp travels in when the payload has no room for it; its value is the 33 raw bytes.
pub const HEADER: &str = "hw-stamp";

/// The field of a JSON object that a stamp travels in: always the last one.
pub const FIELD: &str = "_hw";

/// Bytes of a raw stamp.
pub const RAW_LEN: usize = 33;

/// Characters of a stamp as text.
pub const TEXT_LEN: usize = 44;

/// What stands around a stamp at the end of a JSON object.
pub(super) const OPENING: &[u8; 7] = b"\"_hw\":\"";
pub(super) const CLOSING: &[u8; 2] = b"\"}";

/// Chosen so that the text of every stamp of this version begins with `H`.
const VERSION: u8 = 0x1d;
const VERSION_CHAR: u8 = b'H';

/// The part of a raw stamp that the checksum covers.
const COVERED: usize = RAW_LEN - 4;

/// What a stamp says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Tag of the run that sent the record.
    pub run: u64,
    /// Which event it is.
    pub id: Identity,
    /// When it was due: nanoseconds since the start of the load.
    pub due_ns: u64,
}

/// What a received record turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// An event of this run, as it was sent.
    Ours(Stamp),
    /// It bears a stamp, and the bytes are not the ones that were stamped.
    Corrupt,
    /// No stamp, or another run's.
    Foreign,
}

impl Stamp {
    /// Seals a record whose key and value, the latter up to where the stamp will be, lie from `from` to the buffer's end.
    #[inline]
    pub(super) fn seal(&self, from: usize, buffer: &mut Vec<u8>) -> Sealed {
        let (run, id, due) = (self.run, self.id, self.due_ns);
        let (flow, shard) = (u64::from(id.flow), u64::from(id.shard));
        let (bin, ordinal) = (u64::from(id.bin), u64::from(id.ordinal));
        let mut words = [
            u64::from(VERSION) << 56 | run >> 8,
            run << 56 | flow << 40 | shard << 24 | bin >> 8,
            bin << 56 | ordinal << 24 | due >> 40,
            due << 24,
        ];
        // One long piece is summed in half the time of a long one and a short one.
        let end = buffer.len();
        for word in words {
            buffer.extend_from_slice(&word.to_be_bytes());
        }
        buffer.truncate(end + COVERED);
        let sum = crc32fast::hash(&buffer[from..]);
        buffer.truncate(end);
        words[3] |= u64::from(sum >> 8);
        Sealed {
            words,
            last: sum as u8,
        }
    }

    fn read(raw: &[u8; RAW_LEN]) -> Stamp {
        Stamp {
            run: number(&raw[1..9]),
            id: Identity {
                flow: number(&raw[9..11]) as u16,
                shard: number(&raw[11..13]) as u16,
                bin: number(&raw[13..17]) as u32,
                ordinal: number(&raw[17..21]) as u32,
            },
            due_ns: number(&raw[21..29]),
        }
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, &b| (n << 8) | u64::from(b))
}

/// Checks a received record: its key, value and stamp header, each if it has one.
///
/// What looks like a stamp (the header, or the field that ends a JSON object) and does not fit its record is corrupt. Plain bytes
/// have nothing but the stamp itself to tell them by, so there a stamp whose run is not legible is foreign.
pub fn check(
    run_tag: u64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    header: Option<&[u8]>,
) -> Checked {
    let value = value.unwrap_or_default();
    if let Some(header) = header {
        return match header.try_into() {
            Ok(raw) => verify(run_tag, key, value, raw),
            Err(_) => Checked::Corrupt,
        };
    }
    let Some(start) = value.len().checked_sub(TEXT_LEN) else {
        return Checked::Foreign;
    };
    match field(value) {
        Frame::Whole(start) => match unarmour(&value[start..start + TEXT_LEN]) {
            Some(raw) => verify(run_tag, key, &value[..start], &raw),
            None => Checked::Corrupt,
        },
        Frame::Damaged => Checked::Corrupt,
        // An object's stamp without the object's end.
        Frame::None if value[..start].ends_with(OPENING) => Checked::Corrupt,
        Frame::None if value[start] == VERSION_CHAR => match unarmour(&value[start..]) {
            Some(raw) if Stamp::read(&raw).run == run_tag => {
                verify(run_tag, key, &value[..start], &raw)
            }
            _ => Checked::Foreign,
        },
        Frame::None => Checked::Foreign,
    }
}

/// The characters around a stamp in a JSON object.
enum Frame {
    /// All there; the stamp starts here.
    Whole(usize),
    /// All but one.
    Damaged,
    /// Not there.
    None,
}

fn field(value: &[u8]) -> Frame {
    let Some(opening) = value
        .len()
        .checked_sub(OPENING.len() + TEXT_LEN + CLOSING.len())
    else {
        return Frame::None;
    };
    let start = opening + OPENING.len();
    let (before, after) = (&value[opening..start], &value[start + TEXT_LEN..]);
    if before == OPENING && after == CLOSING {
        return Frame::Whole(start);
    }
    let wrong = |is: &[u8], ought: &[u8]| is.iter().zip(ought).filter(|(a, b)| a != b).count();
    if wrong(before, OPENING) + wrong(after, CLOSING) == 1 {
        Frame::Damaged
    } else {
        Frame::None
    }
}

fn verify(run_tag: u64, key: Option<&[u8]>, before: &[u8], raw: &[u8; RAW_LEN]) -> Checked {
    let mut hasher = Hasher::new();
    hasher.update(key.unwrap_or_default());
    hasher.update(before);
    hasher.update(&raw[..COVERED]);
    if raw[0] != VERSION || number(&raw[COVERED..]) != u64::from(hasher.finalize()) {
        return Checked::Corrupt;
    }
    let stamp = Stamp::read(raw);
    if stamp.run == run_tag {
        Checked::Ours(stamp)
    } else {
        Checked::Foreign
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const NO_DIGIT: u8 = 0xff;

const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut at = 0;
    while at < 64 {
        digits[ALPHABET[at] as usize] = at as u8;
        at += 1;
    }
    digits
};

/// A sealed stamp: its 33 bytes as numbers, which is how they are made and how they are spelt out.
pub(super) struct Sealed {
    words: [u64; 4],
    last: u8,
}

impl Sealed {
    /// The raw bytes.
    pub(super) fn raw(&self) -> [u8; RAW_LEN] {
        let mut raw = [self.last; RAW_LEN];
        for (eight, word) in raw.chunks_exact_mut(8).zip(self.words) {
            eight.copy_from_slice(&word.to_be_bytes());
        }
        raw
    }

    /// The bytes as base64url, 48 bits at a time.
    #[inline]
    pub(super) fn armour(&self) -> [u8; TEXT_LEN] {
        let [a, b, c, d] = self.words;
        let mut text = [0; TEXT_LEN];
        for (eight, bits) in text.chunks_exact_mut(8).zip([
            a >> 16,
            a << 32 | b >> 32,
            b << 16 | c >> 48,
            c,
            d >> 16,
        ]) {
            eight.copy_from_slice(&eight_characters(bits).to_le_bytes());
        }
        let last = eight_characters(d << 32 | u64::from(self.last) << 24);
        text[40..].copy_from_slice(&last.to_le_bytes()[..4]);
        text
    }
}

/// Two characters for each 12 bits.
const PAIRS: [u16; 4096] = {
    let mut pairs = [0; 4096];
    let mut at = 0;
    while at < 4096 {
        pairs[at] = u16::from_le_bytes([ALPHABET[at >> 6], ALPHABET[at & 63]]);
        at += 1;
    }
    pairs
};

/// The eight characters of the lower 48 bits, the first in the lowest byte.
#[inline(always)]
fn eight_characters(bits: u64) -> u64 {
    let pair = |shift: u32| u64::from(PAIRS[(bits >> shift) as usize & 0xfff]);
    pair(36) | pair(24) << 16 | pair(12) << 32 | pair(0) << 48
}

/// The raw stamp of 44 characters, if all are base64url's.
#[inline]
fn unarmour(text: &[u8]) -> Option<[u8; RAW_LEN]> {
    let mut raw = [0; RAW_LEN];
    let mut seen = 0;
    for (four, three) in text.chunks_exact(4).zip(raw.chunks_exact_mut(3)) {
        let mut bits = 0u32;
        for &character in four {
            let digit = DIGITS[usize::from(character)];
            seen |= digit;
            bits = bits << 6 | u32::from(digit & 63);
        }
        three.copy_from_slice(&bits.to_be_bytes()[1..]);
    }
    (seen < 64).then_some(raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    const RUN: u64 = 0x0123_4567_89ab_cdef;
    const STAMP: Stamp = Stamp {
        run: RUN,
        id: Identity {
            flow: 3,
            shard: 255,
            bin: 123_456,
            ordinal: 78,
        },
        due_ns: 12_345_678_901_234,
    };

    fn sealed(stamp: &Stamp, covered: &[u8]) -> Sealed {
        let mut buffer = [b"before", covered].concat();
        let sealed = stamp.seal(6, &mut buffer);
        assert_eq!(buffer[6..], *covered);
        sealed
    }

    fn json(key: &[u8], stamp: &Stamp) -> Vec<u8> {
        let mut value = br#"{"a":1,"b":"x","_hw":""#.to_vec();
        let covered = [key, &value].concat();
        value.extend(sealed(stamp, &covered).armour());
        value.extend(CLOSING);
        value
    }

    fn plain(key: &[u8], stamp: &Stamp) -> Vec<u8> {
        let mut value = b"some opaque bytes \x00\xff".to_vec();
        let covered = [key, &value].concat();
        value.extend(sealed(stamp, &covered).armour());
        value
    }

    #[test]
    fn armour_is_base64url() {
        for byte in 0..=255u8 {
            let word = u64::from_be_bytes(std::array::from_fn(|i| byte.wrapping_mul(i as u8 | 1)));
            let sealed = Sealed {
                words: [word, !word, word.rotate_left(13), word << 7],
                last: byte,
            };
            let text = sealed.armour();
            assert_eq!(URL_SAFE_NO_PAD.encode(sealed.raw()).as_bytes(), text);
            assert_eq!(unarmour(&text), Some(sealed.raw()));
        }
    }

    #[test]
    fn raw_bytes_are_pinned() {
        let sealed = sealed(&STAMP, b"key and value");
        assert_eq!(Stamp::read(&sealed.raw()), STAMP);
        let text = sealed.armour();
        assert_eq!(text[0], VERSION_CHAR);
        assert_eq!(
            text.escape_ascii().to_string(),
            "HQEjRWeJq83vAAMA_wAB4kAAAABOAAALOnPOL_KHQCZU"
        );
    }

    #[test]
    fn round_trip_in_every_place() {
        let ours = Checked::Ours(STAMP);
        for key in [None, Some(b"42:7".as_slice())] {
            let text = key.unwrap_or_default();
            assert_eq!(check(RUN, key, Some(&json(text, &STAMP)), None), ours);
            assert_eq!(check(RUN, key, Some(&plain(text, &STAMP)), None), ours);
            let raw = sealed(&STAMP, &[text, b"any value"].concat()).raw();
            assert_eq!(check(RUN, key, Some(b"any value"), Some(&raw)), ours);
            let raw = sealed(&STAMP, text).raw();
            assert_eq!(check(RUN, key, None, Some(&raw)), ours, "tombstone");
        }
    }

    #[test]
    fn other_runs_and_other_records_are_foreign() {
        let other = Stamp { run: 1, ..STAMP };
        assert_eq!(
            check(RUN, None, Some(&json(b"", &other)), None),
            Checked::Foreign
        );
        assert_eq!(
            check(RUN, None, Some(&plain(b"", &other)), None),
            Checked::Foreign
        );
        let raw = sealed(&other, b"v").raw();
        assert_eq!(check(RUN, None, Some(b"v"), Some(&raw)), Checked::Foreign);
        let long = [b'H'; 200];
        for value in [
            b"".as_slice(),
            b"{}",
            br#"{"order":17}"#,
            &[b'x'; 200],
            &long,
        ] {
            assert_eq!(check(RUN, None, Some(value), None), Checked::Foreign);
        }
        assert_eq!(check(RUN, None, None, None), Checked::Foreign);
    }

    #[test]
    fn a_flipped_bit_is_never_ours() {
        let key = b"merchant-17";
        for (name, value) in [("json", json(key, &STAMP)), ("plain", plain(key, &STAMP))] {
            let mut foreign = 0;
            for bit in 0..value.len() * 8 {
                let mut flipped = value.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                match check(RUN, Some(key), Some(&flipped), None) {
                    Checked::Ours(_) => panic!("{name}: bit {bit}"),
                    Checked::Corrupt => {}
                    Checked::Foreign => foreign += 1,
                }
            }
            // Of a JSON object, none is taken for another's. Of plain bytes, only a flip in the stamp's own text may be.
            let at_most = if name == "json" { 0 } else { TEXT_LEN * 8 };
            assert!(foreign <= at_most, "{name} {foreign}");
            for bit in 0..key.len() * 8 {
                let mut flipped = *key;
                flipped[bit / 8] ^= 1 << (bit % 8);
                let checked = check(RUN, Some(&flipped), Some(&value), None);
                assert_eq!(checked, Checked::Corrupt, "{name}: bit {bit} of the key");
            }
        }
    }

    #[test]
    fn a_flipped_bit_of_a_header_is_corrupt() {
        let raw = sealed(&STAMP, b"kv").raw();
        for bit in 0..RAW_LEN * 8 {
            let mut flipped = raw;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let checked = check(RUN, Some(b"k"), Some(b"v"), Some(&flipped));
            assert_eq!(checked, Checked::Corrupt, "bit {bit}");
        }
        assert_eq!(
            check(RUN, None, Some(b"v"), Some(&raw[1..])),
            Checked::Corrupt
        );
    }

    #[test]
    fn a_record_cut_short_is_not_ours() {
        let value = json(b"", &STAMP);
        for len in 0..value.len() {
            let checked = check(RUN, None, Some(&value[..len]), None);
            assert!(!matches!(checked, Checked::Ours(_)), "{len}");
        }
    }
}
