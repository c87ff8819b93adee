//! Filters that a command has changed since the last epoch ended, which the Network pane marks.

use crate::data::Clock;

/// Filters that were added, split, merged, reset, blended or painted. A mark counts until the epoch in which it was made ends, and not
/// before the command that made it, so that a run that is taken back has none of later.
#[derive(Debug, Default)]
pub(super) struct EditedFilters {
    marks: Vec<Mark>,
    /// Number of commands before the one that is carried out.
    commands: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Mark {
    /// Numbers of the layer and of the filter.
    filter: (u32, u32),
    epoch: u32,
    step: u32,
    /// Number of commands before the one that made it.
    commands: u32,
}

impl EditedFilters {
    /// A command is carried out after this number of others, or the run went to where that many were: there are no marks of later ones.
    pub(super) fn go_to(&mut self, commands: u32) {
        self.commands = commands;
        self.marks.retain(|mark| mark.commands < commands);
    }

    /// Marks filters, given by the numbers of their layers and their own.
    pub(super) fn mark(&mut self, filters: impl IntoIterator<Item = (u32, u32)>, now: &Clock) {
        self.marks.retain(|mark| mark.counts(now));
        let Clock { epoch, step, .. } = *now;
        let mark = |filter| Mark { filter, epoch, step, commands: self.commands };
        self.marks.extend(filters.into_iter().map(mark));
    }

    /// True for a filter with a mark.
    pub(super) fn has(&self, filter: (u32, u32), now: &Clock) -> bool {
        self.marks.iter().any(|mark| mark.filter == filter && mark.counts(now))
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.marks.clear();
    }
}

impl Mark {
    fn counts(&self, now: &Clock) -> bool {
        self.epoch == now.epoch && self.step <= now.step
    }
}
