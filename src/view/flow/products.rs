//! The steps by which a filter computes its map, for the pinned probe, as CNN Explainer shows them (Wang et al. 2020): the product map of each channel with
//! its kernel, their sum, the bias; and one output pixel's products as numbers.
//!
//! `product[c, y, x] = Σ_{ky, kx} weights[c, ky, kx] · maps[c, y·stride + ky·dilation − padding, x·stride + kx·dilation − padding]`, and the
//! output is `bias + Σ_c product[c]`. Of a transposed convolution the product reads `maps[c, (y + padding − ky·dilation) / stride, …x alike]`
//! where that is whole.

use super::edges::{EdgeKernels, SlidingParams, sliding_params};
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder, Source, Stage, TensorView};
use crate::wgsl;

const PRODUCTS: Source = wgsl!("view/products.wgsl", SlidingParams);
/// Offset of a bias that there is none of.
const NONE: u32 = u32::MAX;
/// Largest number of values that one dispatch reads, and that a frame reads, about.
const MAX_READS: u32 = 1 << 20;

/// Every compute entry point of products: shader, entry point, and its twin.
pub const TWINS: &[(&str, &str, &str)] = &[
    ("view/products.wgsl", "product_maps", "view::flow::products::product_twin"),
    ("view/products.wgsl", "product_totals", "view::flow::products::product_twin"),
    ("view/products.wgsl", "product_terms", "view::flow::products::product_twin"),
];

/// A filter whose computation is shown.
#[derive(Clone)]
pub struct ProductSet {
    /// Maps of the layer's input, a tile a channel.
    pub maps: TensorView,
    /// Weights of the whole layer.
    pub kernels: EdgeKernels,
    /// Index of the filter.
    pub filter: u32,
    /// Element of its bias in the buffer of the weights.
    pub bias: Option<u32>,
    /// Output pixel and channel that are shown as numbers.
    pub focus: (u32, u32),
}

impl ProductSet {
    /// First of the channels that the filter sees.
    pub fn first_channel(&self) -> u32 {
        let group_filters = self.kernels.weights.tiles() / self.kernels.groups;
        self.filter / group_filters * self.channels()
    }

    /// Number of channels that the filter sees.
    pub fn channels(&self) -> u32 {
        self.kernels.weights.channels()
    }

    /// Number of taps of a kernel.
    pub fn taps(&self) -> u32 {
        self.kernels.weights.height() * self.kernels.weights.width()
    }

    /// The filter's kernels, a tile a channel.
    pub fn kernel_view(&self) -> TensorView {
        let weights = &self.kernels.weights;
        let [_, channels, height, width] = weights.extents;
        TensorView {
            offset: weights.element([self.filter, 0, 0, 0]),
            extents: [channels, 1, height, width],
            strides: [weights.strides[1], 0, weights.strides[2], weights.strides[3]],
            ..weights.clone()
        }
    }

    /// The maps that the filter sees, a tile a channel.
    pub fn map_view(&self) -> TensorView {
        let mut view = self.maps.clone();
        view.offset = view.element([self.first_channel(), 0, 0, 0]);
        view.extents[0] = self.channels();
        view
    }

    fn params(&self) -> SlidingParams {
        SlidingParams {
            weight_offset: self.kernel_view().offset,
            bias_offset: self.bias.unwrap_or(NONE),
            channels: self.channels(),
            pixel: self.focus.0,
            channel: self.focus.1,
            ..sliding_params(&self.map_view(), Some(&self.kernels))
        }
    }
}

/// Numbers of one output pixel.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Terms {
    /// Product of each channel.
    pub products: Vec<f32>,
    /// Values that the kernel meets in the channel in focus, by tap.
    pub values: Vec<f32>,
    /// Weights of the kernel, by tap.
    pub weights: Vec<f32>,
    /// Sum of the products, bias, and output.
    pub sum_bias_output: [f32; 3],
}

impl Terms {
    /// Reads them as the GPU wrote them, for a number of channels; none where the bytes are others.
    pub fn read(numbers: &[f32], channels: usize) -> Option<Self> {
        let (products, rest) = numbers.split_at_checked(channels)?;
        let (pairs, last) = rest.split_at_checked(rest.len().checked_sub(3)?)?;
        let (values, weights) = pairs.split_at(pairs.len() / 2);
        let [products, values, weights] = [products, values, weights].map(<[f32]>::to_vec);
        Some(Self { products, values, weights, sum_bias_output: last.try_into().ok()? })
    }
}

/// The buffers of a filter's computation.
pub struct Products {
    set: ProductSet,
    /// Product maps, a tile a channel.
    pub maps: Buffer<f32>,
    /// Sum of the products, and output.
    pub totals: Buffer<f32>,
    /// Numbers of one pixel, as [`Terms`].
    pub terms: Buffer<f32>,
    plan: Plan,
    reads: Vec<u32>,
    next: usize,
    computed: bool,
}

