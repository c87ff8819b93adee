//! Read-backs of a layout from the GPU, a few frames old.

use crate::embed::State;

/// Most points of the divergence's chart.
const MAX_POINTS: usize = 1000;

/// Read-backs of a layout.
#[derive(Default)]
pub(super) struct Seen {
    state: Option<State>,
    divergences: Vec<[f64; 2]>,
    /// Number of rows that are not left out.
    pub rows_kept: Option<u32>,
    /// Number of times that the layout began; what is of a former generation does not count.
    pub generation: u32,
}

impl Seen {
    /// The layout began.
    pub(super) fn begin(&mut self) {
        self.divergences.clear();
        self.generation += 1;
    }

    /// The last state.
    pub(super) fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// Iterations and divergences since the layout began.
    pub(super) fn divergences(&self) -> &[[f64; 2]] {
        &self.divergences
    }

    /// Adds a state.
    pub(super) fn take(&mut self, state: State) {
        let known = self.divergences.last().map_or(-1.0, |last| last[0]);
        if state.iteration > 0 && f64::from(state.iteration) != known {
            self.divergences.push([f64::from(state.iteration), f64::from(state.divergence)]);
        }
        if self.divergences.len() > MAX_POINTS {
            let mut index = 0;
            self.divergences.retain(|_| {
                index += 1;
                index % 2 == 0
            });
        }
        self.state = Some(state);
    }
}
