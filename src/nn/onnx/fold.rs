//! Nodes of an ONNX graph whose inputs are constants: shapes that are taken apart and put together, and transposed weights.

use std::path::Path;

use super::constant::{Constant, Numbers};
use super::proto::Node;
use crate::error::{Error, Result};

/// Most values of a tensor that is filled with one.
const MAX_FILLED: usize = 1 << 16;
/// Help where constants do not fit together.
const SIMPLIFY: &str = "export the model with constants folded, or run it through onnxsim";

/// The value of a node of constants.
///
/// # Errors
/// When the operator is none of those that make shapes and turn weights, or its inputs do not fit.
pub(super) fn fold(node: &Node, inputs: &[Option<&Constant>], folder: &Path) -> Result<Constant> {
    let input = |at: usize| {
        inputs.get(at).copied().flatten().ok_or_else(|| node.refuse(format!("it lacks input {at}"), SIMPLIFY))
    };
    match node.op_type.as_str() {
        "Constant" => constant(node, folder),
        "Identity" => Ok(input(0)?.clone()),
        "Cast" => cast(input(0)?, node.int("to", 1)),
        "CastLike" => cast(input(0)?, if matches!(input(1)?.numbers, Numbers::Ints(_)) { 7 } else { 1 }),
        "Expand" => expanded(input(0)?, input(1)?),
        "Gather" => gather(input(0)?, input(1)?, node.int("axis", 0)),
        "Concat" => concat(inputs, node.int("axis", 0)),
        "Squeeze" | "Unsqueeze" | "Flatten" | "Reshape" => {
            reshaped(node, input(0)?, inputs.get(1).copied().flatten())
        }
        "Slice" => slice(node, inputs),
        "ConstantOfShape" => filled(node, input(0)?, folder),
        "Transpose" => transposed(input(0)?, node.ints("perm")),
        "Add" => pairwise(input(0)?, input(1)?, |a, b| a + b, i64::checked_add),
        "Sub" => pairwise(input(0)?, input(1)?, |a, b| a - b, i64::checked_sub),
        "Mul" => pairwise(input(0)?, input(1)?, |a, b| a * b, i64::checked_mul),
        "Div" => pairwise(input(0)?, input(1)?, |a, b| a / b, i64::checked_div),
        "Sqrt" => {
            let input = input(0)?;
            let roots = input.floats().into_iter().map(f32::sqrt).collect();
            Ok(Constant { dims: input.dims.clone(), numbers: Numbers::Floats(roots) })
        }
        _ => Err(Error::new("it makes a constant, and is not one of those that are folded", SIMPLIFY)),
    }
    .map_err(|error| if error.what().starts_with("node ") { error } else { error.within(node.label()) })
}

fn constant(node: &Node, folder: &Path) -> Result<Constant> {
    if let Some(tensor) = node.tensor("value") {
        return Constant::read(tensor, folder);
    }
    let has = |name: &str| node.attribute.iter().any(|attribute| attribute.name == name);
    let floats = |dims: Vec<usize>, values: Vec<f32>| Constant { dims, numbers: Numbers::Floats(values) };
    if let Some(ints) = node.ints("value_ints") {
        Ok(Constant::row(ints.to_vec()))
    } else if let Some(values) = node.floats("value_floats") {
        Ok(floats(vec![values.len()], values.to_vec()))
    } else if has("value_int") {
        Ok(Constant { dims: Vec::new(), numbers: Numbers::Ints(vec![node.int("value_int", 0)]) })
    } else if has("value_float") {
        Ok(floats(Vec::new(), vec![node.float("value_float", 0.0)]))
    } else {
        Err(Error::new("it has no numbers", SIMPLIFY))
    }
}

pub(super) fn cast(input: &Constant, to: i64) -> Result<Constant> {
    let numbers = match to {
        1 | 10 | 11 | 16 => Numbers::Floats(input.floats()),
        6 | 7 => Numbers::Ints(match &input.numbers {
            Numbers::Ints(ints) => ints.clone(),
            Numbers::Floats(floats) => floats.iter().map(|value| *value as i64).collect(),
        }),
        _ => return Err(Error::new(format!("it turns numbers into type {to}"), SIMPLIFY)),
    };
    Ok(Constant { dims: input.dims.clone(), numbers })
}

