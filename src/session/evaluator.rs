//! The works that evaluate a network, and those of a network that was changed before its evaluations were done.

use std::collections::VecDeque;

use super::readback::EvaluationRequest;
use crate::gpu::{Buffer, CostModel, Work};
use crate::nn::Trainer;

/// The works of evaluations, of one network.
#[derive(Clone)]
pub(super) struct Evaluator {
    /// A pass of an evaluation.
    pub plain: Work,
    /// The same with the average of the last weights.
    pub averaged: Work,
    /// Images of a pass.
    pub micro_batch: usize,
}

impl Evaluator {
    /// Nothing under way.
    pub(super) fn new(trainer: &Trainer) -> Self {
        let work = |plan: &crate::gpu::Plan| Work::new(plan.clone(), CostModel::SOFTWARE);
        Self {
            plain: work(trainer.evaluation_plan()),
            averaged: work(trainer.average_evaluation_plan()),
            micro_batch: trainer.sizes().micro_batch,
        }
    }

    /// Takes the trainer's new plans.
    pub(super) fn take_plans(&mut self, trainer: &Trainer) {
        self.plain.replace(trainer.evaluation_plan().clone());
        self.averaged.replace(trainer.average_evaluation_plan().clone());
        self.micro_batch = trainer.sizes().micro_batch;
    }

    /// Passes of the weights, or of their average.
    pub(super) fn work(&mut self, averaged: bool) -> &mut Work {
        if averaged { &mut self.averaged } else { &mut self.plain }
    }

    /// True while a pass is under way.
    pub(super) fn is_under_way(&self) -> bool {
        self.plain.is_under_way() || self.averaged.is_under_way()
    }

    /// Drops what is under way.
    pub(super) fn stop(&mut self) {
        self.plain.stop();
        self.averaged.stop();
    }
}

/// Evaluations that a change of the network did not wait for. The change made new buffers, so that these hold what the network was, and
/// nobody writes them; they come before the next step, as if the change had come after them.
pub(super) struct Overtaken {
    pub evaluator: Evaluator,
    /// Marks of the layers that fire, where the change left these layers: what they tell is of the run then too.
    pub fired: Option<Buffer<u32>>,
    /// Evaluations to begin after the one under way.
    pub requests: VecDeque<EvaluationRequest>,
}
