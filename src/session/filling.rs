//! An encoder as it fills with the works of a run.

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

    /// Milliseconds left; a budget may be without end.
    pub(super) fn left_ms(&self) -> f64 {
        self.budget_ms - self.took_ms
    }
}
