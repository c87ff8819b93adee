//! Sizes of a batch and of the passes that it is cut into.

/// Sizes of a batch as its dispatches see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSizes {
    /// Images of a step.
    pub batch: usize,
    /// Images of one pass; a step makes as many passes as the batch needs.
    pub micro_batch: usize,
    /// Slots of a pass before the probes: the micro-batch, padded to a multiple of 4.
    pub train_slots: usize,
    /// All slots of a pass, a multiple of 4.
    pub slots: usize,
}
