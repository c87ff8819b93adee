//! An encoder as it fills with the works of a run.

/// Share of the budget up to which a step is short.
const SHORT: f64 = 0.05;

/// A piece of work.
pub(super) enum Turn {
    Step,
    Evaluation,
    /// The probes' maps, while no step is made.
    Probes,
    /// A piece of a layout's refresh; the number is its index.
    Refresh(usize),
    /// Iterations of a layout.
    Iterations(usize),
}

/// Order of the turns in an encoder.
pub(super) enum Stage {
    /// Pieces of the run; where a step `ended`, layouts read their rows first.
    Run {
        ended: bool,
    },
    Probes,
    Refreshes,
    /// Iterations of the layouts from this index on, each once.
    Iterations(usize),
}

/// An encoder as it fills.
pub(super) struct Filling {
    pub stage: Stage,
    pub budget_ms: f64,
    /// Estimated milliseconds of the run's pieces so far.
    pub took_ms: f64,
    /// The run is to train.
    pub trains: bool,
    /// A piece of the run was recorded.
    pub ran: bool,
    /// The probes' maps were recorded.
    pub probed: bool,
    /// Iterations of layouts were recorded.
    pub iterated: bool,
}

impl Filling {
    /// An empty encoder, of a run that is to train or not.
    pub(super) fn new(budget_ms: f64, trains: bool) -> Self {
        let stage = Stage::Run { ended: false };
        Self { stage, budget_ms, took_ms: 0.0, trains, ran: false, probed: false, iterated: false }
    }

    /// True if a step of `step_ms` may begin. A short one that does not fit waits for the next encoder, so that the run is between two steps
    /// when this one ends, and a command takes effect at once; a long one is cut.
    pub(super) fn has_room_for(&self, step_ms: f64) -> bool {
        let is_short = step_ms <= SHORT * self.budget_ms;
        !is_short || step_ms <= self.left_ms()
    }

    /// Milliseconds left; a budget may be without end.
    pub(super) fn left_ms(&self) -> f64 {
        self.budget_ms - self.took_ms
    }
}

#[cfg(test)]
mod tests {
    use super::Filling;

    #[test]
    fn a_short_step_is_not_cut_and_a_long_one_is() {
        let mut filling = Filling::new(100.0, true);
        assert!(filling.has_room_for(1.0) && filling.has_room_for(1000.0));
        filling.took_ms = 98.0;
        assert!(filling.has_room_for(2.0) && !filling.has_room_for(2.5) && filling.has_room_for(5.5));
        assert!(Filling::new(f64::INFINITY, true).has_room_for(1e9));
    }
}
