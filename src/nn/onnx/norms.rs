//! Normalizations of an ONNX graph, and the parts in which PyTorch's exporters write that of groups: a row for each group,
//! `InstanceNormalization`, the map again, a scale and a shift.

use super::arithmetic::spread;
use super::builder::{Builder, GroupScales, Grouped, Map, Value};
use super::fold;
use super::proto::Node;
use crate::error::{Error, Result};
use crate::nn::tables::{number, sizes};

impl Builder<'_> {
    /// A normalization that is one node.
    pub(super) fn norm(&mut self, node: &Node) -> Result<Map> {
        match node.op_type.as_str() {
            "InstanceNormalization" => {
                let input = self.image(node, 0)?;
                let weights =
                    (1..3).map(|at| Ok(self.constant(node, at)?.floats())).collect::<Result<_>>()?;
                let epsilon = number("epsilon", node.float("epsilon", 1e-5));
                self.push(node, ("instance_norm", epsilon), &[&input], weights)
            }
            "GroupNormalization" => {
                let input = self.image(node, 0)?;
                let groups = usize::try_from(node.int("num_groups", 0)).unwrap_or(0);
                let [scales, shifts] = [self.constant(node, 1)?.floats(), self.constant(node, 2)?.floats()];
                self.group_norm(node, &input, groups, GroupScales { scales, shifts, epsilon: epsilon(node) })
            }
            "LayerNormalization" => self.layer_norm(node),
            _ => {
                let input = self.image(node, 0)?;
                let weights =
                    (1..5).map(|at| Ok(self.constant(node, at)?.floats())).collect::<Result<_>>()?;
                let mut settings = number("epsilon", epsilon(node));
                settings.extend(number("momentum", 1.0 - node.float("momentum", 0.9)));
                self.push(node, ("batch_norm", settings), &[&input], weights)
            }
        }
    }

    /// Appends a `group_norm`; scales and shifts are for each channel, or each group.
    fn group_norm(&mut self, node: &Node, input: &Map, groups: usize, norm: GroupScales) -> Result<Map> {
        let channels = input.shape.channels;
        if groups == 0 || !channels.is_multiple_of(groups) {
            let what = format!("its {groups} groups do not divide {channels} channels");
            return Err(node.refuse(what, "the file is damaged: export it again"));
        }
        let each = |values: Vec<f32>| match values.len() {
            len if len == groups => {
                values.iter().flat_map(|value| vec![*value; channels / groups]).collect::<Vec<_>>()
            }
            _ => values,
        };
        let weights = vec![each(norm.scales), each(norm.shifts)];
        let mut settings = sizes(&[("groups", groups)]);
        settings.extend(number("epsilon", norm.epsilon));
        self.push(node, ("group_norm", settings), &[input], weights)
    }

    /// `LayerNormalization` over the channels of each pixel, while they are last; or over the whole map or row, with scales and shifts that
    /// are the same for all pixels of a channel.
    fn layer_norm(&mut self, node: &Node) -> Result<Map> {
        let input = self.map(node, 0)?;
        let nearest = "only layer normalization over the channels of each pixel, where they are last, or over the whole map of an image has a layer";
        let axis = fold::from_end(node.int("axis", -1), input.rank).map_err(|e| e.within(node.label()))?;
        let channels = input.shape.channels;
        if input.channels_last && axis == input.channel_axis() {
            let scales = self.constant(node, 1)?.floats();
            let shifts =
                self.optional(node, 2)?.map_or_else(|| vec![0.0; channels], |shifts| shifts.floats());
            let epsilon = number("epsilon", epsilon(node));
            return self.push(node, ("layer_norm", epsilon), &[&input], vec![scales, shifts]);
        }
        if axis != 1 || input.channels_last || input.turned.is_some() {
            return Err(node.refuse(format!("it normalizes from axis {axis} on"), nearest));
        }
        let pixels = input.shape.pixels();
        let per_channel = |values: Vec<f32>| -> Result<Vec<f32>> {
            if values.len() != channels * pixels {
                return Ok(values);
            }
            let is_alike = |channel: &[f32]| channel.iter().all(|value| *value == channel[0]);
            if !values.chunks(pixels).all(is_alike) {
                let what = "its scale or shift is not the same for all pixels of a channel";
                return Err(node.refuse(what, nearest));
            }
            Ok(values.chunks(pixels).map(|channel| channel[0]).collect())
        };
        let scales = per_channel(self.constant(node, 1)?.floats())?;
        let shifts = match self.optional(node, 2)? {
            Some(shifts) => per_channel(shifts.floats())?,
            None => vec![0.0; channels],
        };
        self.group_norm(node, &input, 1, GroupScales { scales, shifts, epsilon: epsilon(node) })
    }

    /// A part of a normalization of groups; none for other nodes.
    pub(super) fn part_of_group_norm(&mut self, node: &Node) -> Result<Option<Value>> {
        let value = self.find(node, 0).cloned();
        match (node.op_type.as_str(), value) {
            ("Reshape", Some(Value::Map(of))) if !of.channels_last && of.turned.is_none() => {
                let dims = self.dims(&of);
                let to = self.target(node, &dims)?;
                let [images, groups, _] = to[..] else { return Ok(None) };
                let fits = images == self.batch && groups > 0 && of.shape.channels.is_multiple_of(groups);
                Ok(fits.then_some(Value::Grouped(Grouped { of, groups, norm: None })))
            }
            ("InstanceNormalization", Some(Value::Grouped(Grouped { of, groups, norm: None }))) => {
                let [scales, shifts] =
                    [1, 2].map(|at| self.constant(node, at).and_then(|by| spread(node, &by, groups)));
                let norm = Some(GroupScales { scales: scales?, shifts: shifts?, epsilon: epsilon(node) });
                Ok(Some(Value::Grouped(Grouped { of, groups, norm })))
            }
            ("Reshape", Some(Value::Grouped(Grouped { of, groups, norm: Some(norm) }))) => {
                let dims = self.dims(&of);
                if self.target(node, &[self.batch, groups, of.shape.len() / groups])? != dims {
                    return Ok(None);
                }
                self.group_norm(node, &of, groups, norm).map(|map| Some(Value::Map(map)))
            }
            _ => Ok(None),
        }
    }

    /// Sizes that a `Reshape` makes of a tensor of sizes `dims`.
    pub(super) fn target(&self, node: &Node, dims: &[usize]) -> Result<Vec<usize>> {
        let asked = self.listed(node, "shape", 1)?;
        fold::target(dims, &asked, node.int("allowzero", 0) == 1)
            .map_err(|error: Error| error.within(node.label()))
    }
}

/// ε of a normalization.
fn epsilon(node: &Node) -> f32 {
    node.float("epsilon", 1e-5)
}
