//! The run folder: made before any load, never overwritten.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A run folder that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// There is something in it.
    #[error(
        "the run folder {0} exists and is not empty; runs are never overwritten: choose another with --out"
    )]
    Taken(PathBuf),
    /// It can't be made or written to.
    #[error("can't write to the run folder {path}: {source}; choose another with --out")]
    Unwritable {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Makes the folder of a run: `out` where it is given (it must be new or empty), else `runs/NAME-YYYYmmddTHHMMSSZ`, with `-2` and so
/// on where two runs begin in the same second. Writes to it, to know before any load is offered that it can.
///
/// # Errors
/// When the folder is taken or can't be written to.
pub fn create(
    out: Option<&Path>,
    name: &str,
    started: jiff::Timestamp,
) -> Result<PathBuf, FolderError> {
    let is_new = out.is_none_or(|out| !out.exists());
    let path = match out {
        Some(out) => {
            take(out)?;
            out.to_owned()
        }
        None => create_named(Path::new("runs"), name, started)?,
    };
    if let Err(source) = probe(&path) {
        if is_new {
            // Best effort: the error at hand is the one to tell.
            let _ = fs::remove_dir(&path);
        }
        return Err(FolderError::Unwritable { path, source });
    }
    Ok(path)
}

/// Makes a folder that was asked for by name.
fn take(out: &Path) -> Result<(), FolderError> {
    let refused = |source| FolderError::Unwritable {
        path: out.to_owned(),
        source,
    };
    fs::create_dir_all(out).map_err(refused)?;
    if fs::read_dir(out).map_err(refused)?.next().is_some() {
        return Err(FolderError::Taken(out.to_owned()));
    }
    Ok(())
}

fn create_named(runs: &Path, name: &str, started: jiff::Timestamp) -> Result<PathBuf, FolderError> {
    let refused = |path: &Path, source| FolderError::Unwritable {
        path: path.to_owned(),
        source,
    };
    fs::create_dir_all(runs).map_err(|source| refused(runs, source))?;
    let stem = format!("{}-{}", file_name(name), started.strftime("%Y%m%dT%H%M%SZ"));
    for again in 1.. {
        let path = runs.join(if again == 1 {
            stem.clone()
        } else {
            format!("{stem}-{again}")
        });
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(refused(&path, source)),
        }
    }
    unreachable!("some number is free")
}

/// A scenario's name as part of a file name.
fn file_name(name: &str) -> String {
    let kept: String = name
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') {
                c
            } else {
                '-'
            }
        })
        .collect();
    match kept.trim_start_matches('.') {
        "" => "run".to_owned(),
        kept => kept.to_owned(),
    }
}

/// Writes a little: a folder on a full or read-only disk is found out now.
fn probe(folder: &Path) -> io::Result<()> {
    let path = folder.join(".probe");
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(&[b'.'; 65_536])?;
        file.sync_all()
    });
    // Where creating it failed there is nothing to remove.
    let _ = fs::remove_file(&path);
    written
}

/// Writes a file whole or not at all: under another name first, then renamed.
///
/// # Errors
/// When the file system refuses.
pub fn write_by_rename(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not the name of a file",
        ));
    };
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let temporary = folder.join(format!(
        ".{}.{}.tmp",
        name.to_string_lossy(),
        std::process::id()
    ));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&temporary)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
        return written;
    }
    // The rename itself is only safe once the folder is.
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started() -> jiff::Timestamp {
        "2026-11-27T08:00:00Z".parse().expect("a legal time")
    }

    #[test]
    fn two_runs_of_the_same_second_have_two_folders() {
        let dir = tempfile::tempdir().expect("a folder");
        let make = || create_named(dir.path(), "cyber day/½", started()).expect("made");
        let names: Vec<String> = [make(), make(), make()]
            .iter()
            .map(|p| {
                p.file_name()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        let stem = "cyber-day-½-20261127T080000Z";
        assert_eq!(
            names,
            [stem.to_owned(), format!("{stem}-2"), format!("{stem}-3")]
        );
    }

    #[test]
    fn names_stay_inside_the_folder() {
        assert_eq!(file_name("../../etc"), "-..-etc");
        assert_eq!(file_name(".."), "run");
        assert_eq!(file_name(""), "run");
    }

    #[test]
    fn a_folder_with_something_in_it_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let out = dir.path().join("a/b");
        assert_eq!(create(Some(&out), "x", started()).expect("made"), out);
        assert!(
            fs::read_dir(&out).expect("readable").next().is_none(),
            "the probe is gone"
        );
        create(Some(&out), "x", started()).expect("an empty one may be used");
        fs::write(out.join("run.json"), "{}").expect("written");
        let error = create(Some(&out), "x", started()).expect_err("taken");
        assert!(error.to_string().contains("--out"), "{error}");
        assert_eq!(
            fs::read_to_string(out.join("run.json")).expect("still there"),
            "{}"
        );
    }

    #[test]
    fn an_unwritable_folder_is_found_out_at_once() {
        // Root may write anywhere, but nobody makes a folder below a file.
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("file");
        fs::write(&file, "").expect("written");
        let error = create(Some(&file.join("out")), "x", started()).expect_err("not a folder");
        assert!(matches!(error, FolderError::Unwritable { .. }), "{error}");
    }

    #[test]
    fn writing_replaces_whole_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("run.json");
        write_by_rename(&path, b"one").expect("written");
        write_by_rename(&path, b"two").expect("written");
        assert_eq!(fs::read_to_string(&path).expect("readable"), "two");
        assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 1);
        assert!(write_by_rename(&dir.path().join("no/run.json"), b"x").is_err());
    }
}
