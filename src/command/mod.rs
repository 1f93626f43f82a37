//! One file for each subcommand.

pub mod calibrate;
pub mod capacity;
pub mod clean;
pub mod compare;
pub mod completions;
pub mod confirm;
pub mod exit;
pub mod gate;
pub mod plan;
pub mod report;
pub mod run;
pub mod scenarios;
pub mod schema;
mod sides;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::cli::{Cli, Color, Command, OutputArgs};
use crate::report::term;
use crate::scenario::ScenarioErrors;
use crate::target::kafka::config::ClientOptions;

/// The whole program: parses the command line, does what it says, prints one error chain.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log(&cli.output);
    match dispatch(&cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            complain(&error, term::Paint::stderr(color(&cli.output)));
            ExitCode::from(exit::code_of(&error))
        }
    }
}

/// Prints an error chain. A scenario's errors show their places themselves.
fn complain(error: &anyhow::Error, paint: term::Paint) {
    match error.downcast_ref::<ScenarioErrors>() {
        Some(errors) => eprintln!("{}", errors.render(paint.is_on())),
        None => eprintln!("{} {error:#}", paint.red("error:")),
    }
}

fn dispatch(cli: &Cli) -> anyhow::Result<u8> {
    let mut out = io::stdout().lock();
    match &cli.command {
        Command::Run(args) => {
            drop(out);
            return run::run(args, &cli.output);
        }
        Command::Plan(args) => {
            drop(out);
            plan::run(args, &cli.output)?;
        }
        Command::Capacity(args) => {
            drop(out);
            return capacity::capacity(args, &cli.output);
        }
        Command::Gate(args) => {
            drop(out);
            return gate::gate(args, &cli.output);
        }
        Command::Compare(args) => {
            drop(out);
            return compare::compare(args, &cli.output);
        }
        Command::Calibrate(args) => {
            drop(out);
            calibrate::calibrate(args, &cli.output)?;
        }
        Command::Report(args) => {
            drop(out);
            report::report(args, &cli.output)?;
        }
        Command::Scenarios(args) => scenarios::scenarios(args, &mut out)?,
        Command::Schema => schema::schema(&mut out)?,
        Command::Completions(args) => completions::completions(args, &mut out)?,
        Command::Clean(args) => {
            let options = client_options(&args.cluster)?;
            let clean = clean::Clean {
                options,
                prefix: args.topic_prefix.clone(),
                yes: args.yes,
            };
            return Ok(u8::from(!clean::clean(&clean)?));
        }
    }
    Ok(0)
}

/// Writes to standard output. Whoever closed it has read enough.
///
/// # Errors
/// When it can't be written for another reason.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("writing to standard output")
        }
        _ => Ok(()),
    }
}

/// The client options of `-b`, `-F` and `-X`.
fn client_options(args: &crate::cli::ClusterArgs) -> anyhow::Result<ClientOptions> {
    let files: Vec<_> = args.config.iter().cloned().collect();
    for file in &files {
        readable("--config", file)?;
    }
    Ok(ClientOptions::read(
        args.bootstrap.as_deref(),
        &files,
        &args.properties,
    )?)
}

/// An error that names the flag where its file of client properties can't be read.
fn readable(flag: &str, file: &Path) -> anyhow::Result<()> {
    let text = match std::fs::read(file) {
        Ok(_) => return Ok(()),
        Err(error) => format!(
            "{flag} {}: can't read it: {error}; a file of client properties is expected, a key=value a line, as in bootstrap.servers=HOST:PORT",
            file.display()
        ),
    };
    Err(exit::Usage(text).into())
}

/// Colour as the flags ask for it.
fn color(output: &OutputArgs) -> term::Color {
    match output.color {
        Color::Auto => term::Color::Auto,
        Color::Always => term::Color::Always,
        Color::Never => term::Color::Never,
    }
}

/// Logs go to standard error: warnings, with `-v` what the clients say, with `-vv` everything.
fn start_log(output: &OutputArgs) {
    let level = match output.verbose {
        0 => "error",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("HIGHWATER_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(false)
        .init();
}
