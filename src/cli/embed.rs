//! `revacnn embed`: rows laid out by t-SNE, without a window.

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use revacnn::data::Matrix;
use revacnn::embed::{
    Method, NeighbourSearch, Options, Settings, Tsne, TsneBuilder, quality, usual_components,
};
use revacnn::error::{Error, Result};
use revacnn::gpu::{Buffer, Gpu, TensorView};
use revacnn::session::write_whole;
use serde_json::json;

use super::embed_output::{Snapshots, is_npz, npz, picture};
use super::embed_source::{Rows, Source};
use super::print_line;
use super::run_options::AdapterOption;

/// Rows of which the neighbours that were found are compared with all, and rows for which a layout is judged, at most; fewer of very many.
const COMPARED: usize = 200;
const JUDGED: usize = 500;
/// Pairs of rows that are compared for that.
const MOST_COMPARED: usize = 10_000_000;
/// Rows that can be laid out.
const FEWEST: usize = 4;
/// Neighbours by which a layout is judged.
const NEAREST: usize = 12;

/// How rows are laid out.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Layout {
    /// t-SNE, beginning along the principal components; points push each other in the way that is faster.
    Tsne,
    /// t-SNE whose points push each other pair by pair.
    Exact,
    /// t-SNE whose points push each other by way of a mesh.
    Mesh,
    /// The two principal components alone.
    Pca,
}

/// How neighbours are sought.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Search {
    /// All rows where the adapter affords it, else lists.
    Auto,
    /// Every row is compared with all.
    Exact,
    /// A row is compared with those of the lists nearest to it.
    Lists,
}

