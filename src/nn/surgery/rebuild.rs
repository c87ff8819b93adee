//! The changed network, and the plan of its tensors.

use std::collections::HashMap;
use std::rc::Rc;

use toml::{Table, Value};

use super::edit::Edit;
use super::filters::{Change, Changes};
use super::goals::fitting;
use super::origin::{ChannelMap, Origin, Term};
use super::plan::{TensorPlan, plan_tensors};
use super::units::{Unit, Units};
use crate::error::{Error, Result};
use crate::nn::layer::Channels;
use crate::nn::layers::{CONVOLUTIONS, KINDS};
use crate::nn::network::NewLayer;
use crate::nn::{Layer, Network, NetworkLayer, Shape};

/// A changed network, and where the values of its tensors come from.
pub struct Surgery {
    /// The network as it will be.
    pub network: Network,
    /// For each of its tensors, in order, where the values come from.
    pub tensors: Vec<TensorPlan>,
    /// Origins of the channels of each node of the network as it will be, the image first; none where they have no counterpart.
    pub channels: Vec<Option<ChannelMap>>,
    /// A new layer that begins as the identity, by its index.
    pub identity: Option<usize>,
}

/// A layer of the network to be.
struct Draft {
    /// Index of the layer that it was.
    old: Option<usize>,
    layer: NewLayer,
}

fn draft(network: &Network, index: usize) -> Draft {
    let NetworkLayer {
        name, layer, inputs, id, filter_ids, next_filter, frozen_filters, rate_factor, ..
    } = &network.layers[index];
    let layer = NewLayer {
        name: name.clone(),
        layer: Rc::clone(layer),
        inputs: inputs.clone(),
        id: *id,
        filter_ids: Some(filter_ids.clone()),
        next_filter: *next_filter,
        frozen_filters: frozen_filters.clone(),
        rate_factor: *rate_factor,
    };
    Draft { old: Some(index), layer }
}

impl Surgery {
    /// The change of a network.
    ///
    /// # Errors
    /// When a number is of no layer or filter, the data decide on what is to change, or the changed network does not fit together.
    pub fn of(network: &Network, edit: &Edit) -> Result<Self> {
        match edit {
            Edit::AddFilter { layer } => {
                let layer = network.layer_index(*layer)?;
                let last = network.layers[layer].output.channels - 1;
                change_units(network, &Units::of(network).unit(layer, last)?, &Change::Add)
            }
            Edit::SplitFilter { layer, filter } => change_filter(network, *layer, *filter, &Change::Split),
            Edit::DeleteFilter { layer, filter } => change_filter(network, *layer, *filter, &Change::Delete),
            Edit::MergeFilters { layer, filters } => merge(network, *layer, *filters),
            Edit::ResetFilter { layer, filter } => replace_filter(network, *layer, *filter, &[]),
            Edit::BlendFilter { layer, filter, from } => {
                if from.is_empty() || from.iter().any(|(_, weight)| !weight.is_finite()) {
                    let what = "a filter cannot be a sum of nothing, or with weights that are no numbers";
                    return Err(Error::usage(what, "name at least one filter, with a finite weight"));
                }
                replace_filter(network, *layer, *filter, from)
            }
            Edit::InsertLayer { after, settings } => insert(network, *after, settings),
            Edit::RemoveLayer { layer } => remove(network, network.layer_index(*layer)?),
        }
    }

    /// No change: the same network in buffers of its own.
    ///
    /// # Errors
    /// None that a user can reach.
    pub fn copy(network: &Network) -> Result<Self> {
        let drafts = (0..network.layers.len()).map(|index| draft(network, index)).collect();
        Self::build(network, drafts, &Changes::new(), network.next_id)
    }

    fn build(old: &Network, drafts: Vec<Draft>, changes: &Changes, next_id: u32) -> Result<Self> {
        let mut network = Network {
            name: old.name.clone(),
            input: old.input,
            classes: old.classes,
            loss: old.loss,
            layers: Vec::new(),
            next_id,
        };
        let olds: Vec<Option<usize>> = drafts.iter().map(|draft| draft.old).collect();
        drafts.into_iter().try_for_each(|draft| network.append(draft.layer))?;
        let mut network = network.checked()?;
        for (layer, old_index) in network.layers.iter_mut().zip(&olds) {
            layer.frozen = old_index.is_some_and(|index| old.layers[index].frozen);
            layer.goals = old_index.map_or(Vec::new(), |index| fitting(&old.layers[index].goals, layer));
        }
        let (tensors, channels) = plan_tensors(old, &network, &olds, changes);
        Ok(Self { network, tensors, channels, identity: None })
    }
}

