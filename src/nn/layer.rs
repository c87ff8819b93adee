//! What a layer is: its shapes, its parameters, its plans on the GPU and its plain-loop twin.

use std::ops::RangeInclusive;

use toml::Table;

use super::{Init, Shape, Tensor};
use crate::error::Result;
use crate::gpu::{BufferRange, Plan, PlanBuilder};

/// One layer of a network, without its weights.
pub trait Layer {
    /// The field's name for it, as a network file writes it: `conv2d`.
    fn kind(&self) -> &'static str;

    /// The start of the names given to such layers: `conv`.
    fn short_name(&self) -> &'static str;

    /// Its settings in a few words: `5×5, 16 filters, pad 2`.
    fn summary(&self) -> String;

    /// Its settings as a network file holds them (without `kind`, `name` and `inputs`).
    fn settings(&self) -> Table;

    /// How many inputs it takes.
    fn inputs(&self) -> RangeInclusive<usize> {
        1..=1
    }

    /// The shape it makes of inputs of these shapes, as many as [`Layer::inputs`] allows.
    ///
    /// # Errors
    /// When they do not fit, with the shapes.
    fn output(&self, inputs: &[Shape]) -> Result<Shape>;

    /// Its parameter tensors for inputs of these shapes.
    fn parameters(&self, _inputs: &[Shape]) -> Vec<ParameterSpec> {
        Vec::new()
    }

    /// Multiply-adds, counted twice, of one image's forward pass.
    fn flops(&self, _inputs: &[Shape]) -> u64 {
        0
    }

    /// Whether it is relu, which another layer may make together with its output.
    fn is_relu(&self) -> bool {
        false
    }

    /// Whether it can make relu of its output too (see [`LayerBuild::rectified`]).
    fn makes_relu(&self) -> bool {
        false
    }

    /// Prepares its dispatches.
    ///
    /// # Errors
    /// When a buffer does not fit the adapter.
    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans>;

    /// Forward pass in plain loops.
    fn forward_twin(&self, call: &TwinCall<'_>) -> Tensor;

    /// Backward pass in plain loops.
    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients;
}

/// What a parameter tensor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Trained, and decays.
    Weight,
    /// Trained, and does not decay.
    Bias,
    /// Running statistics: not trained, the step takes their "gradient" away as it is.
    Statistic,
}

/// One parameter tensor of a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterSpec {
    /// Its name within the layer: `weight`, `bias`.
    pub name: &'static str,
    /// `[out, in, ky, kx]` of weights, `[out]` of all else.
    pub shape: Vec<usize>,
    /// What it is for.
    pub role: Role,
    /// How it begins.
    pub init: Init,
}

impl ParameterSpec {
    /// Weights `[out, in, ky, kx]`.
    pub fn weight(shape: [usize; 4], init: Init) -> Self {
        Self { name: "weight", shape: shape.to_vec(), role: Role::Weight, init }
    }

    /// One bias an output, from zero.
    pub fn bias(outputs: usize) -> Self {
        Self::per_channel("bias", outputs, Role::Bias, Init::Zero)
    }

    /// One value a channel.
    pub fn per_channel(name: &'static str, channels: usize, role: Role, init: Init) -> Self {
        Self { name, shape: vec![channels], role, init }
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How a pass is meant. The trained columns of a training pass are in training; the probes, and all columns of an
/// evaluation, are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Random layers draw, normalisation uses the batch.
    Training(Draw),
    /// Random layers let pass, normalisation uses running statistics.
    Evaluation,
}

/// What random layers draw from: a function of these and of the element alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Draw {
    /// The run's seed, low and high word.
    pub seed: [u32; 2],
    /// Steps finished.
    pub step: u32,
    /// The layer's index in the network.
    pub layer: u32,
    /// Place in the batch of the first image.
    pub first: u32,
}

/// What a twin works on.
#[derive(Debug, Clone, Copy)]
pub struct TwinCall<'a> {
    /// The inputs, of as many images each.
    pub inputs: &'a [Tensor],
    /// The parameter tensors, in the order of [`Layer::parameters`].
    pub parameters: &'a [Vec<f64>],
    /// How the pass is meant.
    pub mode: Mode,
}

