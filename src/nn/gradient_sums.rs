//! The gradients of all parameters: layers leave partial sums of a pass, one dispatch adds them all.
//!
//! A layer reserves rows of partial sums with [`PartialSums::reserve`], which its kernels fill again in each pass. They lie in as few
//! buffers as the adapter allows. After the backward pass of the last layer one dispatch a buffer, nearly always one, adds the rows of
//! every parameter in a fixed order, adds that to the sums of the passes before, and counts the pass's losses; what no layer fills
//! becomes 0. In the last pass of a step it also writes the gradients that are shown, and the squares of all together: 64 sums, or
//! 1024, which optimizer and clock add for the norm.
//!
//! | kernel | adds | for |
//! | --- | --- | --- |
//! | `TREE = 0` | a thread the rows of four parameters, from the first to the last | the software adapter |
//! | `TREE = 1` | 16 × 16 threads the rows of 16 parameters, four loads at once, then a tree | GPUs |
//!
//! The two differ in their last bits, so the device profile decides, and not the tuner. Of R rows of P parameters both load 4·R·P
//! bytes and move 24·P more at the end of a step. On an H100 (2.85 TB/s; 2.1 µs a dispatch that waits) `revacnn` at batch 256 has about
//! 40 MB of partial sums by the number of today's splits, 14 µs, and 3 µs with 264 rows of 8020; a dispatch a layer by one thread a
//! parameter took 138 to 340 µs, and clear, squares, norm and count 2.1 µs each. Those are predictions from measured bandwidth.

use super::goal_gradients::GoalGradients;
use super::parameters::{Parameters, square_sums};
use super::partial_sums::{PartialRange, PartialSums};
use crate::data::{BatchSizes, Clock, DataLoader};
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder, Source};
use crate::nn::twin::KernelTwin;
use crate::{params, wgsl};

const GRADIENT_SUMS: Source = wgsl!("nn/gradient_sums.wgsl", Clock, SumRange, GradientSumsParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] =
    &[("nn/gradient_sums.wgsl", "gradient_sums", "nn::twin::gradient_sums, and data::twin::count_training")];

/// Parameters that a workgroup of the tree adds at a time.
const CHUNK: usize = 16;

params! {
    struct GradientSumsParams {
        quads: u32,
        ranges: u32,
        chunks: u32,
        /// 1 where sums join those that are there.
        adds: u32,
        /// 1 at the end of a step.
        publishes: u32,
        /// First quad of the sums of squares.
        squares: u32,
        /// 1 where the pass is counted.
        counts: u32,
        micro_batch: u32,
        train_slots: u32,
    }
}

params! {
    /// Parameters whose partial sums lie together.
    struct SumRange {
        /// First quad of the parameters.
        quad: u32,
        /// First partial sum.
        first: u32,
        /// Parameters, and sums from one row to the next.
        len: u32,
        /// 0 where there is no sum.
        rows: u32,
        /// First chunk.
        chunk: u32,
    }
}

/// Bindings and sizes of one dispatch.
struct Table {
    ranges: Buffer<SumRange>,
    partials: BufferRange,
    chunks: u32,
    /// Number of partial sums.
    sums: usize,
}

fn by_tree(gpu: &Gpu) -> bool {
    !gpu.profile().large_tiles
}