/// Filters of a layer, and how many of them may not be torn apart.
fn sizes(network: &Network, layer: usize) -> (usize, usize) {
    let layer = &network.layers[layer];
    let filters = layer.output.channels;
    match layer.layer.channels() {
        // Where each group has one channel, whole groups come and go.
        Channels::Made { groups } if groups > 1 && groups < layer.input_shapes[0].channels => {
            (filters, filters / groups)
        }
        _ => (filters, filters),
    }
}

/// Numbers of the filters of these origins: each keeps that of the first it comes from, unless one before it has that.
fn renumbered(origins: &[Origin], ids: &[u32], next: &mut u32) -> Vec<u32> {
    let mut given = Vec::new();
    for origin in origins {
        let kept = origin.taken.first().map(|term| ids[term.old]).filter(|id| !given.contains(id));
        given.push(kept.unwrap_or_else(|| {
            *next += 1;
            *next - 1
        }));
    }
    given
}

/// Numbers of the frozen filters among those of these origins: those that keep a frozen filter's number, and the halves of one.
fn still_frozen(before: &NetworkLayer, origins: &[Origin], ids: &[u32]) -> Vec<u32> {
    let was = |id: u32| before.frozen_filters.contains(&id);
    let is = |(origin, id): &(&Origin, u32)| {
        was(*id) || origin.filter.first().is_some_and(|term| was(before.filter_ids[term.old]))
    };
    origins.iter().zip(ids.iter().copied()).filter(is).map(|(_, id)| id).collect()
}

fn change_units(network: &Network, unit: &Unit, change: &Change<'_>) -> Result<Surgery> {
    let changes = change.of_unit(unit, |layer| sizes(network, layer));
    let mut channels: HashMap<usize, usize> = HashMap::new();
    let mut drafts = Vec::new();
    for (index, layer) in network.layers.iter().enumerate() {
        let mut new = draft(network, index);
        if let Some(origins) = changes.get(&index) {
            if origins.is_empty() {
                let what = format!("{} has no other filter", layer.name);
                return Err(Error::usage(what, "remove the layer, or add a filter first"));
            }
            let ids = renumbered(origins, &layer.filter_ids, &mut new.layer.next_filter);
            new.layer.frozen_filters = still_frozen(layer, origins, &ids);
            new.layer.filter_ids = Some(ids);
            channels.insert(index + 1, origins.len());
        }
        // Each channel of a depthwise convolution has its own group.
        let groups = match layer.layer.channels() {
            Channels::Made { groups } if groups > 1 && groups == layer.input_shapes[0].channels => {
                let filters = changes.get(&index).map_or(layer.output.channels, Vec::len);
                filters / (layer.output.channels / groups)
            }
            Channels::Made { groups } => groups,
            _ => 1,
        };
        if let Some(filters) = channels.get(&(index + 1))
            && let Some(resized) = layer.layer.resized(*filters, groups)
        {
            new.layer.layer = resized.into();
        }
        drafts.push(new);
    }
    Surgery::build(network, drafts, &changes, network.next_id)
}

fn change_filter(network: &Network, layer: u32, filter: u32, change: &Change<'_>) -> Result<Surgery> {
    let layer = network.layer_index(layer)?;
    let filter = network.filter_index(layer, filter)?;
    change_units(network, &Units::of(network).unit(layer, filter)?, change)
}

fn merge(network: &Network, layer: u32, filters: [u32; 2]) -> Result<Surgery> {
    let layer = network.layer_index(layer)?;
    // A number of no filter is named before what cannot be done with the others.
    let [a, b] = filters.map(|filter| network.filter_index(layer, filter));
    let (a, b) = (a?, b?);
    let units = Units::of(network);
    let (a, b) = (units.unit(layer, a)?, units.unit(layer, b)?);
    let name = &network.layers[layer].name;
    if a == b {
        let what = format!("filters {} and {} of {name} go together", filters[0], filters[1]);
        return Err(Error::usage(what, "name two that can go one without the other"));
    }
    let alike =
        a.len() == b.len() && a.iter().all(|(layer, own)| b.get(layer).map(Vec::len) == Some(own.len()));
    if !alike {
        let what = format!("filters {} and {} of {name} are tied to unlike filters", filters[0], filters[1]);
        return Err(Error::usage(what, "name two whose outputs go to the same layers"));
    }
    change_units(network, &a, &Change::Merge(&b))
}

