//! The layers' dispatches, over the buffers of a pass.

use super::fusions::Fusions;
use super::maps::Maps;
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder};
use crate::nn::layers::{add, argmax};
use crate::nn::packing::Packing;
use crate::nn::partial_sums::PartialSums;
use crate::nn::{
    BatchBuffers, LayerBuild, LayerPlans, Network, NetworkLayer, Parameters, Pooling, Port, Shape,
};

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

/// Every layer's dispatches.
pub(super) struct Layers {
    /// Once before the forward passes of a step: weights packed for the kernels.
    pub prepare: Plan,
    /// Of each layer.
    pub plans: Vec<LayerPlans>,
    /// Of each layer the one after it whose output it writes, too.
    pub rectified: Vec<Option<usize>>,
    /// Writes the parts of the maps that the forward passes of a step leave out, with the weights packed before them.
    pub left_out: Plan,
}

/// Builds every layer; `counters` are clock and sampler parameters.
pub(super) fn build_layers(
    gpu: &Gpu,
    network: &Network,
    [clock, sampling]: [BufferRange; 2],
    parameters: &Parameters,
    weights: Weights<'_>,
    (maps, partials): (&Maps, &PartialSums),
) -> Result<Layers> {
    let batch = BatchBuffers { samples: maps.samples.clone(), clock, sampling };
    let (learns, values, mut shares) = match weights {
        Weights::Trained => (true, parameters.values.range(), build_shares(gpu, network, maps)?),
        Weights::Fixed(values) => (false, values.range(), maps.gradients.iter().map(|_| None).collect()),
    };
    let has_gradient: Vec<bool> = shares.iter().map(Option::is_some).collect();
    let fusions = Fusions::of(gpu, network, &has_gradient);
    // Of each layer that another makes: its input gradient.
    let mut made: Vec<Option<BufferRange>> = vec![None; network.layers.len()];
    let packing = Packing::new(parameters.values.len());
    let poolings = poolings(gpu, network, &fusions, maps);
    let mut layers = Vec::new();
    for (index, layer) in network.layers.iter().enumerate() {
        let inputs = ports(layer, maps, &mut shares);
        made[index] = inputs[0].gradient.clone().filter(|_| fusions.gradients[index].is_some());
        let below = |makers: &[_]| makers.iter().position(|maker| *maker == Some(index));
        let biases_of = |layer: usize| (parameters.offsets[layer][1], network.layers[layer].output.channels);
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
            fused_output: fusions.forward[index].map(|next| maps.activations[next + 1].clone()),
            pooling: poolings.iter().find(|(layers, _)| layers.contains(&index)).map(|(_, p)| p.clone()),
            rectified_gradient: below(&fusions.gradients).and_then(|layer| made[layer].clone()),
            biases_below: below(&fusions.biases).map(biases_of),
            leaves_biases: fusions.biases[index].is_some(),
            output_gradient: output_gradient.clone(),
            parameters: values.clone(),
            packing: &packing,
            partials,
            offsets: parameters.offsets[index].clone(),
        })?;
        leave_to_others(&mut plans, (index, layer), &fusions);
        if let Some(shares) = &shares[index + 1] {
            let mut backward = shares.sum.clone();
            backward.extend(&plans.backward);
            plans.backward = backward;
        }
        layers.push(plans);
    }
    let (left_out, prepare) = (left_out(&layers, &fusions), packing.build(gpu, &values)?);
    Ok(Layers { prepare, plans: layers, rectified: fusions.forward, left_out })
}

/// The dispatches that write the maps of layers which pool.
fn left_out(layers: &[LayerPlans], fusions: &Fusions) -> Plan {
    let mut left_out = Plan::default();
    let pooling = layers.iter().zip(&fusions.pooled).filter(|(_, pooled)| pooled.is_some());
    pooling.filter_map(|(plans, _)| plans.evaluation.as_ref()).for_each(|whole| left_out.extend(whole));
    left_out
}

/// Each pooling that a convolution makes, after the indices of the two layers.
fn poolings(gpu: &Gpu, network: &Network, fusions: &Fusions, maps: &Maps) -> Vec<([usize; 2], Pooling)> {
    let pooling = |(index, pooled): (usize, &Option<(usize, usize)>)| {
        let (at, size) = (*pooled)?;
        let layer = &network.layers[at];
        let (name, output) = (layer.name.clone(), maps.activations[at + 1].clone());
        let places = argmax(gpu, layer.output, maps.extent());
        Some(([index, at], Pooling { name, size, shape: layer.output, output, places }))
    };
    fusions.pooled.iter().enumerate().filter_map(pooling).collect()
}

/// The inputs of a layer, with the next share of each one's gradient.
fn ports(layer: &NetworkLayer, maps: &Maps, shares: &mut [Option<Shares>]) -> Vec<Port> {
    let port = |(node, shape): (&usize, &Shape)| Port {
        shape: *shape,
        values: maps.activations[*node].clone(),
        gradient: shares[*node].as_mut().map(|shares| shares.parts.remove(0)),
    };
    layer.inputs.iter().zip(&layer.input_shapes).map(port).collect()
}

/// Takes the dispatches out of a layer's plans that do what those of another layer do, too.
fn leave_to_others(plans: &mut LayerPlans, (index, layer): (usize, &NetworkLayer), fusions: &Fusions) {
    if layer.inputs.iter().any(|node| *node > 0 && fusions.forward[node - 1] == Some(index)) {
        plans.forward = Plan::default();
    }
    if fusions.pooled.iter().flatten().any(|(pool, _)| *pool == index) {
        plans.evaluation = Some(std::mem::take(&mut plans.forward));
    }
    if fusions.gradients[index].is_some() {
        plans.backward = Plan::default();
    }
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
