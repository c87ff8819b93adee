//! What a layer is: its shapes, its parameters, its plans on the GPU and its plain-loop twin.

use toml::Table;

use super::{Shape, Tensor};
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

    /// Its settings as a network file holds them (without `kind` and `name`).
    fn settings(&self) -> Table;

    /// The shape it makes of `input`.
    ///
    /// # Errors
    /// When it does not fit, with both shapes.
    fn output(&self, input: Shape) -> Result<Shape>;

    /// Shape `[out, in, ky, kx]` of its weights, where it has any; then there is a bias of `out` values too.
    fn weights(&self, _input: Shape) -> Option<[usize; 4]> {
        None
    }

    /// Multiply-adds, counted twice, of one image's forward pass.
    fn flops(&self, _input: Shape) -> u64 {
        0
    }

    /// Prepares its dispatches.
    ///
    /// # Errors
    /// When a buffer does not fit the adapter.
    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans>;

    /// Forward pass in plain loops; `parameters` are the weights, then the biases.
    fn forward_twin(&self, input: &Tensor, parameters: &[f64]) -> Tensor;

    /// Backward pass in plain loops: the gradients of the input and of the parameters.
    fn backward_twin(
        &self,
        input: &Tensor,
        parameters: &[f64],
        output_gradient: &Tensor,
    ) -> (Tensor, Vec<f64>);
}

/// The columns of a batch: quads of four images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    /// Quads that are trained on; they come first.
    pub train_quads: usize,
    /// All quads, the probes' included.
    pub quads: usize,
}

/// Where a layer's weights and biases lie in the flat parameter, gradient and moment buffers, in elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterSlot {
    /// First weight.
    pub weight_offset: usize,
    /// First bias.
    pub bias_offset: usize,
}

/// What a layer's dispatches read and write.
pub struct LayerBuild<'a> {
    /// The device.
    pub gpu: &'a crate::gpu::Gpu,
    /// The layer's name, for labels.
    pub name: &'a str,
    /// Shape of its input.
    pub input_shape: Shape,
    /// Shape of its output.
    pub output_shape: Shape,
    /// The batch.
    pub columns: Columns,
    /// `[c, y, x, n]` of the input.
    pub input: BufferRange,
    /// `[c, y, x, n]` of the output.
    pub output: BufferRange,
    /// Gradient of the input, where something below learns.
    pub input_gradient: Option<BufferRange>,
    /// Gradient of the output.
    pub output_gradient: BufferRange,
    /// The flat parameter buffer.
    pub parameters: BufferRange,
    /// The flat gradient buffer, to which gradients are added.
    pub gradients: BufferRange,
    /// Where this layer's parameters are.
    pub slot: Option<ParameterSlot>,
}

/// A layer's dispatches. Private buffers live on in their bind groups.
#[derive(Default)]
pub struct LayerPlans {
    /// Once before the forward passes of a step: weights packed for the kernels.
    pub prepare: Plan,
    /// Forward.
    pub forward: Plan,
    /// Backward: adds to the parameter gradients, writes the input gradient.
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
}
