//! A contact sheet of a data set: some images of each class beside its name.

use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};
use revacnn::data::{Dataset, Split, drawn_rows};
use revacnn::error::{Error, Result};
use revacnn::session::write_whole;

use super::letters::Letters;

/// Images of a class at most.
const IMAGES: usize = 12;
/// Classes at most.
const MAX_CLASSES: usize = 100;
/// Smallest side of an image on the sheet, and the space between two, in pixels.
const MIN_SIDE: usize = 56;
const GAP: usize = 6;
/// Width of the names, and height of their letters, in pixels.
const NAMES: usize = 190;
const TEXT: f32 = 18.0;

/// Writes the sheet as PNG.
///
/// # Errors
/// When the file cannot be written; then an old one stays.
pub(super) fn write(data: &Dataset, path: &Path) -> Result<()> {
    let mut bytes = Cursor::new(Vec::new());
    draw(data).write_to(&mut bytes, ImageFormat::Png).map_err(|error| {
        Error::new(format!("cannot write {}: {error}", path.display()), "take a smaller --image-size")
    })?;
    write_whole(path, bytes.get_ref())
}

/// Images of a class in the training set, drawn from all of them.
fn drawn(split: &Split, class: usize) -> Vec<usize> {
    let of_class: Vec<usize> = (0..split.len()).filter(|i| usize::from(split.labels[*i]) == class).collect();
    drawn_rows(of_class.len(), IMAGES, 0).into_iter().map(|at| of_class[at]).collect()
}

fn draw(data: &Dataset) -> RgbImage {
    let classes = data.classes.len().min(MAX_CLASSES);
    let [height, width] = [data.shape.height, data.shape.width];
    // Small pixels are enlarged by a whole factor.
    let scale = MIN_SIDE.div_ceil(height.min(width)).max(1);
    let (line, step) = (height * scale + GAP, width * scale + GAP);
    let mut sheet = RgbImage::from_pixel(
        (NAMES + IMAGES * step + GAP) as u32,
        (classes * line + GAP) as u32,
        Rgb([255; 3]),
    );
    let letters = Letters::new(TEXT);
    for (class, name) in data.classes.iter().enumerate().take(classes) {
        let top = GAP + class * line;
        let base = (top + height * scale / 2) as f32 + TEXT / 3.0;
        let name = letters.fitting(name, (NAMES - 2 * GAP) as f32);
        letters.write(&name, GAP as f32, base, [30; 3], &mut |[x, y], share, color| {
            if let Some(pixel) = sheet.get_pixel_mut_checked(x as u32, y as u32) {
                let mixed =
                    |from: u8, to: u8| (f32::from(from) * (1.0 - share) + f32::from(to) * share) as u8;
                *pixel = Rgb([0, 1, 2].map(|c| mixed(pixel[c], color[c])));
            }
        });
        for (place, image) in drawn(&data.train, class).into_iter().enumerate() {
            let values = data.train.image(image);
            for (y, x) in (0..height * scale).flat_map(|y| (0..width * scale).map(move |x| (y, x))) {
                let at = y / scale * width + x / scale;
                let channel = |c: usize| values[c.min(data.shape.channels - 1) * height * width + at];
                let [x, y] = [NAMES + place * step + x, top + y];
                sheet.put_pixel(x as u32, y as u32, Rgb([0, 1, 2].map(channel)));
            }
        }
    }
    sheet
}
