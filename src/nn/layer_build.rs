//! Input and result of building a layer: its buffers, and its plans.

use super::packing::Packing;
use super::partial_sums::PartialSums;
use super::shape::Shape;
use crate::error::Result;
use crate::gpu::{BufferRange, Gpu, Plan, PlanBuilder};

/// Extent of a batch on the GPU, in quads of four slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchExtent {
    /// Quads that are trained on; they come first.
    pub train_quads: usize,
    /// All quads, those of the probes included.
    pub quads: usize,
}

/// One input of a layer.
#[derive(Debug, Clone)]
pub struct Port {
    /// Shape.
    pub shape: Shape,
    /// `[c, y, x, n]` of the values.
    pub values: BufferRange,
    /// `[c, y, x, n]` of the gradient, if something below learns.
    pub gradient: Option<BufferRange>,
}

/// Buffers of the batch that layers may read.
#[derive(Debug, Clone)]
pub struct BatchBuffers {
    /// Drawn samples, one per slot (see [`crate::data::Sample`]).
    pub samples: BufferRange,
    /// The clock (see [`crate::data::Clock`]).
    pub clock: BufferRange,
    /// The seed (see [`crate::data::Sampling`]).
    pub sampling: BufferRange,
}

/// A max pooling that is made by the convolution below the relu before it, over square windows that cover the map, each pixel once.
#[derive(Debug, Clone)]
pub struct Pooling {
    /// The pooling layer's name, for labels.
    pub name: String,
    /// Side of a window, in pixels.
    pub size: usize,
    /// Shape of its output.
    pub shape: Shape,
    /// `[c, y, x, n]` of its output.
    pub output: BufferRange,
    /// Place of each maximum in its window, row by row, a byte each: four images a word.
    pub places: BufferRange,
}

/// Buffers and sizes of one layer's dispatches.
pub struct LayerBuild<'a> {
    /// The device.
    pub gpu: &'a Gpu,
    /// The layer's name, for labels.
    pub name: &'a str,
    /// The layer's number, which the random numbers of dropout depend on.
    pub id: u32,
    /// False for a frozen layer: it makes no parameter gradients.
    pub trains: bool,
    /// Extent of the batch.
    pub extent: BatchExtent,
    /// Buffers of the batch.
    pub batch: &'a BatchBuffers,
    /// The inputs.
    pub inputs: Vec<Port>,
    /// Shape of the output.
    pub output_shape: Shape,
    /// `[c, y, x, n]` of the output.
    pub output: BufferRange,
    /// `[c, y, x, n]` of the next layer's output, if this layer writes that, too (see [`super::Layer::fuses`]).
    pub fused_output: Option<BufferRange>,
    /// The pooling of `fused_output`, if a convolution's training pass makes that, too: then it makes its own output and the relu for
    /// the probes alone. The pooling layer gets the same.
    pub pooling: Option<Pooling>,
    /// Gradient of the output.
    pub output_gradient: BufferRange,
    /// Gradient of the input of the relu below, if this layer's backward pass makes that, too; then it makes its own input gradient
    /// for the probes alone.
    pub rectified_gradient: Option<BufferRange>,
    /// First element and number of the biases below, if this layer's backward pass makes their partial sums.
    pub biases_below: Option<(usize, usize)>,
    /// Another layer makes the partial sums of this one's biases.
    pub leaves_biases: bool,
    /// The flat parameter buffer.
    pub parameters: BufferRange,
    /// Weights that are packed before the forward passes of a step.
    pub packing: &'a Packing,
    /// Room for partial sums of the gradients of parameters.
    pub partials: &'a PartialSums,
    /// First element in the flat buffers of each parameter tensor, in the order of [`super::Layer::parameters`].
    pub offsets: Vec<usize>,
}

/// Buffers and sizes of an output without one of the layer's input channels.
pub struct WithoutChannel<'a> {
    /// The device.
    pub gpu: &'a Gpu,
    /// The layer's name, for labels.
    pub name: &'a str,
    /// The layer's only input.
    pub input: Port,
    /// The channel of it that is left out.
    pub channel: usize,
    /// Shape of the output.
    pub output_shape: Shape,
    /// `[c, y, x, n]` of the output with the channel.
    pub whole: BufferRange,
    /// `[c, y, x, n]` of the output without it, to be written.
    pub output: BufferRange,
    /// `[c, y, x, n]` of the relu of the same, where this layer writes that, too (see [`super::Layer::fuses`]).
    pub rectified: Option<BufferRange>,
    /// The flat weights with the channel.
    pub parameters: BufferRange,
    /// First element of the layer's weights in them.
    pub offset: usize,
    /// Quads of slots of the batch.
    pub quads: usize,
}

/// A layer's dispatches. Private buffers live on in their bind groups.
#[derive(Default)]
pub struct LayerPlans {
    /// Forward.
    pub forward: Plan,
    /// Forward in an evaluation, where that differs: nothing is left out of the maps.
    pub evaluation: Option<Plan>,
    /// Backward: makes the partial sums of the parameter gradients, writes the input gradients.
    pub backward: Plan,
}

impl LayerPlans {
    /// Those of a layer whose forward pass is `whole`, and in a training step `pooled`, where it makes a pooling too.
    pub(super) fn with_pooling(whole: Plan, pooled: Option<Plan>, backward: Plan) -> Self {
        match pooled {
            Some(forward) => Self { forward, evaluation: Some(whole), backward },
            None => Self { forward: whole, evaluation: None, backward },
        }
    }
}

impl<'a> LayerBuild<'a> {
    /// An empty plan on the layer's device.
    pub fn plan(&self) -> PlanBuilder<'a> {
        PlanBuilder::new(self.gpu)
    }

    /// Label of a dispatch: `conv1 forward`.
    pub fn label(&self, what: &str) -> String {
        format!("{} {what}", self.name)
    }

    /// Room for `rows` partial sums of the gradients of each of `len` parameters from tensor `tensor` on, `[row, parameter]`: each
    /// pass writes all of them.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub fn partial_sums(&self, tensor: usize, len: usize, rows: usize) -> Result<BufferRange> {
        let what = self.label("partial sums of the gradient");
        self.partials.reserve(self.gpu, &what, (self.offsets[tensor], len), rows)
    }

    /// The only, or first, input.
    pub fn input(&self) -> &Port {
        &self.inputs[0]
    }

    /// Quads of values of a map of this shape over all slots.
    pub fn count(&self, shape: Shape) -> u32 {
        (shape.len() * self.extent.quads) as u32
    }

    /// One thread per quad of every pixel: columns and quads in x, rows in y, channels in z.
    pub fn map_threads(&self, shape: Shape) -> [u32; 3] {
        [shape.width * self.extent.quads, shape.height, shape.channels].map(|n| n as u32)
    }
}
