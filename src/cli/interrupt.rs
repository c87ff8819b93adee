//! Ctrl-C and the signals that end a program: heard at once. As long as no run is under way the program ends; a run stops at the end
//! of its step and is saved; a second signal ends that too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::print::say;

/// Exit status after a signal.
const STATUS: i32 = 130;

/// Request of a signal.
#[derive(Clone, Default)]
pub(super) struct Interrupt {
    requested: Arc<AtomicBool>,
    /// A run is under way, of which something would be lost.
    at_stake: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens to Ctrl-C and termination signals from now on.
    pub(super) fn watch() -> Self {
        let interrupt = Self::default();
        let heard = interrupt.clone();
        if let Err(error) = ctrlc::set_handler(move || heard.hear()) {
            log::warn!("Ctrl-C will stop without saving: {error}");
        }
        interrupt
    }

    fn hear(&self) {
        if !self.at_stake.load(Ordering::SeqCst) {
            say("stopped before the training began");
            std::process::exit(STATUS);
        }
        if self.requested.swap(true, Ordering::SeqCst) {
            say("stopped at once: what was reached since the last save is lost");
            std::process::exit(STATUS);
        }
        say("stopping at the end of the step; once more to stop now");
    }

    /// A run is under way: from now on the first signal asks it to stop.
    pub(super) fn run_begins(&self) {
        self.at_stake.store(true, Ordering::SeqCst);
    }

    /// True once a signal asked the run to stop.
    pub(super) fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }
}

/// Calls `stop` at the first Ctrl-C or termination signal; the second ends the program at once.
#[cfg(feature = "app")]
pub(super) fn listen(stop: impl Fn() + Send + 'static) {
    let heard = AtomicBool::new(false);
    let handler = move || {
        if heard.swap(true, Ordering::SeqCst) {
            std::process::exit(STATUS);
        }
        stop();
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        log::warn!("Ctrl-C will stop without saving: {error}");
    }
}

/// Makes a write past the largest file size (`ulimit -f`) an error of that write; unheard, its signal would end the program.
pub(super) fn hear_file_size_signal() {
    #[cfg(unix)]
    if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default()) {
        log::warn!("a write past the limit on file sizes will end the program: {error}");
    }
}
