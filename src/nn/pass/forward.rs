//! A forward pass of images that stay the same, with weights of its own, part by part.

use super::layers::{Weights, build_layers};
use super::maps::Maps;
use crate::data::HeldOutImages;
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan};
use crate::nn::partial_sums::PartialSums;
use crate::nn::{LossBuffers, Network, Parameters};

/// The buffers and dispatches of a forward pass.
pub(super) struct Forward {
    /// The flat weights, laid out as the run's parameters.
    pub values: Buffer<f32>,
    /// The maps.
    pub maps: Maps,
    /// Weights packed for the kernels.
    pub prepare: Plan,
    /// Each layer in an evaluation.
    pub layers: Vec<Plan>,
    /// Of each layer the one after it whose output it writes, too.
    pub rectified: Vec<Option<usize>>,
    /// Loss and correctness of each slot.
    pub loss: Plan,
}

impl Forward {
    /// Buffers and dispatches for a network whose parameters are laid out as `parameters`; `counters` are clock and sampler parameters.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub(super) fn build(
        gpu: &Gpu,
        network: &Network,
        counters: [BufferRange; 2],
        parameters: &Parameters,
        images: &HeldOutImages,
    ) -> Result<Self> {
        let values = Buffer::<f32>::zeroed(gpu, "held-out weights", parameters.values.len());
        let maps = Maps::fixed(gpu, network, images);
        let nothing = PartialSums::default();
        let weights = Weights::Fixed(&values);
        let built = build_layers(gpu, network, counters, parameters, weights, (&maps, &nothing))?;
        let outputs = network.shape_of(network.layers.len()).len();
        let buffers = LossBuffers {
            samples: maps.samples.clone(),
            images: maps.activations[0].clone(),
            outputs: maps.activations[network.layers.len()].clone(),
            probabilities: maps.probabilities.clone(),
            gradient: Buffer::<f32>::zeroed(gpu, "held-out gradient", outputs * maps.sizes.slots).range(),
            results: maps.results.clone(),
        };
        let loss = network.loss.build(gpu, &buffers, (outputs, network.classes), maps.extent())?;
        let layers = built.plans.into_iter().map(|plans| plans.evaluation.unwrap_or(plans.forward));
        Ok(Self {
            values,
            prepare: built.prepare,
            layers: layers.collect(),
            rectified: built.rectified,
            loss,
            maps,
        })
    }

    /// The dispatches of the weights, of the layers from that index on, and of the loss.
    pub(super) fn plan_from(&self, first: usize) -> Plan {
        let mut plan = self.prepare.clone();
        self.layers[first..].iter().for_each(|layer| plan.extend(layer));
        plan.extend(&self.loss);
        plan
    }
}
