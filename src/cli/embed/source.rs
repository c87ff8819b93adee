//! Sources of rows for `revacnn embed`: a file, a run's activations, a data set's pixels, or random clusters.

use std::path::Path;
use std::rc::Rc;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use revacnn::data::{Dataset, LabeledRows, Labels, Matrix, Numbers, Selection, drawn_rows};
use revacnn::error::{Error, Result};
use revacnn::gpu::Gpu;
use revacnn::session::{JOURNAL_FILE, Session};
use revacnn::threads;

/// Name of the random clusters.
const BLOBS: &str = "blobs";
/// Number of random clusters.
const CLUSTERS: usize = 5;
/// Number of random rows by default.
const DEFAULT_BLOBS: usize = 10_000;

/// Rows to embed.
pub(super) struct Rows {
    pub matrix: Matrix,
    /// Classes of the rows.
    pub labels: Option<Labels>,
    /// The rows that were drawn, where there are more.
    pub drawn: Option<Drawn>,
}

/// Rows that were drawn by the seed.
pub(super) struct Drawn {
    /// Their indices in the source.
    pub rows: Vec<usize>,
    /// Number of rows of the source.
    pub of: usize,
}

impl Rows {
    fn all(matrix: Matrix, labels: Option<Labels>) -> Self {
        Self { matrix, labels, drawn: None }
    }
}

/// Source of rows.
pub(super) struct Source<'a> {
    /// A file, the folder of a run, a data set, or [`BLOBS`].
    pub name: &'a str,
    /// Layer of a run.
    pub layer: Option<&'a str>,
    /// Columns, labels and array of a file.
    pub selection: Selection<'a>,
    /// Largest number of rows.
    pub max_rows: Option<usize>,
    /// Dimensions of the random clusters.
    pub dims: usize,
    pub seed: u32,
}

impl Source<'_> {
    /// True for the folder of a run, whose rows the GPU computes; all others can be read while it is being opened.
    pub(super) fn is_run(&self) -> bool {
        self.name != BLOBS && Path::new(self.name).join(JOURNAL_FILE).is_file()
    }

    /// Reads the rows of a source that is no run.
    pub(super) fn read(&self) -> Result<Rows> {
        let path = Path::new(self.name);
        if let Some(layer) = self.layer {
            let what = format!("{} has no layer {layer}: it is no run", self.name);
            return Err(Error::usage(what, "leave out --layer, or name the folder of a run"));
        }
        if self.name == BLOBS {
            if self.dims == 0 {
                return Err(Error::usage("clusters of rows without values", "give --dims 1 or more"));
            }
            return self.without_columns(blobs(self.max_rows.unwrap_or(DEFAULT_BLOBS), self.dims, self.seed));
        }
        // A file of a data set means the set; other files are read as rows, or refused by what they are.
        if Matrix::is_named(path) || (path.is_file() && !Dataset::has_file_of(path)) {
            let LabeledRows { matrix, labels } = LabeledRows::open(path, &self.selection)?;
            let Some(drawn) = self.draw(matrix.rows) else { return Ok(Rows::all(matrix, labels)) };
            let labels = labels.map(|labels| labels.of_rows(&drawn.rows));
            return Ok(Rows { matrix: matrix.of_rows(&drawn.rows), labels, drawn: Some(drawn) });
        }
        let data = Dataset::open(self.name)?;
        self.without_columns(self.read_images(&data)?)
    }

    /// The activations of a run's layer, as rows.
    pub(super) fn read_run(&self, gpu: &Rc<Gpu>) -> Result<Rows> {
        self.without_columns(self.read_activations(Rc::clone(gpu), Path::new(self.name))?)
    }

    /// Rows of a source that has no columns to choose; its labels may be replaced by those of a file.
    fn without_columns(&self, rows: Rows) -> Result<Rows> {
        if !self.selection.columns.is_empty() || self.selection.array.is_some() {
            let what = format!("{} has no columns or arrays by name", self.name);
            return Err(Error::usage(what, "leave out --columns and --array, or name a file of rows"));
        }
        let Some(path) = self.selection.labels else { return Ok(rows) };
        // The file is of all rows, also where some are drawn.
        let count = rows.drawn.as_ref().map_or(rows.matrix.rows, |drawn| drawn.of);
        let labels = Labels::open(Path::new(path), count)?;
        let labels = rows.drawn.as_ref().map_or(labels.clone(), |drawn| labels.of_rows(&drawn.rows));
        Ok(Rows { labels: Some(labels), ..rows })
    }

    /// The rows to take of `count`, by the seed; none for all. What is left out is written to the log.
    fn draw(&self, count: usize) -> Option<Drawn> {
        let most = self.max_rows.filter(|most| *most < count)?;
        log::info!("{most} of {count} rows, drawn by the seed {}", self.seed);
        Some(Drawn { rows: drawn_rows(count, most, self.seed), of: count })
    }

    /// Rows and labels of a source of `count` rows, of which `read` reads some.
    fn read_some(
        &self,
        count: usize,
        columns: usize,
        labels: &Labels,
        read: impl FnOnce(&[usize]) -> Result<Vec<f32>>,
    ) -> Result<Rows> {
        let drawn = self.draw(count);
        let all: Vec<usize> = (0..count).collect();
        let taken = drawn.as_ref().map_or(&all, |drawn| &drawn.rows);
        let matrix = Matrix { rows: taken.len(), columns, numbers: Numbers::Single(read(taken)?) };
        Ok(Rows { matrix, labels: Some(labels.of_rows(taken)), drawn })
    }

    /// The pixels of all images, those of the test set last.
    fn read_images(&self, data: &Dataset) -> Result<Rows> {
        let columns = data.shape.len();
        let splits = [&data.train, &data.test];
        let images: Vec<&[u8]> = splits.iter().flat_map(|split| split.images.chunks_exact(columns)).collect();
        let labels: Vec<u8> = splits.iter().flat_map(|split| split.labels.iter().copied()).collect();
        let shades: Vec<f32> = (0..=255_u8).map(|v| f32::from(v) / 255.0).collect();
        self.read_some(images.len(), columns, &Labels::counted(&data.classes, &labels), |taken| {
            let mut values = vec![0.0; taken.len() * columns];
            let share = threads::share(taken.len(), threads::MIN_VALUES / columns);
            let parts = taken.chunks(share).zip(values.chunks_mut(share * columns));
            threads::each(parts, |(rows, values)| {
                let pixels = rows.iter().flat_map(|row| images[*row]);
                values.iter_mut().zip(pixels).for_each(|(value, v)| *value = shades[usize::from(*v)]);
            });
            Ok(values)
        })
    }

    /// The activations of a run's layer for the test images.
    fn read_activations(&self, gpu: Rc<Gpu>, path: &Path) -> Result<Rows> {
        let mut session = Session::look_at(Rc::clone(&gpu), path)?;
        let names: Vec<String> = session.layers().iter().map(|layer| layer.name.clone()).collect();
        let layer = match self.layer {
            None => names.len().saturating_sub(2),
            Some(wanted) => names.iter().position(|name| name == wanted).ok_or_else(|| {
                let what = format!("{} has no layer {wanted}", path.display());
                Error::usage(what, format!("name one of {}", names.join(", ")))
            })?,
        };
        log::info!("the activations of {} for the test images", names[layer]);
        let columns: usize = session.layers()[layer].output.iter().product();
        let labels = Labels::counted(session.class_names(), session.test_labels());
        self.read_some(session.test_images(), columns, &labels, |taken| {
            // Before the work, as all rows lie in one buffer after it.
            gpu.check_fits("the rows", (taken.len() * columns * 4) as u64)?;
            session.test_features(layer, taken)
        })
    }
}

