//! `--before-each`: a command that starts or resets a side's cluster.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::Side;
use crate::cli::Named;
use crate::command::exit::Usage;
use crate::command::run::Interrupts;
use crate::drive::run::RunError;
use crate::target::TargetError;

/// Lines of what a command said that are shown when it fails.
const SHOWN: usize = 5;

/// The commands, by side.
pub(super) struct Before(Vec<Option<Vec<String>>>);

impl Before {
    /// Splits the commands into words.
    ///
    /// # Errors
    /// A command is of no side, or its quotes do not end.
    pub(super) fn new(given: &[Named<String>], sides: &[Side]) -> Result<Before> {
        let mut commands = vec![None; sides.len()];
        for Named { name, value } in given {
            let Some(side) = sides.iter().position(|side| side.name == *name) else {
                let names: Vec<&str> = sides.iter().map(|side| side.name.as_str()).collect();
                let text = format!(
                    "--before-each {name}=...: there is no side `{name}`, only {}",
                    names.join(", ")
                );
                return Err(Usage(text).into());
            };
            match shlex::split(value) {
                Some(words) if !words.is_empty() => commands[side] = Some(words),
                _ => {
                    let text = format!(
                        "--before-each {name}={value}: no command, or a quote that does not end"
                    );
                    return Err(Usage(text).into());
                }
            }
        }
        Ok(Before(commands))
    }

    /// Runs the side's command, if it has one, and waits for its end. What it says goes into `log`: a server that it leaves running
    /// may keep the file open as long as it likes.
    ///
    /// # Errors
    /// It could not be started, or failed.
    pub(super) fn run(&self, side: usize, log: &Path, interrupts: &Interrupts) -> Result<()> {
        let Some(words) = &self.0[side] else {
            return Ok(());
        };
        let shown = words.join(" ");
        let unusable =
            |what: String| TargetError::Unusable(format!("--before-each {shown}: {what}"));
        let open = || -> std::io::Result<(File, File)> {
            let mut file = OpenOptions::new().create(true).append(true).open(log)?;
            writeln!(file, "$ {shown}")?;
            Ok((file.try_clone()?, file))
        };
        let (out, err) = open().with_context(|| format!("writing {}", log.display()))?;
        interrupts.commit();
        let status = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .status()
            .map_err(|error| unusable(error.to_string()))?;
        if interrupts.interrupted() {
            return Err(RunError::Interrupted.into());
        }
        if !status.success() {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<&str> = said.lines().collect();
            let last = lines[lines.len().saturating_sub(SHOWN)..].join("\n  ");
            return Err(
                unusable(format!("{status}; the end of {}:\n  {last}", log.display())).into(),
            );
        }
        Ok(())
    }
}
