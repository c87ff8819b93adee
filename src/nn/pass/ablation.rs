//! Losses of held-out images without one filter after the other: the layers before those that take a filter are computed once.

use super::forward::Forward;
use crate::data::HeldOutImages;
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan};
use crate::nn::surgery::Ablation;
use crate::nn::{Network, Parameters};

/// Forward passes over images, with weights of their own: whole, and without filters.
pub struct AblationPass {
    /// The flat weights, laid out as the run's parameters; to be written before the passes.
    pub values: Buffer<f32>,
    /// The layers are built over a copy of them.
    forward: Forward,
}

impl AblationPass {
    /// Buffers and dispatches for a network whose parameters are laid out as `parameters`; `counters` are clock and sampler parameters.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub(in crate::nn) fn build(
        gpu: &Gpu,
        network: &Network,
        counters: [BufferRange; 2],
        parameters: &Parameters,
        images: &HeldOutImages,
    ) -> Result<Self> {
        let values = Buffer::<f32>::zeroed(gpu, "weights of ablations", parameters.values.len());
        Ok(Self { values, forward: Forward::build(gpu, network, counters, parameters, images)? })
    }

    /// Records the weights as they are in place of those of the last pass. Before each pass.
    pub fn restore(&self, encoder: &mut wgpu::CommandEncoder) {
        let bytes = 4 * self.values.len() as u64;
        encoder.copy_buffer_to_buffer(self.values.raw(), 0, self.forward.values.raw(), 0, bytes);
    }

    /// The dispatches of the whole network. Before those of any ablation, for the same images.
    pub fn whole(&self) -> Plan {
        self.forward.plan_from(0)
    }

    /// The dispatches of the network without the filters of an ablation, after those that begin later or with the same layer.
    ///
    /// # Errors
    /// When a buffer does not fit the adapter.
    pub(in crate::nn) fn without(
        &self,
        gpu: &Gpu,
        parameters: &Parameters,
        ablation: &Ablation,
    ) -> Result<Plan> {
        let mut plan = ablation.plan(gpu, parameters, [&self.values, &self.forward.values])?;
        plan.extend(&self.forward.plan_from(ablation.first));
        Ok(plan)
    }

    /// Loss and correctness of each slot of the last pass, `[n]` of two values.
    pub fn results(&self) -> &BufferRange {
        &self.forward.maps.results
    }

    /// Activations by node.
    pub(in crate::nn) fn activations(&self) -> &[BufferRange] {
        &self.forward.maps.activations
    }
}
