//! Changes between two steps that leave every tensor in its place: frozen filters, learning rates and plain settings of layers, the
//! loss, single weights.

use std::collections::BTreeMap;

use toml::Table;

use super::Trainer;
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange};
use crate::nn::pass::Pass;
use crate::nn::{Goal, Loss, Network, Role, SoftGoal, WeightEdit};

impl Trainer {
    /// Takes a network with the same tensors; the passes are built again where they are others.
    ///
    /// # Errors
    /// When nothing is left to train, or something does not fit the adapter; then nothing changes.
    pub(super) fn steer(&mut self, network: Network) -> Result<()> {
        let trains = |network: &Network| -> Vec<bool> {
            let layers = network.layers.iter();
            layers.flat_map(|layer| [layer.frozen, layer.trains()]).collect()
        };
        let settings = |network: &Network| -> Vec<Table> {
            network.layers.iter().map(|layer| layer.layer.settings()).collect()
        };
        let goals = |network: &Network| -> Vec<Vec<SoftGoal>> {
            network.layers.iter().map(|layer| layer.goals.clone()).collect()
        };
        network.check_trained(|layer| layer.frozen)?;
        let differs = trains(&network) != trains(&self.network)
            || network.loss != self.network.loss
            || goals(&network) != goals(&self.network)
            || settings(&network) != settings(&self.network);
        if differs {
            let (gpu, options) = (&self.gpu, &self.options);
            self.pass = Pass::build(gpu, &network, &self.loader, &self.parameters, &self.optimizer, options)?;
        }
        self.network = network;
        self.parameters.set_flags(&self.gpu, &self.network);
        Ok(())
    }

    /// Freezes or thaws filters of the layer with this number: from the next step on a frozen filter's weights, bias, moments and
    /// averages stay bit for bit. The average of a filter that was not frozen before begins again with its weights, which it would come to.
    ///
    /// # Errors
    /// When there is no such layer or filter, or nothing is left to train; then nothing changes.
    pub fn set_filters_frozen(&mut self, layer: u32, filters: &[u32], frozen: bool) -> Result<()> {
        let mut network = self.network.copy();
        network.set_filters_frozen(layer, filters, frozen)?;
        let index = network.layer_index(layer)?;
        let before = &self.network.layers[index];
        let new =
            network.layers[index].frozen_filters.iter().filter(|id| !before.frozen_filters.contains(id));
        let rows = new.map(|id| Ok(self.parameters.rows((index, before), network.filter_index(index, *id)?)));
        let rows: Vec<_> = rows.collect::<Result<_>>()?;
        self.steer(network)?;
        self.parameters.restart_average(&self.gpu, rows.into_iter().flatten());
        Ok(())
    }

    /// Sets the factor of the learning rate of the layer with this number.
    ///
    /// # Errors
    /// When there is no such layer, it has no parameters, or the factor is negative or no number; then nothing changes.
    pub fn set_rate_factor(&mut self, layer: u32, factor: f32) -> Result<()> {
        let mut network = self.network.copy();
        network.set_rate_factor(layer, factor)?;
        self.steer(network)
    }

    /// Sets a soft goal of the layer with this number from the next step on, in the place of the one for the same filters; strength 0 takes
    /// it away, and steps are as they were without it.
    ///
    /// # Errors
    /// When there is no such layer or filter, or the goal or the strength cannot be; then nothing changes.
    pub fn set_goal(&mut self, layer: u32, goal: &Goal, strength: f32) -> Result<()> {
        let mut network = self.network.copy();
        network.set_goal(layer, goal, strength)?;
        self.steer(network)
    }

    /// Sets plain settings of the layer with this number ([`Layer::plain_settings`](crate::nn::Layer::plain_settings)) from the next step
    /// on: weights and moments stay, and no kernel is compiled.
    ///
    /// # Errors
    /// When there is no such layer or setting, or a value is out of range; then nothing changes.
    pub fn set_layer_settings(&mut self, layer: u32, settings: &Table) -> Result<()> {
        let mut network = self.network.copy();
        network.set_layer_settings(layer, settings)?;
        self.steer(network)
    }

    /// Sets the loss from the next step on: weights and moments stay.
    ///
    /// # Errors
    /// When one of its settings is out of range, or it needs another output; then nothing changes.
    pub fn set_loss(&mut self, loss: Loss) -> Result<()> {
        let mut network = self.network.copy();
        network.set_loss(loss)?;
        self.steer(network)
    }

    /// The place of a filter's bias on the GPU, by the numbers of its layer and itself; none where it has none.
    pub fn bias(&self, (layer, filter): (u32, u32)) -> Option<BufferRange> {
        let index = self.network.layer_index(layer).ok()?;
        let filter = self.network.filter_index(index, filter).ok()?;
        let layer = &self.network.layers[index];
        let bias = layer.parameters().iter().position(|tensor| tensor.role == Role::Bias)?;
        let row = &self.parameters.rows((index, layer), filter)[bias];
        Some(BufferRange::new(self.parameters.values.raw(), 4 * row.start as u64, 4 * row.len() as u64))
    }

    /// Writes weights of a filter, without reading any; their averages begin again, and all else stays.
    ///
    /// # Errors
    /// When there is no such layer, filter or weight, or a value is no number; then nothing changes.
    pub fn edit_weights(&mut self, edit: &WeightEdit) -> Result<()> {
        let writes = self.network.weight_writes(edit)?;
        let index = self.network.layer_index(edit.layer)?;
        let filter = self.network.filter_index(index, edit.filter)?;
        let rows = self.parameters.rows((index, &self.network.layers[index]), filter);
        let values: BTreeMap<usize, f32> =
            writes.into_iter().map(|(tensor, at, value)| (rows[tensor].start + at, value)).collect();
        let both: [&Buffer<f32>; 2] = [&self.parameters.values, &self.parameters.averages];
        for (first, values) in runs(values) {
            both.iter().for_each(|buffer| buffer.write(&self.gpu, first, &values));
        }
        Ok(())
    }
}

/// Neighbouring elements together: the first of each run, and the values.
fn runs(values: BTreeMap<usize, f32>) -> Vec<(usize, Vec<f32>)> {
    let mut runs: Vec<(usize, Vec<f32>)> = Vec::new();
    for (at, value) in values {
        match runs.last_mut().filter(|(first, run)| first + run.len() == at) {
            Some((_, run)) => run.push(value),
            None => runs.push((at, vec![value])),
        }
    }
    runs
}
