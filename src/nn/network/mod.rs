//! A network as a graph of layers with their shapes, without cycles, in an order in which every input comes first.

mod file;
mod presets;
mod receptive;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::rc::Rc;

use super::goal::SoftGoal;
use super::layer::Channels;
use super::layers::MAX_INPUTS;
use super::{Layer, Loss, ParameterSpec, Role, Shape};
use crate::error::{Error, Result};

pub use presets::preset_names;

/// Largest number of values of one image's map, or weights of a layer: 4 TiB of them are more than any adapter binds,
/// and below this no product of sizes overflows.
const MAX_VALUES: u128 = 1 << 40;
/// Largest number of a layer or filter.
const MAX_NUMBER: u32 = 1 << 30;
/// Prefixes of the names under which a checkpoint keeps a tensor's first moment, second moment and average.
pub(crate) const STATE_PREFIXES: [&str; 3] = ["momentum.", "second_moment.", "average."];
/// Beginning of the names of gradients that another program saves beside its tensors.
pub(crate) const GRADIENT_PREFIX: &str = "grad.";
/// Count that PyTorch's batch norm keeps; it has no part in predictions.
pub(crate) const BATCHES_TRACKED: &str = "num_batches_tracked";

/// A layer in its network.
pub struct NetworkLayer {
    /// Name, unique in the network.
    pub name: String,
    /// The layer.
    pub layer: Rc<dyn Layer>,
    /// Input nodes: 0 is the image, i + 1 the output of layer i.
    pub inputs: Vec<usize>,
    /// Shapes of the inputs.
    pub input_shapes: Vec<Shape>,
    /// Shape of the output.
    pub output: Shape,
    /// True if the parameters are frozen; not part of the network's file.
    pub frozen: bool,
    /// Numbers of the filters that are frozen one by one, in the order of [`NetworkLayer::filter_ids`].
    pub frozen_filters: Vec<u32>,
    /// Factor of the run's learning rate for this layer's parameters (0 or more); 1 for most.
    pub rate_factor: f32,
    /// Soft goals of its filters, in the order in which their gradients are added.
    pub goals: Vec<SoftGoal>,
    /// Number by which commands name it, whatever comes and goes before it; at first its index.
    pub id: u32,
    /// Numbers of its filters, where it makes channels; at first their indices.
    pub filter_ids: Vec<u32>,
    /// The number that its next new filter gets: above all that it ever had.
    pub next_filter: u32,
}

/// A layer that is to join a network.
pub(crate) struct NewLayer {
    pub name: String,
    pub layer: Rc<dyn Layer>,
    pub inputs: Vec<usize>,
    pub id: u32,
    /// None: counted from 0.
    pub filter_ids: Option<Vec<u32>>,
    /// Least number of its next filter.
    pub next_filter: u32,
    pub frozen_filters: Vec<u32>,
    pub rate_factor: f32,
}

impl NetworkLayer {
    /// Parameter tensors.
    pub fn parameters(&self) -> Vec<ParameterSpec> {
        self.layer.parameters(&self.input_shapes)
    }

    /// True if it has parameters that are trained.
    pub fn trains(&self) -> bool {
        !self.frozen && !self.has_only_frozen_filters() && self.can_train()
    }

    /// True if it has parameters that can be trained, frozen or not.
    fn can_train(&self) -> bool {
        self.parameters().iter().any(|tensor| tensor.role != Role::Buffer)
    }

    /// True if it has filters, and each is frozen: it is trained no more than a frozen layer.
    pub fn has_only_frozen_filters(&self) -> bool {
        !self.filter_ids.is_empty() && self.frozen_filters.len() == self.filter_ids.len()
    }

    /// True if the filter with this number is frozen, by itself or with the whole layer.
    pub fn is_filter_frozen(&self, filter: u32) -> bool {
        self.frozen || self.frozen_filters.contains(&filter)
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
    /// The number that the next new layer gets: above all that there ever were.
    pub next_id: u32,
}

impl Network {
    /// Nodes of the layers that rectify: their outputs are 0 or more.
    pub fn rectified(&self) -> Vec<usize> {
        let rectifies = |index: &usize| self.layers[*index].layer.kind() == "relu";
        (0..self.layers.len()).filter(rectifies).map(|index| index + 1).collect()
    }

