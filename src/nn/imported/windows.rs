//! Convolutions and pools with kernels, strides and padding as our layers have them: symmetric, of convolutions square too.

use toml::{Table, Value as Setting};

use super::assembly::{Added, Assembly, Origin, Stage};
use crate::error::Result;
use crate::nn::tables::sizes;
use crate::nn::{Init, ParameterSpec};

/// Largest kernel.
const MAX_KERNEL: usize = 64;
/// Weights that taps of 0 may make of fewer: 64 MiB.
const MAX_ENLARGED: usize = 1 << 24;

/// Padding before and after, of rows and of columns.
pub(in crate::nn) type Pads = [[usize; 2]; 2];

/// A convolution of a file.
pub(in crate::nn) struct Filters {
    /// Filters, channels that each sees, rows and columns of the kernel.
    pub sizes: [usize; 4],
    /// The weights in this order.
    pub values: Vec<f32>,
    pub biases: Vec<f32>,
    pub stride: usize,
    pub dilation: usize,
    pub groups: usize,
    pub pads: Pads,
}

/// A transposed convolution of a file, with the same kernel, stride and dilation for rows and columns.
pub(in crate::nn) struct TransposedFilters {
    /// Input channels, filters of a group, and the side of the kernel.
    pub sizes: [usize; 3],
    /// The weights, `[in, out of a group, ky, kx]`.
    pub values: Vec<f32>,
    /// None for biases of 0.
    pub biases: Option<Vec<f32>>,
    pub stride: usize,
    pub dilation: usize,
    pub groups: usize,
    /// Of rows and of columns: pixels cut off before, and pixels that are left.
    pub cuts: [[usize; 2]; 2],
}

/// A pool of a file; sizes are of rows and columns.
pub(in crate::nn) struct Pooling {
    pub size: [usize; 2],
    pub stride: [usize; 2],
    pub pads: Pads,
    /// True if a mean counts the padding, as zeros.
    pub counts_padding: bool,
    /// True if a last window may reach beyond the padding.
    pub ceil: bool,
}

/// Rows and columns from the first to the last tap of a kernel, both included.
///
/// # Errors
/// When it has no taps, or too many.
pub(in crate::nn) fn reach(origin: Origin<'_>, kernel: [usize; 2], dilation: usize) -> Result<[usize; 2]> {
    if kernel.iter().any(|taps| *taps == 0 || *taps > MAX_KERNEL) {
        let help = format!("take kernels of 1 to {MAX_KERNEL}");
        return Err(origin.refuse(format!("its kernel is {}×{}", kernel[0], kernel[1]), &help));
    }
    Ok(kernel.map(|taps| (taps - 1) * dilation + 1))
}

/// Rows and columns of padding in all, so that windows that reach over `reach` pixels make `⌈side / stride⌉` outputs.
pub(in crate::nn) fn same_padding(side: [usize; 2], reach: [usize; 2], stride: [usize; 2]) -> [usize; 2] {
    [0, 1].map(|axis| {
        let outputs = side[axis].div_ceil(stride[axis]);
        (outputs.saturating_sub(1) * stride[axis] + reach[axis]).saturating_sub(side[axis])
    })
}

impl Assembly {
    /// Appends a convolution: filters that are not square get taps of 0, what is padded on one side more a layer `pad`.
    ///
    /// # Errors
    /// When it cannot be said so, or its weights do not fit.
    pub(in crate::nn) fn convolution(
        &mut self,
        origin: Origin<'_>,
        input: &Stage,
        filters: Filters,
    ) -> Result<Added> {
        let [count, inputs, rows, columns] = filters.sizes;
        let kernel = [rows, columns];
        reach(origin, kernel, filters.dilation)?;
        let expected = filters.sizes.iter().try_fold(1_usize, |len, size| len.checked_mul(*size));
        if expected != Some(filters.values.len()) || filters.values.is_empty() {
            let what = format!("its weights of {:?} have {} values", filters.sizes, filters.values.len());
            return Err(origin.refuse(what, "the file is damaged: export it again"));
        }
        let (input, pads) = if rows == columns {
            self.evened(origin, input, filters.pads)?
        } else {
            (input.clone(), filters.pads)
        };
        let padding = pads.as_flattened().iter().copied().max().unwrap_or(0);
        // Taps of 0 before and after, so that the padding is the same on all sides.
        let missing = pads.as_flattened().iter().map(|pad| padding - pad);
        let whole = missing.clone().all(|pixels| pixels.is_multiple_of(filters.dilation));
        let added = pads.map(|pads| pads.map(|pad| (padding - pad) / filters.dilation));
        let sides = [0, 1].map(|axis| kernel[axis] + added[axis][0] + added[axis][1]);
        let is_large = |side: usize| {
            let len = count.saturating_mul(inputs).saturating_mul(side * side);
            len > MAX_ENLARGED && len / 4 > filters.values.len()
        };
        if !whole || sides[0] != sides[1] || sides[0] > MAX_KERNEL || is_large(sides[0]) {
            let what = format!("its kernel of {rows}×{columns} with pads {pads:?} is not square");
            return Err(
                origin.refuse(what, "take a conv2d with a square kernel and the same padding on all sides")
            );
        }
        let side = sides[0];
        let taps = if side * side > rows * columns {
            let mut taps = vec![0.0; count * inputs * side * side];
            for (at, value) in filters.values.iter().enumerate() {
                let (plane, y, x) = (at / (rows * columns), at / columns % rows, at % columns);
                taps[(plane * side + y + added[0][0]) * side + x + added[1][0]] = *value;
            }
            self.notes.push(format!(
                "{}: its {rows}×{columns} kernel became {side}×{side}, with weights of 0 around it",
                origin.label
            ));
            taps
        } else {
            filters.values
        };
        let settings = sizes(&[
            ("filters", count),
            ("kernel", side),
            ("stride", filters.stride),
            ("padding", padding),
            ("dilation", filters.dilation),
            ("groups", filters.groups),
        ]);
        self.push(origin, ("conv2d", settings), &[&input], vec![taps, filters.biases])
    }

