//! Losses of held-out images without one filter after the other: the layers before those that take a filter are computed once.

use super::forward::Forward;
use crate::data::HeldOutImages;
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan};
use crate::nn::surgery::Ablation;
use crate::nn::{Network, Parameters, Port, WithoutChannel};

/// Forward passes over images, with weights of their own: whole, and without filters.
pub struct AblationPass {
    /// The flat weights, laid out as the run's parameters; to be written before the passes.
    pub values: Buffer<f32>,
    /// The layers are built over a copy of them.
    forward: Forward,
    /// The output of the layer with which ablations begin, of the whole network: `[c, y, x, n]`.
    whole_output: Buffer<f32>,
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
        let forward = Forward::build(gpu, network, counters, parameters, images)?;
        let all = Ablation::of(network);
        let subtracted = all.iter().filter(|ablation| ablation.channel.is_some());
        let values = |ablation: &Ablation| network.layers[ablation.first].output.len() * images.sizes.slots;
        let largest = subtracted.map(values).max().unwrap_or(1);
        Ok(Self {
            values: Buffer::zeroed(gpu, "weights of ablations", parameters.values.len()),
            forward,
            whole_output: Buffer::zeroed(gpu, "output before ablations", largest),
        })
    }

    /// Records what a pass finds: the weights as they are in place of those of the last pass, and, before the first ablation that begins
    /// with a layer, that layer's output. Before each pass, that of the whole network (none) and those of ablations in their order.
    pub fn begin(&self, encoder: &mut wgpu::CommandEncoder, ablation: Option<&Ablation>) {
        let bytes = 4 * self.values.len() as u64;
        encoder.copy_buffer_to_buffer(self.values.raw(), 0, self.forward.values.raw(), 0, bytes);
        if let Some(ablation) = ablation.filter(|ablation| ablation.leads) {
            let output = &self.forward.maps.activations[ablation.first + 1];
            let bytes = output.size.min(4 * self.whole_output.len() as u64);
            encoder.copy_buffer_to_buffer(&output.buffer, output.offset, self.whole_output.raw(), 0, bytes);
        }
    }

    /// The dispatches of the whole network. Before those of any ablation, for the same images.
    pub fn whole(&self) -> Plan {
        self.forward.plan_from(0)
    }

    /// The dispatches of the network without the filters of an ablation, after those that begin later or with the same layer. Where only
    /// one layer takes them by one channel, and it can, that channel's part is taken from its output, else the output is made again.
    ///
    /// # Errors
    /// When a buffer does not fit the adapter.
    pub(in crate::nn) fn without(
        &self,
        gpu: &Gpu,
        network: &Network,
        parameters: &Parameters,
        ablation: &Ablation,
    ) -> Result<Plan> {
        let subtracted = self.subtracted(gpu, network, parameters, ablation)?;
        let (mut plan, next) = match subtracted {
            Some(plan) => (plan, ablation.first + 1),
            None => {
                let weights = [&self.values, &self.forward.values];
                (ablation.plan(gpu, parameters, weights)?, ablation.first)
            }
        };
        plan.extend(&self.forward.plan_from(next));
        Ok(plan)
    }

    /// The dispatches that take the part of an ablation's channel from the whole output; none where that cannot be.
    fn subtracted(
        &self,
        gpu: &Gpu,
        network: &Network,
        parameters: &Parameters,
        ablation: &Ablation,
    ) -> Result<Option<Plan>> {
        let (Some(channel), index) = (ablation.channel, ablation.first) else { return Ok(None) };
        let (layer, maps) = (&network.layers[index], &self.forward.maps);
        let output = maps.activations[index + 1].clone();
        layer.layer.without_channel(&WithoutChannel {
            gpu,
            name: &layer.name,
            input: Port {
                shape: layer.input_shapes[0],
                values: maps.activations[layer.inputs[0]].clone(),
                gradient: None,
            },
            channel,
            output_shape: layer.output,
            whole: BufferRange::new(self.whole_output.raw(), 0, output.size),
            output,
            rectified: self.forward.rectified[index].map(|next| maps.activations[next + 1].clone()),
            parameters: self.values.range(),
            offset: parameters.offsets[index][0],
            quads: maps.extent().quads,
        })
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
