//! The language of scenario files, table by table, as serde reads it. Nothing is checked here but types.
//!
//! Fields that must be there are optional here: so the rest of their table is checked when one is missing.
//! Fields that only later versions understand are of type [`Later`], so that a file that uses one is told so.
//! No `flatten`, `untagged` or internal tags: they lose the place of errors.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, EnumAccess, VariantAccess, Visitor};
use toml::Spanned;

use super::quantity::{Count, Lapse, Moment, Rate, Size};
use super::scalar::{
    Amount, Later, Names, NonNegative, Number, Positive, Quantile, RealLapse, Share, Text, Whole,
};
use super::{FakeKind, FieldKind};

/// `[time]`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Time {
    pub starts: Option<Spanned<Text>>,
    pub span: Option<Spanned<Lapse>>,
    pub play: Option<Spanned<Vec<Spanned<Moment>>>>,
    pub compress: Option<Positive>,
    pub warmup: Option<Spanned<RealLapse>>,
    #[expect(dead_code, reason = "reading it is the error")]
    pub history: Option<Later>,
    pub settle: Option<RealLapse>,
    pub catch_up: Option<RealLapse>,
}

/// `[load]`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Load {
    pub scale: Option<Positive>,
    pub shards: Option<Spanned<Count>>,
    pub lock: Option<Vec<Spanned<Text>>>,
}

/// `[pool.X]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Pool {
    pub count: Option<Spanned<Count>>,
    #[expect(dead_code, reason = "reading it is the error")]
    pub of: Option<Later>,
    pub skew: Option<Skew>,
    pub fields: Option<Named<Spanned<WireField>>>,
    #[expect(dead_code, reason = "reading it is the error")]
    pub flash: Option<Later>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "snake_case", expecting = "a skew, as in { zipf = 1.1 }")]
pub(super) enum Skew {
    Uniform,
    Zipf(NonNegative),
    #[serde(rename = "lognormal")]
    LogNormal(NonNegative),
    Hot(Hot),
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Hot {
    pub share: Share,
    pub of: Spanned<Share>,
}

/// `[topic.X]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Topic {
    pub name: Option<Spanned<Text>>,
    pub partitions: Option<Spanned<Count>>,
    pub replication: Option<Spanned<Count>>,
    pub config: Option<Properties>,
}

/// `[event.X]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Event {
    pub topic: Option<Spanned<Text>>,
    pub key: Option<Spanned<Names>>,
    pub template: Option<Spanned<Text>>,
    pub value: Option<Spanned<Value>>,
    pub headers: Option<Named<Spanned<Text>>>,
    pub stamp: Option<Spanned<Stamp>>,
    #[expect(dead_code, reason = "reading it is the error")]
    pub defects: Option<Later>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Value {
    pub lines: Option<Spanned<Text>>,
    pub bytes: Option<Spanned<Size>>,
    pub compressible: Option<Spanned<Positive>>,
}

#[derive(Clone, Copy, Debug, PartialEq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stamp {
    Payload,
    Header,
    None,
}

/// `[flow.X]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Flow {
    #[expect(dead_code, reason = "reading it is the error")]
    pub journey: Option<Later>,
    #[expect(dead_code, reason = "reading it is the error")]
    pub start: Option<Later>,
    pub event: Option<Spanned<Mix>>,
    pub arrivals: Option<Spanned<Arrivals>>,
    pub mean: Option<Spanned<Rate>>,
    pub peak: Option<Spanned<Rate>>,
    pub total: Option<Spanned<Count>>,
    pub of: Option<Spanned<Names>>,
    pub shape: Option<Spanned<Vec<Spanned<Shape>>>>,
    pub spikes: Option<Spanned<Vec<Spanned<Shape>>>>,
    #[expect(dead_code, reason = "reading it is the error")]
    pub defects: Option<Later>,
    pub producers: Option<Spanned<Count>>,
    pub client: Option<Properties>,
}

#[derive(Clone, Debug, serde::Deserialize)]
#[serde(
    rename_all = "snake_case",
    expecting = "a kind of arrivals, as in \"poisson\""
)]
pub(super) enum Arrivals {
    Even,
    Poisson,
    PoissonExact,
    Unthrottled,
    Bursty(Later),
    Batch(Later),
    Periodic(Later),
    Closed(Later),
}

