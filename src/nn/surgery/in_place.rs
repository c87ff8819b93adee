//! Changes that leave every tensor in its place: frozen filters, learning rates and plain settings of layers, single weights, the loss.
//!
//! A filter is a row of its layer's own tensors: of the weights, and the bias. As with a frozen layer, a batch norm after it goes on
//! learning. All of it is part of the network's file, so that a checkpoint has it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Table;

use crate::error::{Error, Result};
use crate::nn::layers::KINDS;
use crate::nn::network::check_factor;
use crate::nn::{Loss, Network, NetworkLayer, ParameterSpec, Role};

/// New values for weights of one filter. Their moments stay; their average begins again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightEdit {
    /// Number of the layer.
    pub layer: u32,
    /// Number of the filter.
    pub filter: u32,
    /// Index in the filter, which is `[in, ky, kx]`, and new value of each weight; of the same index the last counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<(u32, f32)>,
    /// New value of the filter's bias, if it is to change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias: Option<f32>,
}

impl Network {
    /// The network once more.
    pub(crate) fn copy(&self) -> Self {
        let parsed = Self::parse(&self.to_toml(), self.input, self.classes);
        let mut copy = parsed.expect("a network's own text describes it");
        copy.layers.iter_mut().zip(&self.layers).for_each(|(layer, old)| layer.frozen = old.frozen);
        copy
    }

    /// Freezes or thaws filters of the layer with this number.
    ///
    /// # Errors
    /// When there is no such layer or filter, or none is named; then nothing changes.
    pub(crate) fn set_filters_frozen(&mut self, layer: u32, filters: &[u32], frozen: bool) -> Result<()> {
        let index = self.layer_index(layer)?;
        if filters.is_empty() {
            return Err(Error::usage("no filter is named", "give `filters` as a list of their numbers"));
        }
        filters.iter().try_for_each(|filter| self.filter_index(index, *filter).map(|_| ()))?;
        let NetworkLayer { filter_ids, frozen_filters, .. } = &mut self.layers[index];
        let stays = |id: &u32| if filters.contains(id) { frozen } else { frozen_filters.contains(id) };
        *frozen_filters = filter_ids.iter().copied().filter(stays).collect();
        Ok(())
    }

    /// Sets the factor of the learning rate of the layer with this number.
    ///
    /// # Errors
    /// When there is no such layer, it has no parameters, or the factor is negative or no number; then nothing changes.
    pub(crate) fn set_rate_factor(&mut self, layer: u32, factor: f32) -> Result<()> {
        let index = self.layer_index(layer)?;
        let layer = &mut self.layers[index];
        if layer.parameter_count() == 0 {
            let what = format!("layer {} ({}) has no weights to learn", layer.id, layer.name);
            return Err(Error::usage(what, "name a layer that has some, such as a convolution"));
        }
        check_factor(factor)?;
        layer.rate_factor = factor;
        Ok(())
    }

    /// Sets plain settings of the layer with this number.
    ///
    /// # Errors
    /// When there is no such layer, none is named, it has no such setting that can be changed while it trains, or a value is out of
    /// range; then nothing changes.
    pub(crate) fn set_layer_settings(&mut self, layer: u32, settings: &Table) -> Result<()> {
        let index = self.layer_index(layer)?;
        let NetworkLayer { id, name, layer, .. } = &mut self.layers[index];
        let known: Vec<&str> = layer.plain_settings().iter().map(|setting| setting.name).collect();
        let kind = layer.kind();
        let help = if known.is_empty() {
            format!("insert a {kind} with other settings, and remove this one")
        } else {
            format!("give {}", known.join(", "))
        };
        if settings.is_empty() {
            return Err(Error::usage(format!("no setting of layer {id} ({name}) is named"), help));
        }
        if let Some(other) = settings.keys().find(|name| !known.contains(&name.as_str())) {
            let what = format!("layer {id} ({name}) has no setting {other:?} that can be changed in a run");
            return Err(Error::usage(what, help));
        }
        let all = layer.settings().into_iter().chain(settings.clone()).collect();
        let parse = KINDS.iter().find(|of| of.kind == kind).expect("every layer is of a kind").parse;
        *layer =
            parse(all, self.classes).map_err(|error| error.within(format!("layer {id} ({name})")))?.into();
        Ok(())
    }

    /// Values that an edit writes: index of the tensor among its layer's, element in the filter's row of it, and value.
    ///
    /// # Errors
    /// When there is no such layer, filter or weight, or a value is no number.
    pub(crate) fn weight_writes(&self, edit: &WeightEdit) -> Result<Vec<(usize, usize, f32)>> {
        let index = self.layer_index(edit.layer)?;
        self.filter_index(index, edit.filter)?;
        let layer = &self.layers[index];
        let tensors = layer.parameters();
        let find = |role| tensors.iter().position(|tensor: &ParameterSpec| tensor.role == role);
        let place = format!("filter {} of layer {} ({})", edit.filter, layer.id, layer.name);
        let weight = find(Role::Weight)
            .ok_or_else(|| Error::new(format!("{place} has no weights"), "name another"))?;
        let count = tensors[weight].len() / tensors[weight].shape[0];
        let mut writes = Vec::new();
        for (at, value) in &edit.at {
            if *at as usize >= count {
                let what = format!("{place} has no weight {at}");
                return Err(Error::usage(what, format!("count its weights from 0 to {}", count - 1)));
            }
            writes.push((weight, *at as usize, *value));
        }
        if let Some(value) = edit.bias {
            let what = || Error::usage(format!("{place} has no bias"), "leave `bias` out");
            writes.push((find(Role::Bias).ok_or_else(what)?, 0, value));
        }
        if writes.is_empty() {
            return Err(Error::usage(format!("no weight of {place} is given"), "give `at`, or `bias`"));
        }
        if let Some((.., value)) = writes.iter().find(|(.., value)| !value.is_finite()) {
            let what = format!("a weight of {place} would be {value}");
            return Err(Error::usage(what, "give finite values"));
        }
        Ok(writes)
    }

    /// Sets the loss.
    ///
    /// # Errors
    /// When one of its settings is out of range, or the last layer makes what it does not take; then nothing changes.
    pub(crate) fn set_loss(&mut self, loss: Loss) -> Result<()> {
        let loss = loss.checked()?;
        let (made, needed) = (self.shape_of(self.layers.len()), loss.output(self.input, self.classes));
        if made != needed {
            let what =
                format!("the network makes {made}, and a loss on {} needs {needed}", loss.target_name());
            return Err(Error::usage(what, "choose a loss for what the network makes"));
        }
        self.loss = loss;
        Ok(())
    }
}