#[derive(Args)]
pub struct Embed {
    #[command(flatten)]
    adapter: AdapterOption,
    /// The rows: a file that ends in .npy, .npz, .csv or .tsv; the folder of a run, whose activations for the test images are
    /// taken; a data set whose pixels are; or `blobs`, which are random.
    #[arg(value_name = "FILE|RUN|NAME|PATH")]
    source: String,
    /// The layer of the run; usually the one before the last.
    #[arg(long)]
    layer: Option<String>,
    /// How they are laid out.
    #[arg(long, value_enum, default_value = "tsne")]
    method: Layout,
    /// Principal components that rows are reduced to before neighbours are sought; 0: none. Usually 50 for more than 1000 rows of more
    /// than 100 values.
    #[arg(long, value_name = "N")]
    components: Option<usize>,
    /// Which rows a row is compared with for its neighbours.
    #[arg(long, value_enum, default_value = "auto")]
    neighbours: Search,
    /// How many neighbours count, roughly.
    #[arg(long, default_value_t = 30.0)]
    perplexity: f32,
    /// Iterations.
    #[arg(long, default_value_t = 1000)]
    iterations: usize,
    /// Factor of the attraction in the first iterations.
    #[arg(long, default_value_t = 12.0)]
    exaggeration: f32,
    /// Iterations with that factor.
    #[arg(long, value_name = "ITERATIONS", default_value_t = 50)]
    exaggerated: u32,
    /// Step size; 0 takes the number of rows.
    #[arg(long, default_value_t = 0.0)]
    learning_rate: f32,
    /// At most so many rows, from the first on.
    #[arg(long, value_name = "ROWS")]
    rows: Option<usize>,
    /// Values of a row of `blobs`.
    #[arg(long, value_name = "VALUES", default_value_t = 32)]
    dims: usize,
    /// Seed, which matters only where all rows are alike.
    #[arg(long, default_value_t = 0)]
    seed: u32,
    /// Keep the positions after every so many iterations too, as `snapshots` in the .npz; 0: none.
    #[arg(long, value_name = "ITERATIONS", default_value_t = 0)]
    snapshots: usize,
    /// Where the layout goes: `positions` (and `labels`) in an .npz, or a picture in a .png. Repeatable.
    #[arg(short, long, value_name = "FILE")]
    output: Vec<PathBuf>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

impl Embed {
    pub fn run(&self) -> Result<()> {
        self.check_outputs()?;
        let gpu = self.adapter.open()?;
        let Rows { matrix, labels } = self.source().read(&gpu)?;
        let view = TensorView {
            buffer: Buffer::from_slice(&gpu, "rows", &matrix.values).raw().clone(),
            offset: 0,
            extents: [matrix.rows as u32, 1, 1, matrix.columns as u32],
            strides: [matrix.columns as u32, 0, 0, 1],
        };
        let settings = Settings {
            exaggeration: self.exaggeration,
            exaggeration_iterations: self.exaggerated as f32,
            learning_rate: self.learning_rate,
            ..Settings::USUAL
        };
        let began = Instant::now();
        let options = self.options(&matrix);
        let before = gpu.bytes_allocated();
        let builder = TsneBuilder::new(self.perplexity).settings(settings).seed(self.seed).options(options);
        let tsne = gpu.within_memory(|| builder.build(&gpu, &view))?;
        let memory = gpu.bytes_allocated() - before;
        log::info!("the layout takes {} MiB of {}", memory.div_ceil(1 << 20), gpu.info.name);
        let pca = self.method == Layout::Pca;
        let stages = if pca { [0.0; 2] } else { refresh(&gpu, &tsne) };
        if pca {
            tsne.read_rows(&gpu);
        }
        tsne.reset(&gpu);
        gpu.wait();
        if tsne.perplexity() < self.perplexity && !pca {
            log::warn!(
                "{} rows support a perplexity of {:.2}: it is lowered to that",
                matrix.rows,
                tsne.perplexity()
            );
        }
        let left_out = check_left_out(tsne.left_out(&gpu), matrix.rows)?;
        let optimising = Instant::now();
        let iterations = if pca { 0 } else { self.iterations };
        let snapshots = self.iterate(&gpu, &tsne, iterations, began);
        let optimise_ms = optimising.elapsed().as_secs_f64() * 1e3;
        if let Some(error) = gpu.take_errors().into_iter().next() {
            return Err(Error::new(
                format!("the GPU reports: {error}"),
                "take fewer rows, or another adapter",
            ));
        }
        let mut positions = tsne.read_positions(&gpu);
        if pca {
            // A layout of t-SNE begins small; here the first component has a standard deviation of 1.
            positions.as_flattened_mut().iter_mut().for_each(|value| *value *= 1e4);
        }
        let kl = (!pca).then(|| tsne.state(&gpu).divergence);
        let (recall, judged) = judge(&gpu, &matrix, &tsne, &positions, &left_out);
        self.write(&positions, &labels, &snapshots)?;
        self.report(&Report {
            matrix: &matrix,
            tsne: &tsne,
            stages,
            optimise_ms,
            iterations,
            kl,
            recall: (!pca).then_some(recall),
            judged,
            left_out: left_out.len(),
            memory,
            adapter: &gpu.info.name,
        })
    }
}

/// Tells of rows that are left out; an error where too few others are there.
fn check_left_out(left_out: Vec<usize>, rows: usize) -> Result<Vec<usize>> {
    let Some(first) = left_out.first() else { return Ok(left_out) };
    let what = format!("{} of {rows} rows hold NaN or infinity, row {first} first", left_out.len());
    if rows - left_out.len() < FEWEST {
        return Err(Error::new(what, format!("give at least {FEWEST} rows of numbers")));
    }
    log::warn!("{what}: they are left out");
    Ok(left_out)
}

/// Neighbours and affinities, with a bar; seconds of each.
fn refresh(gpu: &Gpu, tsne: &Tsne) -> [f64; 2] {
    let bar = ProgressBar::new(100).with_style(style("{bar:30} {pos} % of the neighbours, {eta} left"));
    let stages = tsne.refresh_timed(gpu, &mut |share| bar.set_position((100.0 * share) as u64));
    bar.finish_and_clear();
    stages
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is fixed")
}

/// The share of neighbours that were found, and how well the layout keeps neighbourhoods, over samples of the rows.
fn judge(
    gpu: &Gpu,
    matrix: &Matrix,
    tsne: &Tsne,
    positions: &[[f32; 2]],
    left_out: &[usize],
) -> (f64, quality::Quality) {
    let few = (MOST_COMPARED / matrix.rows).max(20);
    // Of what was searched: what a reduction changes is no fault of the search.
    let mut sought = tsne.read_rows_sought(gpu).concat();
    let columns = sought.len() / matrix.rows;
    for row in left_out {
        sought[row * columns..][..columns].fill(f32::NAN);
    }
    let neighbours = tsne.read_neighbours(gpu);
    let recall = quality::recall(&sought, columns, &neighbours, tsne.neighbours(), COMPARED.min(few));
    (recall, quality::judge(&matrix.values, matrix.columns, positions, NEAREST, JUDGED.min(few)))
}

/// What is told of a layout.
struct Report<'a> {
    matrix: &'a Matrix,
    tsne: &'a Tsne,
    /// Seconds for neighbours, for affinities.
    stages: [f64; 2],
    optimise_ms: f64,
    iterations: usize,
    kl: Option<f32>,
    recall: Option<f64>,
    judged: quality::Quality,
    left_out: usize,
    /// Bytes on the GPU.
    memory: u64,
    adapter: &'a str,
}