impl Products {
    /// Prepares the computation of a filter.
    ///
    /// # Errors
    /// When it does not fit the adapter.
    pub fn new(gpu: &Gpu, set: &ProductSet) -> Result<Self> {
        let base = set.params();
        let (pixels, taps) = (base.out_height * base.out_width, set.taps());
        let values = u64::from(pixels) * u64::from(set.channels());
        gpu.check_fits("the product maps of a filter", 4 * values)?;
        let counts = [pixels * set.channels(), pixels, set.channels() + 2 * taps + 3];
        let maps = Buffer::zeroed(gpu, "product maps", counts[0] as usize);
        let totals = Buffer::zeroed(gpu, "sums of product maps", 2 * pixels as usize);
        let terms = Buffer::zeroed(gpu, "products of a pixel", counts[2] as usize);
        let stage = Stage::new(gpu, &PRODUCTS, &[])
            .with("maps", BufferRange::whole(&set.maps.buffer))
            .with("weights", BufferRange::whole(&set.kernels.weights.buffer))
            .with("products", maps.range())
            .with("totals", totals.range())
            .with("terms", terms.range());
        let (mut plan, mut reads) = (PlanBuilder::new(gpu), Vec::new());
        let entries = ["product_maps", "product_totals", "product_terms"];
        for ((entry, count), each) in entries.into_iter().zip(counts).zip([2 * taps, set.channels(), 1]) {
            let step = (MAX_READS / each.max(1)).max(1);
            for first in (0..count).step_by(step as usize) {
                let last = count.min(first + step);
                stage.dispatch(
                    &mut plan,
                    entry,
                    &SlidingParams { first, last, ..base },
                    [last - first, 1, 1],
                )?;
                reads.push((last - first).saturating_mul(each));
            }
        }
        Ok(Self {
            set: set.clone(),
            maps,
            totals,
            terms,
            plan: plan.finish(),
            reads,
            next: 0,
            computed: false,
        })
    }

    /// True when they are of this filter, pixel and channel.
    pub fn are_of(&self, set: &ProductSet) -> bool {
        self.set.maps.buffer == set.maps.buffer
            && self.set.kernels.weights.buffer == set.kernels.weights.buffer
            && self.set.params() == set.params()
    }

    /// The product maps, and sum and output.
    pub fn views(&self) -> [TensorView; 2] {
        let [height, width] = self.set.kernels.output;
        let view = |buffer: &Buffer<f32>, tiles| TensorView {
            buffer: buffer.raw().clone(),
            offset: 0,
            extents: [tiles, 1, height, width],
            strides: [height * width, 0, width, 1],
        };
        [view(&self.maps, self.set.channels()), view(&self.totals, 2)]
    }

    /// True once all was recorded.
    pub fn are_computed(&self) -> bool {
        self.computed
    }

    /// Records a frame's share of the dispatches.
    pub fn record(&mut self, pass: &mut wgpu::ComputePass<'_>) {
        let mut left = i64::from(MAX_READS);
        for _ in 0..self.plan.len() {
            if left <= 0 {
                return;
            }
            self.plan.record(pass, self.next..self.next + 1);
            left -= i64::from(self.reads[self.next]);
            self.next = (self.next + 1) % self.plan.len();
            self.computed |= self.next == 0;
        }
    }
}

/// Products of each output pixel by channel, `[c][pixel]`, and the magnitudes that they add up, in `f64`. From the values of the whole
/// buffers of maps and weights.
pub fn product_twin(set: &ProductSet, maps: &[f32], weights: &[f32]) -> Vec<Vec<[f64; 2]>> {
    let (view, kernels) = (set.map_view(), set.kernel_view());
    let output = set.kernels.output;
    let product = |c: u32, y: u32, x: u32| {
        let mut sum = [0.0; 2];
        for (ky, kx) in (0..kernels.height()).flat_map(|ky| (0..kernels.width()).map(move |kx| (ky, kx))) {
            let (sy, sx) = (set.kernels.met(y, ky), set.kernels.met(x, kx));
            if !(0..i64::from(view.height())).contains(&sy) || !(0..i64::from(view.width())).contains(&sx) {
                continue;
            }
            let value = maps[view.element([c, 0, sy as u32, sx as u32]) as usize];
            let term = f64::from(weights[kernels.element([c, 0, ky, kx]) as usize]) * f64::from(value);
            sum = [sum[0] + term, sum[1] + term.abs()];
        }
        sum
    };
    let pixels = || (0..output[0]).flat_map(|y| (0..output[1]).map(move |x| (y, x)));
    (0..set.channels()).map(|c| pixels().map(|(y, x)| product(c, y, x)).collect()).collect()
}
