//! The edges between two columns of tiles: the tiles that they join, and the maps and kernels that flow along them.

use crate::gpu::TensorView;
use crate::params;

params! {
    /// Kernels that slide over maps, and the range of a dispatch over them. Sums read the fields to `transposed` and the range.
    pub(super) struct SlidingParams {
        /// First element of the maps.
        offset: u32,
        /// Elements from one channel to the next.
        channel_stride: u32,
        /// Elements from one row to the next.
        row_stride: u32,
        /// Elements from one column to the next.
        column_stride: u32,
        /// Rows of a map.
        height: u32,
        /// Columns of a map.
        width: u32,
        /// Rows of the output.
        out_height: u32,
        /// Columns of the output.
        out_width: u32,
        /// Rows of a kernel.
        kernel_height: u32,
        /// Columns of a kernel.
        kernel_width: u32,
        /// Pixels from one output pixel's taps to the next one's.
        stride: u32,
        /// Zeros around a map.
        padding: u32,
        /// Pixels from one tap to the next.
        dilation: u32,
        /// 1 of a transposed convolution, whose maps write where others read.
        transposed: u32,
        /// First element of a filter's weights.
        weight_offset: u32,
        /// Element of its bias.
        bias_offset: u32,
        /// Channels that it sees.
        channels: u32,
        /// First value of the dispatch.
        first: u32,
        /// End of its values.
        last: u32,
        /// The output pixel shown as numbers, row by row.
        pixel: u32,
        /// The channel whose values and weights are shown.
        channel: u32,
    }
}

params! {
    /// The edges of a dispatch.
    pub(super) struct FlowEdgesParams {
        /// Taps of a kernel; 0 where maps flow as they are.
        taps: u32,
        /// Tiles that a filter sees.
        sources: u32,
        /// Channels of a tile.
        channels: u32,
        /// Filters that see the same channels.
        group_targets: u32,
        /// First element of the weights.
        weight_offset: u32,
        /// Elements from one filter to the next.
        weight_stride: u32,
        /// First edge of the dispatch.
        first: u32,
        /// End of its edges.
        last: u32,
        /// Number of edges to be listed.
        wanted: u32,
        /// Lowest bit of the eight that a pass looks at.
        shift: u32,
        /// 1 for the first dispatch of a pass.
        begins: u32,
        /// 1 for the last dispatch of a pass.
        ends: u32,
    }
}

/// The kernels through which maps flow to filters.
#[derive(Clone)]
pub struct EdgeKernels {
    /// Weights `[filter, channel of its group, ky, kx]`; each filter's lie one after the other.
    pub weights: TensorView,
    /// Groups of channels and filters.
    pub groups: u32,
    /// Pixels from one output pixel's taps to the next one's.
    pub stride: u32,
    /// Zeros around a map.
    pub padding: u32,
    /// Pixels from one tap to the next.
    pub dilation: u32,
    /// True of a transposed convolution: pixel p of a map writes pixel p·stride + tap·dilation − padding of the output.
    pub transposed: bool,
    /// Rows and columns of the output.
    pub output: [u32; 2],
}

impl EdgeKernels {
    /// Row (or column) of a map that output row `o` meets under tap `k`; −1 where a transposed convolution meets none.
    pub(super) fn met(&self, o: u32, k: u32) -> i64 {
        let [o, k, stride] = [o, k, self.stride].map(i64::from);
        let (tap, padding) = (k * i64::from(self.dilation), i64::from(self.padding));
        if !self.transposed {
            return o * stride + tap - padding;
        }
        let at = o + padding - tap;
        if at % stride == 0 { at / stride } else { -1 }
    }
}

/// The tiles that edges join where no kernels do: edge i goes from tile ⌊i / source_divisor⌋ to tile ⌊i / target_divisor⌋ + first_target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joins {
    /// Edges from one tile of the source.
    pub source_divisor: u32,
    /// Edges to one tile of the target.
    pub target_divisor: u32,
    /// First tile of the target that has one.
    pub first_target: u32,
}

/// Edges between two columns of tiles.
#[derive(Clone)]
pub struct EdgeSet {
    /// Maps that flow, a tile an edge, or with `kernels` a tile of one or more channels a source.
    pub maps: TensorView,
    /// The kernels through which they flow: each filter has an edge from each tile of its group.
    pub kernels: Option<EdgeKernels>,
    /// The tiles that edges join, where there are no kernels.
    pub joins: Joins,
}

