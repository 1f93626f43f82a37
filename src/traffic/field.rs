//! What is known of each id: realistic values, rendered when the scenario is compiled and never on the hot path.

use fake::Fake;
use fake::faker::address::en as address;
use fake::faker::company::en as company;
use fake::faker::creditcard::en as creditcard;
use fake::faker::currency::en as currency;
use fake::faker::internet::en as internet;
use fake::faker::lorem::en as lorem;
use fake::faker::name::en as name;
use fake::faker::phone_number::en as phone;
use rand::Rng;

use super::pen::Pen;
use super::skew::below;
use super::texts::Texts;
use crate::rng::{Purpose, Stream, hash, stream};
use crate::scenario::{FakeKind, FieldKind, Pool as PoolSpec};
use crate::schedule::choice::Choice;

/// The most texts that are rendered for a field: in a pool of at most so many, each id has its own.
pub const MOST_VARIANTS: u64 = 16_384;

/// How many texts the ids of a greater pool share. Picks of great pools are spread so widely that all texts are in use all the time,
/// and they crowd the caches: with 16,384 of them and a longer filler an order took a third longer to render.
pub const SHARED_VARIANTS: u64 = 4_096;

/// The texts of one field, as they stand outside JSON strings and inside.
pub(super) struct Field {
    raw: Texts,
    /// `None`: no text changes when it is escaped.
    escaped: Option<Texts>,
    /// `None`: as many texts as ids, each its own. Else what the hash of an id starts from.
    shared: Option<u64>,
}

impl Field {
    /// The field of this number of the pool of this number. Its texts depend on the seed and these numbers only.
    pub(super) fn new(seed: u64, numbers: (usize, usize), pool: &PoolSpec) -> Field {
        let kind = &pool.fields[numbers.1].kind;
        let place = (numbers.0 as u64) << 32 | numbers.1 as u64;
        let mut rng = stream(seed, Purpose::Variants, numbers.0 as u64, numbers.1 as u64);
        let source = Source::new(kind);
        let shared = pool.count > MOST_VARIANTS;
        let variants = if shared { SHARED_VARIANTS } else { pool.count };
        let raw: Vec<String> = (0..variants).map(|_| source.write(&mut rng)).collect();
        let escaped: Vec<String> = raw.iter().map(|text| escape(text)).collect();
        Field {
            escaped: (escaped != raw).then(|| Texts::new(&escaped)),
            raw: Texts::new(&raw),
            shared: shared.then(|| hash(seed, Purpose::VariantOfId, place)),
        }
    }

    /// The most bytes of a text.
    pub(super) fn most(&self) -> usize {
        let escaped = self.escaped.as_ref();
        self.raw
            .longest
            .max(escaped.map_or(0, |texts| texts.longest))
    }

    /// Writes the text of an id (within the pool's count).
    #[inline(always)]
    pub(super) fn put(&self, pen: &mut Pen<'_>, id: u64, quoted: bool) {
        let variant = match self.shared {
            Some(root) => below(hash(root, Purpose::VariantOfId, id), SHARED_VARIANTS),
            None => id - 1,
        };
        let texts = match &self.escaped {
            Some(escaped) if quoted => escaped,
            _ => &self.raw,
        };
        texts.put(pen, variant as usize);
    }
}

/// A text as it stands between the quotes of a JSON string.
pub(super) fn escape(text: &str) -> String {
    if text.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\') {
        return text.to_owned();
    }
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// A field's kind, made ready to draw from.
enum Source<'a> {
    Fake(FakeKind),
    Int(i64, i64),
    Hundredths(i64, i64),
    Choice(Choice, &'a [(String, f64)]),
}

impl Source<'_> {
    fn new(kind: &FieldKind) -> Source<'_> {
        match kind {
            FieldKind::Fake(kind) => Source::Fake(*kind),
            FieldKind::Int(low, high) => Source::Int(*low, *high),
            FieldKind::Decimal(low, high) => {
                Source::Hundredths((low * 100.0).round() as i64, (high * 100.0).round() as i64)
            }
            FieldKind::Choice(words) => {
                Source::Choice(Choice::new(words.iter().map(|(_, weight)| *weight)), words)
            }
        }
    }

    fn write(&self, rng: &mut Stream) -> String {
        match self {
            Source::Fake(kind) => realistic(*kind, rng),
            Source::Choice(choice, words) => words[choice.pick(rng)].0.clone(),
            Source::Int(low, high) => between(rng, *low, *high).to_string(),
            Source::Hundredths(low, high) => {
                written(|pen| pen.hundredths(between(rng, *low, *high)))
            }
        }
    }
}

