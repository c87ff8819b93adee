//! One pass over a micro-batch: its buffers, and the plans of step, evaluation and refresh.
//!
//! A step is: pack the weights, then for each micro-batch sample → forward → loss → backward → sums of the gradients; at last
//! the optimizer and the clock's tick.

mod ablation;
mod forward;
mod fusions;
mod held_out;
mod layers;
mod maps;
mod sizes;

use super::features::mark_fired;
use super::gradient_sums::sum_gradients;
use super::partial_sums::PartialSums;
use super::{GoalGradients, LossBuffers, Network, Optimizer, Parameters, TrainerOptions};
use crate::data::{BatchSizes, DataLoader};
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder};
pub use ablation::AblationPass;
pub(super) use held_out::held_out_count;
pub use held_out::{HeldOutPass, Predictions};
use layers::{Layers, Weights, build_layers};
pub(super) use maps::Maps;
pub(super) use sizes::{choose_sizes, room};

/// A part of a training step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepPart {
    /// Packing of the weights, sampling of the images, the layers, the loss.
    Forward,
    /// Gradients of the layers, and their sums.
    Backward,
    /// The optimizer, and the clock.
    Update,
}

/// Buffers and plans whose sizes depend on the batch.
pub(super) struct Pass {
    /// The buffers.
    pub maps: Maps,
    /// One training step.
    pub step: Plan,
    /// Writes the parts of the maps that the forward passes of a step leave out, for whoever reads them whole.
    pub left_out: Plan,
    /// Number of the step's dispatches up to the losses of each pass.
    pub forward_ends: Vec<usize>,
    /// Number of the step's dispatches up to the end of each pass.
    pub pass_ends: Vec<usize>,
    /// The evaluation of one micro-batch.
    pub evaluation: Plan,
    /// The same with the average of the weights; empty without one.
    pub average_evaluation: Plan,
    /// The probes' forward and backward pass, without a step.
    pub refresh: Plan,
    /// Nodes of the rectifying layers.
    pub rectified: Vec<usize>,
    /// 1 for each of them of which a unit has fired in the evaluation, else 0.
    pub fired: Buffer<u32>,
}

/// Plans and buffers of what follows the backward passes of a step.
struct StepEnds {
    /// The sums of the gradients after each pass.
    sums: Vec<Plan>,
    /// The optimizer.
    update: Plan,
    /// The sums of the squares of the gradients.
    squares: BufferRange,
}

impl Pass {
    /// Builds buffers and plans.
    ///
    /// # Errors
    /// When nothing is left to train, or something does not fit the adapter.
    pub(super) fn build(
        gpu: &Gpu,
        network: &Network,
        loader: &DataLoader,
        parameters: &Parameters,
        optimizer: &Optimizer,
        options: &TrainerOptions,
    ) -> Result<Self> {
        let sizes = choose_sizes(gpu, network, options)?;
        network.check_trained(|layer| layer.frozen)?;
        let maps = Maps::new(gpu, network, sizes);
        let averages = options.hyper.averaging > 0.0;
        let learning = network.layers.iter().filter(|layer| layer.trains()).count();
        let partials = PartialSums::new(gpu, learning);
        let build =
            |weights| build_layers(gpu, network, loader.counters(), parameters, weights, (&maps, &partials));
        let layers = build(Weights::Trained)?;
        let averages_of = || build(Weights::Fixed(&parameters.averages));
        let averaged = averages.then(averages_of).transpose()?;
        let rectified: Vec<usize> = network.rectified();
        let mut pass = Self {
            fired: Buffer::zeroed(gpu, "layers that fired", rectified.len().max(1)),
            rectified,
            maps,
            step: Plan::default(),
            left_out: layers.left_out.clone(),
            forward_ends: Vec::new(),
            pass_ends: Vec::new(),
            evaluation: Plan::default(),
            average_evaluation: Plan::default(),
            refresh: Plan::default(),
        };
        let distorts = options.augmentation.distorts();
        let passes = sizes.batch.div_ceil(sizes.micro_batch);
        let results = (sizes, &pass.maps.results);
        let goals = GoalGradients::of(gpu, network, parameters)?;
        let ends = StepEnds {
            sums: sum_gradients(gpu, (&partials, goals.as_ref()), parameters, loader, results, passes)?,
            update: optimizer.build(gpu, parameters, loader, averages)?,
            squares: parameters.squares(gpu),
        };
        pass.build_plans(gpu, network, loader, (&layers, averaged.as_ref()), ends, distorts)?;
        Ok(pass)
    }

