//! Report of `revacnn embed`: quality, time and memory of a layout.

use revacnn::data::Labels;
use revacnn::embed::{Tsne, quality};
use revacnn::error::Result;
use revacnn::gpu::{BufferRange, Gpu, TensorView};
use serde_json::json;

use super::given::Shape;
use super::wall_time::WallTime;
use crate::cli::print::print_line;

/// Largest sample of rows for recall, and for the quality of a layout.
const MAX_RECALL_ROWS: usize = 200;
const MAX_QUALITY_ROWS: usize = 500;
/// Largest number of pairs of rows that are compared for either.
const MAX_PAIRS: usize = 10_000_000;
/// Neighbors by which a layout is judged.
const NEAREST: usize = 12;

/// Results of a layout.
pub(super) struct Report<'a> {
    pub shape: Shape,
    /// Number of rows of the source, where the rows were drawn of more by the seed.
    pub drawn_of: Option<usize>,
    pub seed: u32,
    /// Classes of the rows.
    pub labels: Option<&'a Labels>,
    pub tsne: &'a Tsne,
    /// Seconds for neighbors, for affinities.
    pub stage_s: [f64; 2],
    pub optimize_s: f64,
    pub iterations: usize,
    /// Kullback–Leibler divergence; none for plain PCA, and no recall.
    pub kl: Option<f32>,
    /// Fraction of the nearest neighbors that were found.
    pub recall: Option<f64>,
    pub quality: quality::Quality,
    /// Number of rows without a position.
    pub left_out: usize,
    /// Warnings about the rows.
    pub warnings: Vec<&'static str>,
    /// GPU memory.
    pub memory_bytes: u64,
    pub adapter: &'a str,
    /// Time of the whole command.
    pub time: &'a WallTime,
}

impl Report<'_> {
    /// Prints a JSON object, or text.
    pub(super) fn print(&self, as_json: bool) -> Result<()> {
        log::info!("{}", self.time.text());
        let iterations_per_s = self.iterations as f64 / self.optimize_s.max(1e-9);
        if as_json { self.print_json(iterations_per_s) } else { self.print_text(iterations_per_s) }
    }

    fn print_json(&self, iterations_per_s: f64) -> Result<()> {
        let method = if self.kl.is_none() { "pca" } else { self.tsne.repulsion().method.name() };
        let [neighbors_ms, affinities_ms] = self.stage_s.map(|seconds| seconds * 1e3);
        let value = json!({
            "n": self.shape.rows, "dim": self.shape.columns, "drawn_of": self.drawn_of, "seed": self.seed,
            "classes": self.labels.map(|labels| labels.present().len()), "method": method,
            "perplexity": self.tsne.perplexity(), "iterations": self.iterations, "iterations_per_s": iterations_per_s, "kl": self.kl,
            "recall": self.recall, "left_out": self.left_out, "warnings": self.warnings,
            "preserved": self.quality.preserved, "trustworthiness": self.quality.trustworthiness,
            "stage_ms": { "neighbours": neighbors_ms, "affinities": affinities_ms, "optimise": self.optimize_s * 1e3 },
            "wall_ms": self.time.to_json(), "memory_bytes": self.memory_bytes, "adapter": self.adapter,
        });
        print_line(&value.to_string())
    }

    fn print_text(&self, iterations_per_s: f64) -> Result<()> {
        let drawn = self.drawn_of.map(|of| format!(" (of {of}, drawn by the seed {})", self.seed));
        let size =
            format!("{} rows{} of {} values", self.shape.rows, drawn.unwrap_or_default(), self.shape.columns);
        match self.kl {
            Some(kl) => print_line(&format!(
                "{size}: KL divergence {kl:.4} after {} iterations ({iterations_per_s:.0} iterations/s); neighbors {:.2} s, affinities {:.2} s",
                self.iterations, self.stage_s[0], self.stage_s[1]
            ))?,
            None => print_line(&format!("{size}: the first two principal components"))?,
        }
        for warning in &self.warnings {
            print_line(&format!("{warning}: their positions are one point"))?;
        }
        print_line(&format!(
            "{:.1} % of the {NEAREST} nearest neighbors preserved, trustworthiness {:.4}",
            self.quality.preserved * 100.0,
            self.quality.trustworthiness
        ))
    }
}

/// Recall of the neighbor search, where there was one, and quality of the layout of the rows of a view in a unit, over samples.
pub(super) fn judge(
    gpu: &Gpu,
    tsne: &Tsne,
    given: (&TensorView, f32),
    positions: BufferRange,
    searched: bool,
) -> Result<(Option<f64>, quality::Quality)> {
    let few = (MAX_PAIRS / tsne.count()).max(20);
    let recall = searched.then(|| tsne.recall(gpu, MAX_RECALL_ROWS.min(few))).transpose()?;
    let quality = tsne.quality(gpu, given, positions, [NEAREST, MAX_QUALITY_ROWS.min(few)])?;
    Ok((recall, quality))
}