fn written(write: impl FnOnce(&mut Pen<'_>)) -> String {
    let mut bytes = Vec::new();
    let mut pen = Pen::new(&mut bytes, 1000);
    write(&mut pen);
    pen.put_down();
    bytes.into_iter().map(char::from).collect()
}

/// A whole number from `low` to `high`, both included. One draw.
#[inline]
pub(super) fn between(rng: &mut Stream, low: i64, high: i64) -> i64 {
    let span = high.wrapping_sub(low) as u64;
    let random = rng.next_u64();
    let above = if span == u64::MAX {
        random
    } else {
        below(random, span + 1)
    };
    low.wrapping_add(above as i64)
}

fn realistic(kind: FakeKind, rng: &mut Stream) -> String {
    let mut word =
        |words: &[&str]| words[below(rng.next_u64(), words.len() as u64) as usize].to_owned();
    match kind {
        FakeKind::Product => {
            let (quality, material, thing) = (word(&QUALITIES), word(&MATERIALS), word(&THINGS));
            format!("{quality} {material} {thing}")
        }
        FakeKind::Color => word(&COLORS),
        FakeKind::Name => name::Name().fake_with_rng(rng),
        FakeKind::FirstName => name::FirstName().fake_with_rng(rng),
        FakeKind::LastName => name::LastName().fake_with_rng(rng),
        FakeKind::Email => email(rng),
        FakeKind::Phone => phone::PhoneNumber().fake_with_rng(rng),
        FakeKind::Company => company::CompanyName().fake_with_rng(rng),
        FakeKind::City => address::CityName().fake_with_rng(rng),
        FakeKind::Street => {
            let number: String = address::BuildingNumber().fake_with_rng(rng);
            let street: String = address::StreetName().fake_with_rng(rng);
            format!("{number} {street}")
        }
        FakeKind::Postcode => address::ZipCode().fake_with_rng(rng),
        FakeKind::State => address::StateName().fake_with_rng(rng),
        FakeKind::Country => address::CountryName().fake_with_rng(rng),
        FakeKind::CountryCode => address::CountryCode().fake_with_rng(rng),
        FakeKind::CurrencyCode => currency::CurrencyCode().fake_with_rng(rng),
        FakeKind::Ipv4 => internet::IPv4().fake_with_rng(rng),
        FakeKind::UserAgent => internet::UserAgent().fake_with_rng(rng),
        FakeKind::Url => {
            let page: String = lorem::Word().fake_with_rng(rng);
            let shop: String = lorem::Word().fake_with_rng(rng);
            // A domain that is nobody's (RFC 2606).
            format!(
                "https://{shop}.example/{page}/{}",
                below(rng.next_u64(), 100_000)
            )
        }
        FakeKind::Word => lorem::Word().fake_with_rng(rng),
        FakeKind::Sentence => lorem::Sentence(4..12).fake_with_rng(rng),
        FakeKind::CreditCard => creditcard::CreditCardNumber().fake_with_rng(rng),
    }
}

/// `fake`'s own are a first name only, too few for millions of customers. The domains are nobody's (RFC 2606).
fn email(rng: &mut Stream) -> String {
    let first: &str = name::FirstName().fake_with_rng(rng);
    let last: &str = name::LastName().fake_with_rng(rng);
    let mut email: String = format!("{first}.{last}")
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '.')
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let number = below(rng.next_u64(), 100);
    let end = ["com", "net", "org"][below(rng.next_u64(), 3) as usize];
    email.push_str(&format!("{number}@example.{end}"));
    email
}

#[rustfmt::skip]
const QUALITIES: [&str; 32] = [
    "Classic", "Compact", "Cosy", "Durable", "Elegant", "Ergonomic", "Everyday", "Fine", "Foldable", "Gentle", "Handmade",
    "Heavy", "Large", "Light", "Luxury", "Mini", "Modern", "Outdoor", "Pocket", "Premium", "Quiet", "Recycled", "Refined",
    "Rustic", "Simple", "Sleek", "Slim", "Small", "Smart", "Soft", "Sturdy", "Vintage",
];

#[rustfmt::skip]
const MATERIALS: [&str; 24] = [
    "Aluminium", "Bamboo", "Brass", "Bronze", "Canvas", "Ceramic", "Concrete", "Copper", "Cork", "Cotton", "Denim", "Glass",
    "Granite", "Leather", "Linen", "Marble", "Oak", "Paper", "Rubber", "Silk", "Steel", "Velvet", "Walnut", "Wool",
];

#[rustfmt::skip]
const THINGS: [&str; 48] = [
    "Apron", "Backpack", "Basket", "Belt", "Bench", "Blanket", "Boots", "Bottle", "Bowl", "Bracelet", "Cap", "Chair",
    "Clock", "Coat", "Cup", "Curtain", "Cushion", "Desk", "Dress", "Gloves", "Hat", "Headphones", "Jacket", "Jar", "Kettle",
    "Knife", "Lamp", "Mirror", "Mug", "Notebook", "Pan", "Pillow", "Plate", "Rug", "Sandals", "Scarf", "Shelf", "Shirt",
    "Shoes", "Socks", "Stool", "Sweater", "Table", "Towel", "Tray", "Umbrella", "Vase", "Wallet",
];

