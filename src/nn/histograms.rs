//! Histograms of a training step, computed from its own buffers: activations of each layer, weights, gradients, and the ratio of each
//! weight's change to what it was.
//!
//! Bins are by sign and magnitude, an octave or half of one wide: a value's bin is the exponent of its bits, so that counts are exact
//! on every adapter. The counts of up to [`COLUMNS`] steps stay on the GPU, and a picture of them, [`BINS`] rows high, one for each
//! layer and quantity, is drawn from there; only the numbers of the last step are read back.

use super::parameters::Parameters;
use super::shape::Shape;
use crate::data::Sample;
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder, Source, Stage, TensorView};
use crate::nn::twin::KernelTwin;
use crate::{params, wgsl};

const HISTOGRAMS: Source = wgsl!("nn/histograms.wgsl", Sample, HistogramParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] = &[
    ("nn/histograms.wgsl", "count_activations", "nn::twin::bin_of, and nn::twin::unit_counts"),
    ("nn/histograms.wgsl", "count_values", "nn::twin::bin_of, and nn::twin::histogram"),
    ("nn/histograms.wgsl", "count_ratios", "nn::twin::ratio_bin, and nn::twin::histogram"),
    ("nn/histograms.wgsl", "draw_strips", "nn::twin::strip_column"),
];

/// Bins of a histogram.
pub const BINS: usize = 65;
/// Steps that are kept, and columns of a picture.
pub const COLUMNS: usize = 128;
/// Place of a column where there is no step.
const NOWHERE: u32 = u32::MAX;
/// Values that a workgroup counts.
const PIECE: usize = 1 << 12;
/// Numbers of a layer behind the histograms.
const NUMBERS: usize = 3;

params! {
    struct HistogramParams {
        /// First counter, and the first number of the layer.
        first: u32,
        numbers: u32,
        /// Bits below the part of a value that tells its bin, and the smallest such part that is not in the middle.
        shift: u32,
        lowest: u32,
        /// Workgroups.
        groups: u32,
        /// Values of a tensor, quads of a channel, or counters of a step.
        len: u32,
        /// First value of a tensor, and values of a workgroup.
        offset: u32,
        piece: u32,
        /// Quads of all slots of a pixel, and those before the probes.
        row_quads: u32,
        train_quads: u32,
        /// Form of saturation: 0 none, 1 near 0 and 1, 2 near −1 and 1.
        saturates: u32,
    }
}

/// Quantity of which there are histograms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Outputs of a layer for the images of the batch, or of its last pass.
    Activations,
    /// Weights after the step, biases left out.
    Weights,
    /// Gradients of the weights.
    Gradients,
    /// Magnitude of the change of each weight by the step, in proportion to the weight before.
    Ratios,
}

/// Width and place of the bins of a quantity with a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Bins of an octave, 1 or 2.
    pub per_octave: usize,
    /// Exponent of two of the smallest magnitude that is not in the middle bin.
    pub lowest: i32,
}

impl Quantity {
    /// All, in the order of their series.
    pub const ALL: [Self; 4] = [Self::Activations, Self::Weights, Self::Gradients, Self::Ratios];

    /// Scale of the bins; for ratios that of their octaves, which have no sign.
    pub fn scale(self) -> Scale {
        match self {
            Self::Activations | Self::Weights => Scale { per_octave: 2, lowest: -12 },
            Self::Gradients => Scale { per_octave: 1, lowest: -28 },
            Self::Ratios => Scale { per_octave: 1, lowest: -31 },
        }
    }
}

/// A layer whose histograms are counted.
pub struct HistogramLayer {
    /// Its node.
    pub node: usize,
    /// Shape of its output.
    pub shape: Shape,
    /// First weight and number of weights, where it has any.
    pub weights: Option<(usize, usize)>,
    /// Form of saturation: 0 none, 1 near 0 and 1, 2 near −1 and 1.
    pub saturates: u32,
}

