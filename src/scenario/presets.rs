//! Where a scenario comes from: a file, or one of the presets that are compiled in.

use std::path::{Path, PathBuf};

use super::problem::{Problem, ScenarioErrors, nearest};

/// A scenario that is compiled in.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// The scenario file's text.
    pub text: &'static str,
    /// The files it refers to, by their names relative to it.
    files: &'static [(&'static str, &'static str)],
}

macro_rules! preset {
    ($name:literal, [$($file:literal),* $(,)?]) => {
        Preset {
            name: $name,
            text: include_str!(concat!("../../scenarios/", $name, ".toml")),
            files: &[$(($file, include_str!(concat!("../../scenarios/", $file)))),*],
        }
    };
}

/// All presets.
pub const PRESETS: &[Preset] = &[preset!(
    "storefront",
    [
        "events/page_view.json",
        "events/cart_updated.json",
        "events/order_placed.json",
        "events/payment_authorised.json",
        "events/inventory_adjusted.json",
    ]
)];

impl Preset {
    /// The preset of that name.
    pub fn named(name: &str) -> Option<&'static Preset> {
        PRESETS.iter().find(|p| p.name == name)
    }

    /// The question it answers, as its file says.
    pub fn why(&self) -> String {
        toml::from_str::<toml::Table>(self.text)
            .ok()
            .and_then(|t| t.get("why")?.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

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
        if let Source::Preset(preset) = self {
            return preset
                .files
                .iter()
                .find(|(file, _)| *file == name)
                .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
                .ok_or_else(|| format!("the preset has no file `{name}`"));
        }
        let path = self.folder().unwrap_or_default().join(name);
        let shown = path.display().to_string();
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok((shown, text)),
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
