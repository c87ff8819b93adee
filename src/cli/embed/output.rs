//! Output files of `revacnn embed`: positions as an .npz, or a picture.

use std::path::{Path, PathBuf};

use revacnn::data::Labels;
use revacnn::error::{Error, Result};
use revacnn::session::write_whole;

use super::picture::picture;
use crate::cli::arrays::{self, npy, words_npy};
use crate::cli::outputs;

/// Positions during the optimization: iterations and seconds so far, and `[n, 2]` of each snapshot.
#[derive(Default)]
pub(super) struct Snapshots {
    pub iterations: Vec<u32>,
    pub seconds: Vec<f64>,
    pub positions: Vec<[f32; 2]>,
}

/// Checks outputs before the work begins: the format must be known, and the folder exist.
pub(super) fn check(paths: &[PathBuf]) -> Result<()> {
    paths.iter().try_for_each(|path| outputs::check(path, &["npz", "png"]))
}

/// Positions of a layout, and all that is written beside them.
pub(super) struct Results<'a> {
    /// `[n, 2]`.
    pub positions: &'a [[f32; 2]],
    /// Classes of the rows.
    pub labels: Option<&'a Labels>,
    /// Indices of the rows in their source, where they were drawn.
    pub drawn: Option<&'a [usize]>,
    pub snapshots: Snapshots,
}

/// The content of each output.
pub(super) fn pack(paths: &[PathBuf], results: &Results<'_>) -> Result<Vec<Vec<u8>>> {
    let packed = |path: &PathBuf| match is_picture(path) {
        true => picture(results.positions, results.labels),
        false => npz(results),
    };
    paths.iter().map(packed).collect()
}

/// Writes the outputs.
pub(super) fn write(paths: &[PathBuf], contents: &[Vec<u8>]) -> Result<()> {
    paths.iter().zip(contents).try_for_each(|(path, bytes)| write_whole(path, bytes))
}

/// True for the name of a picture.
pub(super) fn is_picture(path: &Path) -> bool {
    outputs::has_extension(path, &["png"])
}

/// An archive of `positions` `[n, 2]` and, if there are any, `labels` `[n]`, `rows` `[n]` and the snapshots.
fn npz(results: &Results<'_>) -> Result<Vec<u8>> {
    let Results { positions, snapshots, .. } = results;
    let failed =
        |e: std::io::Error| Error::new(format!("the positions cannot be packed: {e}"), "name a .png");
    let n = positions.len() as u64;
    let mut arrays = vec![("positions", npy(&[n, 2], positions.as_flattened()).map_err(failed)?)];
    if let Some(labels) = results.labels {
        arrays.push(("labels", labels_npy(labels).map_err(failed)?));
    }
    if let Some(drawn) = results.drawn {
        let rows: Vec<u32> = drawn.iter().map(|row| *row as u32).collect();
        arrays.push(("rows", npy(&[n], &rows).map_err(failed)?));
    }
    let count = snapshots.iterations.len() as u64;
    if count > 0 {
        arrays.push(("snapshots", npy(&[count, n, 2], snapshots.positions.as_flattened()).map_err(failed)?));
        arrays.push(("snapshot_iterations", npy(&[count], &snapshots.iterations).map_err(failed)?));
        arrays.push(("snapshot_seconds", npy(&[count], &snapshots.seconds).map_err(failed)?));
    }
    arrays::npz(arrays).map_err(failed)
}

/// The labels as their source has them: small whole numbers as bytes, others as `i64` (−1 where one is missing), parts as `f64`,
/// words as Unicode.
fn labels_npy(labels: &Labels) -> std::io::Result<Vec<u8>> {
    let n = labels.classes.len() as u64;
    if labels.numbers.is_empty() && !labels.names.is_empty() {
        let word = |class: &u32| labels.names.get(*class as usize).cloned().unwrap_or_default();
        return words_npy(&labels.classes.iter().map(word).collect::<Vec<_>>());
    }
    let value = |class: &u32, missing: f64| labels.numbers.get(*class as usize).copied().unwrap_or(missing);
    if labels.numbers.iter().any(|number| number.fract() != 0.0) {
        let values: Vec<f64> = labels.classes.iter().map(|class| value(class, f64::NAN)).collect();
        return npy(&[n], &values);
    }
    let values: Vec<i64> = labels.classes.iter().map(|class| value(class, -1.0) as i64).collect();
    let bytes: Option<Vec<u8>> = values.iter().map(|value| u8::try_from(*value).ok()).collect();
    bytes.map_or_else(|| npy(&[n], &values), |bytes| npy(&[n], &bytes))
}
