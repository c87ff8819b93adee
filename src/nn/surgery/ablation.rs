//! Filters taken for nothing: the weights by which other layers take them are 0, so that the outputs are those of the network
//! without them. What lies between (a batch norm, an activation function, pooling) is left out with them, since nothing takes it
//! further. Only a local response norm is another in the smaller network: here it keeps the place of the missing channel among its
//! neighbors, with its value; there they move up.

use super::carry::{Content, carry};
use super::origin::Origin;
use super::plan::Carried;
use super::units::{Removable, Units};
use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Plan};
use crate::nn::layer::Channels;
use crate::nn::{Network, Parameters};

/// A filter, with those that are tied to it, that is taken for nothing.
pub struct Ablation {
    /// Numbers of the layer and itself of each filter that would go.
    pub filters: Vec<(u32, u32)>,
    /// Index of the first layer that takes them; what lies before it computes what it did.
    pub first: usize,
    /// The only input channel by which the only layer that takes them does so; none where there are several.
    pub channel: Option<usize>,
    /// It is the first of those that begin with this layer.
    pub(in crate::nn) leads: bool,
    /// The weight tensors of the layers that take them, without these columns.
    tensors: Vec<Carried>,
}

impl Ablation {
    /// The ablations of all filters that can be deleted; those that begin latest come first, so that each finds the activations before
    /// its first layer as the whole network makes them.
    pub fn of(network: &Network) -> Vec<Self> {
        let mut first_tensors = vec![0];
        for layer in &network.layers {
            first_tensors.push(first_tensors[first_tensors.len() - 1] + layer.parameters().len());
        }
        let mut all: Vec<Self> = Units::of(network)
            .removable()
            .iter()
            .filter_map(|unit| Self::of_unit(network, unit, &first_tensors))
            .collect();
        all.sort_by_key(|ablation| std::cmp::Reverse(ablation.first));
        let mut last = None;
        for ablation in &mut all {
            ablation.leads = last.replace(ablation.first) != Some(ablation.first);
        }
        all
    }

    /// The ablation of a unit; none where nothing takes it.
    fn of_unit(network: &Network, unit: &Removable, first_tensors: &[usize]) -> Option<Self> {
        let number = |layer: usize, filter: &usize| {
            let layer = &network.layers[layer];
            Some((layer.id, *layer.filter_ids.get(*filter)?))
        };
        let filters = unit.filters.iter();
        let filters =
            filters.flat_map(|(layer, own)| own.iter().filter_map(|own| number(*layer, own))).collect();
        let without = |(layer, channels): (&usize, &Vec<usize>)| {
            let of = &network.layers[*layer];
            let Channels::Made { groups } = of.layer.channels() else { return None };
            let inputs = of.input_shapes[0].channels;
            let mut columns: Vec<Origin> = (0..inputs).map(Origin::kept).collect();
            channels.iter().for_each(|channel| columns[*channel].taken.clear());
            Some(Carried {
                old: first_tensors[*layer],
                rows: (0..of.output.channels).map(Origin::kept).collect(),
                columns,
                groups,
                old_groups: groups,
            })
        };
        let tensors = unit.taken.iter().filter_map(without).collect();
        let (first, channels) = unit.taken.first_key_value()?;
        let alone = unit.taken.len() == 1 && channels.len() == 1;
        Some(Self { filters, first: *first, channel: alone.then(|| channels[0]), leads: false, tensors })
    }

    /// The dispatches that write the weights without these columns from `before` into `after`, all others left as they are.
    ///
    /// # Errors
    /// When a buffer does not fit the adapter.
    pub(in crate::nn) fn plan(
        &self,
        gpu: &Gpu,
        parameters: &Parameters,
        buffers: [&Buffer<f32>; 2],
    ) -> Result<Plan> {
        let tensor = |carried: &Carried| &parameters.tensors[carried.old];
        let carriages: Vec<_> =
            self.tensors.iter().map(|carried| (carried, [tensor(carried), tensor(carried)])).collect();
        carry(gpu, &carriages, &[(Content::Weights, buffers)])
    }
}