    fn build_plans(
        &mut self,
        gpu: &Gpu,
        network: &Network,
        loader: &DataLoader,
        (layers, averaged): (&Layers, Option<&Layers>),
        ends: StepEnds,
        distorts: bool,
    ) -> Result<()> {
        let Maps { sizes, samples, activations, gradients, .. } = &self.maps;
        let last = layers.plans.len();
        let buffers = LossBuffers {
            samples: samples.clone(),
            images: activations[0].clone(),
            outputs: activations[last].clone(),
            probabilities: self.maps.probabilities.clone(),
            gradient: gradients[last].clone().expect("something learns, and all of it is used"),
            results: self.maps.results.clone(),
        };
        let outputs = network.shape_of(last).len();
        let loss = network.loss.build(gpu, &buffers, (outputs, network.classes), self.maps.extent())?;
        let build = |sizes: BatchSizes| loader.build(gpu, sizes, samples, &activations[0], distorts);
        let [sample_training, sample_evaluation] = build(*sizes)?;
        // A batch of no images: padding and probes alone.
        let [sample_probes, _] = build(BatchSizes { batch: 0, ..*sizes })?;
        let [count_evaluation, tick] =
            loader.build_counting(gpu, *sizes, &self.maps.results, &ends.squares)?;
        let backward = |plan: &mut Plan| layers.plans.iter().rev().for_each(|l| plan.extend(&l.backward));
        self.step.extend(&layers.prepare);
        for sums in &ends.sums {
            self.step.extend(&sample_training);
            layers.plans.iter().for_each(|layer| self.step.extend(&layer.forward));
            self.step.extend(&loss);
            self.forward_ends.push(self.step.len());
            backward(&mut self.step);
            self.step.extend(sums);
            self.pass_ends.push(self.step.len());
        }
        self.step.extend(&ends.update);
        self.step.extend(&tick);
        let forward = |plan: &mut Plan, layers: &Layers, sample: &Plan| {
            plan.extend(&layers.prepare);
            plan.extend(sample);
            layers.plans.iter().for_each(|l| plan.extend(l.evaluation.as_ref().unwrap_or(&l.forward)));
            plan.extend(&loss);
        };
        forward(&mut self.refresh, layers, &sample_probes);
        forward(&mut self.evaluation, layers, &sample_evaluation);
        self.evaluation.extend(&count_evaluation);
        if let Some(averaged) = averaged {
            forward(&mut self.average_evaluation, averaged, &sample_evaluation);
            self.average_evaluation.extend(&count_evaluation);
        }
        self.evaluation.extend(&self.build_fired(gpu, network)?);
        backward(&mut self.refresh);
        Ok(())
    }

    /// Part of a step that a dispatch belongs to, and the first dispatch after that part. A step in several passes has as many forward and
    /// backward parts.
    pub(super) fn part_of(&self, dispatch: usize) -> (StepPart, usize) {
        for (forward, backward) in self.forward_ends.iter().zip(&self.pass_ends) {
            if dispatch < *forward {
                return (StepPart::Forward, *forward);
            }
            if dispatch < *backward {
                return (StepPart::Backward, *backward);
            }
        }
        (StepPart::Update, self.step.len())
    }

    /// Marks the rectifying layers of which a unit fires.
    fn build_fired(&self, gpu: &Gpu, network: &Network) -> Result<Plan> {
        let mut plan = PlanBuilder::new(gpu);
        for (index, node) in self.rectified.iter().enumerate() {
            let samples = (self.maps.samples.clone(), self.maps.sizes);
            let activations = (self.maps.activations[*node].clone(), network.shape_of(*node).len());
            mark_fired(&mut plan, samples, activations, index, self.fired.range())?;
        }
        Ok(plan.finish())
    }
}
