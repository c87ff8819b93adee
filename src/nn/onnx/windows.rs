//! Convolutions and pools of an ONNX graph.

use super::builder::{Builder, Map, Value, weight_stem};
use super::proto::Node;
use crate::error::Result;
use crate::nn::Shape;
use crate::nn::imported::{Filters, Origin, Pads, Pooling, TransposedFilters, reach, same_padding};

/// The padding of a node whose windows reach over these pixels, on a map of this shape.
fn pads(node: &Node, input: Shape, reach: [usize; 2], stride: [usize; 2]) -> Result<Pads> {
    let totals = || same_padding([input.height, input.width], reach, stride);
    match node.word("auto_pad", "NOTSET") {
        "VALID" => Ok([[0; 2]; 2]),
        "SAME_UPPER" => Ok(totals().map(|total| [total / 2, total - total / 2])),
        "SAME_LOWER" => Ok(totals().map(|total| [total - total / 2, total / 2])),
        _ => match node.ints("pads") {
            None | Some([]) => Ok([[0; 2]; 2]),
            Some([top, left, bottom, right])
                if [top, left, bottom, right].iter().all(|pad| (0..=1 << 12).contains(*pad)) =>
            {
                Ok([[*top as usize, *bottom as usize], [*left as usize, *right as usize]])
            }
            Some(other) => Err(node.refuse(
                format!("its pads are {other:?}"),
                "give it four of 0 or more, for images of rows and columns",
            )),
        },
    }
}

/// `Conv`.
pub(super) fn convolution(builder: &mut Builder<'_>, node: &Node) -> Result<Map> {
    let (input, around) = match builder.find(node, 0) {
        Some(Value::Padded(padded)) => (padded.of.clone(), padded.pads),
        _ => (builder.image(node, 0)?, [[0; 2]; 2]),
    };
    let weight = builder.constant(node, 1)?;
    let [filters, inputs, rows, columns] = weight.dims[..] else {
        let what = format!("its weights have the sizes {:?}", weight.dims);
        return Err(node.refuse(what, "only conv2d, with weights [out, in, ky, kx], has a layer"));
    };
    let nearest = "take a conv2d with the same stride and dilation for rows and columns";
    let (stride, dilation) = (node.square("strides", 1, nearest)?, node.square("dilations", 1, nearest)?);
    let label = node.label();
    let origin = Origin { label: &label, name: weight_stem(node) };
    let reach = reach(origin, [rows, columns], dilation)?;
    let own = pads(node, input.shape, reach, [stride; 2])?;
    let pads = [0, 1].map(|axis| [0, 1].map(|side| own[axis][side] + around[axis][side]));
    let bias = builder.optional(node, 2)?;
    let biases = bias.as_ref().map_or(vec![0.0; filters.min(weight.len())], |bias| bias.floats());
    let groups = usize::try_from(node.int("group", 1)).unwrap_or(0);
    let sizes = [filters, inputs, rows, columns];
    let filters = Filters { sizes, values: weight.floats(), biases, stride, dilation, groups, pads };
    let added = builder.assembly.convolution(origin, &input.stage(), filters)?;
    Ok(builder.placed("conv2d", &input, added))
}

/// `ConvTranspose`.
pub(super) fn transposed(builder: &mut Builder<'_>, node: &Node) -> Result<Map> {
    let (input, weight) = (builder.image(node, 0)?, builder.constant(node, 1)?);
    let nearest =
        "take a ConvTranspose of images with the same kernel, stride and dilation for rows and columns";
    let [inputs, each, rows, columns] = weight.dims[..] else {
        return Err(node.refuse(format!("its weights have the sizes {:?}", weight.dims), nearest));
    };
    if rows != columns {
        return Err(node.refuse(format!("its kernel is {rows}×{columns}"), nearest));
    }
    let (stride, dilation) = (node.square("strides", 1, nearest)?, node.square("dilations", 1, nearest)?);
    let label = node.label();
    let origin = Origin { label: &label, name: weight_stem(node) };
    let reach = reach(origin, [rows, columns], dilation)?;
    let pair = |name: &str| match node.ints(name) {
        None | Some([]) => Ok(None),
        Some([.., rows, columns]) if [rows, columns].iter().all(|side| (0..=1 << 16).contains(*side)) => {
            Ok(Some([*rows as usize, *columns as usize]))
        }
        Some(other) => Err(node.refuse(format!("its {name} are {other:?}"), nearest)),
    };
    let (added, asked) = (pair("output_padding")?.unwrap_or([0; 2]), pair("output_shape")?);
    let auto_pad = node.word("auto_pad", "NOTSET");
    let is_same = auto_pad.starts_with("SAME");
    let own = if is_same { [[0; 2]; 2] } else { pads(node, input.shape, reach, [stride; 2])? };
    let mut cuts = [[0; 2]; 2];
    for (axis, side) in [input.shape.height, input.shape.width].into_iter().enumerate() {
        let whole = (side - 1) * stride + reach[axis] + added[axis];
        // Where the kernel is smaller than the stride, onnxruntime puts nothing to the end.
        let asked = asked.map(|sides| sides[axis]).or(is_same.then_some(whole.min(side * stride)));
        cuts[axis] = match asked {
            Some(left) => {
                let cut = whole.saturating_sub(left);
                [if auto_pad == "SAME_UPPER" { cut / 2 } else { cut - cut / 2 }, left]
            }
            None => [own[axis][0], whole.saturating_sub(own[axis][0] + own[axis][1])],
        };
    }
    let biases = builder.optional(node, 2)?.map(|bias| bias.floats());
    let groups = usize::try_from(node.int("group", 1)).unwrap_or(0);
    let sizes = [inputs, each, rows];
    let values = weight.floats();
    let filters = TransposedFilters { sizes, values, biases, stride, dilation, groups, cuts };
    let added = builder.assembly.transposed(origin, &input.stage(), filters)?;
    Ok(builder.placed("conv_transpose2d", &input, added))
}

/// `MaxPool` and `AveragePool`.
pub(super) fn pool(builder: &mut Builder<'_>, node: &Node, kind: &str) -> Result<Map> {
    let input = builder.image(node, 0)?;
    let nearest = "take a pool over rows and columns, with the same padding before and after";
    let (size, stride) = (node.pair("kernel_shape", 0, nearest)?, node.pair("strides", 1, nearest)?);
    if size == [0; 2] || node.square("dilations", 1, nearest)? != 1 {
        return Err(node.refuse("its windows have no size, or holes", "take a pool without dilation"));
    }
    let pooling = Pooling {
        size,
        stride,
        pads: pads(node, input.shape, size, stride)?,
        counts_padding: node.int("count_include_pad", 0) != 0,
        ceil: node.int("ceil_mode", 0) != 0,
    };
    let label = node.label();
    let origin = Origin { label: &label, name: None };
    let added = builder.assembly.pool(origin, (kind, nearest), &input.stage(), &pooling)?;
    Ok(builder.placed(kind, &input, added))
}