/// An axis or index, counted from the end where it is negative.
pub(super) fn from_end(at: i64, len: usize) -> Result<usize> {
    let counted = if at < 0 { at.checked_add(len as i64) } else { Some(at) };
    let found = counted.and_then(|at| usize::try_from(at).ok()).filter(|at| *at < len);
    found.ok_or_else(|| Error::new(format!("there is no place {at} among {len}"), SIMPLIFY))
}

fn gather(input: &Constant, indices: &Constant, axis: i64) -> Result<Constant> {
    let ([len], 0) = (&input.dims[..], axis) else {
        return Err(Error::new("it takes parts of what is no list", SIMPLIFY));
    };
    let places: Vec<usize> = indices.ints()?.iter().map(|at| from_end(*at, *len)).collect::<Result<_>>()?;
    Ok(input.picked(indices.dims.clone(), places.into_iter()))
}

fn concat(inputs: &[Option<&Constant>], axis: i64) -> Result<Constant> {
    let rows: Vec<&Constant> = inputs.iter().copied().flatten().collect();
    if rows.len() != inputs.len() || axis.unsigned_abs() > 1 || rows.iter().any(|row| row.dims.len() != 1) {
        return Err(Error::new("it joins what are no lists", SIMPLIFY));
    }
    let mut ints = Vec::new();
    for row in rows {
        ints.extend_from_slice(row.ints()?);
    }
    Ok(Constant::row(ints))
}

fn reshaped(node: &Node, input: &Constant, second: Option<&Constant>) -> Result<Constant> {
    let axes = node.ints("axes").map(<[i64]>::to_vec);
    let listed = match (axes, second) {
        (Some(axes), _) => axes,
        (None, Some(second)) => second.ints()?.to_vec(),
        (None, None) => Vec::new(),
    };
    let dims = match node.op_type.as_str() {
        "Reshape" => target(&input.dims, &listed, node.int("allowzero", 0) == 1)?,
        "Unsqueeze" => unsqueezed(&input.dims, &listed)?,
        "Squeeze" => squeezed(&input.dims, &listed)?,
        _ => return Err(Error::new("it flattens a constant", SIMPLIFY)),
    };
    Ok(Constant { dims, ..input.clone() })
}

/// Sizes with ones put in at these places.
pub(super) fn unsqueezed(dims: &[usize], axes: &[i64]) -> Result<Vec<usize>> {
    let rank = dims.len() + axes.len();
    let axes: Vec<usize> = axes.iter().map(|axis| from_end(*axis, rank)).collect::<Result<_>>()?;
    let mut left = dims.iter();
    let size = |at| if axes.contains(&at) { Some(1) } else { left.next().copied() };
    let sizes: Option<Vec<usize>> = (0..rank).map(size).collect();
    sizes.ok_or_else(|| Error::new("it puts two axes into one place", SIMPLIFY))
}

/// Sizes without the ones at these places, or without any.
pub(super) fn squeezed(dims: &[usize], axes: &[i64]) -> Result<Vec<usize>> {
    let axes: Vec<usize> = axes.iter().map(|axis| from_end(*axis, dims.len())).collect::<Result<_>>()?;
    if let Some(axis) = axes.iter().find(|axis| dims[**axis] != 1) {
        return Err(Error::new(format!("axis {axis} has {} places, not 1", dims[*axis]), SIMPLIFY));
    }
    let goes = |at: usize| if axes.is_empty() { dims[at] == 1 } else { axes.contains(&at) };
    Ok((0..dims.len()).filter(|at| !goes(*at)).map(|at| dims[at]).collect())
}

