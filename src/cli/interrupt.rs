//! Ctrl-C: stops the run at the end of a step and saves it; a second one exits immediately.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Flag set by Ctrl-C or a termination signal.
pub(super) fn watch() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    listen(move || set.store(true, Ordering::SeqCst));
    flag
}

/// Calls `stop` at the first Ctrl-C or termination signal.
pub(super) fn listen(stop: impl Fn() + Send + 'static) {
    let heard = AtomicBool::new(false);
    let handler = move || {
        if heard.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        stop();
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        log::warn!("Ctrl-C will stop without saving: {error}");
    }
}