/// Normally distributed rows around the centers of five clusters, a usual benchmark of large layouts.
fn blobs(rows: usize, columns: usize, seed: u32) -> Rows {
    let centers: Vec<f32> = normals(seed, 0).take(CLUSTERS * columns).map(|value| 4.0 * value).collect();
    let mut values = vec![0.0; rows * columns];
    let share = threads::share(values.len(), threads::MIN_VALUES);
    threads::each(values.chunks_mut(share).enumerate(), |(part, values)| {
        let first = part * share;
        let noise = normals(seed, centers.len() + first);
        for ((value, noise), at) in values.iter_mut().zip(noise).zip(first..) {
            *value = centers[at / columns % CLUSTERS * columns + at % columns] + noise;
        }
    });
    let names: Vec<String> = (0..CLUSTERS).map(|cluster| cluster.to_string()).collect();
    let clusters: Vec<u8> = (0..rows).map(|row| (row % CLUSTERS) as u8).collect();
    let matrix = Matrix { rows, columns, numbers: Numbers::Single(values) };
    Rows::all(matrix, Some(Labels::counted(&names, &clusters)))
}

/// Normally distributed numbers of a seed from the `first` on, each of two words of the random generator (Box and Muller 1958).
fn normals(seed: u32, first: usize) -> impl Iterator<Item = f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed.into());
    random.set_word_pos(2 * first as u128);
    std::iter::repeat_with(move || {
        let radius = (-2.0 * (1.0 - random.random::<f32>()).ln()).sqrt();
        radius * (std::f32::consts::TAU * random.random::<f32>()).cos()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_do_not_depend_on_where_one_begins() {
        let all: Vec<f32> = normals(3, 0).take(500).collect();
        for first in [1, 7, 8, 63, 64, 300] {
            assert_eq!(normals(3, first).take(100).collect::<Vec<f32>>(), all[first..first + 100]);
        }
        assert_ne!(all[1..], all[..499], "the control");
    }
}