/// Other weights for a filter: a weighted sum of others, or fresh.
fn replace_filter(network: &Network, layer: u32, filter: u32, from: &[(u32, f32)]) -> Result<Surgery> {
    let layer = network.layer_index(layer)?;
    let filter = network.filter_index(layer, filter)?;
    let term = |(id, weight): &(u32, f32)| {
        let old = network.filter_index(layer, *id)?;
        Ok(Term { old, factor: *weight, tilt: 0.0, gradient: *weight })
    };
    let count = network.layers[layer].output.channels;
    let mut origins: Vec<Origin> = (0..count).map(Origin::kept).collect();
    origins[filter].filter = from.iter().map(term).collect::<Result<_>>()?;
    let drafts = (0..network.layers.len()).map(|index| draft(network, index)).collect();
    Surgery::build(network, drafts, &Changes::from([(layer, origins)]), network.next_id)
}

/// A name that no layer has: a stem and a number.
fn free_name(network: &Network, stem: &str) -> String {
    let taken = |name: &String| network.layers.iter().any(|layer| layer.name == *name);
    let names = (1..).map(|number| format!("{stem}{number}"));
    names.into_iter().find(|name| !taken(name)).expect("there are more numbers than layers")
}

/// The layer that these settings describe, for an input with this number of channels.
fn parse(settings: &Table, channels: usize, classes: usize) -> Result<Box<dyn Layer>> {
    let mut settings = settings.clone();
    let kind = settings.remove("kind");
    let named = kind.as_ref().and_then(Value::as_str);
    let kind = named.and_then(|name| KINDS.iter().find(|kind| kind.kind == name)).ok_or_else(|| {
        let known: Vec<_> = KINDS.iter().map(|kind| kind.kind).collect();
        let what = format!("there is no kind of layer {}", named.unwrap_or("without a name"));
        Error::usage(what, format!("give `kind` as one of {}", known.join(", ")))
    })?;
    if CONVOLUTIONS.contains(&kind.kind) {
        settings.entry("filters").or_insert(Value::Integer(channels as i64));
    }
    (kind.parse)(settings, classes).map_err(|e| e.within(kind.kind))
}

fn insert(network: &Network, after: Option<u32>, settings: &Table) -> Result<Surgery> {
    let node = after.map_or(Ok(0), |id| network.layer_index(id).map(|index| index + 1))?;
    let shape = network.shape_of(node);
    let layer = parse(settings, shape.channels, network.classes)?;
    if !layer.inputs().contains(&1) {
        let what = format!("{} takes several inputs", layer.kind());
        return Err(Error::usage(what, "insert a layer that takes one"));
    }
    let is_identity = can_be_identity(&*layer, shape);
    let name = free_name(network, layer.short_name());
    let id = network.next_id;
    let new = NewLayer {
        name,
        layer: layer.into(),
        inputs: vec![node],
        id,
        filter_ids: None,
        next_filter: 0,
        frozen_filters: Vec::new(),
        rate_factor: 1.0,
    };
    let mut drafts: Vec<Draft> = (0..network.layers.len()).map(|index| draft(network, index)).collect();
    for draft in &mut drafts {
        // Nodes after it count one more, and what took its input takes its output, which is node `node + 1`.
        draft.layer.inputs.iter_mut().filter(|input| **input >= node).for_each(|input| *input += 1);
    }
    drafts.insert(node, Draft { old: None, layer: new });
    let mut surgery = Surgery::build(network, drafts, &Changes::new(), network.next_id + 1)?;
    surgery.identity = is_identity.then_some(node);
    Ok(surgery)
}

/// True of a convolution, transposed or not, whose kernel has a middle that lies on the pixel it makes.
fn can_be_identity(layer: &dyn Layer, input: Shape) -> bool {
    let field = layer.receptive_field(input);
    let is_centered = |side: usize| {
        let [kernel, padding] = [field.kernel, field.padding].map(|sides| sides[side]);
        kernel % 2 == 1 && 2 * padding == field.dilation * (kernel - 1)
    };
    CONVOLUTIONS.contains(&layer.kind())
        && layer.output(&[input]).is_ok_and(|output| output == input)
        && (0..2).all(is_centered)
        && (field.stride == [1, 1] || input.pixels() == 1)
}

fn remove(network: &Network, index: usize) -> Result<Surgery> {
    let removed = &network.layers[index];
    let [input] = removed.inputs[..] else {
        let what = format!("layer {} joins {} inputs", removed.name, removed.inputs.len());
        return Err(Error::usage(what, "remove the layers before it first"));
    };
    if network.layers.len() == 1 {
        return Err(Error::usage("the network has no other layer", "insert a layer first"));
    }
    let mut drafts: Vec<Draft> = (0..network.layers.len())
        .filter(|other| *other != index)
        .map(|other| draft(network, other))
        .collect();
    for draft in &mut drafts {
        for node in &mut draft.layer.inputs {
            *node = match *node {
                node if node == index + 1 => input,
                node if node > index => node - 1,
                node => node,
            };
        }
    }
    Surgery::build(network, drafts, &Changes::new(), network.next_id)
}
