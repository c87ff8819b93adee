//! Sources of rows for `revacnn embed`: a file, a run's activations, a data set's pixels, or random clusters.

use std::path::Path;
use std::rc::Rc;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use revacnn::data::{Dataset, Matrix};
use revacnn::error::{Error, Result};
use revacnn::gpu::Gpu;
use revacnn::session::{JOURNAL_FILE, Session};

/// Name of the random clusters.
const BLOBS: &str = "blobs";
/// Number of random clusters.
const CLUSTERS: usize = 5;
/// Number of random rows by default.
const DEFAULT_BLOBS: usize = 10_000;

/// Rows to embed.
pub(super) struct Rows {
    pub matrix: Matrix,
    /// Class of each row; empty without classes.
    pub labels: Vec<u8>,
}

/// Source of rows.
pub(super) struct Source<'a> {
    /// A file, the folder of a run, a data set, or [`BLOBS`].
    pub name: &'a str,
    /// Layer of a run.
    pub layer: Option<&'a str>,
    /// Largest number of rows.
    pub max_rows: Option<usize>,
    /// Dimensions of the random clusters.
    pub dims: usize,
    pub seed: u32,
}

impl Source<'_> {
    pub(super) fn read(&self, gpu: &Rc<Gpu>) -> Result<Rows> {
        let most = self.max_rows.unwrap_or(usize::MAX);
        let path = Path::new(self.name);
        if path.join(JOURNAL_FILE).is_file() {
            return self.read_run(Rc::clone(gpu), path, most);
        }
        if let Some(layer) = self.layer {
            let what = format!("{} has no layer {layer}: it is no run", self.name);
            return Err(Error::usage(what, "leave out --layer, or name the folder of a run"));
        }
        if self.name == BLOBS {
            return Ok(blobs(self.max_rows.unwrap_or(DEFAULT_BLOBS), self.dims, self.seed));
        }
        if Matrix::is_named(path) {
            let mut matrix = Matrix::open(path)?;
            matrix.rows = matrix.rows.min(most);
            matrix.values.truncate(matrix.rows * matrix.columns);
            return Ok(Rows { matrix, labels: Vec::new() });
        }
        let data = Dataset::open(self.name)?;
        let splits = [&data.train, &data.test];
        let images = splits.iter().flat_map(|split| split.images.chunks_exact(data.shape.len()));
        let shade = |v: &u8| f64::from(f32::from(*v) / 255.0);
        let values: Vec<f64> = images.take(most).flatten().map(shade).collect();
        let labels = splits.iter().flat_map(|split| split.labels.iter().copied()).take(most).collect();
        let columns = data.shape.len();
        Ok(Rows { matrix: Matrix { rows: values.len() / columns, columns, values }, labels })
    }

    /// The activations of a run's layer for the test images.
    fn read_run(&self, gpu: Rc<Gpu>, path: &Path, most: usize) -> Result<Rows> {
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
        let (rows, labels) = session.test_features(layer)?;
        let values = rows.read(&gpu);
        let count = (values.len() / columns).min(most);
        let values = values[..count * columns].iter().copied().map(f64::from).collect();
        let labels = labels[..count].to_vec();
        Ok(Rows { matrix: Matrix { rows: count, columns, values }, labels })
    }
}

/// Normally distributed rows around the centers of five clusters, a usual benchmark of large layouts.
fn blobs(rows: usize, columns: usize, seed: u32) -> Rows {
    let mut random = ChaCha8Rng::seed_from_u64(seed.into());
    let mut normal = || {
        let radius = (-2.0 * (1.0 - random.random::<f32>()).ln()).sqrt();
        radius * (std::f32::consts::TAU * random.random::<f32>()).cos()
    };
    let centers: Vec<f32> = (0..CLUSTERS * columns).map(|_| 4.0 * normal()).collect();
    let value = |at: usize| f64::from(centers[at / columns % CLUSTERS * columns + at % columns] + normal());
    let values = (0..rows * columns).map(value).collect();
    let labels = (0..rows).map(|row| (row % CLUSTERS) as u8).collect();
    Rows { matrix: Matrix { rows, columns, values }, labels }
}
