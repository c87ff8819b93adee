//! Convolutions and pools of an ONNX graph: kernels, strides and padding as our layers have them, symmetric, of convolutions square too.

use toml::{Table, Value as Setting};

use super::builder::{Builder, Map, Value};
use super::proto::Node;
use crate::error::Result;
use crate::nn::Shape;
use crate::nn::tables::sizes;

/// Largest kernel.
const MAX_KERNEL: usize = 64;

/// Padding before and after, of rows and of columns.
pub(super) type Pads = [[usize; 2]; 2];

/// The padding of a node whose windows reach over these pixels, on a map of this shape.
pub(super) fn pads(node: &Node, input: Shape, reach: [usize; 2], stride: [usize; 2]) -> Result<Pads> {
    let side = [input.height, input.width];
    let same = |axis: usize| {
        let outputs = side[axis].div_ceil(stride[axis]);
        ((outputs - 1) * stride[axis] + reach[axis]).saturating_sub(side[axis])
    };
    let totals = || [same(0), same(1)];
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

/// `Conv`: filters that are not square, or padded on one side more, get taps of 0.
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
    let kernel = [rows, columns];
    if kernel.iter().any(|taps| *taps == 0 || *taps > MAX_KERNEL) || weight.len() == 0 {
        let help = format!("take kernels of 1 to {MAX_KERNEL}");
        return Err(node.refuse(format!("its kernel is {rows}×{columns}"), &help));
    }
    let reach = kernel.map(|taps| (taps - 1) * dilation + 1);
    let own = pads(node, input.shape, reach, [stride; 2])?;
    let pads = [0, 1].map(|axis| [0, 1].map(|side| own[axis][side] + around[axis][side]));
    let (input, pads) = if rows == columns { evened(builder, node, input, pads)? } else { (input, pads) };
    let padding = pads.as_flattened().iter().copied().max().unwrap_or(0);
    // Taps of 0 before and after, so that the padding is the same on all sides.
    let missing = pads.as_flattened().iter().map(|pad| padding - pad);
    let whole = missing.clone().all(|pixels| pixels.is_multiple_of(dilation));
    let added = pads.map(|pads| pads.map(|pad| (padding - pad) / dilation));
    let sides = [0, 1].map(|axis| kernel[axis] + added[axis][0] + added[axis][1]);
    if !whole || sides[0] != sides[1] || sides[0] > MAX_KERNEL {
        let what = format!("its kernel of {rows}×{columns} with pads {pads:?} is not square");
        return Err(node.refuse(what, "take a conv2d with a square kernel and the same padding on all sides"));
    }
    let side = sides[0];
    let (given, mut taps) = (weight.floats(), vec![0.0; filters * inputs * side * side]);
    for (at, value) in given.iter().enumerate() {
        let (plane, y, x) = (at / (rows * columns), at / columns % rows, at % columns);
        taps[(plane * side + y + added[0][0]) * side + x + added[1][0]] = *value;
    }
    if side * side > rows * columns {
        let note = format!(
            "{}: its {rows}×{columns} kernel became {side}×{side}, with weights of 0 around it",
            node.label()
        );
        builder.notes.push(note);
    }
    let bias = builder.optional(node, 2)?;
    let groups = usize::try_from(node.int("group", 1)).unwrap_or(0);
    let settings = sizes(&[
        ("filters", filters),
        ("kernel", side),
        ("stride", stride),
        ("padding", padding),
        ("dilation", dilation),
        ("groups", groups),
    ]);
    let biases = bias.as_ref().map_or(vec![0.0; filters], |bias| bias.floats());
    builder.push(node, ("conv2d", settings), &[&input], vec![taps, biases])
}

/// The map with a layer `pad` for what one side has more than another, and the padding that is the same on all sides.
fn evened(builder: &mut Builder<'_>, node: &Node, input: Map, pads: Pads) -> Result<(Map, Pads)> {
    let least = pads.as_flattened().iter().copied().min().unwrap_or(0);
    let [[top, bottom], [left, right]] = pads.map(|sides| sides.map(|pad| pad - least));
    if [top, bottom, left, right] == [0; 4] {
        return Ok((input, pads));
    }
    let settings = sizes(&[("top", top), ("bottom", bottom), ("left", left), ("right", right)]);
    Ok((builder.push(node, ("pad", settings), &[&input], Vec::new())?, [[least; 2]; 2]))
}

/// `MaxPool` and `AveragePool`.
pub(super) fn pool(builder: &mut Builder<'_>, node: &Node, kind: &str) -> Result<Map> {
    let input = builder.image(node, 0)?;
    let nearest = "take a pool over rows and columns, with the same padding before and after";
    let (size, stride) = (node.pair("kernel_shape", 0, nearest)?, node.pair("strides", 1, nearest)?);
    if size == [0; 2] || node.square("dilations", 1, nearest)? != 1 {
        return Err(node.refuse("its windows have no size, or holes", "take a pool without dilation"));
    }
    let pads = pads(node, input.shape, size, stride)?;
    let padding = pads.map(|[before, _]| before);
    let counts = kind == "avg_pool2d" && node.int("count_include_pad", 0) != 0;
    let mut ceil = node.int("ceil_mode", 0) != 0;
    if pads.iter().any(|[before, after]| before != after) {
        // What reaches beyond the map is left out: windows that overhang do the same, where they are as many.
        let sides = [input.shape.height, input.shape.width];
        let windows = |axis: usize, rounds_up: bool, after: usize| {
            let [size, stride, padding] = [size[axis], stride[axis], padding[axis]];
            let rest = (sides[axis] + padding + after).checked_sub(size)?;
            let count = if rounds_up { rest.div_ceil(stride) } else { rest / stride } + 1;
            Some(if rounds_up && (count - 1) * stride >= sides[axis] + padding { count - 1 } else { count })
        };
        let overhangs =
            |axis: usize| windows(axis, true, padding[axis]) == windows(axis, ceil, pads[axis][1]);
        if counts || !overhangs(0) || !overhangs(1) {
            return Err(node.refuse(format!("its pads {pads:?} are not the same before and after"), nearest));
        }
        ceil = true;
    }
    let sides = |[rows, columns]: [usize; 2]| match rows == columns {
        true => Setting::Integer(rows as i64),
        false => Setting::Array([rows, columns].map(|side| Setting::Integer(side as i64)).to_vec()),
    };
    let all = [("size", size), ("stride", stride), ("padding", padding)];
    let mut settings: Table = all.map(|(name, of)| (name.to_owned(), sides(of))).into_iter().collect();
    if ceil {
        settings.insert("ceil".to_owned(), Setting::Boolean(true));
    }
    if kind == "avg_pool2d" {
        settings.insert("count_padding".to_owned(), Setting::Boolean(counts || (padding == [0; 2] && !ceil)));
    }
    builder.push(node, (kind, settings), &[&input], Vec::new())
}
