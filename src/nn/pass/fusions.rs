//! Dispatches that do the work of two layers: which layers those are.

use crate::gpu::Gpu;
use crate::nn::Network;

/// Fusions of a network, by layer.
pub(super) struct Fusions {
    /// The layer after it whose output it writes, too.
    pub forward: Vec<Option<usize>>,
    /// The pooling of that layer's output which it makes in a training step, too, and the side of its windows.
    pub pooled: Vec<Option<(usize, usize)>>,
    /// The layer above it that makes its input gradient.
    pub gradients: Vec<Option<usize>>,
    /// The layer above it that makes the partial sums of its biases.
    pub biases: Vec<Option<usize>>,
}

impl Fusions {
    /// Fusions of the network on this adapter, where the nodes that `learns` marks have gradients.
    pub(super) fn of(gpu: &Gpu, network: &Network, learns: &[bool]) -> Self {
        let profile = gpu.profile();
        let layers = &network.layers;
        let consumers = network.consumers();
        let fuses = |layer: usize, next: usize| {
            profile.fuses_relu && layers[layer].layer.fuses(layers[next].layer.as_ref())
        };
        let next = |layer: usize| consumers[layer + 1].iter().copied().find(|next| fuses(layer, *next));
        // The only layer that takes its output, where that can make what it makes of the output's gradient.
        let above = |layer: usize| match consumers[layer + 1][..] {
            [above] if profile.fuses_gradients && learns[layer + 1] => {
                let fuses = layers[above].layer.fuses_backward(layers[layer].layer.as_ref());
                fuses.then_some(above)
            }
            _ => None,
        };
        let all = 0..layers.len();
        let below_learns = |layer: usize| layers[layer].inputs.iter().all(|node| learns[*node]);
        let has_biases = |layer: usize| layers[layer].parameters().len() == 2;
        let gradients: Vec<_> = all
            .clone()
            .map(|layer| above(layer).filter(|_| !has_biases(layer) && below_learns(layer)))
            .collect();
        let biases = |layer: usize| {
            let above = above(layer).filter(|_| !profile.large_tiles && has_biases(layer))?;
            layers[layer].trains().then(|| gradients[above].unwrap_or(above))
        };
        let forward: Vec<_> = all.clone().map(next).collect();
        // Nobody else reads the maps between, and the gradients there need neither.
        let pooled = |layer: usize| {
            let relu = forward[layer].filter(|relu| consumers[layer + 1] == [*relu])?;
            let [pool] = consumers[relu + 1][..] else { return None };
            let size = layers[pool].layer.pools(network.shape_of(relu + 1))?;
            let needs_neither = gradients[relu] == Some(pool) && layers[layer].layer.fuses_pooling();
            (needs_neither && !profile.large_tiles).then_some((pool, size))
        };
        Self {
            pooled: all.clone().map(pooled).collect(),
            biases: all.map(biases).collect(),
            forward,
            gradients,
        }
    }
}
