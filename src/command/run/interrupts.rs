//! What Ctrl-C does to runs, and SIGTERM and SIGHUP as well.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::clock::{Clock, Monotonic};
use crate::command::exit::INVALID;
use crate::drive::control::Control;
use crate::drive::run::RunError;

/// The switch that Ctrl-C turns, for a run or for several in turn. Clones share one.
#[derive(Clone, Default)]
pub(in crate::command) struct Interrupts(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// The switches of all runs so far: those that are over no longer care.
    controls: Mutex<Vec<Control>>,
    count: AtomicU32,
    committed: AtomicBool,
}

impl Interrupts {
    /// Begins to heed Ctrl-C. The first ends the load and lets the run be written up; while there is nothing to tidy up yet it
    /// leaves at once, as the second always does.
    pub(in crate::command) fn heed() -> Interrupts {
        let interrupts = Interrupts::default();
        let shared = Arc::clone(&interrupts.0);
        let handled = ctrlc::set_handler(move || {
            // Counted first: a run that begins meanwhile must not miss it.
            let first = shared.count.fetch_add(1, Ordering::SeqCst) == 0;
            for control in shared.controls().iter() {
                control.interrupt(Monotonic.now());
            }
            let committed = shared.committed.load(Ordering::SeqCst);
            if first && committed {
                return;
            }
            if !committed {
                eprintln!("error: {}", RunError::Interrupted);
            }
            std::process::exit(i32::from(INVALID));
        });
        if let Err(error) = handled {
            tracing::warn!("Ctrl-C will end the run without a report: {error}");
        }
        interrupts
    }

    /// From here on there is something to be tidied up or written up.
    pub(in crate::command) fn commit(&self) {
        self.0.committed.store(true, Ordering::SeqCst);
    }

    /// The switch of the next run; turned already when the user has interrupted an earlier one.
    pub(in crate::command) fn next_run(&self) -> Control {
        let control = Control::default();
        self.0.controls().push(control.clone());
        if self.interrupted() {
            control.interrupt(Monotonic.now());
        }
        control
    }

    /// Whether the user has interrupted anything.
    pub(in crate::command) fn interrupted(&self) -> bool {
        self.0.count.load(Ordering::SeqCst) > 0
    }
}

impl Shared {
    /// Nothing that holds this lock can leave half a value behind.
    fn controls(&self) -> MutexGuard<'_, Vec<Control>> {
        self.controls
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