#[rustfmt::skip]
const COLORS: [&str; 32] = [
    "amber", "azure", "beige", "black", "blue", "bronze", "brown", "coral", "cream", "crimson", "cyan", "gold", "green",
    "grey", "indigo", "ivory", "lavender", "lime", "magenta", "maroon", "mint", "navy", "olive", "orange", "pink", "purple",
    "red", "silver", "teal", "turquoise", "white", "yellow",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Field as FieldSpec, Skew};
    use std::collections::{HashMap, HashSet};

    const KINDS: [FakeKind; 21] = [
        FakeKind::Name,
        FakeKind::FirstName,
        FakeKind::LastName,
        FakeKind::Email,
        FakeKind::Phone,
        FakeKind::Company,
        FakeKind::Product,
        FakeKind::City,
        FakeKind::Street,
        FakeKind::Postcode,
        FakeKind::State,
        FakeKind::Country,
        FakeKind::CountryCode,
        FakeKind::CurrencyCode,
        FakeKind::Ipv4,
        FakeKind::UserAgent,
        FakeKind::Url,
        FakeKind::Word,
        FakeKind::Sentence,
        FakeKind::Color,
        FakeKind::CreditCard,
    ];

    fn field(count: u64, kind: FieldKind) -> Field {
        let pool = PoolSpec {
            of: None,
            flash: None,
            name: "customer".into(),
            count,
            skew: Skew::Uniform,
            fields: vec![FieldSpec {
                name: "field".into(),
                kind,
            }],
        };
        Field::new(42, (0, 0), &pool)
    }

    fn text(field: &Field, id: u64, quoted: bool) -> String {
        written(|pen| field.put(pen, id, quoted))
    }

    #[test]
    fn every_kind_is_pinned() {
        let got: Vec<String> = KINDS
            .iter()
            .map(|&kind| text(&field(3, FieldKind::Fake(kind)), 1, false))
            .collect();
        insta::assert_debug_snapshot!(got);
    }

    #[test]
    fn escaped_texts_are_json() {
        let words = vec![
            ("say \"hi\"\\\n".to_owned(), 1.0),
            ("plain".to_owned(), 1.0),
        ];
        let field = field(100, FieldKind::Choice(words));
        for id in 1..=100 {
            let (raw, quoted) = (text(&field, id, false), text(&field, id, true));
            let parsed: String = serde_json::from_str(&format!("\"{quoted}\"")).unwrap();
            assert_eq!(parsed, raw);
        }
        assert!(field.escaped.is_some());
    }

    #[test]
    fn a_great_pool_shares_the_most_variants() {
        let field = field(5_000_000, FieldKind::Fake(FakeKind::Email));
        assert!(field.escaped.is_none());
        let seen: HashSet<String> = (1..=50_000).map(|id| text(&field, id, true)).collect();
        // 50,000 draws of 4,096 leave out 4,096 / e^12.2 = 0.02, and a few e-mails are alike.
        assert!(seen.len() > 4_000 && seen.len() <= 4_096, "{}", seen.len());
        assert_eq!(
            text(&field, 4_999_999, false),
            text(&field, 4_999_999, false)
        );
    }

    #[test]
    fn ids_of_a_small_pool_have_their_own() {
        let field = field(1000, FieldKind::Int(0, i64::MAX));
        let seen: HashSet<String> = (1..=1000).map(|id| text(&field, id, false)).collect();
        assert_eq!(seen.len(), 1000);
    }

    #[test]
    fn numbers_and_choices_keep_to_what_was_asked() {
        let ints = field(16_384, FieldKind::Int(-2, 3));
        let seen: HashSet<String> = (1..=16_384).map(|id| text(&ints, id, false)).collect();
        assert_eq!(
            seen,
            ["-2", "-1", "0", "1", "2", "3"].map(String::from).into()
        );
        let decimals = field(1000, FieldKind::Decimal(5.0, 250.0));
        for id in 1..=1000 {
            let written = text(&decimals, id, false);
            assert!((5.0..=250.0).contains(&written.parse::<f64>().unwrap()));
            assert_eq!(written.split_once('.').unwrap().1.len(), 2);
        }
        let choice = field(
            16_384,
            FieldKind::Choice(vec![("mobile".into(), 65.0), ("desktop".into(), 35.0)]),
        );
        let mut seen: HashMap<String, u32> = HashMap::new();
        for id in 1..=16_384 {
            *seen.entry(text(&choice, id, false)).or_default() += 1;
        }
        // Binomial: 10,650 ± 61; 5 sd are 305.
        assert!(seen["mobile"].abs_diff(10_650) < 305, "{seen:?}");
    }

    #[test]
    fn the_whole_range_of_ints_can_be_asked() {
        let mut rng = stream(1, Purpose::Test, 0, 0);
        for _ in 0..100 {
            assert_eq!(between(&mut rng, 7, 7), 7);
            between(&mut rng, i64::MIN, i64::MAX);
        }
    }
}