/// Sizes that a `Reshape` asks for: 0 keeps a size, −1 is what is left.
pub(super) fn target(dims: &[usize], asked: &[i64], allow_zero: bool) -> Result<Vec<usize>> {
    let fault = || Error::new(format!("values of sizes {dims:?} cannot have the sizes {asked:?}"), SIMPLIFY);
    let len = product(dims).ok_or_else(fault)?;
    let size = |(at, size): (usize, &i64)| match *size {
        -1 => Some(None),
        0 if !allow_zero => dims.get(at).map(|size| Some(*size)),
        size => usize::try_from(size).ok().map(Some),
    };
    let sizes: Vec<Option<usize>> =
        asked.iter().enumerate().map(size).collect::<Option<_>>().ok_or_else(fault)?;
    let known: Vec<usize> = sizes.iter().copied().flatten().collect();
    let known_len = product(&known).filter(|len| *len > 0).ok_or_else(fault)?;
    let fits = match sizes.len() - known.len() {
        0 => known_len == len,
        1 => len.is_multiple_of(known_len),
        _ => false,
    };
    if !fits {
        return Err(fault());
    }
    Ok(sizes.into_iter().map(|size| size.unwrap_or(len / known_len)).collect())
}

fn product(sizes: &[usize]) -> Option<usize> {
    sizes.iter().try_fold(1_usize, |product, size| product.checked_mul(*size))
}

fn slice(node: &Node, inputs: &[Option<&Constant>]) -> Result<Constant> {
    let one = |name: &str, at: usize| -> Result<Option<i64>> {
        let listed = match (node.ints(name), inputs.get(at).copied().flatten()) {
            (Some(ints), _) => ints,
            (None, Some(constant)) => constant.ints()?,
            (None, None) => return Ok(None),
        };
        let [only] = listed else { return Err(Error::new("it takes parts of what is no list", SIMPLIFY)) };
        Ok(Some(*only))
    };
    let (Some(Some(input)), Some(start), Some(end)) = (inputs.first(), one("starts", 1)?, one("ends", 2)?)
    else {
        return Err(Error::new("it lacks an input", SIMPLIFY));
    };
    let step = one("steps", 4)?.unwrap_or(1);
    let ([len, rest @ ..], 0, 1 | -1) = (&input.dims[..], one("axes", 3)?.unwrap_or(0), step) else {
        return Err(Error::new("it takes parts of what is no list, or not each one", SIMPLIFY));
    };
    // Backward from the last place, which is counted from −1 on.
    let backward = i64::from(step < 0);
    let bound = |at: i64| {
        let at = if at < 0 { at.saturating_add(*len as i64) } else { at };
        at.clamp(-backward, *len as i64 - backward)
    };
    let (start, end) = (bound(start), bound(end));
    let rows: Vec<i64> = if step > 0 { (start..end).collect() } else { (end + 1..=start).rev().collect() };
    let width: usize = rest.iter().product();
    let places = rows.iter().flat_map(|row| (0..width).map(move |at| *row as usize * width + at));
    Ok(input.picked([&[rows.len()], rest].concat(), places))
}

/// A tensor of the sizes that are given, of one value.
fn filled(node: &Node, sizes: &Constant, folder: &Path) -> Result<Constant> {
    let dims = sizes.ints()?.iter().map(|size| usize::try_from(*size).ok()).collect::<Option<Vec<_>>>();
    let len = dims.as_ref().and_then(|dims| product(dims)).filter(|len| *len <= MAX_FILLED);
    let (Some(dims), Some(len)) = (dims, len) else {
        return Err(Error::new("it fills a tensor that is too large, or has sizes below 0", SIMPLIFY));
    };
    let value = node.tensor("value").map(|tensor| Constant::read(tensor, folder)).transpose()?;
    let numbers = match value.as_ref().map(|value| &value.numbers) {
        Some(Numbers::Ints(ints)) => Numbers::Ints(vec![ints.first().copied().unwrap_or(0); len]),
        Some(Numbers::Floats(floats)) => Numbers::Floats(vec![floats.first().copied().unwrap_or(0.0); len]),
        None => Numbers::Floats(vec![0.0; len]),
    };
    Ok(Constant { dims, numbers })
}