/// Buffers of a step that histograms are counted from.
pub struct HistogramSources<'a> {
    /// Drawn samples.
    pub samples: BufferRange,
    /// Activations by node.
    pub activations: &'a [BufferRange],
    /// Quads of all slots, and those before the probes.
    pub quads: [usize; 2],
    /// Parameters and gradients.
    pub parameters: &'a Parameters,
    /// Writes what the step leaves out of the activations.
    pub left_out: &'a Plan,
}

/// Counts of the steps that are kept, and their picture.
pub struct Strips {
    /// `[place][series, bin]`, then the numbers of the layers.
    pub kept: Buffer<u32>,
    order: Buffer<u32>,
    picture: Buffer<f32>,
    draw: Plan,
    layers: usize,
}

/// Counters of a step with this number of layers.
fn counters(layers: usize) -> usize {
    layers * (Quantity::ALL.len() * BINS + NUMBERS)
}

impl Strips {
    /// No steps, of `layers` layers.
    ///
    /// # Errors
    /// When a buffer does not fit the adapter.
    pub fn new(gpu: &Gpu, layers: usize) -> Result<Self> {
        let series = Quantity::ALL.len() * layers.max(1);
        let kept = Buffer::zeroed(gpu, "histograms", counters(layers.max(1)) * COLUMNS);
        let order = Buffer::from_slice(gpu, "order of histograms", &[NOWHERE; COLUMNS]);
        let picture = Buffer::zeroed(gpu, "picture of histograms", series * BINS * COLUMNS);
        let stage = Stage::new(gpu, &HISTOGRAMS, &[("BINS", BINS as u32), ("COLUMNS", COLUMNS as u32)])
            .with("kept", kept.range())
            .with("order", order.range())
            .with("picture", picture.range());
        let groups = (series * COLUMNS) as u32;
        let params = HistogramParams { groups, len: counters(layers) as u32, ..bytemuck::Zeroable::zeroed() };
        let mut draw = PlanBuilder::new(gpu);
        stage.dispatch(&mut draw, "draw_strips", &params, [groups * 64, 1, 1])?;
        Ok(Self { kept, order, picture, draw: draw.finish(), layers })
    }

    /// Records the picture of the steps at these places, oldest first, over its whole width.
    pub fn draw(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, places: &[u32]) {
        let place = |column: usize| places.get(column * places.len() / COLUMNS).copied().unwrap_or(NOWHERE);
        let order: Vec<u32> = (0..COLUMNS).map(place).collect();
        self.order.write(gpu, 0, &order);
        self.draw.encode(encoder);
    }

    /// Records that a layer has none of a quantity in the step at a place: its column stays dark.
    pub fn leave_out(&self, encoder: &mut wgpu::CommandEncoder, (of, layer): (Quantity, usize), place: u32) {
        let first = place as usize * counters(self.layers) + (of as usize * self.layers + layer) * BINS;
        encoder.clear_buffer(self.kept.raw(), 4 * first as u64, Some(4 * BINS as u64));
    }

    /// View of the picture of a quantity, one tile a layer: the rows of the bins `from` to `to`, the largest on top.
    pub fn view(&self, of: Quantity, [from, to]: [usize; 2]) -> TensorView {
        let (first, tile) = (of as usize * self.layers, BINS * COLUMNS);
        TensorView {
            buffer: self.picture.raw().clone(),
            offset: (first * tile + (BINS - 1 - to) * COLUMNS) as u32,
            extents: [self.layers as u32, 1, (to + 1 - from) as u32, COLUMNS as u32],
            strides: [tile as u32, 0, COLUMNS as u32, 1],
        }
    }

    /// Brightness `[series, bin, column]`, the largest value on top, for tests. Waits for the GPU.
    pub fn read(&self, gpu: &Gpu) -> Vec<f32> {
        self.picture.read(gpu)
    }
}

