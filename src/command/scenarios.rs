//! `scenarios`: the built-in presets, listed, printed or copied.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Context;

use super::exit::Usage;

use crate::cli::{ScenariosArgs, ScenariosCommand};
use crate::scenario::{PRESETS, Preset, Problem, ScenarioErrors, nearest};

/// Lists the presets, a line each, prints one as it stands, or copies one.
pub fn scenarios(args: &ScenariosArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    match &args.command {
        None => list(out),
        Some(ScenariosCommand::Show { name }) => {
            out.write_all(named(name)?.text.as_bytes())?;
            Ok(())
        }
        Some(ScenariosCommand::Copy { name, folder }) => copy(named(name)?, folder, out),
    }
}

fn list(out: &mut dyn Write) -> anyhow::Result<()> {
    let width = PRESETS.iter().map(|p| p.name.len()).max().unwrap_or(0);
    for preset in PRESETS {
        writeln!(out, "{:width$}  {}", preset.name, preset.why())?;
    }
    Ok(())
}

fn named(name: &str) -> Result<&'static Preset, ScenarioErrors> {
    if let Some(preset) = Preset::named(name) {
        return Ok(preset);
    }
    let names = || PRESETS.iter().map(|p| p.name);
    let help = match nearest(name, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", names().collect::<Vec<_>>().join(", ")),
    };
    Err(
        Problem::new(format!("there is no built-in scenario `{name}`"))
            .help(help)
            .into(),
    )
}

/// Writes a preset's files and says which. Nothing is written when one of them is there already.
fn copy(preset: &Preset, folder: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let files = preset.copy();
    if let Some(there) = files
        .iter()
        .map(|(f, _)| folder.join(f))
        .find(|f| f.exists())
    {
        let there = there.display();
        let text = format!("{there} is there already, and is not overwritten: name another folder");
        return Err(Usage(text).into());
    }
    for (name, text) in files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .with_context(|| format!("can't make the folder {}", parent.display()))?;
        fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))?;
        writeln!(out, "{}", path.display())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Overrides, Source, hash, load};

    fn told(command: Option<ScenariosCommand>) -> anyhow::Result<String> {
        let mut out = Vec::new();
        scenarios(&ScenariosArgs { command }, &mut out)?;
        Ok(String::from_utf8(out)?)
    }

    fn show(name: &str) -> anyhow::Result<String> {
        told(Some(ScenariosCommand::Show { name: name.into() }))
    }

    #[test]
    fn each_preset_is_a_line() {
        let list = told(None).unwrap();
        assert_eq!(list.lines().count(), PRESETS.len());
        assert!(list.starts_with("storefront       Does the shop"), "{list}");
    }

    #[test]
    fn a_preset_is_printed_as_it_stands() {
        assert_eq!(show("storefront").unwrap(), PRESETS[0].text);
        let error = show("storefornt").unwrap_err().to_string();
        assert!(error.contains("did you mean `storefront`?"), "{error}");
    }

    #[test]
    fn a_copy_stands_alone_and_plans_the_same_load() {
        for preset in PRESETS {
            let folder = tempfile::tempdir().unwrap();
            let copy = || ScenariosCommand::Copy {
                name: preset.name.into(),
                folder: folder.path().join("mine"),
            };
            let written = told(Some(copy())).unwrap();
            let files: Vec<&Path> = written.lines().map(Path::new).collect();
            assert!(files.iter().all(|f| f.is_file()), "{written}");
            let own = folder.path().join(format!("mine/{}.toml", preset.name));
            let plan = |source: Source| {
                let loaded = load(&source, &Overrides::default());
                let scenario = loaded.unwrap_or_else(|e| panic!("{e}")).scenario;
                hash::plan_hash(&scenario)
            };
            let copied = plan(Source::Path(own.clone()));
            assert_eq!(copied, plan(Source::Preset(preset)), "{}", preset.name);
            let again = told(Some(copy())).unwrap_err().to_string();
            assert!(again.contains("not overwritten"), "{again}");

            // Every file of the copy is needed: without it, the scenario is no more.
            for file in files {
                let text = fs::read_to_string(file).unwrap();
                fs::remove_file(file).unwrap();
                let loaded = load(&Source::Path(own.clone()), &Overrides::default());
                assert!(loaded.is_err(), "{} is not needed", file.display());
                fs::write(file, text).unwrap();
            }
        }
    }
}
