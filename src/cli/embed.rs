//! `revacnn embed`: rows laid out by t-SNE, without a window.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use npyz::WriterBuilder as _;
use revacnn::data::{Dataset, Matrix};
use revacnn::embed::{Settings, Tsne, quality};
use revacnn::error::{Error, Result};
use revacnn::gpu::{Buffer, Gpu, TensorView};
use revacnn::session::{JOURNAL_FILE, Session, write_whole};
use serde_json::json;

use super::print_line;
use super::run_options::AdapterOption;

/// Rows of which the neighbours that were found are compared with all.
const COMPARED: usize = 200;
/// Rows for which neighbours are judged.
const JUDGED: usize = 500;
/// Neighbours by which a layout is judged.
const NEAREST: usize = 12;
/// More rows than these take long: every point pushes every other.
const MANY: usize = 20_000;

/// How rows are laid out.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    /// t-SNE, beginning along the principal components.
    Tsne,
    /// The two principal components alone.
    Pca,
}

#[derive(Args)]
pub struct Embed {
    #[command(flatten)]
    adapter: AdapterOption,
    /// The rows: a file that ends in .npy, .npz, .csv or .tsv; the folder of a run, whose activations for the test images are
    /// taken; or a data set whose pixels are.
    #[arg(value_name = "FILE|RUN|NAME|PATH")]
    source: String,
    /// The layer of the run; usually the one before the last.
    #[arg(long)]
    layer: Option<String>,
    /// How they are laid out.
    #[arg(long, value_enum, default_value = "tsne")]
    method: Method,
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

/// The layout on its way: after how many iterations and seconds, and where the rows were.
#[derive(Default)]
struct Snapshots {
    iterations: Vec<u32>,
    seconds: Vec<f64>,
    positions: Vec<[f32; 2]>,
}

/// What is laid out.
struct Rows {
    matrix: Matrix,
    /// Class of each row, where there are classes.
    labels: Vec<u8>,
}

impl Embed {
    pub fn run(&self) -> Result<()> {
        self.check_outputs()?;
        let gpu = self.adapter.open()?;
        let Rows { matrix, labels } = self.read(&gpu)?;
        if matrix.rows > MANY {
            log::warn!(
                "{} rows: an iteration takes time with their square (--rows takes fewer)",
                matrix.rows
            );
        }
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
        let tsne = Tsne::prepare(&gpu, &view, self.perplexity, settings, self.seed)?;
        let pca = self.method == Method::Pca;
        let stages = if pca { [0.0; 2] } else { tsne.refresh_timed(&gpu) };
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
        let left_out = tsne.left_out(&gpu);
        if let Some(first) = left_out.first() {
            log::warn!("{} rows hold NaN or infinity, row {first} first: they are left out", left_out.len());
        }
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
        let k = tsne.neighbours();
        let recall = (!pca).then(|| {
            quality::recall(&matrix.values, matrix.columns, &tsne.read_neighbours(&gpu), k, COMPARED)
        });
        let judged = quality::judge(&matrix.values, matrix.columns, &positions, NEAREST, JUDGED);
        for path in &self.output {
            let bytes = if is_npz(path) {
                npz(&positions, &labels, &snapshots)?
            } else {
                picture(&positions, &labels)?
            };
            write_whole(path, &bytes)?;
        }
        self.report(&Report {
            matrix: &matrix,
            tsne: &tsne,
            stages,
            optimise_ms,
            iterations,
            kl,
            recall,
            judged,
            left_out: left_out.len(),
            adapter: &gpu.info.name,
        })
    }
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
    adapter: &'a str,
}

impl Embed {
    fn report(&self, report: &Report<'_>) -> Result<()> {
        let &Report { matrix, tsne, stages, optimise_ms, iterations, kl, recall, judged, left_out, adapter } =
            report;
        let per_second = iterations as f64 / (optimise_ms / 1e3).max(1e-9);
        if self.json {
            let [neighbours_ms, affinities_ms] = stages.map(|seconds| seconds * 1e3);
            let value = json!({
                "n": matrix.rows, "dim": matrix.columns, "method": if kl.is_none() { "pca" } else { "exact" },
                "perplexity": tsne.perplexity(), "iterations": iterations, "iterations_per_s": per_second, "kl": kl,
                "recall": recall, "left_out": left_out,
                "preserved": judged.preserved, "trustworthiness": judged.trustworthiness,
                "stage_ms": { "neighbours": neighbours_ms, "affinities": affinities_ms, "optimise": optimise_ms },
                "adapter": adapter,
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

    fn read(&self, gpu: &Rc<Gpu>) -> Result<Rows> {
        let most = self.rows.unwrap_or(usize::MAX);
        let path = Path::new(&self.source);
        if path.join(JOURNAL_FILE).is_file() {
            return self.read_run(Rc::clone(gpu), path, most);
        }
        if let Some(layer) = &self.layer {
            let what = format!("{} has no layer {layer}: it is no run", self.source);
            return Err(Error::usage(what, "leave out --layer, or name the folder of a run"));
        }
        if Matrix::is_named(path) {
            let mut matrix = Matrix::open(path)?;
            matrix.rows = matrix.rows.min(most);
            matrix.values.truncate(matrix.rows * matrix.columns);
            return Ok(Rows { matrix, labels: Vec::new() });
        }
        let data = Dataset::open(&self.source)?;
        let splits = [&data.train, &data.test];
        let images = splits.iter().flat_map(|split| split.images.chunks_exact(data.shape.len()));
        let values: Vec<f32> = images.take(most).flatten().map(|v| f32::from(*v) / 255.0).collect();
        let labels = splits.iter().flat_map(|split| split.labels.iter().copied()).take(most).collect();
        let columns = data.shape.len();
        Ok(Rows { matrix: Matrix { rows: values.len() / columns, columns, values }, labels })
    }

    /// The activations of a run's layer for the test images.
    fn read_run(&self, gpu: Rc<Gpu>, path: &Path, most: usize) -> Result<Rows> {
        let mut session = Session::resume(Rc::clone(&gpu), path)?;
        let names: Vec<String> = session.layers().iter().map(|layer| layer.name.clone()).collect();
        let layer = match &self.layer {
            None => names.len().saturating_sub(2),
            Some(wanted) => names.iter().position(|name| name == wanted).ok_or_else(|| {
                let what = format!("{} has no layer {wanted}", path.display());
                Error::usage(what, format!("name one of {}", names.join(", ")))
            })?,
        };
        log::info!("the activations of {} for the test images", names[layer]);
        let columns: usize = session.layers()[layer].output.iter().product();
        let (rows, labels) = session.test_rows(layer)?;
        let mut values = rows.read(&gpu);
        let count = (values.len() / columns).min(most);
        values.truncate(count * columns);
        let labels = labels[..count].to_vec();
        Ok(Rows { matrix: Matrix { rows: count, columns, values }, labels })
    }

    fn iterate(&self, gpu: &Gpu, tsne: &Tsne, iterations: usize, began: Instant) -> Snapshots {
        let mut snapshots = Snapshots::default();
        let style = "{bar:30} {pos}/{len} iterations, {eta} left";
        let style = ProgressStyle::with_template(style).expect("the template is fixed");
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

fn is_npz(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz"))
}

/// `positions` `[n, 2]` and, where there are any, `labels` `[n]` and the snapshots.
fn npz(positions: &[[f32; 2]], labels: &[u8], snapshots: &Snapshots) -> Result<Vec<u8>> {
    let failed = |e: std::io::Error| Error::new(format!("the layout cannot be packed: {e}"), "name a .png");
    let n = positions.len() as u64;
    let mut arrays = vec![("positions", npy(&[n, 2], positions.as_flattened()).map_err(failed)?)];
    if !labels.is_empty() {
        arrays.push(("labels", npy(&[n], labels).map_err(failed)?));
    }
    let taken = snapshots.iterations.len() as u64;
    if taken > 0 {
        arrays.push(("snapshots", npy(&[taken, n, 2], snapshots.positions.as_flattened()).map_err(failed)?));
        arrays.push(("snapshot_iterations", npy(&[taken], &snapshots.iterations).map_err(failed)?));
        arrays.push(("snapshot_seconds", npy(&[taken], &snapshots.seconds).map_err(failed)?));
    }
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(format!("{name}.npy"), options).map_err(|e| failed(e.into()))?;
        archive.write_all(&bytes).map_err(failed)?;
    }
    Ok(archive.finish().map_err(|e| failed(e.into()))?.into_inner())
}

fn npy<T: npyz::AutoSerialize + Copy>(shape: &[u64], values: &[T]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(shape).writer(&mut bytes).begin_nd()?;
    writer.extend(values.iter().copied())?;
    writer.finish()?;
    Ok(bytes)
}

/// Ten colours that stay apart for colour-blind eyes (after Okabe and Ito 2008, and Tol's muted scheme).
const COLOURS: [[u8; 3]; 10] = [
    [0, 114, 178],
    [230, 159, 0],
    [0, 158, 115],
    [204, 121, 167],
    [213, 94, 0],
    [86, 180, 233],
    [120, 110, 30],
    [51, 34, 136],
    [136, 34, 85],
    [90, 90, 90],
];

/// A picture of 1200×1200: a disc a row, in the colour of its class.
fn picture(positions: &[[f32; 2]], labels: &[u8]) -> Result<Vec<u8>> {
    const SIDE: usize = 1200;
    const MARGIN: f32 = 30.0;
    let shown = || positions.iter().filter(|p| p[0].is_finite() && p[1].is_finite());
    let bound =
        |axis: usize| shown().fold([f32::MAX, f32::MIN], |[a, b], p| [a.min(p[axis]), b.max(p[axis])]);
    let [x, y] = [bound(0), bound(1)];
    let span = (x[1] - x[0]).max(y[1] - y[0]).max(1e-9);
    let scale = (SIDE as f32 - 2.0 * MARGIN) / span;
    let middle = [(x[0] + x[1]) / 2.0, (y[0] + y[1]) / 2.0];
    let radius = (160.0 / (positions.len() as f32).sqrt()).clamp(1.2, 6.0);
    let mut pixels = vec![255.0_f32; SIDE * SIDE * 3];
    for (i, position) in positions.iter().enumerate().filter(|(_, p)| p[0].is_finite() && p[1].is_finite()) {
        let at = [0, 1].map(|axis| (position[axis] - middle[axis]) * scale + SIDE as f32 / 2.0);
        let colour = labels.get(i).map_or(COLOURS[0], |label| COLOURS[usize::from(*label) % COLOURS.len()]);
        let reach = |centre: f32| {
            ((centre - radius - 1.0).max(0.0) as usize)..((centre + radius + 2.0) as usize).min(SIDE)
        };
        for row in reach(at[1]) {
            for column in reach(at[0]) {
                let away = (column as f32 + 0.5 - at[0]).hypot(row as f32 + 0.5 - at[1]);
                let share = 0.8 * (radius + 0.5 - away).clamp(0.0, 1.0);
                for (channel, value) in colour.iter().enumerate() {
                    let pixel = &mut pixels[(row * SIDE + column) * 3 + channel];
                    *pixel += share * (f32::from(*value) - *pixel);
                }
            }
        }
    }
    let bytes = pixels.into_iter().map(|v| v as u8).collect();
    let picture =
        image::RgbImage::from_raw(SIDE as u32, SIDE as u32, bytes).expect("as many bytes as pixels");
    let mut png = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut png, image::ImageFormat::Png)
        .map_err(|e| Error::new(format!("the picture cannot be made: {e}"), "name an .npz"))?;
    Ok(png.into_inner())
}
