//! What a machine can generate, measured without a cluster and kept for the runs that follow.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder::write_by_rename;
use super::health::Limit;
use super::machine::Machine;

/// The version of the file's format.
pub const FORMAT: u32 = 1;

/// The file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// [`FORMAT`].
    pub format: u32,
    /// When it was made, RFC 3339.
    pub made: String,
    /// The version of highwater.
    pub version: String,
    /// The machine.
    pub machine: Machine,
    /// The size of an event's value, in bytes.
    pub event_bytes: u64,
    /// Events a second that one producer generates, at most.
    pub one_producer_per_s: f64,
    /// Producers in the second measurement: one for each core.
    pub producers: u32,
    /// Events a second that all of them generate together, at most.
    pub all_producers_per_s: f64,
    /// How late events are sent, at rates far below the ceiling.
    pub send_delays: Vec<SendDelay>,
    /// How much later than asked for a sleep of a millisecond ends.
    pub timer: Timer,
    /// The largest run-queue delay of its runs, as a share of the time.
    pub run_queue_delay: f64,
    /// What held the generator up meanwhile; empty: nothing.
    pub limits: Vec<Limit>,
}

/// Send delays at a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct SendDelay {
    pub rate_per_s: f64,
    pub p50_us: Option<u64>,
    pub p99_us: Option<u64>,
    pub p999_us: Option<u64>,
    pub max_us: Option<u64>,
}

/// How late a timer is, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Timer {
    pub p50_us: Option<u64>,
    pub p99_us: Option<u64>,
    pub max_us: Option<u64>,
}

/// What a run says of the calibration of its machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cited {
    /// When it was made, RFC 3339.
    pub made: String,
    /// Events a second that this machine generates at most, with as many producers as the run had.
    pub ceiling_per_s: f64,
    /// The send delay's p99 at the highest calibrated rate.
    pub send_delay_p99_us: Option<u64>,
}

/// A calibration that can't be kept.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// There is no place for it.
    #[error("there is no place to keep the calibration: set XDG_STATE_HOME or HOME")]
    Nowhere,
    /// The file system refused.
    #[error("can't write {path}: {source}; set XDG_STATE_HOME to a folder that can be written to")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Calibration {
    /// Where it is kept: `$XDG_STATE_HOME/highwater/calibration.json`, or below `~/.local/state`.
    pub fn path() -> Option<PathBuf> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        path_of(
            set("XDG_STATE_HOME").map(PathBuf::from),
            set("HOME").map(PathBuf::from),
        )
    }

    /// The one that is kept, if it was made on this machine by this version. What can't be read is none: it never stops a run.
    pub fn stored() -> Option<Calibration> {
        Calibration::read(&Calibration::path()?)
    }

    fn read(path: &Path) -> Option<Calibration> {
        let text = fs::read_to_string(path).ok()?;
        let read: Calibration = serde_json::from_str(&text).ok()?;
        let is_ours = read.format == FORMAT
            && read.version == env!("CARGO_PKG_VERSION")
            && read.machine == Machine::this();
        is_ours.then_some(read)
    }

    /// Keeps it.
    ///
    /// # Errors
    /// There is no place, or it can't be written to.
    pub fn store(&self, path: &Path) -> Result<(), CalibrationError> {
        let refused = |source| CalibrationError::Io {
            path: path.to_owned(),
            source,
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(refused)?;
        }
        let text = serde_json::to_string_pretty(self).map_err(|error| refused(error.into()))?;
        write_by_rename(path, (text + "\n").as_bytes()).map_err(refused)
    }

    /// Events a second that so many producers generate at most: with fewer than one for each core, in proportion.
    pub fn ceiling_per_s(&self, producers: u32) -> f64 {
        let share = f64::from(producers.max(1)) / f64::from(self.producers.max(1));
        match share {
            share if share >= 1.0 => self.all_producers_per_s,
            share => (self.all_producers_per_s * share).max(self.one_producer_per_s),
        }
    }

    /// What a run of so many producers says of it.
    pub fn cited(&self, producers: u32) -> Cited {
        Cited {
            made: self.made.clone(),
            ceiling_per_s: self.ceiling_per_s(producers),
            send_delay_p99_us: self.send_delays.last().and_then(|delay| delay.p99_us),
        }
    }
}

fn path_of(state: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    // A relative one is to be ignored (XDG Base Directory Specification).
    let state = state.filter(|path| path.is_absolute());
    let state = state.or_else(|| Some(home?.join(".local/state")))?;
    Some(state.join("highwater").join("calibration.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calibration() -> Calibration {
        Calibration {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            machine: Machine::this(),
            one_producer_per_s: 400_000.0,
            producers: 4,
            all_producers_per_s: 1_000_000.0,
            ..Calibration::default()
        }
    }

    #[test]
    fn it_is_kept_where_state_belongs() {
        let of = |state: Option<&str>, home: Option<&str>| {
            path_of(state.map(PathBuf::from), home.map(PathBuf::from))
        };
        let end = "highwater/calibration.json";
        assert_eq!(of(Some("/s"), Some("/h")), Some(Path::new("/s").join(end)));
        assert_eq!(
            of(Some("s"), Some("/h")),
            Some(Path::new("/h/.local/state").join(end))
        );
        assert_eq!(of(None, None), None);
    }

    #[test]
    fn one_of_another_machine_or_version_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/calibration.json");
        let own = calibration();
        own.store(&path).expect("written");
        assert_eq!(Calibration::read(&path), Some(own.clone()));
        let mut other = own.clone();
        other.machine.cores += 1;
        other.store(&path).expect("written");
        assert_eq!(Calibration::read(&path), None);
        let older = Calibration {
            version: "0.0.1".to_owned(),
            ..own
        };
        older.store(&path).expect("written");
        assert_eq!(Calibration::read(&path), None);
        fs::write(&path, "{").expect("written");
        assert_eq!(Calibration::read(&path), None);
    }

    #[test]
    fn fewer_producers_have_a_lower_ceiling() {
        let own = calibration();
        for (producers, per_s) in [
            (1, 400_000.0),
            (2, 500_000.0),
            (4, 1_000_000.0),
            (9, 1_000_000.0),
        ] {
            assert_eq!(own.ceiling_per_s(producers), per_s, "{producers}");
        }
    }
}
