//! Where a scenario comes from: a file, or one of the presets that are compiled in, with all that belongs to them.

use std::path::{Path, PathBuf};

use super::problem::{Problem, ScenarioErrors, nearest};

/// A scenario that is compiled in.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// The scenario file's text.
    pub text: &'static str,
}

macro_rules! presets {
    ($($name:literal),* $(,)?) => {
        &[$(Preset {
            name: $name,
            text: include_str!(concat!("../../scenarios/", $name, ".toml")),
        }),*]
    };
}

/// All presets.
pub const PRESETS: &[Preset] = presets![
    "storefront",
    "marketplace",
    "cyber-day",
    "cyber-spike",
    "flash-drop",
    "grocer",
    "email-campaign",
    "rolling-upgrade",
    "outage-backlog",
    "ci-gate",
];

/// A file that presets refer to: its name relative to them, and its text.
type File = (&'static str, &'static str);

macro_rules! events {
    ($($name:literal),* $(,)?) => {
        &[$((
            concat!("events/", $name, ".json"),
            include_str!(concat!("../../scenarios/events/", $name, ".json")),
        )),*]
    };
}

/// The files that presets refer to, each perhaps more than one.
const FILES: &[File] = events![
    "agent_health",
    "app_opened",
    "article_seen",
    "basket_changed",
    "cart_updated",
    "delivered",
    "delivery_rated",
    "email_bounced",
    "email_clicked",
    "email_deferred",
    "email_delivered",
    "email_opened",
    "email_queued",
    "email_sent",
    "feed_accepted",
    "feed_finished",
    "grocery_ordered",
    "inventory_adjusted",
    "invoice_issued",
    "item_picked",
    "list_seen",
    "market_payment",
    "message_posted",
    "offer_upserted",
    "order_confirmed",
    "order_created",
    "order_placed",
    "order_status",
    "page_view",
    "payment_authorised",
    "payment_declined",
    "price_changed",
    "product_changed",
    "return_opened",
    "robot_state",
    "searched",
    "session_cart_updated",
    "session_order_placed",
    "session_page_view",
    "session_payment_authorised",
    "shipment_tracked",
    "slot_chosen",
    "stock_changed",
    "stock_counted",
    "stock_received",
    "tote_packed",
    "truck_cooling",
    "truck_position",
    "unsubscribed",
];

/// The file of that name.
fn file(name: &str) -> Option<&'static File> {
    FILES.iter().find(|(file, _)| *file == name)
}

impl Preset {
    /// The preset of that name.
    pub fn named(name: &str) -> Option<&'static Preset> {
        PRESETS.iter().find(|p| p.name == name)
    }

    /// The question it answers, as its file says.
    pub fn why(&self) -> String {
        let why = self.table().remove("why");
        why.and_then(|why| Some(why.as_str()?.to_owned()))
            .unwrap_or_default()
    }

    /// Its file and all that it refers to, presets that it extends included, as files to write: names relative to a folder, and
    /// texts. The copies stand alone: they extend one another, not what is compiled in.
    pub fn copy(&self) -> Vec<(String, String)> {
        let mut copies = Vec::new();
        let mut next = Some(self);
        while let Some(preset) = next {
            let table = preset.table();
            let base = table.get("extends").and_then(toml::Value::as_str);
            let text = match base {
                Some(base) => {
                    preset
                        .text
                        .replacen(&format!("\"{base}\""), &format!("\"{base}.toml\""), 1)
                }
                None => preset.text.to_owned(),
            };
            copies.push((format!("{}.toml", preset.name), text));
            for (name, text) in files_of(&table) {
                copies.push(((*name).to_owned(), (*text).to_owned()));
            }
            next = base.and_then(Preset::named);
        }
        copies.sort();
        copies.dedup();
        copies
    }

    fn table(&self) -> toml::Table {
        self.text.parse().unwrap_or_default()
    }
}

/// The files that the events of a scenario refer to.
fn files_of(table: &toml::Table) -> Vec<&'static File> {
    let events = table.get("event").and_then(toml::Value::as_table);
    let named = events.into_iter().flatten().filter_map(|(name, event)| {
        let template = event.get("template").and_then(toml::Value::as_str);
        let own = || format!("events/{name}.json");
        file(&template.map_or_else(own, str::to_owned))
    });
    named.collect()
}