impl EdgeSet {
    /// Number of edges.
    pub fn edges(&self) -> u32 {
        match &self.kernels {
            Some(kernels) => kernels.weights.tiles() * self.sources(),
            None => self.maps.tiles(),
        }
    }

    /// Tiles that a filter sees; 0 without kernels.
    pub fn sources(&self) -> u32 {
        self.kernels.as_ref().map_or(0, |kernels| self.maps.tiles() / kernels.groups)
    }

    /// Filters that see the same tiles; 0 without kernels.
    pub fn group_targets(&self) -> u32 {
        self.kernels.as_ref().map_or(0, |kernels| kernels.weights.tiles() / kernels.groups)
    }

    /// The tiles of source and target that an edge joins.
    pub fn joined(&self, edge: u32) -> [u32; 2] {
        if self.kernels.is_none() {
            let Joins { source_divisor, target_divisor, first_target } = self.joins;
            return [edge / source_divisor, edge / target_divisor + first_target];
        }
        let target = edge / self.sources();
        [edge % self.sources() + target / self.group_targets() * self.sources(), target]
    }

    /// Edges from a tile of the source.
    pub fn edges_from(&self, tile: u32) -> Vec<u32> {
        if self.kernels.is_none() {
            let divisor = self.joins.source_divisor;
            let first = tile.saturating_mul(divisor).min(self.edges());
            return (first..first.saturating_add(divisor).min(self.edges())).collect();
        }
        let (sources, targets) = (self.sources(), self.group_targets());
        let group = tile / sources;
        (group * targets..(group + 1) * targets).map(|target| target * sources + tile % sources).collect()
    }

    /// Edges to a tile of the target.
    pub fn edges_to(&self, tile: u32) -> Vec<u32> {
        let each = if self.kernels.is_some() { self.sources() } else { self.joins.target_divisor };
        let first = if self.kernels.is_some() { 0 } else { self.joins.first_target };
        let Some(tile) = tile.checked_sub(first) else { return Vec::new() };
        let first = tile.saturating_mul(each).min(self.edges());
        (first..first.saturating_add(each).min(self.edges())).collect()
    }

    /// True when both name the same values and edges.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        let same = |a: &TensorView, b: &TensorView| {
            a.buffer == b.buffer && (a.offset, a.extents, a.strides) == (b.offset, b.extents, b.strides)
        };
        let window = |k: &EdgeKernels| (k.groups, k.stride, k.padding, k.dilation, k.transposed, k.output);
        same(&self.maps, &other.maps)
            && self.joins == other.joins
            && match (&self.kernels, &other.kernels) {
                (Some(a), Some(b)) => same(&a.weights, &b.weights) && window(a) == window(b),
                (a, b) => a.is_none() && b.is_none(),
            }
    }

    /// Parameters of the edges, without a range.
    pub(super) fn edges_params(&self) -> FlowEdgesParams {
        let Some(kernels) = &self.kernels else {
            return FlowEdgesParams { channels: 1, ..Default::default() };
        };
        FlowEdgesParams {
            taps: kernels.weights.height() * kernels.weights.width(),
            sources: self.sources(),
            channels: self.maps.channels(),
            group_targets: self.group_targets(),
            weight_offset: kernels.weights.offset,
            weight_stride: kernels.weights.strides[0],
            ..Default::default()
        }
    }
}

/// Parameters of kernels that slide over maps, without a range; without kernels one of 1×1. Channels of all tiles count one after the
/// other.
pub(super) fn sliding_params(maps: &TensorView, kernels: Option<&EdgeKernels>) -> SlidingParams {
    let [tiles, channels, height, width] = maps.extents;
    let [tile_stride, channel_stride, row_stride, column_stride] = maps.strides;
    let common = SlidingParams {
        offset: maps.offset,
        channel_stride: if channels > 1 || tiles == 1 { channel_stride } else { tile_stride },
        row_stride,
        column_stride,
        height,
        width,
        out_height: height,
        out_width: width,
        kernel_height: 1,
        kernel_width: 1,
        stride: 1,
        dilation: 1,
        ..Default::default()
    };
    let Some(kernels) = kernels else { return common };
    let [out_height, out_width] = kernels.output;
    SlidingParams {
        out_height,
        out_width,
        kernel_height: kernels.weights.height(),
        kernel_width: kernels.weights.width(),
        stride: kernels.stride,
        padding: kernels.padding,
        dilation: kernels.dilation,
        transposed: kernels.transposed.into(),
        ..common
    }
}
