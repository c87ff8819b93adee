//! The trait of all layers: shapes, parameters, plans on the GPU, plain-loop twin.

use std::ops::RangeInclusive;

use toml::Table;

use super::layer_build::{LayerBuild, LayerPlans, WithoutChannel};
use super::parameter::ParameterSpec;
use super::receptive_field::ReceptiveField;
use super::recipe::Recipe;
use super::shape::Shape;
use super::tensor::Tensor;
use super::twin::{TwinCall, TwinGradients};
use crate::error::Result;
use crate::gpu::Plan;

/// Relation of a layer's output channels to those of its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// Channel c of the output comes from channel c of each input.
    Kept,
    /// The inputs' channels one after the other.
    Joined,
    /// Each comes from this number of neighbouring channels.
    Grouped(usize),
    /// Each pixel becomes a channel, `[c, y, x]`.
    Flattened,
    /// The layer's filters make them, in this number of groups.
    Made {
        /// Groups of channels: a filter sees only the inputs of its group.
        groups: usize,
    },
}

/// A setting that only is a number in a layer's dispatches: with another value every tensor, map and kernel is as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlainSetting {
    /// Name, as network files have it.
    pub name: &'static str,
    /// Meaning and range, for people.
    pub about: &'static str,
}

/// One layer of a network, without its parameter values.
pub trait Layer {
    /// Type, as network files write it: `conv2d`.
    fn kind(&self) -> &'static str;

    /// Stem of the default names: `conv`.
    fn short_name(&self) -> &'static str;

    /// Settings for people: `5×5, 16 filters, pad 2`.
    fn summary(&self) -> String;

    /// Settings as a network file holds them (without `kind`, `name` and `inputs`).
    fn settings(&self) -> Table;

    /// The settings among them that can be changed while it trains.
    fn plain_settings(&self) -> &'static [PlainSetting] {
        &[]
    }

    /// Number of inputs allowed.
    fn inputs(&self) -> RangeInclusive<usize> {
        1..=1
    }

    /// Relation of its output channels to its input channels.
    fn channels(&self) -> Channels {
        Channels::Kept
    }

    /// Groups of its channels that are normalized together, each of which gains or loses as many as the others; 1 for most layers.
    fn channel_groups(&self) -> usize {
        1
    }

    /// Pixels of its input that an output pixel reads.
    fn receptive_field(&self, _input: Shape) -> ReceptiveField {
        ReceptiveField::PIXEL
    }

    /// The making of value `[c, y, x]` of its output for a probe; none of layers whose kernels make it, which show products of maps.
    fn recipe(&self, _inputs: &[Shape], _at: [usize; 3]) -> Option<Recipe> {
        None
    }

    /// The layer with another number of filters and of groups of them; none where it does not choose its number of channels.
    fn resized(&self, _filters: usize, _groups: usize) -> Option<Box<dyn Layer>> {
        None
    }

    /// Output shape for these input shapes, as many as [`Layer::inputs`] allows.
    ///
    /// # Errors
    /// When they do not fit, with the shapes.
    fn output(&self, inputs: &[Shape]) -> Result<Shape>;

    /// Parameter tensors for these input shapes.
    fn parameters(&self, _inputs: &[Shape]) -> Vec<ParameterSpec> {
        Vec::new()
    }

    /// Floating-point operations (a multiply-add counts two) of one image's forward pass.
    fn flops(&self, _inputs: &[Shape]) -> u64 {
        0
    }

    /// Values of the 16-bit copies that a pass of one image keeps of its input, and of its output's gradient for as long as its own backward
    /// pass, in mixed precision.
    fn half_values(&self, _inputs: &[Shape]) -> [usize; 2] {
        [0; 2]
    }

    /// True of activation functions and normalizations: in an evaluation every output value is a function of the input value
    /// at the same position alone, and not that value itself. A filter's response is read after them.
    fn is_elementwise(&self) -> bool {
        false
    }

    /// Fewest values of a channel, over the pixels and images of a pass, on which it can be trained.
    fn least_values(&self) -> usize {
        1
    }

    /// True if this layer's forward pass can write the output of `next`, too (see [`LayerBuild::fused_output`]).
    fn fuses(&self, _next: &dyn Layer) -> bool {
        false
    }

    /// True if this layer's forward pass can also pool what it fuses (see [`LayerBuild::pooling`]).
    fn fuses_pooling(&self) -> bool {
        false
    }

    /// Side of its windows, if it is a max pooling whose square windows cover an input of this shape, each pixel once.
    fn pools(&self, _input: Shape) -> Option<usize> {
        None
    }

    /// True if this layer's backward pass can also make what `below`, whose output it alone takes, makes of that output's gradient: the
    /// input gradient of a relu, or the partial sums of a bias gradient.
    fn fuses_backward(&self, _below: &dyn Layer) -> bool {
        false
    }

    /// Prepares the dispatches.
    ///
    /// # Errors
    /// When a buffer does not fit the adapter.
    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans>;

    /// The dispatches that make its output without one input channel from the whole one; none where that is no less work than to make
    /// it again.
    ///
    /// # Errors
    /// When a buffer does not fit the adapter.
    fn without_channel(&self, _build: &WithoutChannel<'_>) -> Result<Option<Plan>> {
        Ok(None)
    }

    /// Forward pass in plain loops.
    fn forward_twin(&self, call: &TwinCall<'_>) -> Tensor;

    /// Backward pass in plain loops.
    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients;
}
