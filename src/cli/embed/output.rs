//! Output files of `revacnn embed`: positions as an .npz, or a picture.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use npyz::WriterBuilder as _;
use revacnn::error::{Error, Result};
use revacnn::session::write_whole;

/// Positions during the optimization: iterations and seconds so far, and `[n, 2]` of each snapshot.
#[derive(Default)]
pub(super) struct Snapshots {
    pub iterations: Vec<u32>,
    pub seconds: Vec<f64>,
    pub positions: Vec<[f32; 2]>,
}

/// Checks outputs before the work begins: the format must be known, and the folder exist.
pub(super) fn check(paths: &[PathBuf]) -> Result<()> {
    for path in paths {
        if !has_extension(path, "npz") && !has_extension(path, "png") {
            let what = format!("{} is neither .npz nor .png", path.display());
            return Err(Error::usage(what, "name the output so that it ends in one of them"));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if folder.is_some_and(|folder| !folder.is_dir()) {
            let what = format!("there is no folder for {}", path.display());
            return Err(Error::usage(what, "create it first, or name another file"));
        }
    }
    Ok(())
}

/// Writes the outputs.
pub(super) fn write(
    paths: &[PathBuf],
    positions: &[[f32; 2]],
    labels: &[u8],
    snapshots: &Snapshots,
) -> Result<()> {
    for path in paths {
        let is_npz = has_extension(path, "npz");
        let bytes = if is_npz { npz(positions, labels, snapshots)? } else { picture(positions, labels)? };
        write_whole(path, &bytes)?;
    }
    Ok(())
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

/// An archive of `positions` `[n, 2]` and, if there are any, `labels` `[n]` and the snapshots.
fn npz(positions: &[[f32; 2]], labels: &[u8], snapshots: &Snapshots) -> Result<Vec<u8>> {
    let failed =
        |e: std::io::Error| Error::new(format!("the positions cannot be packed: {e}"), "name a .png");
    let n = positions.len() as u64;
    let mut arrays = vec![("positions", npy(&[n, 2], positions.as_flattened()).map_err(failed)?)];
    if !labels.is_empty() {
        arrays.push(("labels", npy(&[n], labels).map_err(failed)?));
    }
    let count = snapshots.iterations.len() as u64;
    if count > 0 {
        arrays.push(("snapshots", npy(&[count, n, 2], snapshots.positions.as_flattened()).map_err(failed)?));
        arrays.push(("snapshot_iterations", npy(&[count], &snapshots.iterations).map_err(failed)?));
        arrays.push(("snapshot_seconds", npy(&[count], &snapshots.seconds).map_err(failed)?));
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

/// Ten colors that color-blind eyes can tell apart (after Okabe and Ito 2008, and Tol's muted scheme).
const COLORS: [[u8; 3]; 10] = [
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

/// A picture of 1200×1200 pixels: one disc per row, in the color of its class.
fn picture(positions: &[[f32; 2]], labels: &[u8]) -> Result<Vec<u8>> {
    const SIDE: usize = 1200;
    const MARGIN: f32 = 30.0;
    let shown = || positions.iter().filter(|p| p[0].is_finite() && p[1].is_finite());
    let bound =
        |axis: usize| shown().fold([f32::MAX, f32::MIN], |[a, b], p| [a.min(p[axis]), b.max(p[axis])]);
    let [x, y] = [bound(0), bound(1)];
    let span = (x[1] - x[0]).max(y[1] - y[0]).max(1e-9);
    let scale = (SIDE as f32 - 2.0 * MARGIN) / span;
    let center = [(x[0] + x[1]) / 2.0, (y[0] + y[1]) / 2.0];
    let radius = (160.0 / (positions.len() as f32).sqrt()).clamp(1.2, 6.0);
    let mut pixels = vec![255.0_f32; SIDE * SIDE * 3];
    for (i, position) in positions.iter().enumerate().filter(|(_, p)| p[0].is_finite() && p[1].is_finite()) {
        let at = [0, 1].map(|axis| (position[axis] - center[axis]) * scale + SIDE as f32 / 2.0);
        let color = labels.get(i).map_or(COLORS[0], |label| COLORS[usize::from(*label) % COLORS.len()]);
        let reach =
            |at: f32| ((at - radius - 1.0).max(0.0) as usize)..((at + radius + 2.0) as usize).min(SIDE);
        for row in reach(at[1]) {
            for column in reach(at[0]) {
                let away = (column as f32 + 0.5 - at[0]).hypot(row as f32 + 0.5 - at[1]);
                let share = 0.8 * (radius + 0.5 - away).clamp(0.0, 1.0);
                for (channel, value) in color.iter().enumerate() {
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
        .map_err(|e| Error::new(format!("the picture cannot be encoded: {e}"), "name an .npz"))?;
    Ok(png.into_inner())
}
