//! Filters that a command has changed since the last epoch ended, which the Network pane marks.

use crate::data::Clock;

/// Filters that were added, split, merged, reset, blended or painted. A mark counts until the epoch in which it was made ends, and not
/// before the step at which it was made, so that a run that is taken back has none of later.
#[derive(Debug, Default)]
pub(super) struct EditedFilters(Vec<Mark>);

#[derive(Debug, Clone, Copy, PartialEq)]
struct Mark {
    /// Numbers of the layer and of the filter.
    filter: (u32, u32),
    epoch: u32,
    step: u32,
}

impl EditedFilters {
    /// Marks filters, given by the numbers of their layers and their own.
    pub(super) fn mark(&mut self, filters: impl IntoIterator<Item = (u32, u32)>, now: &Clock) {
        self.0.retain(|mark| mark.counts(now));
        let marks = filters.into_iter().map(|filter| Mark { filter, epoch: now.epoch, step: now.step });
        self.0.extend(marks);
    }

    /// True for a filter with a mark.
    pub(super) fn has(&self, filter: (u32, u32), now: &Clock) -> bool {
        self.0.iter().any(|mark| mark.filter == filter && mark.counts(now))
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Mark {
    fn counts(&self, now: &Clock) -> bool {
        self.epoch == now.epoch && self.step <= now.step
    }
}
