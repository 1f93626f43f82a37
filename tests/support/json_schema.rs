//! JSON Schema, as far as the schema of scenario files uses it. A keyword that is not known here is a misfit, so that none is
//! taken for granted. Words and meaning are those of the draft of 2020-12.

use regex::Regex;
use serde_json::{Map, Value};

/// A TOML text as JSON. Dates become texts, as they do for editors.
pub fn from_toml(text: &str) -> Value {
    fn json(value: toml::Value) -> Value {
        match value {
            toml::Value::Datetime(at) => Value::String(at.to_string()),
            toml::Value::Array(list) => list.into_iter().map(json).collect(),
            toml::Value::Table(table) => {
                Value::Object(table.into_iter().map(|(k, v)| (k, json(v))).collect())
            }
            other => serde_json::to_value(other).expect("a plain value"),
        }
    }
    json(toml::Value::Table(text.parse().expect("TOML")))
}

/// Where and why a value does not fit a schema. Empty: it fits.
pub fn misfits(schema: &Value, value: &Value) -> Vec<String> {
    let mut judge = Judge {
        root: schema,
        found: Vec::new(),
    };
    judge.value(schema, value, "");
    judge.found
}

struct Judge<'a> {
    root: &'a Value,
    found: Vec<String>,
}

impl Judge<'_> {
    fn value(&mut self, schema: &Value, value: &Value, at: &str) {
        for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
            let fits = match keyword.as_str() {
                "$schema" | "$defs" | "title" | "description" | "examples" => true,
                "$ref" => {
                    let pointer = wanted.as_str().and_then(|r| r.strip_prefix('#'));
                    let part = pointer.and_then(|p| self.root.pointer(p));
                    self.value(part.expect("a part of this schema"), value, at);
                    true
                }
                "anyOf" => list(wanted)
                    .iter()
                    .any(|part| misfits_in(self.root, part, value).is_empty()),
                "type" => match wanted {
                    Value::Array(types) => types.iter().any(|t| is(value, t)),
                    one => is(value, one),
                },
                "enum" => list(wanted).contains(value),
                "const" => wanted == value,
                "pattern" => text(value, |t| pattern(wanted).is_match(t)),
                "minLength" => text(value, |t| t.chars().count() >= count(wanted)),
                "minimum" => number(value, |x| x >= float(wanted)),
                "maximum" => number(value, |x| x <= float(wanted)),
                "exclusiveMinimum" => number(value, |x| x > float(wanted)),
                "exclusiveMaximum" => number(value, |x| x < float(wanted)),
                "minItems" => value.as_array().is_none_or(|l| l.len() >= count(wanted)),
                "maxItems" => value.as_array().is_none_or(|l| l.len() <= count(wanted)),
                "minProperties" => value.as_object().is_none_or(|o| o.len() >= count(wanted)),
                "maxProperties" => value.as_object().is_none_or(|o| o.len() <= count(wanted)),
                "required" => value.as_object().is_none_or(|o| {
                    let mut words = list(wanted).iter().filter_map(Value::as_str);
                    words.all(|word| o.contains_key(word))
                }),
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.value(wanted, item, &format!("{at}/{index}"));
                    }
                    true
                }
                "properties" | "additionalProperties" | "propertyNames" => {
                    if let Some(object) = value.as_object() {
                        self.entries(schema, keyword, object, at);
                    }
                    true
                }
                _ => false,
            };
            if !fits {
                self.found
                    .push(format!("{at}: {keyword} {wanted}: {value}"));
            }
        }
    }

    fn entries(&mut self, schema: &Value, keyword: &str, object: &Map<String, Value>, at: &str) {
        for (name, value) in object {
            let at = format!("{at}/{name}");
            let own = schema.pointer("/properties").and_then(|p| p.get(name));
            match (keyword, own, &schema[keyword]) {
                ("properties", Some(own), _) => self.value(own, value, &at),
                ("additionalProperties", None, Value::Bool(false)) => {
                    self.found.push(format!("{at}: unknown"));
                }
                ("additionalProperties", None, others) => self.value(others, value, &at),
                ("propertyNames", _, names) => {
                    self.value(names, &Value::String(name.clone()), &at);
                }
                _ => {}
            }
        }
    }
}

fn misfits_in(root: &Value, part: &Value, value: &Value) -> Vec<String> {
    let mut judge = Judge {
        root,
        found: Vec::new(),
    };
    judge.value(part, value, "");
    judge.found
}

fn is(value: &Value, kind: &Value) -> bool {
    match kind.as_str().expect("a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|x| x.fract() == 0.0),
        other => panic!("unknown type {other}"),
    }
}

fn text(value: &Value, fits: impl Fn(&str) -> bool) -> bool {
    value.as_str().is_none_or(fits)
}

fn number(value: &Value, fits: impl Fn(f64) -> bool) -> bool {
    value.as_f64().is_none_or(fits)
}

fn pattern(wanted: &Value) -> Regex {
    Regex::new(wanted.as_str().expect("a pattern")).expect("a pattern")
}

fn list(wanted: &Value) -> &Vec<Value> {
    wanted.as_array().expect("a list")
}

fn count(wanted: &Value) -> usize {
    wanted.as_u64().expect("a count") as usize
}

fn float(wanted: &Value) -> f64 {
    wanted.as_f64().expect("a number")
}
