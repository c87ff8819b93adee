//! Sums over the weights that decay: of their squares and of their magnitudes, of which the decay's share of the loss is made.

use super::parameter::Role;
use super::parameters::Parameters;
use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Plan, PlanBuilder, Source, Stage};
use crate::nn::twin::KernelTwin;
use crate::{params, wgsl};

const WEIGHT_SUMS: Source = wgsl!("nn/weight_sums.wgsl", WeightChunk, WeightSumsParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] = &[("nn/weight_sums.wgsl", "weight_sums", "nn::twin::weight_sums")];

/// Weights that a workgroup adds.
const CHUNK: usize = 1 << 14;

params! { struct WeightSumsParams { chunks: u32 } }
params! {
    /// Weights that lie together.
    struct WeightChunk {
        /// First weight in the flat buffer.
        first: u32,
        /// Number of weights.
        count: u32,
    }
}

/// Sums over all weights of a network, biases and running statistics left out.
pub struct WeightSums {
    /// The dispatch.
    pub plan: Plan,
    /// Sum of squares and of magnitudes of each chunk of weights.
    pub sums: Buffer<[f32; 2]>,
}

impl WeightSums {
    /// Prepares the sums over these parameters.
    ///
    /// # Errors
    /// When a buffer does not fit the adapter.
    pub fn new(gpu: &Gpu, parameters: &Parameters) -> Result<Self> {
        let chunks_of = |(offset, len): (usize, usize)| {
            (0..len)
                .step_by(CHUNK)
                .map(move |at| WeightChunk { first: (offset + at) as u32, count: CHUNK.min(len - at) as u32 })
        };
        let weights = parameters.tensors.iter().filter(|tensor| tensor.spec.role == Role::Weight);
        let mut chunks: Vec<_> = weights.flat_map(|tensor| chunks_of((tensor.offset, tensor.len))).collect();
        if chunks.is_empty() {
            chunks.push(WeightChunk { first: 0, count: 0 });
        }
        let sums = Buffer::zeroed(gpu, "sums over weights", chunks.len());
        let stage = Stage::new(gpu, &WEIGHT_SUMS, &[])
            .with("chunks", Buffer::from_slice(gpu, "chunks of weights", &chunks).range())
            .with("values", parameters.values.range())
            .with("sums", sums.range());
        let mut plan = PlanBuilder::new(gpu);
        let count = chunks.len() as u32;
        stage.dispatch(&mut plan, "weight_sums", &WeightSumsParams { chunks: count }, [count * 64, 1, 1])?;
        Ok(Self { plan: plan.finish(), sums })
    }
}
