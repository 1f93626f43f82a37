//! What a command writes: kept in a file, up to a limit, and read on beyond it, so that the command is neither stopped nor let flood.

use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Bytes that are kept: the first.
const KEPT: u64 = 1 << 20;
/// How long the rest of the output of a command that has ended is waited for. What it left running may hold the other end for ever.
const REST: Duration = Duration::from_secs(1);
/// Rest between two reads beyond what is kept: a command that floods gets no more than about 3 MB/s, and no core of ours.
const THROTTLE: Duration = Duration::from_millis(5);

/// The output of a command that runs.
pub(super) struct Output {
    written: Arc<AtomicU64>,
    read_out: Receiver<()>,
}

impl Output {
    /// Reads `from` into the file at `into`, on a thread of its own.
    ///
    /// # Errors
    /// When the file or the thread can't be made.
    pub(super) fn keep(from: PipeReader, into: &Path) -> io::Result<Output> {
        let file = File::create(into)?;
        let written = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&written);
        let (tell, read_out) = channel();
        std::thread::Builder::new()
            .name("action-output".to_owned())
            .spawn(move || {
                read(from, file, &counter);
                // Nobody listens any more when the command was not waited for.
                let _ = tell.send(());
            })?;
        Ok(Output { written, read_out })
    }

    /// How many bytes the command wrote. To be asked when it has ended.
    pub(super) fn finish(self) -> u64 {
        let _ = self.read_out.recv_timeout(REST);
        self.written.load(Ordering::Relaxed)
    }
}

fn read(mut from: PipeReader, mut into: File, written: &AtomicU64) {
    let mut some = [0; 16 * 1024];
    let mut kept = 0;
    loop {
        let count = match from.read(&mut some) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        written.fetch_add(count as u64, Ordering::Relaxed);
        let room = usize::try_from(KEPT - kept).unwrap_or(0).min(count);
        // A full disk keeps no output from being read, or the command would hang.
        let _ = into.write_all(&some[..room]);
        kept += room as u64;
        if kept == KEPT {
            std::thread::sleep(THROTTLE);
        }
    }
    let more = written.load(Ordering::Relaxed) - kept;
    if more > 0 {
        let _ = writeln!(into, "\n[{more} bytes more were written and not kept]");
    }
}
