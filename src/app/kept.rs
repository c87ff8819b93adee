//! The run of the window, saved also where the window system ends the program.
//!
//! When an X server goes, Xlib ends the program from within (`exit`), and no code of ours runs any more but the destructors of
//! the thread's own variables. So the run is shared with one of these.

use std::cell::{RefCell, RefMut};
use std::rc::Rc;

use crate::error::{Result, say, say_error};
use crate::session::Session;

/// A run that the window and the end of the program share.
#[derive(Clone)]
pub(super) struct KeptSession(Rc<RefCell<Session>>);

/// Saves the run when it is dropped.
struct SavedAtExit {
    run: KeptSession,
    released: bool,
}

impl Drop for SavedAtExit {
    fn drop(&mut self) {
        if self.released {
            return;
        }
        // In the midst of a frame the run cannot be used: then the last checkpoint stays.
        if let Ok(mut session) = self.run.0.try_borrow_mut() {
            let saved = stop_and_save(&mut session);
            let folder = session.folder().map(|folder| folder.display().to_string());
            match (saved, folder) {
                (Err(error), _) => say_error(&error),
                (Ok(()), Some(folder)) => {
                    say(&format!("the display has ended; the run is saved in {folder}"))
                }
                (Ok(()), None) => (),
            }
        }
    }
}

thread_local! {
    static SAVED_AT_EXIT: RefCell<Option<SavedAtExit>> = const { RefCell::new(None) };
}

impl KeptSession {
    /// Keeps a run until [`KeptSession::release`].
    pub(super) fn new(session: Session) -> Self {
        let kept = Self(Rc::new(RefCell::new(session)));
        SAVED_AT_EXIT.set(Some(SavedAtExit { run: kept.clone(), released: false }));
        kept
    }

    /// The run.
    pub(super) fn get(&self) -> RefMut<'_, Session> {
        self.0.borrow_mut()
    }

    /// Pauses and saves it.
    ///
    /// # Errors
    /// When it cannot be saved.
    pub(super) fn stop_and_save(&self) -> Result<()> {
        stop_and_save(&mut self.get())
    }

    /// Lets the run go without saving it.
    pub(super) fn release() {
        if let Some(mut kept) = SAVED_AT_EXIT.take() {
            kept.released = true;
        }
    }
}

fn stop_and_save(session: &mut Session) -> Result<()> {
    session.pause();
    session.save()
}
