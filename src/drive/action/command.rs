//! A command of the user's while it runs: in a process group of its own, so that it is ended with its children.

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::output::Output;
use crate::clock::Tick;
use crate::scenario::Run;

/// How long a command has to tidy up after it was asked to end.
const GRACE: Duration = Duration::from_secs(2);

/// A command that runs.
pub(super) struct Running {
    child: Child,
    output: Output,
    /// When its whole group is killed, after it was asked to end.
    kill_at: Option<Tick>,
}

/// How a command ended.
pub(super) struct Ended {
    status: ExitStatus,
    /// Bytes it wrote.
    pub(super) written: u64,
}

impl Running {
    /// Starts it. What it writes goes to the file at `log`.
    ///
    /// # Errors
    /// When there is no such program, when it may not be run, or when the file can't be made.
    pub(super) fn start(
        run: &Run,
        environment: &[(String, String)],
        log: &Path,
    ) -> io::Result<Running> {
        let (reader, writer) = io::pipe()?;
        let output = Output::keep(reader, log)?;
        let (program, arguments) = run
            .command
            .split_first()
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .envs(run.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0)
            .spawn()?;
        Ok(Running {
            child,
            output,
            kill_at: None,
        })
    }

    /// Its process group.
    pub(super) fn group(&self) -> i32 {
        self.child.id() as i32
    }

    /// Whether it was asked to end.
    pub(super) fn is_being_killed(&self) -> bool {
        self.kill_at.is_some()
    }

    /// Asks it and its children to end; those that do not are killed by a later [`Running::look`].
    pub(super) fn kill(&mut self, now: Tick) {
        signal(self.group(), Signal::SIGTERM);
        self.kill_at = Some(now.plus_ns(GRACE.as_nanos() as u64));
    }

    /// Whether it has ended.
    pub(super) fn look(&mut self, now: Tick) -> Option<ExitStatus> {
        if self.kill_at.is_some_and(|at| now >= at) {
            signal(self.group(), Signal::SIGKILL);
        }
        // An error says that somebody else has waited for it: it is gone then.
        let status = self
            .child
            .try_wait()
            .unwrap_or_else(|_| Some(ExitStatus::from_raw(0)))?;
        if self.kill_at.is_some() {
            // Its children had no more to tidy up than it had.
            signal(self.group(), Signal::SIGKILL);
        }
        Some(status)
    }

    /// What is left of it, once it has ended.
    pub(super) fn finish(self, status: ExitStatus) -> Ended {
        Ended {
            status,
            written: self.output.finish(),
        }
    }
}

impl Ended {
    /// What it ended with; `None`: by a signal.
    pub(super) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Whether it did what it was to do.
    pub(super) fn is_success(&self) -> bool {
        self.status.success()
    }

    /// What was wrong with its end, as the end of a sentence.
    pub(super) fn words(&self) -> String {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("ended with code {code}"),
            (None, Some(signal)) => format!("was ended by signal {signal}"),
            (None, None) => "ended for a reason that is not known".to_owned(),
        }
    }
}

/// Kills a process group at once.
pub(crate) fn kill_group(group: i32) {
    signal(group, Signal::SIGKILL);
}

fn signal(group: i32, signal: Signal) {
    // That nobody is left in the group is what is wanted.
    let _ = killpg(Pid::from_raw(group), signal);
}
