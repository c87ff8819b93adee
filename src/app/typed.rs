//! The number that is being typed: a field that is laid out no more was left, as one that lost the keyboard.

use egui::{Id, Key, Ui};

use crate::error::Result;
use crate::session::Action;

/// The field that has the keyboard, from one frame to the next, and what leaving it would request.
#[derive(Default)]
pub(crate) struct TypedNumber {
    before: Option<Entry>,
    now: Option<Entry>,
}

struct Entry {
    field: Id,
    change: Option<Result<Vec<Action>>>,
}

impl TypedNumber {
    /// Starts a frame.
    pub(crate) fn begin_frame(&mut self) {
        self.before = self.now.take();
    }

    /// Notes that a field is laid out: it says by itself when it is left.
    pub(crate) fn laid_out(&mut self, field: Id) {
        self.before.take_if(|entry| entry.field == field);
    }

    /// Notes what leaving a field that has the keyboard would request.
    pub(crate) fn typing(&mut self, field: Id, change: Option<Result<Vec<Action>>>) {
        self.now = Some(Entry { field, change });
    }

    /// The request of a field that had the keyboard and was not laid out in this frame.
    pub(crate) fn take_left(&mut self, ui: &Ui) -> Option<Result<Vec<Action>>> {
        let entry = self.before.take()?;
        super::number::forget_typing(ui, entry.field);
        entry.change.filter(|_| !ui.input(|i| i.key_pressed(Key::Escape)))
    }

    /// The request of the field that has the keyboard, as at the end of the window.
    pub(crate) fn leave(&mut self) -> Option<Result<Vec<Action>>> {
        self.now.take()?.change
    }
}
