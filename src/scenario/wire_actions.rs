//! `[[action]]` and `[watch]`, as serde reads them.

use toml::Spanned;

use super::quantity::{Count, Moment};
use super::scalar::{Names, RealLapse, Text};
use super::wire_values::Named;

/// `[[action]]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Action {
    pub name: Option<Spanned<Text>>,
    pub at: Option<Spanned<Moment>>,
    pub after: Option<Spanned<Text>>,
    pub run: Option<Spanned<Names>>,
    pub limit: Option<Spanned<RealLapse>>,
    pub env: Option<Spanned<Named<Spanned<Text>>>>,
    pub on_failure: Option<Spanned<OnFailure>>,
    pub pause: Option<Spanned<Text>>,
    #[serde(rename = "for")]
    pub lasting: Option<Spanned<RealLapse>>,
    pub until: Option<Spanned<Until>>,
}

#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(rename_all = "snake_case", expecting = "\"stop\" or \"go_on\"")]
pub(super) enum OnFailure {
    Stop,
    GoOn,
}

/// When a pause ends.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Until {
    pub lag_records: Spanned<Count>,
}

/// `[watch]`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Watch {
    pub groups: Option<Spanned<Names>>,
}
