//! Signs that a filter does little, beside the loss without it: counts of its activations over images, and the filter of its layer
//! whose kernel is most like its own.

use super::network::Network;
use super::parameters::Parameters;
use crate::data::Sample;
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder, Source, Stage};
use crate::nn::twin::KernelTwin;
use crate::{params, wgsl};

const FILTER_SIGNS: Source = wgsl!("nn/filter_signs.wgsl", Sample, NearestKernel, FilterSignParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] = &[
    ("nn/filter_signs.wgsl", "count_channels", "nn::twin::channel_counts"),
    ("nn/filter_signs.wgsl", "multiply_kernels", "nn::twin::nearest_kernel"),
    ("nn/filter_signs.wgsl", "find_nearest_kernels", "nn::twin::nearest_kernel"),
];
/// Most filters of a layer whose kernels are compared with each other.
const MAX_COMPARED: usize = 1024;
/// Multiplications of kernels in a dispatch, so that none takes long on a software adapter.
const MAX_PRODUCTS: usize = 1 << 25;

params! {
    struct FilterSignParams {
        /// Filters of the layer, and the place of the first among all.
        rows: u32,
        first: u32,
        /// Quads of a channel over its pixels and images, or weights of a kernel.
        len: u32,
        /// Quads of images.
        row_quads: u32,
        /// Form of saturation: 0 none, 1 near 0 and 1, 2 near −1 and 1.
        saturates: u32,
        /// First weight of the layer.
        offset: u32,
        /// Kernels of a dispatch.
        begin: u32,
        end: u32,
    }
}

params! {
    /// The filter of a layer whose kernel is most like that of one of them.
    pub struct NearestKernel {
        /// Cosine of the two kernels, −1 to 1.
        cosine: f32,
        /// Its index in the layer; [`NearestKernel::NONE`] without another one that has weights.
        other: u32,
        /// Norm of the filter's own kernel.
        norm: f32,
    }
}

impl NearestKernel {
    /// Stands for no other filter.
    pub const NONE: u32 = u32::MAX;
}

/// A layer with filters.
#[derive(Debug, Clone, PartialEq)]
pub struct SignLayer {
    /// Index of the layer.
    pub layer: usize,
    /// Place of its first filter among all.
    pub first: usize,
    /// Number of its filters.
    pub filters: usize,
    /// Weights of each.
    pub weights: usize,
    /// Name of the activation function whose outputs are its responses; none where its own outputs are.
    pub function: Option<&'static str>,
    /// Values of a channel of an image.
    pub pixels: usize,
    /// Its kernels are compared with each other.
    pub compared: bool,
}

/// Buffers that the signs are taken from.
pub struct SignSources<'a> {
    /// The images' samples.
    pub samples: BufferRange,
    /// Slots of the images, none of them a probe.
    pub slots: usize,
    /// Activations by node.
    pub activations: &'a [BufferRange],
    /// The flat weights.
    pub values: &'a Buffer<f32>,
}

/// Signs of all filters of a network.
pub struct FilterSigns {
    /// The layers with filters.
    pub layers: Vec<SignLayer>,
    /// Of each filter the number of activations above 0 and that of saturated ones; to be set to 0 before the first images.
    pub counts: Buffer<[u32; 2]>,
    /// Of each filter the one that is most like it.
    pub nearest: Buffer<NearestKernel>,
    /// The dispatches that add the counts of some images.
    pub count: Plan,
    /// The dispatches that compare the kernels.
    pub compare: Plan,
}

/// Form of saturation of an activation function.
fn saturation(function: Option<&str>) -> u32 {
    ["", "sigmoid", "tanh"].iter().position(|name| function == Some(name)).unwrap_or(0) as u32
}

impl FilterSigns {
    /// Prepares the signs of a network; `responses` gives for each node the one at which its filters' responses are read.
    ///
    /// # Errors
    /// When a buffer does not fit the adapter.
    pub(super) fn new(
        gpu: &Gpu,
        network: &Network,
        parameters: &Parameters,
        sources: &SignSources<'_>,
        responses: impl Fn(usize) -> usize,
    ) -> Result<Self> {
        let mut layers: Vec<(SignLayer, usize)> = Vec::new();
        let mut first = 0;
        for (index, layer) in network.layers.iter().enumerate().filter(|(_, l)| !l.filter_ids.is_empty()) {
            let (filters, node) = (layer.filter_ids.len(), responses(index + 1));
            let kind = network.layers[node - 1].layer.kind();
            let of = SignLayer {
                layer: index,
                first,
                filters,
                weights: layer.parameters()[0].len() / filters,
                function: (node > index + 1).then_some(kind),
                pixels: network.shape_of(node).pixels(),
                compared: filters <= MAX_COMPARED,
            };
            layers.push((of, node));
            first += filters;
        }
        let counts = Buffer::zeroed(gpu, "counts of activations", first.max(1));
        let nearest = Buffer::zeroed(gpu, "kernels that are alike", first.max(1));
        let stage = Stage::new(gpu, &FILTER_SIGNS, &[])
            .with("samples", sources.samples.clone())
            .with("counts", counts.range())
            .with("values", sources.values.range())
            .with("nearest", nearest.range());
        let (mut count, mut compare) = (PlanBuilder::new(gpu), PlanBuilder::new(gpu));
        for (layer, node) in &layers {
            let params = FilterSignParams {
                rows: layer.filters as u32,
                first: layer.first as u32,
                len: (layer.pixels * sources.slots / 4) as u32,
                row_quads: (sources.slots / 4) as u32,
                saturates: saturation(layer.function),
                ..bytemuck::Zeroable::zeroed()
            };
            let stage = stage.clone().with("activations", sources.activations[*node].clone());
            stage.dispatch(&mut count, "count_channels", &params, [64 * params.rows, 1, 1])?;
            if layer.compared {
                let offset = parameters.offsets[layer.layer][0];
                compare_kernels(gpu, &mut compare, &stage, layer, (offset, params))?;
            }
        }
        let layers = layers.into_iter().map(|(layer, _)| layer).collect();
        Ok(Self { layers, counts, nearest, count: count.finish(), compare: compare.finish() })
    }
}

/// The dispatches that compare the kernels of a layer, from its first weight on.
fn compare_kernels<'g>(
    gpu: &'g Gpu,
    plan: &mut PlanBuilder<'g>,
    stage: &Stage<'g>,
    layer: &SignLayer,
    (offset, params): (usize, FilterSignParams),
) -> Result<()> {
    let products = Buffer::<f32>::zeroed(gpu, "products of kernels", layer.filters * layer.filters);
    let stage = stage.clone().with("products", products.range()).with("products_in", products.range());
    let params = FilterSignParams { len: layer.weights as u32, offset: offset as u32, ..params };
    let rows = (MAX_PRODUCTS / (layer.filters * layer.weights).max(1)).max(1);
    for begin in (0..layer.filters).step_by(rows) {
        let end = (begin + rows).min(layer.filters);
        let params = FilterSignParams { begin: begin as u32, end: end as u32, ..params };
        let threads = (end - begin) * layer.filters;
        let flops = 2 * threads * layer.weights;
        let dispatch = stage.begin(plan, "multiply_kernels", &params)?;
        dispatch.flops(flops as u64).threads([threads as u32, 1, 1])?;
    }
    stage.dispatch(plan, "find_nearest_kernels", &params, [params.rows, 1, 1])
}
