//! What `revacnn embed` writes: positions as an .npz, or a picture.

use std::io::Write as _;
use std::path::Path;

use npyz::WriterBuilder as _;
use revacnn::error::{Error, Result};

/// The layout on its way: after how many iterations and seconds, and where the rows were.
#[derive(Default)]
pub struct Snapshots {
    pub iterations: Vec<u32>,
    pub seconds: Vec<f64>,
    pub positions: Vec<[f32; 2]>,
}

pub fn is_npz(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz"))
}

/// `positions` `[n, 2]` and, where there are any, `labels` `[n]` and the snapshots.
pub fn npz(positions: &[[f32; 2]], labels: &[u8], snapshots: &Snapshots) -> Result<Vec<u8>> {
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
pub fn picture(positions: &[[f32; 2]], labels: &[u8]) -> Result<Vec<u8>> {
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
