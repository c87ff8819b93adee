//! Saving of a run that trains without a window, and of its list of actions: where a file cannot be written, the run waits and tries again.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use revacnn::error::Result;
use revacnn::session::{Session, effects_csv, play_on, write_whole};

use super::interrupt::Interrupt;
use super::print::say;

/// Seconds from one try to the next; five minutes together.
const WAITS_S: [u64; 10] = [1, 2, 4, 8, 15, 30, 60, 60, 60, 60];
/// Time in which a signal is heard.
const TICK: Duration = Duration::from_millis(50);

/// Saves the run. Where that fails, the error is said and the run waits, so that the user can make room; a signal ends the waiting.
///
/// # Errors
/// When the last try fails too.
pub(super) fn save(session: &mut Session, interrupt: &Interrupt) -> Result<()> {
    let playing = session.is_playing();
    // Who has asked for the end already still wants what was reached to be saved.
    let asked_before = interrupt.is_requested();
    let asked_now = || interrupt.is_requested() && !asked_before;
    for wait_s in WAITS_S {
        let Err(error) = session.save() else {
            if playing {
                play_on(session);
            }
            return Ok(());
        };
        if asked_now() {
            return Err(error);
        }
        say(&format!(
            "{error}\nnot saved yet: {}; the next try is in {wait_s} s, Ctrl-C gives up",
            error.help()
        ));
        let until = Instant::now() + Duration::from_secs(wait_s);
        while Instant::now() < until && !asked_now() {
            sleep(TICK);
        }
    }
    session.save()
}

/// Writes the commands that were carried out, with their effects.
///
/// # Errors
/// When the file cannot be written; then the old one stays.
pub(super) fn write_actions(session: &Session, path: &Path) -> Result<()> {
    write_whole(path, effects_csv(session.effects())?.as_bytes())
}
