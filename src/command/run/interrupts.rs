//! What Ctrl-C does to a run, and SIGTERM and SIGHUP as well.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::clock::{Clock, Monotonic};
use crate::command::exit::INVALID;
use crate::drive::control::Control;
use crate::drive::run::RunError;

/// The switch that Ctrl-C turns. Clones share one.
#[derive(Clone, Default)]
pub(super) struct Interrupts {
    control: Control,
    committed: Arc<AtomicBool>,
}

impl Interrupts {
    /// Begins to heed Ctrl-C. The first ends the load and lets the run be written up; while there is nothing to tidy up yet it
    /// leaves at once, as the second always does.
    pub(super) fn heed() -> Interrupts {
        let interrupts = Interrupts::default();
        let handler = interrupts.clone();
        let count = AtomicU32::new(0);
        let handled = ctrlc::set_handler(move || {
            handler.control.interrupt(Monotonic.now());
            let first = count.fetch_add(1, Ordering::SeqCst) == 0;
            let committed = handler.committed.load(Ordering::SeqCst);
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

    /// From here on the run leaves something behind that has to be tidied up or written up.
    pub(super) fn commit(&self) {
        self.committed.store(true, Ordering::SeqCst);
    }

    /// The run's switch.
    pub(super) fn control(&self) -> &Control {
        &self.control
    }
}
