//! Work that a layout still has to do: a refresh of its rows, affinities or positions, and iterations until it rests.

/// Iterations of a layout that begins, until it rests.
const FIRST: u32 = 1000;
/// Iterations after the rows or a setting changed, until it rests.
const AGAIN: u32 = 250;
/// Fewest iterations between two readings of the rows: too frequent refreshes keep the layout from converging.
const MIN_BETWEEN: u32 = 10;

/// Extent of a refresh; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// Nothing.
    Nothing,
    /// The rows changed since they were read.
    Rows,
    /// There are no affinities.
    Affinities,
    /// Affinities, and positions along the principal components.
    Everything,
}

/// Work that a layout still has to do.
pub(super) struct Progress {
    due: Due,
    /// Extent of the refresh under way; nothing where none is.
    making: Due,
    /// Iterations until it rests.
    left: u32,
    /// Iterations since the rows were read.
    since: u32,
}

impl Progress {
    /// Of a layout that begins with its next refresh.
    pub(super) fn new() -> Self {
        Self { due: Due::Everything, making: Due::Nothing, left: FIRST, since: 0 }
    }

    /// Asks for a refresh of this much.
    pub(super) fn want(&mut self, due: Due) {
        self.due = self.due.max(due);
    }

    /// Some more iterations are to follow, because a setting or a point changed.
    pub(super) fn wake(&mut self) {
        self.left = self.left.max(AGAIN);
    }

    /// Extent of the refresh that waits.
    pub(super) fn due(&self) -> Due {
        self.due
    }

    /// Iterations until it rests.
    pub(super) fn left(&self) -> u32 {
        self.left
    }

    /// True while its affinities are made, or are to be.
    pub(super) fn makes_affinities(&self) -> bool {
        self.due.max(self.making) >= Due::Affinities
    }

    /// True while every point is about to be put elsewhere.
    pub(super) fn begins(&self) -> bool {
        self.due.max(self.making) == Due::Everything
    }

    /// True until it rests.
    pub(super) fn is_iterating(&self) -> bool {
        self.left > 0
    }

    /// True if a refresh may begin once its rows can be read.
    pub(super) fn wants_refresh(&self, running: bool) -> bool {
        match self.due {
            Due::Nothing => false,
            Due::Rows => running && (self.since >= MIN_BETWEEN || self.left == 0),
            Due::Affinities | Due::Everything => true,
        }
    }

    /// A refresh begins; returns what it makes.
    pub(super) fn begin_refresh(&mut self) -> Due {
        self.making = std::mem::replace(&mut self.due, Due::Nothing);
        self.making
    }

    /// The refresh under way is given up: it begins again, and half of its affinities are none.
    pub(super) fn drop_refresh(&mut self) {
        if self.making > Due::Nothing {
            self.want(self.making.max(Due::Affinities));
            self.making = Due::Nothing;
        }
    }

    /// A refresh is at its end; returns what it made.
    pub(super) fn refreshed(&mut self) -> Due {
        let made = std::mem::replace(&mut self.making, Due::Nothing);
        self.since = 0;
        self.left = self.left.max(if made == Due::Everything { FIRST } else { AGAIN });
        made
    }

    /// Iterations were begun.
    pub(super) fn iterated(&mut self, iterations: u32) {
        self.left -= iterations.min(self.left);
        self.since += iterations;
    }
}

/// True if a layout with this number of iterations is laid out for the first time.
pub(super) fn is_first(iterations: u32) -> bool {
    iterations < FIRST
}
