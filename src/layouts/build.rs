//! Build of a layout: the t-SNE of a source's rows, and its works with their estimated costs.

use super::source::RowSource;
use crate::embed::{Options, Settings, Tsne, TsneBuilder};
use crate::error::Result;
use crate::gpu::{CostModel, Gpu, Plan, Work};

/// Dispatches of a refresh do little each.
const REFRESH_COST: CostModel = CostModel { dispatch_ms: 0.05, ..CostModel::SOFTWARE };
/// Time of an iteration, and of anything on a GPU, as multiples of the cost model's.
const ITERATION_FACTOR: f64 = 0.3;
const GPU_FACTOR: f64 = 0.02;

/// A t-SNE of a source's rows, and its bytes on the GPU.
pub(super) fn prepare_tsne(
    gpu: &Gpu,
    source: &dyn RowSource,
    perplexity: f32,
    settings: Settings,
) -> Result<(Tsne, u64)> {
    let before = gpu.bytes_allocated();
    let options = Options { components: source.components(), ..Options::default() };
    let builder = TsneBuilder::new(perplexity).settings(settings).seed(1).options(options);
    let tsne = gpu.within_memory(|| builder.build(gpu, source.rows()))?;
    let bytes = gpu.bytes_allocated() - before;
    Ok((tsne, bytes))
}

/// The dispatches of a refresh, and those that begin the layout.
pub(super) fn refresh_plan(tsne: &Tsne) -> Plan {
    let mut plan = tsne.refresh_plan().clone();
    plan.extend(tsne.begin_plan());
    plan
}

/// A refresh; the dispatches that read the rows are not parted.
pub(super) fn refresh_work(gpu: &Gpu, tsne: &Tsne) -> Work {
    let model = if gpu.is_software() { REFRESH_COST } else { REFRESH_COST.scaled(GPU_FACTOR) };
    let mut work = Work::new(refresh_plan(tsne), model);
    work.keep_together(tsne.reading_len());
    work
}

/// An iteration.
pub(super) fn iteration_work(gpu: &Gpu, tsne: &Tsne) -> Work {
    let factor = if gpu.is_software() { ITERATION_FACTOR } else { GPU_FACTOR };
    Work::new(tsne.iteration_plan().clone(), CostModel::SOFTWARE.scaled(factor))
}
