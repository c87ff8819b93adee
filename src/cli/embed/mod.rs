//! `revacnn embed`: t-SNE of rows, without a window.

mod colors;
mod given;
mod legend;
mod output;
mod overlapped;
mod picture;
mod report;
mod source;
mod wall_time;

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use humansize::{BINARY, format_size};
use indicatif::{ProgressBar, ProgressStyle};
use revacnn::data::{Numbers, Selection};
use revacnn::embed::{
    Method, NeighborSearch, Options, Settings, Tsne, TsneBuilder, default_components, principal_components,
    quality,
};
use revacnn::error::{Error, Result};
use revacnn::gpu::{Buffer, BufferRange, Gpu};

use super::run_options::AdapterOption;
use given::{Given, Shape};
use output::{Results, Snapshots};
use overlapped::Read;
use report::{Report, judge};
use source::Source;
use wall_time::WallTime;

/// Smallest number of rows of a layout.
const MIN_ROWS: usize = 4;

/// The method, as the command line names it.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MethodName {
    /// t-SNE, initialized by PCA; repulsion by the faster of the two ways below.
    Tsne,
    /// t-SNE with exact repulsion between all pairs.
    Exact,
    /// t-SNE with repulsion interpolated on a mesh (FFT).
    Mesh,
    /// The first two principal components alone.
    Pca,
}

/// The nearest-neighbor search, as the command line names it.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SearchName {
    /// Exact where the adapter affords it, otherwise by lists.
    Auto,
    /// Exact: every row is compared with all others.
    Exact,
    /// Approximate: an inverted-file (IVF) index, of which the nearest lists are searched.
    Lists,
}

#[derive(Args)]
pub(super) struct Embed {
    #[command(flatten)]
    adapter: AdapterOption,
    /// Rows to embed: a file (.npy, .npz, or a table as .csv, .tsv or .txt, also packed as .gz); the folder of a run, whose activations
    /// for the test images are embedded; a data set, whose pixels are; or `blobs`, random clusters.
    #[arg(value_name = "FILE|RUN|NAME|PATH")]
    source: String,
    /// Layer of the run [default: the last but one].
    #[arg(long)]
    layer: Option<String>,
    /// Labels, which color the picture and are written with the positions: a column by name or number from 0, an array of the .npz,
    /// or a file of one label a row [default: a column or array called label, class, target, species or the like; else the column of
    /// the fewest words].
    #[arg(long, value_name = "COLUMN|ARRAY|FILE", allow_negative_numbers = true)]
    labels: Option<String>,
    /// Columns to take: names, numbers from 0, or ranges such as 2-5, with commas between [default: all that hold numbers, but labels
    /// and columns that count or name the rows, such as id].
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_negative_numbers = true)]
    columns: Vec<String>,
    /// Array of the .npz with the rows [default: the only one, or X, data or positions].
    #[arg(long, value_name = "NAME")]
    array: Option<String>,
    /// Method.
    #[arg(long, value_enum, default_value = "tsne")]
    method: MethodName,
    /// Principal components that rows are reduced to before the neighbor search; 0 for none [default: 50 for more than
    /// 1000 rows of more than 100 values].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    components: Option<usize>,
    /// Nearest-neighbor search.
    #[arg(long, value_enum, default_value = "auto")]
    neighbours: SearchName,
    /// Perplexity: roughly the number of neighbors that count.
    #[arg(long, default_value_t = 30.0, allow_negative_numbers = true)]
    perplexity: f32,
    /// Iterations.
    #[arg(long, default_value_t = 1000, allow_negative_numbers = true)]
    iterations: usize,
    /// Early exaggeration: factor of the attraction in the first iterations.
    #[arg(long, default_value_t = 12.0, allow_negative_numbers = true)]
    exaggeration: f32,
    /// Iterations with early exaggeration.
    #[arg(long, value_name = "ITERATIONS", default_value_t = 50, allow_negative_numbers = true)]
    exaggerated: u32,
    /// Learning rate; 0 for the number of rows.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    learning_rate: f32,
    /// Largest number of rows; where there are more, this number is drawn from all of them by the seed.
    #[arg(long, value_name = "ROWS", allow_negative_numbers = true)]
    rows: Option<usize>,
    /// Dimensions of `blobs`.
    #[arg(long, value_name = "VALUES", default_value_t = 32, allow_negative_numbers = true)]
    dims: usize,
    /// Random seed: of the rows that --rows draws, of `blobs`, and where all rows are alike.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    seed: u32,
    /// Iterations between snapshots of the positions, saved as `snapshots` in the .npz; 0 for none.
    #[arg(long, value_name = "ITERATIONS", default_value_t = 0, allow_negative_numbers = true)]
    snapshots: usize,
    /// Output file: `positions` in an .npz, with `labels` and, where rows were drawn, their indices `rows`; or a picture with a legend
    /// in a .png.
    /// Repeatable.
    #[arg(short, long, value_name = "FILE")]
    output: Vec<PathBuf>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

