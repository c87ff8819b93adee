//! Input and result of building a layer: its buffers, and its plans.

use super::shape::Shape;
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
    /// Gradient of the output.
    pub output_gradient: BufferRange,
    /// The flat parameter buffer.
    pub parameters: BufferRange,
    /// The flat gradient buffer, to which gradients are added.
    pub gradients: BufferRange,
    /// First element in the flat buffers of each parameter tensor, in the order of [`super::Layer::parameters`].
    pub offsets: Vec<usize>,
}

/// A layer's dispatches. Private buffers live on in their bind groups.
#[derive(Default)]
pub struct LayerPlans {
    /// Once before the forward passes of a step: weights packed for the kernels.
    pub prepare: Plan,
    /// Forward.
    pub forward: Plan,
    /// Forward in an evaluation, where that differs.
    pub evaluation: Option<Plan>,
    /// Backward: adds to the parameter gradients, writes the input gradients.
    pub backward: Plan,
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