    /// Appends a transposed convolution.
    ///
    /// # Errors
    /// When rows and columns differ, or its weights do not fit.
    pub(in crate::nn) fn transposed(
        &mut self,
        origin: Origin<'_>,
        input: &Stage,
        of: TransposedFilters,
    ) -> Result<Added> {
        let TransposedFilters { sizes: [inputs, each, kernel], stride, dilation, groups, cuts, .. } = of;
        let reach = reach(origin, [kernel; 2], dilation)?[0];
        let len = [inputs, each, kernel, kernel].iter().try_fold(1_usize, |len, side| len.checked_mul(*side));
        let fits = groups > 0 && inputs.is_multiple_of(groups) && inputs == input.shape.channels;
        if !fits || len != Some(of.values.len()) || of.values.is_empty() {
            let what = format!(
                "its weights are [{inputs}, {each}, {kernel}, {kernel}] with {} values, for {} channels in {groups} groups",
                of.values.len(),
                input.shape.channels
            );
            return Err(origin.refuse(what, "the file is damaged: export it again"));
        }
        let sides = [input.shape.height, input.shape.width];
        // What is at the end beyond what the kernels reach.
        let added = [0, 1].map(|axis| {
            let whole = ((sides[axis] - 1) * stride + reach) as i64;
            cuts[axis][1] as i64 - (whole - 2 * cuts[axis][0] as i64)
        });
        if cuts[0][0] != cuts[1][0] || added[0] != added[1] {
            let what = format!("it cuts off others of its rows than of its columns: {cuts:?}");
            return Err(origin.refuse(what, "take the same padding for rows and columns"));
        }
        let filters = each * groups;
        let spec = ParameterSpec {
            turned_groups: Some(groups),
            ..ParameterSpec::weight([filters, inputs / groups, kernel, kernel], Init::He)
        };
        let mut settings = sizes(&[
            ("filters", filters),
            ("kernel", kernel),
            ("stride", stride),
            ("padding", cuts[0][0]),
            ("dilation", dilation),
            ("groups", groups),
        ]);
        settings.insert("output_padding".to_owned(), Setting::Integer(added[0]));
        let biases = of.biases.unwrap_or_else(|| vec![0.0; filters]);
        let weights = vec![spec.from_file(&of.values).into_owned(), biases];
        self.push(origin, ("conv_transpose2d", settings), &[input], weights)
    }

    /// The map with a layer `pad` for what one side has more than another, and the padding that is the same on all sides.
    fn evened(&mut self, origin: Origin<'_>, input: &Stage, pads: Pads) -> Result<(Stage, Pads)> {
        let least = pads.as_flattened().iter().copied().min().unwrap_or(0);
        let [[top, bottom], [left, right]] = pads.map(|sides| sides.map(|pad| pad - least));
        if [top, bottom, left, right] == [0; 4] {
            return Ok((input.clone(), pads));
        }
        let settings = sizes(&[("top", top), ("bottom", bottom), ("left", left), ("right", right)]);
        let pad = Origin { name: None, ..origin };
        Ok((self.push(pad, ("pad", settings), &[input], Vec::new())?.output, [[least; 2]; 2]))
    }

    /// Appends a pool, `max_pool2d` or `avg_pool2d`.
    ///
    /// # Errors
    /// When its padding cannot be said so, or its windows do not fit; `nearest` is the help.
    pub(in crate::nn) fn pool(
        &mut self,
        origin: Origin<'_>,
        (kind, nearest): (&str, &str),
        input: &Stage,
        pooling: &Pooling,
    ) -> Result<Added> {
        let Pooling { size, stride, pads, .. } = *pooling;
        let padding = pads.map(|[before, _]| before);
        let counts = kind == "avg_pool2d" && pooling.counts_padding;
        let mut ceil = pooling.ceil;
        if pads.iter().any(|[before, after]| before != after) {
            // What reaches beyond the map is left out: windows that overhang do the same, where they are as many.
            let sides = [input.shape.height, input.shape.width];
            let windows = |axis: usize, rounds_up: bool, after: usize| {
                let [size, stride, padding] = [size[axis], stride[axis], padding[axis]];
                let rest = (sides[axis] + padding + after).checked_sub(size)?;
                let count = if rounds_up { rest.div_ceil(stride) } else { rest / stride } + 1;
                Some(if rounds_up && (count - 1) * stride >= sides[axis] + padding {
                    count - 1
                } else {
                    count
                })
            };
            let overhangs =
                |axis: usize| windows(axis, true, padding[axis]) == windows(axis, ceil, pads[axis][1]);
            if counts || !overhangs(0) || !overhangs(1) {
                let what = format!("its pads {pads:?} are not the same before and after");
                return Err(origin.refuse(what, nearest));
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
            let counts = counts || (padding == [0; 2] && !ceil);
            settings.insert("count_padding".to_owned(), Setting::Boolean(counts));
        }
        self.push(origin, (kind, settings), &[input], Vec::new())
    }
}
