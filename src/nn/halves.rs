//! Buffers of 16-bit floats that the layers of a build share: weights, packed once a step by one dispatch, and room for copies of maps that
//! are used up by the layer that makes them.
//!
//! A thread packs two weights, `[ky, kx, out, in]`, with out and in filled up with zeros to 16. The order is that in which matrices of
//! 16×16 weights of a tap can be loaded both ways, for the forward pass and for the input gradient. The weights of `revacnn-keras` that
//! compute in mixed precision, 55 thousand, take 0.1 MB: less than the 2.1 µs of a dispatch on an H100 (predicted; not timed).

use std::cell::RefCell;

use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder, Source};
use crate::nn::twin::KernelTwin;
use crate::{params, wgsl};

const PACK_HALVES: Source = wgsl!("nn/pack_halves.wgsl", HalfRange, PackHalvesParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] =
    &[("nn/pack_halves.wgsl", "pack_halves", "nn::twin::half, but infinite where that is bounded")];

/// Threads of a workgroup of the kernel.
const WORKGROUP: usize = 64;
/// Words to which a range is aligned: 256 bytes, the strictest alignment of a binding.
const ALIGNMENT: usize = 64;

params! { struct PackHalvesParams { ranges: u32 } }

params! {
    /// Sizes of the packed weights of one layer.
    struct HalfRange {
        /// First workgroup; first word of the result, and number of words.
        group: u32,
        first: u32,
        words: u32,
        out_channels: u32,
        in_channels: u32,
        /// Channels filled up to 16.
        out_padded: u32,
        in_padded: u32,
        /// Kernel rows · columns.
        taps: u32,
        weight_offset: u32,
    }
}

/// Weights `[out, in, taps]` of a layer.
#[derive(Clone, Copy)]
pub(super) struct LayerWeights {
    /// Output channels.
    pub outs: usize,
    /// Input channels.
    pub ins: usize,
    /// Kernel rows · columns.
    pub taps: usize,
    /// First element in the flat parameters.
    pub offset: usize,
}

/// One buffer of packed weights.
struct Block {
    buffer: Buffer<u32>,
    ranges: Vec<HalfRange>,
    /// Words taken, and workgroups that pack them.
    taken: usize,
    groups: usize,
}

/// The buffers of 16-bit floats of a build.
#[derive(Default)]
pub(super) struct Halves {
    /// Words of a buffer of weights, if no range is larger.
    usual: usize,
    blocks: RefCell<Vec<Block>>,
    scratch: RefCell<Vec<Buffer<u32>>>,
}

impl Halves {
    /// Room for the weights of a network with `parameters` parameters; nothing is taken before a layer asks.
    pub(super) fn new(parameters: usize) -> Self {
        Self { usual: 2 * parameters + 4096, ..Self::default() }
    }

    /// Has the weights of a layer packed once a step; returns the place where they will lie. `what` is named in errors.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub(super) fn reserve(&self, gpu: &Gpu, what: &str, weights: LayerWeights) -> Result<BufferRange> {
        let LayerWeights { outs, ins, taps, offset } = weights;
        let [out_padded, in_padded] = [outs, ins].map(|channels| channels.next_multiple_of(16));
        let words = taps * out_padded * in_padded / 2;
        gpu.check_fits(what, 4 * words as u64)?;
        let mut blocks = self.blocks.borrow_mut();
        if blocks.last().is_none_or(|block| block.taken + words > block.buffer.len()) {
            let len = words.max(self.usual.min((gpu.max_binding() / 4) as usize));
            let buffer = Buffer::zeroed(gpu, "packed 16-bit weights", len);
            blocks.push(Block { buffer, ranges: Vec::new(), taken: 0, groups: 0 });
        }
        let block = blocks.last_mut().expect("there is one now");
        let first = block.taken;
        block.ranges.push(HalfRange {
            group: block.groups as u32,
            first: first as u32,
            words: words as u32,
            out_channels: outs as u32,
            in_channels: ins as u32,
            out_padded: out_padded as u32,
            in_padded: in_padded as u32,
            taps: taps as u32,
            weight_offset: offset as u32,
        });
        block.groups += words.div_ceil(WORKGROUP);
        block.taken = (first + words).next_multiple_of(ALIGNMENT);
        Ok(BufferRange::new(block.buffer.raw(), 4 * first as u64, 4 * words as u64))
    }

    /// Room for `words` words until the layer's next dispatch that asks for some: whatever other layers have left there.
    ///
    /// # Errors
    /// When it does not fit the adapter; `what` is named.
    pub(super) fn scratch(&self, gpu: &Gpu, what: &str, words: usize) -> Result<BufferRange> {
        gpu.check_fits(what, 4 * words as u64)?;
        let mut all = self.scratch.borrow_mut();
        let known = all.iter().find(|buffer| buffer.len() >= words).cloned();
        let buffer = known.unwrap_or_else(|| {
            all.push(Buffer::zeroed(gpu, "16-bit copy", words));
            all[all.len() - 1].clone()
        });
        Ok(BufferRange::new(buffer.raw(), 0, 4 * words as u64))
    }

    /// The dispatches that pack the weights of `parameters`: one for each buffer, none where no layer asked.
    ///
    /// # Errors
    /// When a buffer does not fit.
    pub(super) fn build(&self, gpu: &Gpu, parameters: &BufferRange) -> Result<Plan> {
        let mut plan = PlanBuilder::new(gpu);
        for block in self.blocks.borrow().iter() {
            let kernel = gpu.kernel(&PACK_HALVES, "pack_halves", &[])?;
            let words: u32 = block.ranges.iter().map(|range| range.words).sum();
            plan.dispatch("pack 16-bit weights", &kernel)
                .bind("ranges", Buffer::from_slice(gpu, "ranges of 16-bit weights", &block.ranges).range())
                .bind("parameters", parameters.clone())
                .bind("halves", block.buffer.range())
                .params(&PackHalvesParams { ranges: block.ranges.len() as u32 })
                .bytes(12 * u64::from(words))
                .threads([(block.groups * WORKGROUP) as u32, 1, 1])?;
        }
        Ok(plan.finish())
    }
}