/// The JSON Schema of scenario files, with which editors complete them.
pub const SCHEMA: &str = include_str!("../../scenarios/schema.json");

/// Where a scenario comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file.
    Path(PathBuf),
    /// A preset that is compiled in.
    Preset(&'static Preset),
    /// A text at hand, whose file names start from a folder. For tests and for programs that use this crate.
    Text {
        /// What to call it in messages.
        name: String,
        /// The scenario.
        text: String,
        /// Where relative file names start.
        folder: PathBuf,
    },
}

impl Source {
    /// What a SCENARIO argument means: the file of that name if there is one, or the preset.
    ///
    /// # Errors
    /// When there is neither.
    pub fn named(argument: &str) -> Result<Source, ScenarioErrors> {
        Source::beside(argument, Some(Path::new("")))
    }

    /// What a name means that starts from `folder`; without one it can only be a preset.
    pub(super) fn beside(argument: &str, folder: Option<&Path>) -> Result<Source, ScenarioErrors> {
        let path = folder.map(|f| f.join(argument)).unwrap_or_default();
        if path.exists() && !path.is_dir() {
            return Ok(Source::Path(path));
        }
        if let Some(preset) = Preset::named(argument) {
            return Ok(Source::Preset(preset));
        }
        let names = || PRESETS.iter().map(|p| p.name);
        let help = match nearest(argument, names()) {
            Some(near) => format!("did you mean the preset `{near}`?"),
            None => format!(
                "give the path of a scenario file, or one of the presets: {}",
                names().collect::<Vec<_>>().join(", ")
            ),
        };
        let what = match path.is_dir() {
            true => format!("`{argument}` is a folder, not a scenario file"),
            false => format!("there is no scenario file `{argument}`, and no preset of that name"),
        };
        Err(Problem::new(what).help(help).into())
    }

    /// Whether both are the same file, or the same preset.
    pub(super) fn is(&self, other: &Source) -> bool {
        match (self, other) {
            (Source::Path(a), Source::Path(b)) => match (a.canonicalize(), b.canonicalize()) {
                (Ok(a), Ok(b)) => a == b,
                _ => a == b,
            },
            (Source::Preset(a), Source::Preset(b)) => a.name == b.name,
            _ => false,
        }
    }

    /// What to call it in messages.
    pub(super) fn name(&self) -> String {
        match self {
            Source::Path(path) => path.display().to_string(),
            Source::Preset(preset) => format!("preset {}", preset.name),
            Source::Text { name, .. } => name.clone(),
        }
    }

    /// The scenario's text.
    pub(super) fn text(&self) -> Result<String, ScenarioErrors> {
        match self {
            Source::Path(path) => std::fs::read_to_string(path).map_err(|error| {
                let path = path.display();
                Problem::new(format!("can't read the scenario `{path}`: {error}")).into()
            }),
            Source::Preset(preset) => Ok(preset.text.to_owned()),
            Source::Text { text, .. } => Ok(text.clone()),
        }
    }

    /// Where relative file names start; `None` for a preset.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        match self {
            Source::Path(path) => Some(path.parent().map(Path::to_owned).unwrap_or_default()),
            Source::Preset(_) => None,
            Source::Text { folder, .. } => Some(folder.clone()),
        }
    }

    /// A file that the scenario names: what to call it, and its text. The error is a fragment.
    pub(super) fn file(&self, name: &str) -> Result<(String, String), String> {
        if let Source::Preset(_) = self {
            return file(name)
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .ok_or_else(|| format!("the presets have no file `{name}`"));
        }
        let path = self.folder().unwrap_or_default().join(name);
        let shown = path.display().to_string();
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok((shown, text)),
            Err(error) if file(name).is_some() => Err(format!(
                "can't read `{shown}`: {error}; the presets have one of that name: `highwater scenarios copy` copies it with a preset"
            )),
            Err(error) => Err(format!("can't read `{shown}`: {error}")),
        }
    }

    /// The name of a scenario that gives none.
    pub(super) fn stem(&self) -> String {
        match self {
            Source::Path(path) => path
                .file_stem()
                .map_or_else(String::new, |s| s.to_string_lossy().into_owned()),
            Source::Preset(preset) => preset.name.to_owned(),
            Source::Text { name, .. } => name.clone(),
        }
    }
}
