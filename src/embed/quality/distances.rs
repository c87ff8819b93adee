//! Distances from some rows to all others, the nearest of them, and how many are nearer than given ones.

use super::space::{Piece, Space};
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder, Source, Stage};
use crate::{params, wgsl};

const QUALITY: Source = wgsl!("embed/quality.wgsl", QualityParams);
const ENTRIES: [&str; 4] = ["take_samples", "measure", "nearest_of_chunk", "rank"];
const WORKGROUP: usize = 256;
/// Rows of a chunk.
const CHUNK: usize = 16_384;
/// Targets that a workgroup counts at once.
const TARGETS: usize = 16;
/// Samples at once, at most, where the distances fit a binding.
const MAX_SAMPLES: usize = 8;

params! {
    struct QualityParams {
        count: u32, first: u32, rows: u32, first_dim: u32, dims: u32, offset: u32, row_stride: u32, dim_stride: u32,
        wanted: u32, unit: f32, slack: f32,
    }
}

/// Samples whose distances to `count` rows are measured at once.
fn samples_at_once(gpu: &Gpu, count: usize) -> usize {
    let fits = 4 * (count * MAX_SAMPLES) as u64 <= gpu.max_binding();
    if fits { MAX_SAMPLES } else { 1 }
}

fn constants(samples: usize) -> [(&'static str, u32); 1] {
    [("SAMPLES", samples as u32)]
}

/// See [`super::load_kernels`].
pub(super) fn load_kernels(gpu: &Gpu, count: usize) -> Result<()> {
    let constants = constants(samples_at_once(gpu, count));
    ENTRIES.iter().try_for_each(|entry| gpu.kernel(&QUALITY, entry, &constants).map(drop))
}

/// Distances from a few samples to all rows of a space.
pub(super) struct Distances<'g> {
    gpu: &'g Gpu,
    /// Samples at once.
    samples: usize,
    /// Nearest rows asked for.
    wanted: usize,
    /// Targets of a sample, padded.
    targets: usize,
    /// Chunks of rows.
    chunks: usize,
    chosen: Buffer<u32>,
    nearest: Buffer<[u32; 2]>,
    target_rows: Buffer<u32>,
    ranks: Buffer<u32>,
    params: QualityParams,
    stage: Stage<'g>,
    measuring: Plan,
}

impl<'g> Distances<'g> {
    /// Room for the distances in `space`, the `wanted` nearest rows, and ranks of `targets` rows for each sample.
    ///
    /// # Errors
    /// When a kernel cannot be made, or the distances from one row to all others do not fit the adapter.
    pub(super) fn new(
        gpu: &'g Gpu,
        space: &Space,
        flags: &BufferRange,
        count: usize,
        [wanted, targets]: [usize; 2],
    ) -> Result<Self> {
        let samples = samples_at_once(gpu, count);
        gpu.check_fits("the distances from a row", (4 * count * samples) as u64)?;
        let (chunks, targets) = (count.div_ceil(CHUNK), targets.next_multiple_of(TARGETS));
        let zeroed = |label, len| Buffer::<u32>::zeroed(gpu, label, len);
        let chosen = zeroed("samples", samples);
        let sampled = Buffer::<f32>::zeroed(gpu, "values of samples", space.dims * samples);
        let squares = Buffer::<f32>::zeroed(gpu, "distances of samples", samples * count);
        let nearest = Buffer::zeroed(gpu, "nearest of chunks", samples * chunks * wanted);
        let [target_rows, ranks] = ["rows to rank", "ranks"].map(|label| zeroed(label, samples * targets));
        let stage = Stage::new(gpu, &QUALITY, &constants(samples))
            .labelled("quality")
            .with("samples", chosen.range())
            .with("sampled", sampled.range())
            .with("sampled_in", sampled.range())
            .with("flags", flags.clone())
            .with("squares", squares.range())
            .with("squares_in", squares.range())
            .with("nearest", nearest.range())
            .with("targets", target_rows.range())
            .with("ranks", ranks.range());
        let params = QualityParams {
            count: count as u32,
            wanted: wanted as u32,
            unit: space.unit,
            slack: 1.0,
            ..Default::default()
        };
        let mut plan = PlanBuilder::new(gpu);
        for (entry, each) in [("take_samples", samples), ("measure", 0)] {
            for piece in &space.pieces {
                let threads = if each > 0 { piece.dims[1] * each } else { piece.rows[1] };
                let stage = stage.clone().with("tensor", piece.range.clone());
                stage.dispatch(&mut plan, entry, &with_piece(params, piece), [threads as u32, 1, 1])?;
            }
        }
        let measuring = plan.finish();
        Ok(Self {
            gpu,
            samples,
            wanted,
            targets,
            chunks,
            chosen,
            nearest,
            target_rows,
            ranks,
            params,
            stage,
            measuring,
        })
    }