impl TwinCall<'_> {
    /// Shapes of the inputs.
    pub fn shapes(&self) -> Vec<Shape> {
        self.inputs.iter().map(|input| input.shape).collect()
    }
}

/// What a backward twin makes.
#[derive(Debug, Clone, PartialEq)]
pub struct TwinGradients {
    /// Gradient of each input.
    pub inputs: Vec<Tensor>,
    /// Gradient of each parameter tensor; of statistics, what a batch of these images takes away from them.
    pub parameters: Vec<Vec<f64>>,
}

impl TwinGradients {
    /// Of a layer with one input and no parameters.
    pub fn of_input(input: Tensor) -> Self {
        Self { inputs: vec![input], parameters: Vec::new() }
    }
}

/// The columns of a batch: quads of four images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    /// Quads that are trained on; they come first.
    pub train_quads: usize,
    /// All quads, the probes' included.
    pub quads: usize,
}

/// One input of a layer.
#[derive(Debug, Clone)]
pub struct Port {
    /// Its shape.
    pub shape: Shape,
    /// `[c, y, x, n]` of its values.
    pub values: BufferRange,
    /// Where its gradient goes, if something below learns.
    pub gradient: Option<BufferRange>,
}

/// What of the batch a layer may read.
#[derive(Debug, Clone)]
pub struct BatchBuffers {
    /// The drawn columns (see [`crate::data::Column`]).
    pub columns: BufferRange,
    /// The clock (see [`crate::data::Clock`]).
    pub clock: BufferRange,
    /// The seed (see [`crate::data::Sampling`]).
    pub sampling: BufferRange,
}

/// What a layer's dispatches read and write.
pub struct LayerBuild<'a> {
    /// The device.
    pub gpu: &'a crate::gpu::Gpu,
    /// The layer's name, for labels.
    pub name: &'a str,
    /// The layer's index in the network.
    pub index: usize,
    /// Whether its parameters are trained; a frozen layer makes no gradients of them.
    pub trains: bool,
    /// The batch.
    pub columns: Columns,
    /// What of the batch it may read.
    pub batch: &'a BatchBuffers,
    /// The inputs.
    pub inputs: Vec<Port>,
    /// Shape of its output.
    pub output_shape: Shape,
    /// `[c, y, x, n]` of the output.
    pub output: BufferRange,
    /// Where relu of the output goes too, if it is to make that, so that it is not read again.
    pub rectified: Option<BufferRange>,
    /// Gradient of the output.
    pub output_gradient: BufferRange,
    /// The flat parameter buffer.
    pub parameters: BufferRange,
    /// The flat gradient buffer, to which gradients are added.
    pub gradients: BufferRange,
    /// First element in the flat buffers of each parameter tensor, in the order of [`Layer::parameters`].
    pub offsets: Vec<usize>,
}

/// A layer's dispatches. Private buffers live on in their bind groups.
#[derive(Default)]
pub struct LayerPlans {
    /// Once before the forward passes of a step: weights packed for the kernels.
    pub prepare: Plan,
    /// Forward.
    pub forward: Plan,
    /// Forward in an evaluation, where that is something else.
    pub evaluation: Option<Plan>,
    /// Backward: adds to the parameter gradients, writes the input gradients.
    pub backward: Plan,
}

impl<'a> LayerBuild<'a> {
    /// A new plan on the layer's device.
    pub fn plan(&self) -> PlanBuilder<'a> {
        PlanBuilder::new(self.gpu)
    }

    /// A label of a dispatch: `conv1 forward`.
    pub fn label(&self, what: &str) -> String {
        format!("{} {what}", self.name)
    }

    /// The only, or first, input.
    pub fn input(&self) -> &Port {
        &self.inputs[0]
    }

    /// Quads of values of a map of this shape over all columns.
    pub fn count(&self, shape: Shape) -> u32 {
        (shape.len() * self.columns.quads) as u32
    }

    /// A thread a quad of every pixel: quads and columns in x, rows in y, channels in z.
    pub fn map_threads(&self, shape: Shape) -> [u32; 3] {
        [shape.width * self.columns.quads, shape.height, shape.channels].map(|n| n as u32)
    }
}
