//! A network as a graph of layers with their shapes, without cycles, in an order in which every input comes first.

mod file;
mod presets;
#[cfg(test)]
mod tests;

use super::layers::MAX_INPUTS;
use super::{Layer, Loss, ParameterSpec, Role, Shape};
use crate::error::{Error, Result};

pub use presets::preset_names;

/// A layer in its network.
pub struct NetworkLayer {
    /// Name, unique in the network.
    pub name: String,
    /// The layer.
    pub layer: Box<dyn Layer>,
    /// Input nodes: 0 is the image, i + 1 the output of layer i.
    pub inputs: Vec<usize>,
    /// Shapes of the inputs.
    pub input_shapes: Vec<Shape>,
    /// Shape of the output.
    pub output: Shape,
    /// True if the parameters are frozen; not part of the network's file.
    pub frozen: bool,
}

impl NetworkLayer {
    /// Parameter tensors.
    pub fn parameters(&self) -> Vec<ParameterSpec> {
        self.layer.parameters(&self.input_shapes)
    }

    /// True if it has parameters that are trained.
    pub fn trains(&self) -> bool {
        !self.frozen && self.parameters().iter().any(|tensor| tensor.role != Role::Buffer)
    }

    /// Number of parameters, running statistics included.
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().map(ParameterSpec::len).sum()
    }
}

/// A network for images of one shape and a number of classes.
pub struct Network {
    /// Name.
    pub name: String,
    /// Shape of an image.
    pub input: Shape,
    /// Number of classes.
    pub classes: usize,
    /// The training objective.
    pub loss: Loss,
    /// Layers, inputs before their consumers; the last makes `classes × 1 × 1` logits, or the shape that the loss needs.
    pub layers: Vec<NetworkLayer>,
}

impl Network {
    /// Nodes of the layers that rectify: their outputs are 0 or more.
    pub fn rectified(&self) -> Vec<usize> {
        let rectifies = |index: &usize| self.layers[*index].layer.kind() == "relu";
        (0..self.layers.len()).filter(rectifies).map(|index| index + 1).collect()
    }

    /// Shape of a node: the image (0) or the output of layer `node − 1`.
    pub fn shape_of(&self, node: usize) -> Shape {
        if node == 0 { self.input } else { self.layers[node - 1].output }
    }

    /// Layers that take a node (0 is the image) as input, once for each use.
    pub fn consumers(&self, node: usize) -> Vec<usize> {
        let times = |(index, layer): (usize, &NetworkLayer)| {
            vec![index; layer.inputs.iter().filter(|i| **i == node).count()]
        };
        self.layers.iter().enumerate().flat_map(times).collect()
    }

    /// An error unless every layer but the last has a consumer, and no more than a sum of gradients takes.
    fn check_all_used(&self) -> Result<()> {
        for (index, layer) in self.layers.iter().enumerate() {
            let consumers = self.consumers(index + 1).len();
            if consumers == 0 && index + 1 < self.layers.len() {
                let what = format!("layer {}: nothing takes its output", layer.name);
                return Err(Error::new(what, "name it among the `inputs` of a later layer, or leave it out"));
            }
            if consumers > MAX_INPUTS {
                let what = format!("layer {}: its output is taken {consumers} times", layer.name);
                return Err(Error::new(what, format!("let at most {MAX_INPUTS} layers take it")));
            }
        }
        Ok(())
    }

    /// An error unless the last layer's output fits the loss.
    fn check_output(&self) -> Result<()> {
        let last = self.layers.last().expect("a network has a layer");
        let wanted = self.loss.output(self.input, self.classes);
        if last.output == wanted {
            return Ok(());
        }
        if !self.loss.has_classes() {
            let what = format!("layer {}: it makes {}, and the image is {wanted}", last.name, last.output);
            return Err(Error::new(what, "end the network with a layer that makes the image's shape"));
        }
        Err(Error::new(
            format!(
                "layer {}: it makes {}, and {} classes need {wanted}",
                last.name, last.output, self.classes
            ),
            "end the network with a dense layer without `units`",
        ))
    }

    /// Number of weights, biases and running statistics.
    pub fn parameter_count(&self) -> usize {
        self.layers.iter().map(NetworkLayer::parameter_count).sum()
    }

    /// True for each node (0 is the image) at or above a trained layer, which has a gradient.
    pub fn learns(&self) -> Vec<bool> {
        let mut learns = vec![false];
        for layer in &self.layers {
            let own = layer.trains();
            learns.push(own || layer.inputs.iter().any(|node| learns[*node]));
        }
        learns
    }

    /// Floating-point operations of one image's training step: forward, the weight gradient where the layer trains,
    /// and the input gradient where something below learns.
    pub fn training_flops(&self) -> u64 {
        let learns = self.learns();
        let flops = |layer: &NetworkLayer| {
            let below = layer.inputs.iter().any(|node| learns[*node]);
            (1 + u64::from(layer.trains()) + u64::from(below)) * layer.layer.flops(&layer.input_shapes)
        };
        self.layers.iter().map(flops).sum()
    }
}