impl Embed {
    pub(super) fn run(&self) -> Result<()> {
        let mut time = WallTime::begin();
        output::check(&self.output)?;
        let (gpu, Read { rows, labels, drawn }) =
            overlapped::open(&self.adapter, &self.source(), self.is_pca(), &mut time)?;
        let (given, values) = Given::place(&gpu, rows);
        let began = Instant::now();
        let before = gpu.bytes_allocated();
        let tsne = gpu.within_memory(|| self.prepare(&gpu, &given))?;
        let memory_bytes = gpu.bytes_allocated() - before;
        log::info!("the layout takes {} of {}", format_size(memory_bytes, BINARY), gpu.info.name);
        time.end("preparing");
        // The principal components alone need neither neighbors nor iterations.
        let plans = [tsne.reading_plan(), tsne.begin_plan(), tsne.refresh_plan(), tsne.iteration_plan()];
        let plans = if self.is_pca() { &plans[..2] } else { &plans };
        overlapped::upload(&gpu, &given, values, plans, &mut time)?;
        let stage_s = self.begin(&gpu, &tsne, &mut time);
        let left_out = check_left_out(tsne.left_out(&gpu), given.shape.rows)?;
        let warnings = warnings(&gpu, &tsne);
        time.end("starting");
        let snapshots = self.iterate(&gpu, &tsne, began);
        gpu.check()?;
        let optimize_s = time.end("optimise");
        let (positions, placed) = self.positions(&gpu, &tsne, &given);
        let results = Results {
            positions: &positions,
            labels: labels.as_ref(),
            drawn: drawn.as_ref().map(|drawn| &drawn.rows[..]),
            snapshots,
        };
        let judge = || {
            let kl = (!self.is_pca()).then(|| self.divergence(&gpu, &tsne));
            let judged = judge(&gpu, &tsne, (&given.view, given.unit), placed, !self.is_pca());
            gpu.check()?;
            judged.map(|(recall, quality)| (kl, recall, quality))
        };
        let (kl, recall, quality) = overlapped::write(&self.output, &results, &mut time, judge)?;
        let report = Report {
            shape: given.shape,
            drawn_of: drawn.as_ref().map(|drawn| drawn.of),
            seed: self.seed,
            labels: labels.as_ref(),
            tsne: &tsne,
            stage_s,
            optimize_s,
            iterations: self.iterations(),
            kl,
            recall,
            quality,
            left_out: left_out.len(),
            warnings,
            memory_bytes,
            adapter: &gpu.info.name,
            time: &time,
        };
        report.print(self.json)
    }

    fn is_pca(&self) -> bool {
        self.method == MethodName::Pca
    }

    fn iterations(&self) -> usize {
        if self.is_pca() { 0 } else { self.iterations }
    }

