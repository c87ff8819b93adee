//! One pass over a micro-batch: its buffers, and the plans of step, evaluation and refresh.
//!
//! A step is: clear the gradients, pack the weights, then for each micro-batch sample → forward → loss → backward →
//! count; at last the optimizer and the clock's tick.

mod held_out;
mod layers;
mod maps;
mod sizes;

use super::features::mark_fired;
use super::{LayerPlans, LossBuffers, Network, Optimizer, Parameters, TrainerOptions};
use crate::data::{BatchSizes, DataLoader};
use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Plan, PlanBuilder};
pub(super) use held_out::held_out_count;
pub use held_out::{HeldOutPass, Predictions};
use layers::{Weights, build_layers};
pub(super) use maps::Maps;
pub(super) use sizes::choose_sizes;

/// Buffers and plans whose sizes depend on the batch.
pub(super) struct Pass {
    /// The buffers.
    pub maps: Maps,
    /// One training step.
    pub step: Plan,
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
        let build = |weights| build_layers(gpu, network, loader, parameters, weights, &maps);
        let layers = build(Weights::Trained)?;
        let averaged = if averages { build(Weights::Fixed(&parameters.averages))? } else { Vec::new() };
        let rectified: Vec<usize> = network.rectified();
        let mut pass = Self {
            fired: Buffer::zeroed(gpu, "layers that fired", rectified.len().max(1)),
            rectified,
            maps,
            step: Plan::default(),
            pass_ends: Vec::new(),
            evaluation: Plan::default(),
            average_evaluation: Plan::default(),
            refresh: Plan::default(),
        };
        let distorts = options.augmentation.distorts();
        let update = optimizer.build(gpu, parameters, loader, averages)?;
        pass.build_plans(gpu, network, loader, [&layers, &averaged], update, distorts)?;
        Ok(pass)
    }

    fn build_plans(
        &mut self,
        gpu: &Gpu,
        network: &Network,
        loader: &DataLoader,
        [layers, averaged]: [&[LayerPlans]; 2],
        (clear, update): (Plan, Plan),
        distorts: bool,
    ) -> Result<()> {
        let Maps { sizes, samples, activations, gradients, .. } = &self.maps;
        let last = layers.len();
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
        let [count_training, count_evaluation, tick] =
            loader.build_counting(gpu, *sizes, &self.maps.results)?;
        let each = |plan: &mut Plan, part: fn(&LayerPlans) -> &Plan| {
            layers.iter().for_each(|l| plan.extend(part(l)))
        };
        let backward = |plan: &mut Plan| layers.iter().rev().for_each(|l| plan.extend(&l.backward));
        self.step.extend(&clear);
        each(&mut self.step, |l| &l.prepare);
        for _ in 0..sizes.batch.div_ceil(sizes.micro_batch) {
            self.step.extend(&sample_training);
            each(&mut self.step, |l| &l.forward);
            self.step.extend(&loss);
            backward(&mut self.step);
            self.step.extend(&count_training);
            self.pass_ends.push(self.step.len());
        }
        self.step.extend(&update);
        self.step.extend(&tick);
        let forward = |plan: &mut Plan, layers: &[LayerPlans], sample: &Plan| {
            layers.iter().for_each(|l| plan.extend(&l.prepare));
            plan.extend(sample);
            layers.iter().for_each(|l| plan.extend(l.evaluation.as_ref().unwrap_or(&l.forward)));
            plan.extend(&loss);
        };
        forward(&mut self.refresh, layers, &sample_probes);
        forward(&mut self.evaluation, layers, &sample_evaluation);
        self.evaluation.extend(&count_evaluation);
        if !averaged.is_empty() {
            forward(&mut self.average_evaluation, averaged, &sample_evaluation);
            self.average_evaluation.extend(&count_evaluation);
        }
        self.evaluation.extend(&self.build_fired(gpu, network)?);
        backward(&mut self.refresh);
        Ok(())
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
