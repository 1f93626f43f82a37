//! One test at a time may use real brokers: they need both cores, and figures taken beside another cluster mean nothing.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The right to start brokers. Held across threads and test binaries by `flock`, so it ends with the process at the latest.
#[derive(Debug)]
pub struct Lease {
    _file: File,
}

impl Lease {
    /// Waits for the right, and takes down whatever a test that was killed has left running.
    pub fn wait() -> Lease {
        let path = directory().join("kafka.lock");
        let file = File::create(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        lock(&file).unwrap_or_else(|e| panic!("lock {}: {e}", path.display()));
        sweep();
        Lease { _file: file }
    }
}

/// Where clusters of tests live: under `target`, so that none is left in the repository or in `/tmp`.
pub fn directory() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    directory.to_path_buf()
}

/// The script, given its sub-command and the directory of an instance.
pub fn ci_kafka(name: &str, dir: &Path) -> Command {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/ci/kafka"));
    command.arg(name).arg("--dir").arg(dir);
    command
}

fn lock(file: &File) -> io::Result<()> {
    loop {
        // SAFETY: flock only takes a descriptor, which `file` keeps open.
        if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

fn sweep() {
    for entry in fs::read_dir(directory()).expect("list the clusters of tests") {
        let path = entry.expect("list the clusters of tests").path();
        let is_cluster = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("kafka-"));
        if is_cluster {
            let status = ci_kafka("down", &path).status().expect("run ci/kafka");
            assert!(
                status.success(),
                "what is left in {} does not go away",
                path.display()
            );
        }
    }
}