#[derive(Debug, serde::Deserialize)]
#[serde(
    rename_all = "snake_case",
    expecting = "a shape, as in { flash = { ... } }"
)]
pub(super) enum Shape {
    Ramp(Ramp),
    Stairs(Stairs),
    Hours(Spanned<Vec<NonNegative>>),
    Sine(Sine),
    Gaussian(Gaussian),
    Flash(Flash),
    Square(Square),
    Trace(Later),
    Noise(Noise),
    Sum(Vec<Spanned<Shape>>),
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Ramp {
    pub from: NonNegative,
    pub to: NonNegative,
    pub at: Option<Spanned<Moment>>,
    pub over: Option<Spanned<Lapse>>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Stairs {
    pub from: NonNegative,
    pub step: Spanned<Number>,
    pub every: Spanned<Lapse>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Sine {
    pub period: Spanned<Lapse>,
    pub low: NonNegative,
    pub high: NonNegative,
    pub top_at: Spanned<Moment>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Gaussian {
    pub at: Spanned<Moment>,
    pub sd: Spanned<Lapse>,
    pub height: NonNegative,
    pub base: Option<NonNegative>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Flash {
    pub at: Spanned<Moment>,
    pub height: NonNegative,
    pub base: Option<NonNegative>,
    pub attack: Option<Lapse>,
    pub hold: Option<Lapse>,
    pub decay: Option<Lapse>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Square {
    pub every: Spanned<Lapse>,
    pub on: Spanned<Lapse>,
    pub height: NonNegative,
    pub base: Option<NonNegative>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Noise {
    pub cv: NonNegative,
    pub every: Spanned<Lapse>,
}

/// `[consume.X]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Consume {
    pub topics: Option<Spanned<Names>>,
    pub members: Option<Spanned<Count>>,
    pub work: Option<RealLapse>,
    pub client: Option<Properties>,
}

/// `[[slo]]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Slo {
    pub metric: Option<Spanned<Metric>>,
    pub flow: Option<Spanned<Text>>,
    pub event: Option<Spanned<Text>>,
    pub consume: Option<Spanned<Text>>,
    pub quantile: Option<Spanned<Quantile>>,
    pub below: Option<Spanned<Amount>>,
    pub at_most: Option<Spanned<Amount>>,
    pub at_least: Option<Spanned<Amount>>,
    #[expect(dead_code, reason = "reading it is the error")]
    pub limit: Option<Later>,
    #[expect(dead_code, reason = "reading it is the error")]
    pub after: Option<Later>,
    pub every: Option<Spanned<RealLapse>>,
    pub allow: Option<Spanned<Count>>,
    pub from: Option<Judged>,
    pub allow_compressed: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Metric {
    Response,
    Service,
    EndToEnd,
    SendDelay,
    LagRecords,
    LagTime,
    Failed,
    Missing,
    Corrupt,
    Duplicated,
    Reordered,
    Achieved,
    Drain,
    Recovery,
    TimeAbove,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Judged {
    Warm,
    All,
}

/// `[abort]`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Abort {
    pub response: Option<AbortResponse>,
    pub errors: Option<AbortShare>,
    pub backlog: Option<AbortCount>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct AbortResponse {
    pub quantile: Quantile,
    pub above: RealLapse,
    #[serde(rename = "for")]
    pub lasting: RealLapse,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct AbortShare {
    pub above: Share,
    #[serde(rename = "for")]
    pub lasting: RealLapse,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct AbortCount {
    pub above: Count,
    #[serde(rename = "for")]
    pub lasting: RealLapse,
}

/// A table of things by name, in the order of the file.
#[derive(Debug)]
pub(super) struct Named<T>(pub Vec<(Spanned<String>, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Named<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Named(entries))
            }
        }
        d.deserialize_map(Entries(PhantomData))
    }
}

/// One event, or several by weight.
#[derive(Debug)]
pub(super) enum Mix {
    One(String),
    Several(Named<Positive>),
}

impl<'de> Deserialize<'de> for Mix {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct MixVisitor;
        impl<'de> Visitor<'de> for MixVisitor {
            type Value = Mix;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event, or several by weight as in { a = 3, b = 1 }")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<Mix, E> {
                Ok(Mix::One(name.to_owned()))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Mix, A::Error> {
                Named::deserialize(de::value::MapAccessDeserializer::new(map)).map(Mix::Several)
            }
        }
        d.deserialize_any(MixVisitor)
    }
}

/// A kind of `fake` value by its name, or one of the kinds with settings.
#[derive(Clone, Debug)]
pub(super) struct WireField(pub FieldKind);

impl<'de> Deserialize<'de> for WireField {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_enum("field", &[], FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = WireField;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a kind of value, as in \"city\" or { int = [1, 5] }")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<WireField, A::Error> {
        let (name, variant): (FieldName, _) = data.variant()?;
        let kind = match name {
            FieldName::Int => {
                let (Whole(a), Whole(b)) = variant.newtype_variant()?;
                ordered(a <= b)?;
                FieldKind::Int(a, b)
            }
            FieldName::Decimal => {
                let (Number(a), Number(b)) = variant.newtype_variant()?;
                ordered(a <= b)?;
                FieldKind::Decimal(a, b)
            }
            FieldName::Choice => {
                let Named(choices) = variant.newtype_variant::<Named<Positive>>()?;
                if choices.is_empty() {
                    return Err(de::Error::custom("a choice needs at least one word"));
                }
                let choices = choices.into_iter();
                FieldKind::Choice(
                    choices
                        .map(|(w, Positive(p))| (w.into_inner(), p))
                        .collect(),
                )
            }
            FieldName::Fake(kind) => {
                variant.unit_variant()?;
                FieldKind::Fake(kind)
            }
        };
        Ok(WireField(kind))
    }
}

fn ordered<E: de::Error>(ordered: bool) -> Result<(), E> {
    match ordered {
        true => Ok(()),
        false => Err(E::custom("the first number must not be above the second")),
    }
}

enum FieldName {
    Int,
    Decimal,
    Choice,
    Fake(FakeKind),
}

impl<'de> Deserialize<'de> for FieldName {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = FieldName;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a kind of value")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<FieldName, E> {
                match name {
                    "int" => Ok(FieldName::Int),
                    "decimal" => Ok(FieldName::Decimal),
                    "choice" => Ok(FieldName::Choice),
                    _ => FakeKind::from_name(name)
                        .map(FieldName::Fake)
                        .ok_or_else(|| E::unknown_variant(name, FakeKind::NAMES)),
                }
            }
        }
        d.deserialize_identifier(NameVisitor)
    }
}

/// Properties of a client or topic. A dotted name without quotes arrives as tables within tables and is put together again.
#[derive(Debug, Default)]
pub(super) struct Properties(pub Vec<Property>);

/// One property with the places of its name and value.
#[derive(Debug)]
pub(super) struct Property {
    pub name: String,
    pub name_span: std::ops::Range<usize>,
    pub value: String,
    pub value_span: std::ops::Range<usize>,
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let Named(nodes) = Named::<Spanned<Node>>::deserialize(d)?;
        let mut list = Vec::new();
        for (name, node) in nodes {
            gather(name.get_ref().clone(), name.span(), node, &mut list);
        }
        Ok(Properties(list))
    }
}

fn gather(
    name: String,
    name_span: std::ops::Range<usize>,
    node: Spanned<Node>,
    into: &mut Vec<Property>,
) {
    let value_span = node.span();
    match node.into_inner() {
        Node::Text(value) => into.push(Property {
            name,
            name_span,
            value,
            value_span,
        }),
        Node::Table(Named(nodes)) => {
            for (part, node) in nodes {
                let name = format!("{name}.{}", part.get_ref());
                gather(name, name_span.start..part.span().end, node, into);
            }
        }
    }
}

#[derive(Debug)]
enum Node {
    Text(String),
    Table(Named<Spanned<Node>>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct NodeVisitor;
        impl<'de> Visitor<'de> for NodeVisitor {
            type Value = Node;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a property's value: a text, a number, true or false")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Node, E> {
                Ok(Node::Text(text.to_owned()))
            }
            fn visit_bool<E: de::Error>(self, b: bool) -> Result<Node, E> {
                Ok(Node::Text(b.to_string()))
            }
            fn visit_i64<E: de::Error>(self, n: i64) -> Result<Node, E> {
                Ok(Node::Text(n.to_string()))
            }
            fn visit_f64<E: de::Error>(self, x: f64) -> Result<Node, E> {
                Ok(Node::Text(x.to_string()))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Node, A::Error> {
                Named::deserialize(de::value::MapAccessDeserializer::new(map)).map(Node::Table)
            }
        }
        d.deserialize_any(NodeVisitor)
    }
}