    /// Samples at once.
    pub(super) fn samples(&self) -> usize {
        self.samples
    }

    /// Measures the distances from `samples` to all rows.
    pub(super) fn measure(&self, samples: &[usize]) {
        let mut chosen = vec![u32::MAX; self.samples];
        chosen.iter_mut().zip(samples).for_each(|(chosen, row)| *chosen = *row as u32);
        self.chosen.write(self.gpu, 0, &chosen);
        self.submit(&self.measuring);
    }

    /// The nearest rows of the first `samples` samples, equally near ones by index. Waits.
    pub(super) fn nearest(&self, samples: usize) -> Result<Vec<Vec<u32>>> {
        let mut plan = PlanBuilder::new(self.gpu);
        let threads = [self.chunks * WORKGROUP, self.samples, 1].map(|threads| threads as u32);
        self.stage.dispatch(&mut plan, "nearest_of_chunk", &self.params, threads)?;
        self.submit(&plan.finish());
        let found = self.nearest.read(self.gpu);
        let of_sample = |own: &[[u32; 2]]| {
            let mut own: Vec<(f32, u32)> = own
                .iter()
                .filter(|[row, _]| *row != u32::MAX)
                .map(|[row, square]| (f32::from_bits(*square), *row))
                .collect();
            own.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            own.into_iter().take(self.wanted).map(|(_, row)| row).collect()
        };
        Ok(found.chunks(self.chunks * self.wanted).take(samples).map(of_sample).collect())
    }

    /// For each sample and each of its `targets` the number of rows that are nearer by more than a factor: their squared distance, times
    /// `slack`, is less. With a slack of 1, equally near ones count by index. Waits.
    pub(super) fn count_nearer(&self, targets: &[Vec<u32>], slack: f32) -> Result<Vec<Vec<u32>>> {
        let mut rows = vec![u32::MAX; self.samples * self.targets];
        for (rows, targets) in rows.chunks_mut(self.targets).zip(targets) {
            rows[..targets.len()].copy_from_slice(targets);
        }
        self.target_rows.write(self.gpu, 0, &rows);
        self.ranks.write(self.gpu, 0, &vec![0; rows.len()]);
        let mut plan = PlanBuilder::new(self.gpu);
        let threads = [self.chunks * WORKGROUP, self.samples, self.targets / TARGETS];
        let params = QualityParams { slack, ..self.params };
        self.stage.dispatch(&mut plan, "rank", &params, threads.map(|threads| threads as u32))?;
        self.submit(&plan.finish());
        let ranks = self.ranks.read(self.gpu);
        let of_sample =
            |(own, targets): (&[u32], &Vec<u32>)| own.iter().copied().take(targets.len()).collect();
        Ok(ranks.chunks(self.targets).zip(targets).map(of_sample).collect())
    }

    fn submit(&self, plan: &Plan) {
        let mut encoder = self.gpu.encoder("quality");
        plan.encode(&mut encoder);
        self.gpu.submit(encoder);
    }
}

/// Parameters of a dispatch over a piece.
fn with_piece(params: QualityParams, piece: &Piece) -> QualityParams {
    QualityParams {
        first: piece.rows[0] as u32,
        rows: piece.rows[1] as u32,
        first_dim: piece.dims[0] as u32,
        dims: piece.dims[1] as u32,
        offset: piece.offset,
        row_stride: piece.row_stride,
        dim_stride: piece.dim_stride,
        ..params
    }
}