    fn source(&self) -> Source<'_> {
        Source {
            name: &self.source,
            layer: self.layer.as_deref(),
            selection: Selection {
                columns: &self.columns,
                labels: self.labels.as_deref(),
                array: self.array.as_deref(),
            },
            max_rows: self.rows,
            dims: self.dims,
            seed: self.seed,
        }
    }

    fn prepare(&self, gpu: &Gpu, given: &Given) -> Result<Tsne> {
        quality::load_kernels(gpu, given.shape.rows)?;
        let settings = Settings {
            exaggeration: self.exaggeration,
            exaggeration_iterations: self.exaggerated as f32,
            learning_rate: self.learning_rate,
            ..Settings::DEFAULT
        };
        TsneBuilder::new(self.perplexity)
            .settings(settings)
            .seed(self.seed)
            .options(self.options(given.shape))
            .build(gpu, &given.view)
    }

    fn options(&self, shape: Shape) -> Options {
        let usual = default_components(shape.rows, shape.columns);
        let components = self.components.map_or(usual, |components| (components > 0).then_some(components));
        let method = match self.method {
            MethodName::Exact => Some(Method::Exact),
            MethodName::Mesh => Some(Method::Mesh),
            MethodName::Tsne | MethodName::Pca => None,
        };
        let search = match self.neighbours {
            SearchName::Auto => NeighborSearch::Automatic,
            SearchName::Exact => NeighborSearch::Exact,
            SearchName::Lists => NeighborSearch::lists_for(shape.rows),
        };
        // Plain PCA is of the rows themselves, without a reduction before it.
        let components = components.filter(|_| !self.is_pca());
        Options { components, search, method, ..Options::default() }
    }

    /// Neighbors, affinities and initial positions; returns seconds for neighbors, for affinities.
    fn begin(&self, gpu: &Gpu, tsne: &Tsne, time: &mut WallTime) -> [f64; 2] {
        let stage_s = if self.is_pca() { [0.0; 2] } else { refresh(gpu, tsne, time) };
        if self.is_pca() {
            tsne.read_rows(gpu);
        }
        tsne.reset(gpu);
        gpu.wait();
        if tsne.perplexity() < self.perplexity && !self.is_pca() {
            let (rows, perplexity) = (tsne.count(), tsne.perplexity());
            log::warn!("{rows} rows support a perplexity of {perplexity:.2}: it is lowered to that");
        }
        stage_s
    }

    fn iterate(&self, gpu: &Gpu, tsne: &Tsne, began: Instant) -> Snapshots {
        let iterations = self.iterations();
        let mut snapshots = Snapshots::default();
        let style = style("{bar:30} {pos}/{len} iterations, {eta} left");
        let bar = ProgressBar::new(iterations as u64).with_style(style);
        let at_once = if self.snapshots > 0 { self.snapshots } else { 20 };
        let mut former = None;
        for first in (0..iterations).step_by(at_once) {
            let count = at_once.min(iterations - first);
            tsne.iterate(gpu, count);
            // The GPU goes on with these while the next are recorded.
            let submitted = gpu.submit(gpu.encoder("iterations"));
            former.replace(submitted).into_iter().for_each(|former| gpu.wait_for(former));
            bar.inc(count as u64);
            if self.snapshots > 0 {
                gpu.wait();
                snapshots.iterations.push((first + count) as u32);
                snapshots.seconds.push(began.elapsed().as_secs_f64());
                snapshots.positions.extend(tsne.read_positions(gpu));
            }
        }
        gpu.wait();
        bar.finish_and_clear();
        snapshots
    }

    /// Positions of all rows, NaN for those left out, and where they lie on the GPU.
    fn positions(&self, gpu: &Gpu, tsne: &Tsne, given: &Given) -> (Vec<[f32; 2]>, BufferRange) {
        let columns = given.shape.columns;
        let components = match &given.exact {
            None => return (tsne.read_positions(gpu), tsne.positions()),
            Some(Numbers::Single(values)) => principal_components(values, columns),
            Some(Numbers::Double(values)) => principal_components(values, columns),
        };
        let positions: Vec<[f32; 2]> = components.iter().map(|row| row.map(|value| value as f32)).collect();
        let placed = Buffer::from_slice(gpu, "positions", &positions).range();
        (positions, placed)
    }

    /// That of the last iteration; where there was none, of the initial positions.
    fn divergence(&self, gpu: &Gpu, tsne: &Tsne) -> f32 {
        if self.iterations() > 0 { tsne.state(gpu).divergence } else { tsne.measure(gpu) }
    }
}

/// Warnings about the rows.
fn warnings(gpu: &Gpu, tsne: &Tsne) -> Vec<&'static str> {
    let alike = tsne.all_alike(gpu).then_some("all rows are alike");
    alike.into_iter().inspect(|warning| log::warn!("{warning}: their positions are one point")).collect()
}

/// Warns of rows that are left out; an error if too few others remain.
fn check_left_out(left_out: Vec<usize>, rows: usize) -> Result<Vec<usize>> {
    let Some(first) = left_out.first() else { return Ok(left_out) };
    let what = format!("{} of {rows} rows hold NaN or infinity, row {first} first", left_out.len());
    if rows - left_out.len() < MIN_ROWS {
        return Err(Error::new(what, format!("give at least {MIN_ROWS} rows of finite numbers")));
    }
    log::warn!("{what}: they are left out");
    Ok(left_out)
}

/// Neighbors and affinities, with a progress bar; seconds for each.
fn refresh(gpu: &Gpu, tsne: &Tsne, time: &mut WallTime) -> [f64; 2] {
    let bar = ProgressBar::new(100).with_style(style("{bar:30} {pos} % of the neighbors, {eta} left"));
    let stage_s = tsne.refresh_timed(gpu, &mut |share| bar.set_position((100.0 * share) as u64));
    bar.finish_and_clear();
    time.end_after("neighbours", stage_s[0]);
    time.end_after("affinities", stage_s[1]);
    stage_s
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is fixed")
}