/// Plans of what follows the backward pass of each of `passes`: a dispatch for each buffer of partial sums, the last of which counts the
/// results of the pass. The gradients of soft goals come in the last pass, as one more row of partial sums.
///
/// # Errors
/// When a buffer does not fit.
pub fn sum_gradients(
    gpu: &Gpu,
    (partials, goals): (&PartialSums, Option<&GoalGradients>),
    parameters: &Parameters,
    loader: &DataLoader,
    (sizes, results): (BatchSizes, &BufferRange),
    passes: usize,
) -> Result<Vec<Plan>> {
    let kernel = gpu.kernel(&GRADIENT_SUMS, "gradient_sums", &[("TREE", u32::from(by_tree(gpu)))])?;
    let of_layers = tables(gpu, partials, parameters);
    let of_goals = goals.map_or(Vec::new(), |goals| tables(gpu, &goals.partials, parameters));
    let build = |pass: usize| -> Result<Plan> {
        let mut plan = PlanBuilder::new(gpu);
        // Goals are of the step, and not of a pass.
        let goals = goals.filter(|_| pass + 1 == passes);
        let of_goals = if goals.is_some() { &of_goals[..] } else { &[] };
        goals.map_or(Ok(()), |goals| goals.dispatch(gpu, &mut plan, parameters))?;
        let tables = of_layers.iter().chain(of_goals);
        let count = of_layers.len() + of_goals.len();
        for (block, table) in tables.enumerate() {
            let is_last = block + 1 == count;
            plan.dispatch("gradient sums", &kernel)
                .bind("ranges", table.ranges.range())
                .bind("partials", table.partials.clone())
                .bind("flags", parameters.flags.range())
                .bind("gradients", parameters.gradients.range())
                .bind("last_gradients", parameters.last_gradients.range())
                .bind("clock", loader.clock().range())
                .bind("results", results.clone())
                .params(&GradientSumsParams {
                    quads: (parameters.values.len() / 4) as u32,
                    ranges: table.ranges.len() as u32,
                    chunks: table.chunks,
                    adds: u32::from(pass + block > 0),
                    publishes: u32::from(pass + 1 == passes && is_last),
                    squares: parameters.first_square() as u32,
                    counts: u32::from(is_last),
                    micro_batch: sizes.micro_batch as u32,
                    train_slots: sizes.train_slots as u32,
                })
                // Gradients are read and written, those that are shown written, flags read.
                .bytes(4 * table.sums as u64 + 20 * parameters.values.len() as u64)
                .threads([(square_sums(gpu) as u32 + 1) * kernel.entry.workgroup_size[0], 1, 1])?;
        }
        Ok(plan.finish())
    };
    // Of those between the first and the last each is like the others.
    let between = (passes > 2).then(|| build(1)).transpose()?;
    let of = |pass: usize| match &between {
        Some(plan) if (1..passes - 1).contains(&pass) => Ok(plan.clone()),
        _ => build(pass),
    };
    (0..passes).map(of).collect()
}

/// Bindings and sizes for each buffer; for one that is empty where nothing is reserved.
fn tables(gpu: &Gpu, partials: &PartialSums, parameters: &Parameters) -> Vec<Table> {
    let mut buffers = partials.buffers();
    let all = partials.ranges();
    if buffers.is_empty() {
        buffers.push(Buffer::<f32>::zeroed(gpu, "no partial sums", 1).range());
    }
    let table = |(block, partials): (usize, BufferRange)| {
        let (ranges, chunks) = sum_ranges(&all, parameters, block);
        let sums = ranges.iter().map(|range| range.len as usize * range.rows as usize).sum();
        Table { ranges: Buffer::from_slice(gpu, "ranges of partial sums", &ranges), partials, chunks, sums }
    };
    buffers.into_iter().enumerate().map(table).collect()
}

/// The ranges of all parameters in order, those with no sums in this block too; and the number of chunks.
fn sum_ranges(ranges: &[PartialRange], parameters: &Parameters, block: usize) -> (Vec<SumRange>, u32) {
    let mut all: Vec<_> = ranges
        .iter()
        .map(|r| (r.offset, r.len, r.first, if r.block == block { r.rows } else { 0 }))
        .collect();
    let covered = |offset: &usize| ranges.iter().any(|r| (r.offset..r.offset + r.len).contains(offset));
    let others = parameters.tensors.iter().filter(|tensor| !covered(&tensor.offset));
    all.extend(others.map(|tensor| (tensor.offset, tensor.len, 0, 0)));
    all.sort_unstable();
    let mut chunk = 0;
    let made = all.into_iter().map(|(offset, len, first, rows)| {
        let [quad, first, len, rows] = [offset / 4, first, len, rows].map(|n| n as u32);
        let range = SumRange { quad, first, len, rows, chunk };
        chunk += len.div_ceil(CHUNK as u32);
        range
    });
    (made.collect(), chunk)
}