/// A tensor repeated along its axes of one place, as far as these sizes say.
fn expanded(input: &Constant, sizes: &Constant) -> Result<Constant> {
    let asked = sizes.ints()?;
    let fault =
        || Error::new(format!("values of sizes {:?} cannot be expanded to {asked:?}", input.dims), SIMPLIFY);
    let rank = input.dims.len().max(asked.len());
    // Sizes are compared from the last on; what one of them lacks is 1.
    let own: Vec<usize> = [&vec![1; rank - input.dims.len()][..], &input.dims].concat();
    let mut dims = vec![1; rank - asked.len()];
    dims.extend(
        asked.iter().map(|size| usize::try_from(*size).ok()).collect::<Option<Vec<_>>>().ok_or_else(fault)?,
    );
    for (size, own) in dims.iter_mut().zip(&own) {
        *size = match (*size, *own) {
            (size, own) if size == own || own == 1 => size,
            (1, own) => own,
            _ => return Err(fault()),
        };
    }
    let len = product(&dims).filter(|len| *len <= MAX_FILLED).ok_or_else(fault)?;
    let place = |mut at: usize| {
        let (mut place, mut stride) = (0, 1);
        for (size, own) in dims.iter().zip(&own).rev() {
            place += if *own == 1 { 0 } else { at % size * stride };
            stride *= own;
            at /= size;
        }
        place
    };
    Ok(input.picked(dims.clone(), (0..len).map(place)))
}

/// A tensor with its axes in another order, by default reversed.
pub(super) fn transposed(input: &Constant, order: Option<&[i64]>) -> Result<Constant> {
    let rank = input.dims.len();
    let reversed: Vec<i64> = (0..rank as i64).rev().collect();
    let order: Vec<usize> =
        order.unwrap_or(&reversed).iter().map(|axis| from_end(*axis, rank)).collect::<Result<_>>()?;
    if order.len() != rank || (0..rank).any(|axis| !order.contains(&axis)) {
        return Err(Error::new(format!("{order:?} is no order of {rank} axes"), SIMPLIFY));
    }
    let mut strides = vec![1; rank];
    for axis in (1..rank).rev() {
        strides[axis - 1] = strides[axis] * input.dims[axis];
    }
    let dims: Vec<usize> = order.iter().map(|axis| input.dims[*axis]).collect();
    let place = |mut at: usize| {
        let mut place = 0;
        for (axis, size) in order.iter().zip(&dims).rev() {
            place += at % size * strides[*axis];
            at /= size;
        }
        place
    };
    Ok(input.picked(dims.clone(), (0..input.len()).map(place)))
}

/// Two tensors of one size, or one with a single number, value by value.
fn pairwise(
    a: &Constant,
    b: &Constant,
    floats: fn(f32, f32) -> f32,
    ints: fn(i64, i64) -> Option<i64>,
) -> Result<Constant> {
    let larger = if a.len() >= b.len() { a } else { b };
    let fits = |one: &Constant| one.dims == larger.dims || one.len() == 1;
    if !fits(a) || !fits(b) || larger.len() == 0 {
        return Err(Error::new(
            format!("constants of sizes {:?} and {:?} do not fit", a.dims, b.dims),
            SIMPLIFY,
        ));
    }
    let at = |one: &Constant, index: usize| if one.len() == 1 { 0 } else { index };
    let numbers = match (&a.numbers, &b.numbers) {
        (Numbers::Ints(x), Numbers::Ints(y)) => {
            let each = |index| ints(x[at(a, index)], y[at(b, index)]);
            let all: Option<Vec<i64>> = (0..larger.len()).map(each).collect();
            Numbers::Ints(
                all.ok_or_else(|| Error::new("its whole numbers are too large, or divided by 0", SIMPLIFY))?,
            )
        }
        _ => {
            let (x, y) = (a.floats(), b.floats());
            let each = |index| floats(x[at(a, index)], y[at(b, index)]);
            Numbers::Floats((0..larger.len()).map(each).collect())
        }
    };
    Ok(Constant { dims: larger.dims.clone(), numbers })
}
