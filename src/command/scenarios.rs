//! `scenarios`: the built-in presets, listed or printed.

use std::io::Write;

use crate::cli::{ScenariosArgs, ScenariosCommand};
use crate::scenario::{PRESETS, Preset, Problem, ScenarioErrors, nearest};

/// Lists the presets, a line each, or prints one as it stands.
pub fn scenarios(args: &ScenariosArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let Some(ScenariosCommand::Show { name }) = &args.command else {
        let width = PRESETS.iter().map(|p| p.name.len()).max().unwrap_or(0);
        for preset in PRESETS {
            writeln!(out, "{:width$}  {}", preset.name, preset.why())?;
        }
        return Ok(());
    };
    let Some(preset) = Preset::named(name) else {
        let names = || PRESETS.iter().map(|p| p.name);
        let help = match nearest(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", names().collect::<Vec<_>>().join(", ")),
        };
        let problem = Problem::new(format!("there is no built-in scenario `{name}`")).help(help);
        return Err(ScenarioErrors::from(problem).into());
    };
    out.write_all(preset.text.as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: Option<&str>) -> anyhow::Result<String> {
        let command = name.map(|name| ScenariosCommand::Show { name: name.into() });
        let mut out = Vec::new();
        scenarios(&ScenariosArgs { command }, &mut out)?;
        Ok(String::from_utf8(out)?)
    }

    #[test]
    fn each_preset_is_a_line() {
        let list = shown(None).unwrap();
        assert_eq!(list.lines().count(), PRESETS.len());
        assert!(list.starts_with("storefront  Does the shop"), "{list}");
    }

    #[test]
    fn a_preset_is_printed_as_it_stands() {
        assert_eq!(shown(Some("storefront")).unwrap(), PRESETS[0].text);
        let error = shown(Some("storefornt")).unwrap_err().to_string();
        assert!(error.contains("did you mean `storefront`?"), "{error}");
    }
}