    /// A name that begins with `stem` and that no layer has.
    pub(in crate::nn) fn free_name(&self, stem: &str) -> String {
        let mut name = stem.to_owned();
        while self.layers.iter().any(|layer| layer.name == name) {
            name.push('_');
        }
        name
    }

    /// Shape of a node: the image (0) or the output of layer `node − 1`.
    pub fn shape_of(&self, node: usize) -> Shape {
        if node == 0 { self.input } else { self.layers[node - 1].output }
    }

    /// For each node (0 is the image) the layers that take it as input, once for each use.
    pub fn consumers(&self) -> Vec<Vec<usize>> {
        let mut consumers = vec![Vec::new(); self.layers.len() + 1];
        for (index, layer) in self.layers.iter().enumerate() {
            layer.inputs.iter().for_each(|node| consumers[*node].push(index));
        }
        consumers
    }

    /// Appends a layer.
    ///
    /// # Errors
    /// When its inputs have shapes that it does not take, or it would be too large.
    pub(crate) fn append(&mut self, new: NewLayer) -> Result<()> {
        let NewLayer { name, layer, inputs, id, filter_ids, next_filter, mut frozen_filters, rate_factor } =
            new;
        let within = |error: Error| error.within(format!("layer {name}"));
        let input_shapes: Vec<Shape> = inputs.iter().map(|node| self.shape_of(*node)).collect();
        let output = layer.output(&input_shapes).map_err(within)?;
        check_size("its map", &[output.channels, output.height, output.width]).map_err(within)?;
        for tensor in layer.parameters(&input_shapes) {
            check_size(&format!("its {}", tensor.name), &tensor.shape).map_err(within)?;
        }
        let made = if matches!(layer.channels(), Channels::Made { .. }) { output.channels } else { 0 };
        let filter_ids = filter_ids.unwrap_or_else(|| (0..made as u32).collect());
        let distinct: HashSet<u32> = filter_ids.iter().copied().collect();
        let too_large =
            filter_ids.iter().chain([&id, &next_filter, &self.next_id]).any(|number| *number > MAX_NUMBER);
        if distinct.len() != made || self.layers.iter().any(|layer| layer.id == id) || too_large {
            let what = "its numbers, or those of its filters, are not one each, or too large";
            return Err(within(Error::new(what, "leave `id`, `filter_ids` and `next_filter` out")));
        }
        check_factor(rate_factor).map_err(within)?;
        order_frozen(&filter_ids, &mut frozen_filters).map_err(within)?;
        self.next_id = self.next_id.max(id + 1);
        let next_filter = next_filter.max(above(&filter_ids));
        self.layers.push(NetworkLayer {
            name,
            layer,
            inputs,
            input_shapes,
            output,
            frozen: false,
            frozen_filters,
            rate_factor,
            goals: Vec::new(),
            id,
            filter_ids,
            next_filter,
        });
        Ok(())
    }

    /// An error where nothing is left to train, with these layers frozen.
    ///
    /// # Errors
    /// As it says.
    pub(crate) fn check_trained(&self, is_frozen: impl Fn(&NetworkLayer) -> bool) -> Result<()> {
        let mut trained = self.layers.iter().filter(|layer| layer.can_train()).peekable();
        let (why, help) = if trained.peek().is_some() {
            ("has nothing left to train", "thaw a layer or a filter")
        } else {
            ("has no weights", "give it a dense layer")
        };
        if trained.any(|layer| !is_frozen(layer) && !layer.has_only_frozen_filters()) {
            return Ok(());
        }
        Err(Error::new(format!("network {} {why}", self.name), help))
    }

