//! Convolutions, dense layers and pools of Keras.

use super::config::{DAMAGED, Layer};
use super::graph::Call;
use super::map::{Form, Map};
use super::reader::Reader;
use super::variables::filters_first;
use crate::error::Result;
use crate::nn::Shape;
use crate::nn::imported::{
    Filters, Origin, Pads, Pooling, TransposedFilters, in_our_order, reach, same_padding,
};
use crate::nn::tables::sizes;

/// Largest padding of a `ZeroPadding2D` at a side.
const MAX_PAD: i64 = 1 << 12;

/// A kernel with its variables: `[rows, columns, inputs of a group, filters]`.
struct Kernel {
    sizes: [usize; 4],
    values: Vec<f32>,
    biases: Vec<f32>,
    groups: usize,
}

impl Reader<'_> {
    /// Values of a variable of these sizes.
    pub(super) fn variable(
        &mut self,
        call: &Call<'_>,
        index: usize,
        names: &[&str],
        shape: &[usize],
    ) -> Result<Vec<f32>> {
        let variable = self.weights.variable(&call.layer, &call.group, index, names);
        variable.map_err(|error| error.within(call.layer.label()))?.of_shape(&call.layer, names[0], shape)
    }

    /// Biases of a layer, zeros where it has none.
    fn biases(&mut self, call: &Call<'_>, index: usize, count: usize) -> Result<Vec<f32>> {
        if call.layer.flag("use_bias", true)? {
            return self.variable(call, index, &["bias"], &[count]);
        }
        self.filled(&call.layer, 0.0, count)
    }

    /// `Conv2D`.
    pub(super) fn convolution(&mut self, call: &Call<'_>, input: &Map, is_last: bool) -> Result<Map> {
        let layer = &call.layer;
        let [rows, columns] = layer.pair("kernel_size", [1; 2])?;
        let (filters, groups) = (layer.size("filters", 1)?, layer.size("groups", 1)?);
        let channels = input.shape().channels;
        if !channels.is_multiple_of(groups) || !filters.is_multiple_of(groups) {
            let what = format!("{groups} groups do not divide {channels} channels and {filters} filters");
            return Err(layer.refuse(what, DAMAGED));
        }
        let shape = [rows, columns, channels / groups, filters];
        let values = self.variable(call, 0, &["kernel"], &shape)?;
        let kernel = Kernel { sizes: shape, values, biases: self.biases(call, 1, filters)?, groups };
        let map = self.filtered(layer, layer.name, input, kernel)?;
        self.activated(layer, map, is_last)
    }

    /// `Conv2DTranspose`: "same" cuts off half of what is beyond the strides before, and the rest after.
    pub(super) fn transposed(&mut self, call: &Call<'_>, input: &Map, is_last: bool) -> Result<Map> {
        let layer = &call.layer;
        let square = |key: &str| self::square(layer, key);
        let (kernel, stride, dilation) =
            (square("kernel_size")?, square("strides")?, square("dilation_rate")?);
        let (filters, groups) = (layer.size("filters", 1)?, layer.size("groups", 1)?);
        if layer.setting("output_padding").is_some() || groups != 1 {
            return Err(layer.refuse("it has an output_padding, or groups", "leave them out"));
        }
        let is_same = match layer.word("padding", "valid")? {
            "same" => true,
            "valid" => false,
            other => {
                return Err(layer.refuse(format!("its padding is {other:?}"), "take \"valid\" or \"same\""));
            }
        };
        let label = layer.label();
        let origin = Origin { label: &label, name: Some(layer.name) };
        let beyond = reach(origin, [kernel; 2], dilation)?[0].saturating_sub(stride);
        let Shape { channels, height, width } = input.shape();
        let cuts = [height, width].map(|side| match is_same {
            true => [beyond / 2, side * stride],
            false => [0, side * stride + beyond],
        });
        let shape = [kernel, kernel, filters, channels];
        let values = self.variable(call, 0, &["kernel"], &shape)?;
        let transposed = TransposedFilters {
            sizes: [channels, filters, kernel],
            values: filters_first(&values, shape),
            biases: Some(self.biases(call, 1, filters)?),
            stride,
            dilation,
            groups,
            cuts,
        };
        let map = self.assembly.transposed(origin, &input.stage, transposed).map(Map::image)?;
        self.activated(layer, map, is_last)
    }

    /// `DepthwiseConv2D`.
    pub(super) fn depthwise(&mut self, call: &Call<'_>, input: &Map, is_last: bool) -> Result<Map> {
        let mut kernel = self.depthwise_kernel(call, input)?;
        kernel.biases = self.biases(call, 1, kernel.sizes[3])?;
        let map = self.filtered(&call.layer, call.layer.name, input, kernel)?;
        self.activated(&call.layer, map, is_last)
    }

    /// The kernels of each channel, without biases.
    fn depthwise_kernel(&mut self, call: &Call<'_>, input: &Map) -> Result<Kernel> {
        let [rows, columns] = call.layer.pair("kernel_size", [1; 2])?;
        let (channels, each) = (input.shape().channels, call.layer.size("depth_multiplier", 1)?);
        let shape = [rows, columns, channels, each];
        let values = self.variable(call, 0, &["depthwise_kernel", "kernel"], &shape)?;
        Ok(Kernel {
            sizes: [rows, columns, 1, channels * each],
            values,
            biases: Vec::new(),
            groups: channels,
        })
    }

    /// `SeparableConv2D`: a convolution of each channel, and one of single pixels.
    pub(super) fn separable(&mut self, call: &Call<'_>, input: &Map, is_last: bool) -> Result<Map> {
        let layer = &call.layer;
        let mut depthwise = self.depthwise_kernel(call, input)?;
        let (channels, filters) = (depthwise.sizes[3], layer.size("filters", 1)?);
        depthwise.biases = self.filled(layer, 0.0, channels)?;
        let map = self.filtered(layer, &format!("{}_depthwise", layer.name), input, depthwise)?;
        let values = self.variable(call, 1, &["pointwise_kernel"], &[1, 1, channels, filters])?;
        let biases = self.biases(call, 2, filters)?;
        let map = self.pointwise(layer, &map, (channels, filters), values, biases)?;
        self.activated(layer, map, is_last)
    }

    /// A convolution of single pixels.
    fn pointwise(
        &mut self,
        layer: &Layer<'_>,
        input: &Map,
        (inputs, filters): (usize, usize),
        values: Vec<f32>,
        biases: Vec<f32>,
    ) -> Result<Map> {
        let kernel = filters_first(&values, [1, 1, inputs, filters]);
        let settings = sizes(&[("filters", filters), ("kernel", 1)]);
        self.push(layer, ("conv2d", settings), input, vec![kernel, biases])
    }

    /// A convolution with the layer's strides, dilation and padding.
    fn filtered(&mut self, layer: &Layer<'_>, name: &str, input: &Map, kernel: Kernel) -> Result<Map> {
        let (stride, dilation) = (square(layer, "strides")?, square(layer, "dilation_rate")?);
        let [rows, columns, inputs, count] = kernel.sizes;
        let label = layer.label();
        let origin = Origin { label: &label, name: Some(name) };
        let pads = pads(layer, input, reach(origin, [rows, columns], dilation)?, [stride; 2])?;
        let filters = Filters {
            sizes: [count, inputs, rows, columns],
            values: filters_first(&kernel.values, kernel.sizes),
            biases: kernel.biases,
            stride,
            dilation,
            groups: kernel.groups,
            pads,
        };
        self.assembly.convolution(origin, &input.stage, filters).map(Map::image)
    }

    /// `Dense`: of an image a convolution of single pixels, as Keras applies it to the last axis.
    pub(super) fn dense(&mut self, call: &Call<'_>, input: &Map, is_last: bool) -> Result<Map> {
        let layer = &call.layer;
        let units = layer.size("units", 1)?;
        let shape = input.shape();
        let inputs = if input.form == Form::Image { shape.channels } else { shape.len() };
        let read = |reader: &mut Self| -> Result<[Vec<f32>; 2]> {
            Ok([reader.variable(call, 0, &["kernel"], &[inputs, units])?, reader.biases(call, 1, units)?])
        };
        let map = match &input.form {
            Form::Plane => {
                let what = format!("its input has the shape {:?}", input.sizes());
                return Err(layer.refuse(what, "put a Flatten before it"));
            }
            Form::Image => {
                let [kernel, biases] = read(self)?;
                self.pointwise(layer, input, (inputs, units), kernel, biases)?
            }
            Form::Flat(parts) => {
                let [kernel, biases] = read(self)?;
                let kernel = in_our_order(filters_first(&kernel, [1, 1, inputs, units]), parts);
                let map =
                    self.push(layer, ("dense", sizes(&[("units", units)])), input, vec![kernel, biases])?;
                Map { form: Form::Flat(vec![map.shape()]), ..map }
            }
        };
        self.activated(layer, map, is_last)
    }

    /// `MaxPooling2D` and `AveragePooling2D`, which count real pixels alone.
    pub(super) fn pool(&mut self, layer: &Layer<'_>, kind: &str, input: &Map) -> Result<Map> {
        let size = layer.pair("pool_size", [2; 2])?;
        let stride = layer.pair("strides", size)?;
        let pads = pads(layer, input, size, stride)?;
        let pooling = Pooling { size, stride, pads, counts_padding: false, ceil: false };
        let origin = Origin { label: &layer.label(), name: Some(layer.name) };
        let nearest = "take padding=\"valid\", an odd size, or strides as large as the size";
        self.assembly.pool(origin, (kind, nearest), &input.stage, &pooling).map(Map::image)
    }

    /// `GlobalAveragePooling2D`, and `GlobalMaxPooling2D` as a pool over the whole map.
    pub(super) fn global_pool(&mut self, layer: &Layer<'_>, input: &Map) -> Result<Map> {
        let origin = Origin { label: &layer.label(), name: Some(layer.name) };
        let added = if layer.class == "GlobalAveragePooling2D" {
            self.assembly.push(
                origin,
                ("global_avg_pool2d", toml::Table::new()),
                &[&input.stage],
                Vec::new(),
            )?
        } else {
            let Shape { height, width, .. } = input.shape();
            let size = [height, width];
            let pooling =
                Pooling { size, stride: size, pads: [[0; 2]; 2], counts_padding: false, ceil: false };
            self.assembly.pool(origin, ("max_pool2d", ""), &input.stage, &pooling)?
        };
        Ok(if layer.flag("keepdims", false)? { Map::image(added) } else { Map::row(added) })
    }

    /// `ZeroPadding2D`: one number for all sides, two for rows and columns, or two pairs.
    pub(super) fn zero_padding(&mut self, layer: &Layer<'_>, input: &Map) -> Result<Map> {
        let flat = layer.setting("padding").map(|value| match value.as_array() {
            Some(sides) => sides
                .iter()
                .flat_map(|side| match side.as_array() {
                    Some(pair) => pair.iter().map(serde_json::Value::as_i64).collect(),
                    None => vec![side.as_i64(); 2],
                })
                .collect(),
            None => vec![value.as_i64(); 4],
        });
        let pads = flat.unwrap_or(vec![Some(1); 4]).into_iter();
        let pads = pads.map(|pad| pad.filter(|pad| (0..=MAX_PAD).contains(pad)).map(|pad| pad as usize));
        let pads: Option<Vec<usize>> = pads.collect();
        let Some(&[top, bottom, left, right]) = pads.as_deref() else {
            return Err(layer.refuse(
                "its padding cannot be read",
                "give rows and columns two numbers of 0 or more each",
            ));
        };
        if [top, bottom, left, right] == [0; 4] {
            return Ok(input.clone());
        }
        let settings = sizes(&[("top", top), ("bottom", bottom), ("left", left), ("right", right)]);
        self.push(layer, ("pad", settings), input, Vec::new())
    }
}

/// A size that is the same for rows and columns.
fn square(layer: &Layer<'_>, key: &str) -> Result<usize> {
    match layer.pair(key, [1; 2])? {
        [rows, columns] if rows == columns => Ok(rows),
        other => Err(layer.refuse(format!("its {key} are {other:?}"), "take the same for rows and columns")),
    }
}

/// The padding of a layer whose windows reach over these pixels.
fn pads(layer: &Layer<'_>, input: &Map, reach: [usize; 2], stride: [usize; 2]) -> Result<Pads> {
    let Shape { height, width, .. } = input.shape();
    match layer.word("padding", "valid")? {
        "valid" => Ok([[0; 2]; 2]),
        "same" => {
            let totals = same_padding([height, width], reach, stride);
            Ok(totals.map(|total| [total / 2, total - total / 2]))
        }
        other => Err(layer.refuse(format!("its padding is {other:?}"), "take \"valid\" or \"same\"")),
    }
}