impl Embed {
    fn report(&self, report: &Report<'_>) -> Result<()> {
        let &Report {
            matrix,
            tsne,
            stages,
            optimise_ms,
            iterations,
            kl,
            recall,
            judged,
            left_out,
            memory,
            adapter,
        } = report;
        let per_second = iterations as f64 / (optimise_ms / 1e3).max(1e-9);
        if self.json {
            let method = if kl.is_none() { "pca" } else { tsne.repulsion().method.name() };
            let [neighbours_ms, affinities_ms] = stages.map(|seconds| seconds * 1e3);
            let value = json!({
                "n": matrix.rows, "dim": matrix.columns, "method": method,
                "perplexity": tsne.perplexity(), "iterations": iterations, "iterations_per_s": per_second, "kl": kl,
                "recall": recall, "left_out": left_out,
                "preserved": judged.preserved, "trustworthiness": judged.trustworthiness,
                "stage_ms": { "neighbours": neighbours_ms, "affinities": affinities_ms, "optimise": optimise_ms },
                "memory_bytes": memory, "adapter": adapter,
            });
            return print_line(&value.to_string());
        }
        let size = format!("{} rows of {} values", matrix.rows, matrix.columns);
        match kl {
            Some(kl) => print_line(&format!(
                "{size}: KL {kl:.4} after {iterations} iterations ({per_second:.0} a second); neighbours took {:.2} s, affinities {:.2} s",
                stages[0], stages[1]
            ))?,
            None => print_line(&format!("{size}: along their two principal components"))?,
        }
        print_line(&format!(
            "of the {NEAREST} nearest {:.1} % are kept, trustworthiness {:.4}",
            judged.preserved * 100.0,
            judged.trustworthiness
        ))
    }

    fn write(&self, positions: &[[f32; 2]], labels: &[u8], snapshots: &Snapshots) -> Result<()> {
        for path in &self.output {
            let bytes =
                if is_npz(path) { npz(positions, labels, snapshots)? } else { picture(positions, labels)? };
            write_whole(path, &bytes)?;
        }
        Ok(())
    }

    fn source(&self) -> Source<'_> {
        Source {
            name: &self.source,
            layer: self.layer.as_deref(),
            rows: self.rows,
            dims: self.dims,
            seed: self.seed,
        }
    }

    fn options(&self, matrix: &Matrix) -> Options {
        let usual = usual_components(matrix.rows, matrix.columns);
        let components = self.components.map_or(usual, |components| (components > 0).then_some(components));
        let method = match self.method {
            Layout::Exact => Some(Method::Exact),
            Layout::Mesh => Some(Method::Mesh),
            Layout::Tsne | Layout::Pca => None,
        };
        let search = match self.neighbours {
            Search::Auto => NeighbourSearch::Automatic,
            Search::Exact => NeighbourSearch::Exact,
            Search::Lists => NeighbourSearch::lists_for(matrix.rows),
        };
        // The two components of a plain layout along them are those of the rows as they are.
        let components = components.filter(|_| self.method != Layout::Pca);
        Options { components, search, method, ..Options::default() }
    }

    /// Outputs whose kind is not known, or whose folder is not there, are told before the work begins.
    fn check_outputs(&self) -> Result<()> {
        for path in &self.output {
            let known = is_npz(path) || path.extension().is_some_and(|e| e.eq_ignore_ascii_case("png"));
            if !known {
                let what = format!("{} is neither .npz nor .png", path.display());
                return Err(Error::usage(what, "name the output so that it ends in one of them"));
            }
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            if folder.is_some_and(|folder| !folder.is_dir()) {
                let what = format!("there is no folder for {}", path.display());
                return Err(Error::usage(what, "make it first, or name another file"));
            }
        }
        Ok(())
    }

    fn iterate(&self, gpu: &Gpu, tsne: &Tsne, iterations: usize, began: Instant) -> Snapshots {
        let mut snapshots = Snapshots::default();
        let style = style("{bar:30} {pos}/{len} iterations, {eta} left");
        let bar = ProgressBar::new(iterations as u64).with_style(style);
        let a_time = if self.snapshots > 0 { self.snapshots } else { 20 };
        for first in (0..iterations).step_by(a_time) {
            let some = a_time.min(iterations - first);
            tsne.iterate(gpu, some);
            gpu.wait();
            bar.inc(some as u64);
            if self.snapshots > 0 {
                snapshots.iterations.push((first + some) as u32);
                snapshots.seconds.push(began.elapsed().as_secs_f64());
                snapshots.positions.extend(tsne.read_positions(gpu));
            }
        }
        bar.finish_and_clear();
        snapshots
    }
}
