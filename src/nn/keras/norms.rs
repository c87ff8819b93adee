//! Normalizations of Keras, and the scaling of pixels.

use super::config::{DAMAGED, Layer};
use super::graph::Call;
use super::map::{Form, Map};
use super::reader::Reader;
use crate::error::Result;
use crate::nn::imported::in_our_order;
use crate::nn::tables::{self, number, sizes};

/// ε of Keras's normalizations.
const EPSILON: f32 = 1e-3;

/// Note of layers that take pixels as they are.
const PIXELS: &str = "if the network was fed pixels from 0 to 255, say so by --mean 0 --std 0.00392157";

impl Reader<'_> {
    /// The variables with a value for each channel, in our order; those that a setting turns off are all `else_value`, and the others
    /// move up.
    fn of_channels(
        &mut self,
        call: &Call<'_>,
        input: &Map,
        variables: &[(Option<&str>, &str, f32)],
    ) -> Result<Vec<Vec<f32>>> {
        let channels = input.shape().channels;
        let parts = input.parts().unwrap_or(&[]);
        let mut index = 0;
        let mut found = Vec::new();
        for (switch, name, else_value) in variables {
            if switch.map_or(Ok(true), |key| call.layer.flag(key, true))? {
                found.push(in_our_order(self.variable(call, index, &[name], &[channels])?, parts));
                index += 1;
            } else {
                found.push(self.filled(&call.layer, *else_value, channels)?);
            }
        }
        Ok(found)
    }

    /// Refuses axes other than that of the channels.
    pub(super) fn check_last_axis(&self, layer: &Layer<'_>, input: &Map) -> Result<()> {
        let last = input.sizes().len() as i64;
        let axes = layer.integers("axis")?.unwrap_or(vec![-1]);
        if (axes == [-1] || axes == [last]) && input.form != Form::Plane {
            return Ok(());
        }
        let what = format!("its axis is {axes:?}, for an input of {:?}", input.sizes());
        Err(layer.refuse(what, "only the last axis, that of the channels, has a layer"))
    }

    /// `BatchNormalization`.
    pub(super) fn batch_norm(&mut self, call: &Call<'_>, input: &Map) -> Result<Map> {
        let layer = &call.layer;
        self.check_last_axis(layer, input)?;
        let variables = [
            (Some("scale"), "gamma", 1.0),
            (Some("center"), "beta", 0.0),
            (None, "moving_mean", 0.0),
            (None, "moving_variance", 1.0),
        ];
        let weights = self.of_channels(call, input, &variables)?;
        let mut settings = number("epsilon", layer.number("epsilon", EPSILON)?);
        settings.extend(number("momentum", 1.0 - layer.number("momentum", 0.99)?));
        self.push(layer, ("batch_norm", settings), input, weights)
    }

    /// `GroupNormalization`.
    pub(super) fn group_norm(&mut self, call: &Call<'_>, input: &Map) -> Result<Map> {
        let layer = &call.layer;
        self.check_last_axis(layer, input)?;
        let channels = input.shape().channels;
        let groups = match layer.integers("groups")?.as_deref() {
            None => 32,
            Some([-1]) => channels,
            Some(&[groups]) if groups > 0 => groups as usize,
            other => {
                return Err(layer
                    .refuse(format!("its groups are {other:?}"), "take a number that divides the channels"));
            }
        };
        if !channels.is_multiple_of(groups) {
            let what = format!("its {groups} groups do not divide {channels} channels");
            return Err(layer.refuse(what, "take a number that divides the channels"));
        }
        if !input.is_in_order() && input.parts().is_some() {
            return Err(layer.refuse("it divides a flattened map", "put it before the Flatten"));
        }
        self.grouped(call, input, groups)
    }

    /// `LayerNormalization` of a row, or of each pixel of an image.
    pub(super) fn layer_norm(&mut self, call: &Call<'_>, input: &Map) -> Result<Map> {
        let layer = &call.layer;
        self.check_last_axis(layer, input)?;
        if layer.flag("rms_scaling", false)? {
            let help = "leave rms_scaling out: layer_norm takes the mean away, too";
            return Err(layer.refuse("it normalizes by the mean square alone", help));
        }
        if input.parts().is_some() {
            return self.grouped(call, input, 1);
        }
        let weights = self.scale_and_shift(call, input)?;
        let epsilon = number("epsilon", layer.number("epsilon", EPSILON)?);
        self.push(layer, ("layer_norm", epsilon), input, weights)
    }

    fn scale_and_shift(&mut self, call: &Call<'_>, input: &Map) -> Result<Vec<Vec<f32>>> {
        self.of_channels(call, input, &[(Some("scale"), "gamma", 1.0), (Some("center"), "beta", 0.0)])
    }

    fn grouped(&mut self, call: &Call<'_>, input: &Map, groups: usize) -> Result<Map> {
        let weights = self.scale_and_shift(call, input)?;
        let mut settings = sizes(&[("groups", groups)]);
        settings.extend(number("epsilon", call.layer.number("epsilon", EPSILON)?));
        self.push(&call.layer, ("group_norm", settings), input, weights)
    }

    /// `Rescaling`.
    pub(super) fn rescaling(&mut self, layer: &Layer<'_>, input: &Map) -> Result<Map> {
        let [scales, offsets] = [("scale", 1.0), ("offset", 0.0)]
            .map(|(key, default)| Ok(layer.numbers(key)?.unwrap_or(vec![default])));
        let (scales, offsets) = (scales?, offsets?);
        if let ([scale], [offset]) = (&scales[..], &offsets[..]) {
            self.note(layer, PIXELS);
            return self.push(layer, ("scale", tables::scale(*scale, *offset)), input, Vec::new());
        }
        let scales = self.each_channel(layer, input, "scale", scales)?;
        let offsets = self.each_channel(layer, input, "offset", offsets)?;
        self.scaled(layer, input, scales, offsets)
    }

    /// `Normalization`: less a mean, by a deviation of at least 1e-7, from the settings or, where it was adapted to data, the weights.
    pub(super) fn normalization(&mut self, call: &Call<'_>, input: &Map) -> Result<Map> {
        let layer = &call.layer;
        self.check_last_axis(layer, input)?;
        if layer.flag("invert", false)? {
            return Err(layer.refuse("it is inverted", "take a Rescaling"));
        }
        let channels = input.shape().channels;
        let mut values = Vec::new();
        for (index, key) in ["mean", "variance"].into_iter().enumerate() {
            let given = layer.numbers(key)?;
            let given = given.map_or_else(|| self.variable(call, index, &[key], &[channels]), Ok)?;
            values.push(self.each_channel(layer, input, key, given)?);
        }
        let (means, variances) = (&values[0], &values[1]);
        let scales: Vec<f32> = variances.iter().map(|variance| 1.0 / variance.sqrt().max(1e-7)).collect();
        let offsets = means.iter().zip(&scales).map(|(mean, scale)| -mean * scale).collect();
        self.scaled(layer, input, scales, offsets)
    }

    /// A value for each channel, of as many or of one.
    fn each_channel(
        &mut self,
        layer: &Layer<'_>,
        input: &Map,
        key: &str,
        values: Vec<f32>,
    ) -> Result<Vec<f32>> {
        let channels = input.shape().channels;
        match values.len() {
            len if len == channels => Ok(values),
            1 => self.filled(layer, values[0], channels),
            len => Err(layer.refuse(format!("its {key} has {len} values for {channels} channels"), DAMAGED)),
        }
    }

    /// A convolution of each pixel of a channel by itself.
    fn scaled(&mut self, layer: &Layer<'_>, input: &Map, scales: Vec<f32>, offsets: Vec<f32>) -> Result<Map> {
        if input.parts().is_some() {
            return Err(layer.refuse("it scales a row", "put it before the Flatten"));
        }
        let channels = input.shape().channels;
        let settings = sizes(&[("filters", channels), ("kernel", 1), ("groups", channels)]);
        let what = "became a conv2d of single pixels, which trains unless it is frozen";
        self.note(layer, &format!("{what}; {PIXELS}"));
        self.push(layer, ("conv2d", settings), input, vec![scales, offsets])
    }
}