    /// Checks that hold once all layers are there.
    ///
    /// # Errors
    /// When two tensors would have one name, a layer is not used, or the last makes what the loss does not take.
    pub(crate) fn checked(self) -> Result<Self> {
        self.check_names()?;
        self.check_all_used()?;
        self.check_output()?;
        Ok(self)
    }

    /// An error where two tensors of a checkpoint would have one name.
    fn check_names(&self) -> Result<()> {
        let names: HashSet<&str> = self.layers.iter().map(|layer| layer.name.as_str()).collect();
        let clashes = |name: &&&str| {
            STATE_PREFIXES
                .iter()
                .any(|prefix| name.strip_prefix(prefix).is_some_and(|rest| names.contains(rest)))
        };
        let Some(name) = names.iter().find(clashes) else { return Ok(()) };
        let what = format!("layer {name:?} has the name of what the optimizer keeps for another layer");
        Err(Error::new(
            what,
            format!("choose a name that does not begin with {}", STATE_PREFIXES.join(" or ")),
        ))
    }

    /// An error unless every layer but the last has a consumer, and no more than a sum of gradients takes.
    fn check_all_used(&self) -> Result<()> {
        let consumers = self.consumers();
        for (index, layer) in self.layers.iter().enumerate() {
            let consumers = consumers[index + 1].len();
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
            return Err(Error::new(what, self.help_toward_image(last.output)));
        }
        Err(Error::new(
            format!(
                "layer {}: it makes {}, and {} classes need {wanted}",
                last.name, last.output, self.classes
            ),
            "end the network with a dense layer without `units`",
        ))
    }

    /// Remedy for a last output that is not the image.
    fn help_toward_image(&self, output: Shape) -> String {
        if (output.height, output.width) == (self.input.height, self.input.width) {
            return "leave `filters` out of the last conv2d: it then makes as many channels as the image has"
                .to_owned();
        }
        let factor = |layer: &NetworkLayer| match layer.layer.settings().get("factor") {
            Some(toml::Value::Integer(factor)) if layer.layer.kind() == "upsample" => *factor,
            _ => 1,
        };
        let enlarged = self.layers.iter().map(factor).fold(1_i64, i64::saturating_mul);
        if enlarged == 1 {
            return "end the network with a layer that makes the image's shape".to_owned();
        }
        format!(
            "it pools and enlarges by {enlarged}: take images whose height and width are multiples of {enlarged}, or pool and upsample less"
        )
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

/// An error for a factor of the learning rate that is negative or no number.
pub(crate) fn check_factor(factor: f32) -> Result<()> {
    if factor.is_finite() && factor >= 0.0 {
        return Ok(());
    }
    let what = format!("the factor of the learning rate is {factor}");
    Err(Error::usage(what, "give it a finite value of 0 or more"))
}

/// Puts frozen filters into the order of the layer's filters, and each once.
fn order_frozen(filter_ids: &[u32], frozen: &mut Vec<u32>) -> Result<()> {
    if let Some(none) = frozen.iter().find(|id| !filter_ids.contains(id)) {
        let what = format!("`frozen_filters` names {none}, which is no filter of it");
        return Err(Error::new(what, "name filters by their numbers, or leave `frozen_filters` out"));
    }
    let named = std::mem::take(frozen);
    frozen.extend(filter_ids.iter().filter(|id| named.contains(id)));
    Ok(())
}

/// The least number above all of these.
fn above(ids: &[u32]) -> u32 {
    ids.iter().max().map_or(0, |id| id + 1)
}

/// An error for sizes that no adapter could hold.
fn check_size(what: &str, sizes: &[usize]) -> Result<()> {
    let values = sizes.iter().map(|s| *s as u128).product::<u128>();
    if values <= MAX_VALUES {
        return Ok(());
    }
    let sizes: Vec<_> = sizes.iter().map(ToString::to_string).collect();
    let gib = (values * 4).div_ceil(1 << 30);
    Err(Error::new(format!("{what} of {} would need {gib} GiB", sizes.join("×")), "make the layer smaller"))
}
