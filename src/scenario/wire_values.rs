//! Values of scenario files that are neither single nor plain tables, and so are read by hand.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, EnumAccess, VariantAccess, Visitor};
use toml::Spanned;

use super::quantity::Count;
use super::scalar::{Number, Positive, Whole};
use super::{FakeKind, FieldKind};

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

/// How many devices, or the pool they are.
#[derive(Debug)]
pub(super) enum Devices {
    Many(u64),
    Pool(String),
}

impl<'de> Deserialize<'de> for Devices {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct DevicesVisitor;
        impl Visitor<'_> for DevicesVisitor {
            type Value = Devices;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of devices, or the pool they are")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Devices, E> {
                Ok(match text.parse() {
                    Ok(Count(n)) => Devices::Many(n),
                    Err(_) => Devices::Pool(text.to_owned()),
                })
            }
            fn visit_i64<E: de::Error>(self, n: i64) -> Result<Devices, E> {
                u64::try_from(n)
                    .map(Devices::Many)
                    .map_err(|_| E::custom(format!("{n} can't be a number of devices")))
            }
        }
        d.deserialize_any(DevicesVisitor)
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
