//! The layers' dispatches, over the buffers of a pass.

use super::maps::Maps;
use crate::data::DataLoader;
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder};
use crate::nn::layers::add;
use crate::nn::{BatchBuffers, LayerBuild, LayerPlans, Network, Parameters, Port};

/// Gradients that the consumers of one node write: a single consumer writes the node's gradient itself, several write
/// one share each, which are added.
struct Shares {
    /// One for each use of the node, in order.
    parts: Vec<BufferRange>,
    /// Adds them, before the layer's own backward pass.
    sum: Plan,
}

/// Weights that layers are built over.
#[derive(Clone, Copy)]
pub(super) enum Weights<'b> {
    /// The parameters, which learn.
    Trained,
    /// Others, laid out alike, for forward passes only.
    Fixed(&'b Buffer<f32>),
}

/// Builds every layer.
pub(super) fn build_layers(
    gpu: &Gpu,
    network: &Network,
    loader: &DataLoader,
    parameters: &Parameters,
    weights: Weights<'_>,
    maps: &Maps,
) -> Result<Vec<LayerPlans>> {
    let batch = BatchBuffers {
        samples: maps.samples.clone(),
        clock: loader.clock().range(),
        sampling: loader.sampling().range(),
    };
    let (learns, values, mut shares) = match weights {
        Weights::Trained => (true, parameters.values.range(), build_shares(gpu, network, maps)?),
        Weights::Fixed(values) => (false, values.range(), maps.gradients.iter().map(|_| None).collect()),
    };
    let fused = fused_layers(gpu, network);
    let mut layers = Vec::new();
    for (index, layer) in network.layers.iter().enumerate() {
        let inputs = layer.inputs.iter().zip(&layer.input_shapes).map(|(node, shape)| Port {
            shape: *shape,
            values: maps.activations[*node].clone(),
            gradient: shares[*node].as_mut().map(|shares| shares.parts.remove(0)),
        });
        let inputs = inputs.collect();
        // Before the first weights nothing flows back, and what stands here is never read.
        let output_gradient = maps.gradients[index + 1].as_ref().unwrap_or(&maps.activations[index + 1]);
        let mut plans = layer.layer.build(&LayerBuild {
            gpu,
            name: &layer.name,
            id: layer.id,
            trains: learns && layer.trains(),
            extent: maps.extent(),
            batch: &batch,
            inputs,
            output_shape: layer.output,
            output: maps.activations[index + 1].clone(),
            fused_output: fused[index].map(|next| maps.activations[next + 1].clone()),
            output_gradient: output_gradient.clone(),
            parameters: values.clone(),
            gradients: parameters.gradients.range(),
            offsets: parameters.offsets[index].clone(),
        })?;
        if layer.inputs.iter().any(|node| *node > 0 && fused[node - 1] == Some(index)) {
            plans.forward = Plan::default();
        }
        if let Some(shares) = &shares[index + 1] {
            let mut backward = shares.sum.clone();
            backward.extend(&plans.backward);
            plans.backward = backward;
        }
        layers.push(plans);
    }
    Ok(layers)
}

/// For each layer the one after it whose output it writes, too.
fn fused_layers(gpu: &Gpu, network: &Network) -> Vec<Option<usize>> {
    let fuses = |layer: usize, next: usize| {
        gpu.profile().fuses_relu && network.layers[layer].layer.fuses(network.layers[next].layer.as_ref())
    };
    let consumers = network.consumers();
    let first = |layer: usize| consumers[layer + 1].iter().copied().find(|next| fuses(layer, *next));
    (0..network.layers.len()).map(first).collect()
}

/// The shares of each node's gradient.
fn build_shares(gpu: &Gpu, network: &Network, maps: &Maps) -> Result<Vec<Option<Shares>>> {
    let consumers = network.consumers();
    let shares = |(node, gradient): (usize, &Option<BufferRange>)| {
        let Some(gradient) = gradient else { return Ok(None) };
        let consumers = consumers[node].len();
        if consumers < 2 {
            return Ok(Some(Shares { parts: vec![gradient.clone()], sum: Plan::default() }));
        }
        let len = network.shape_of(node).len() * maps.sizes.slots;
        let part = |_| Buffer::<f32>::zeroed(gpu, "share of a gradient", len).range();
        let parts: Vec<_> = (0..consumers).map(part).collect();
        let mut sum = PlanBuilder::new(gpu);
        let label = format!("{} gradient sum", network.layers[node - 1].name);
        add(gpu, &mut sum, &label, &parts, gradient, (len / 4) as u32)?;
        Ok(Some(Shares { parts, sum: sum.finish() }))
    };
    maps.gradients.iter().enumerate().map(shares).collect()
}