/// The dispatches that count a step.
pub struct Histograms {
    /// `[series, bin]`, then of each layer the channels that did not fire, the saturated values, and all activations.
    pub counts: Buffer<u32>,
    /// The weights before the step; to be copied before it.
    pub before: Buffer<f32>,
    plan: Plan,
}

impl Histograms {
    /// Prepares the counting.
    ///
    /// # Errors
    /// When a buffer does not fit the adapter.
    pub fn new(gpu: &Gpu, layers: &[HistogramLayer], of: &HistogramSources<'_>) -> Result<Self> {
        let parameters = of.parameters;
        let counts = Buffer::zeroed(gpu, "counts", counters(layers.len().max(1)));
        let before = Buffer::zeroed(gpu, "weights before a step", parameters.values.len());
        let stage = Stage::new(gpu, &HISTOGRAMS, &[("BINS", BINS as u32), ("COLUMNS", COLUMNS as u32)])
            .with("samples", of.samples.clone())
            .with("counts", counts.range());
        let mut plan = PlanBuilder::new(gpu);
        plan.extend(of.left_out);
        let numbers = layers.len() * Quantity::ALL.len() * BINS;
        for (index, layer) in layers.iter().enumerate() {
            let params = |of: Quantity| params(of, index, layers.len());
            let [row_quads, train_quads] = of.quads.map(|quads| quads as u32);
            let channels = layer.shape.channels as u32;
            let activations = HistogramParams {
                numbers: (numbers + NUMBERS * index) as u32,
                groups: channels,
                len: (layer.shape.len() / layer.shape.channels) as u32 * row_quads,
                row_quads,
                train_quads,
                saturates: layer.saturates,
                ..params(Quantity::Activations)
            };
            let stage = stage.clone().with("activations", of.activations[layer.node].clone());
            stage.dispatch(&mut plan, "count_activations", &activations, [channels * 64, 1, 1])?;
            let Some((offset, len)) = layer.weights else { continue };
            let groups = len.div_ceil(PIECE) as u32;
            for quantity in &Quantity::ALL[1..] {
                let is_gradient = *quantity == Quantity::Gradients;
                let values = if is_gradient { &parameters.last_gradients } else { &parameters.values };
                let stage = stage.clone().with("values", values.range()).with("before", before.range());
                let entry = if *quantity == Quantity::Ratios { "count_ratios" } else { "count_values" };
                let [len, offset, piece] = [len, offset, PIECE].map(|n| n as u32);
                let params = HistogramParams { groups, len, offset, piece, ..params(*quantity) };
                stage.dispatch(&mut plan, entry, &params, [groups * 64, 1, 1])?;
            }
        }
        Ok(Self { counts, before, plan: plan.finish() })
    }

    /// Byte at which the numbers of the layers begin in the counts, and their bytes.
    pub fn numbers(layers: usize) -> [u64; 2] {
        [Quantity::ALL.len() * BINS, NUMBERS].map(|each| 4 * (each * layers) as u64)
    }

    /// Records the counting of a step that was just recorded, and the copy of its counts to a place.
    pub fn count(&self, encoder: &mut wgpu::CommandEncoder, to: &Strips, place: u32) {
        encoder.clear_buffer(self.counts.raw(), 0, None);
        self.plan.encode(encoder);
        let bytes = 4 * counters(to.layers) as u64;
        let first = u64::from(place) * bytes;
        encoder.copy_buffer_to_buffer(self.counts.raw(), 0, to.kept.raw(), first, bytes);
    }
}

/// First counter and bins of a series.
fn params(of: Quantity, layer: usize, layers: usize) -> HistogramParams {
    let Scale { per_octave, lowest } = of.scale();
    let halves = per_octave.ilog2();
    HistogramParams {
        first: ((of as usize * layers + layer) * BINS) as u32,
        shift: 23 - halves,
        lowest: ((127 + lowest) as u32) << halves,
        ..bytemuck::Zeroable::zeroed()
    }
}
