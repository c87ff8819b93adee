//! Images of any size brought to one size, as `--fit` says.
//!
//! Pixels are weighted means over a triangle as wide as the scale, in whole numbers: Pillow's `BILINEAR`, which torchvision's
//! `Resize` takes for its images, to one of 255 levels.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{ColorType, DynamicImage};

use super::dataset::{Dataset, ImageShape, Split};
use super::parallel;
use super::source::{Fit, ImageSize};
use crate::error::{Error, Result};

/// Pixels of one image, row by row, the channels of a pixel side by side.
pub(super) struct Pixels {
    /// 1 or 3.
    pub channels: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `[y, x, c]`.
    pub values: Vec<u8>,
}

impl Pixels {
    /// The pixels of an image, on white where it is transparent, 16 bits scaled to 8, of 1 channel if `gray` or of 3.
    pub(super) fn on_white(image: DynamicImage, gray: bool) -> Self {
        let image = if image.color().has_alpha() { on_white(image) } else { image };
        let (width, height) = (image.width() as usize, image.height() as usize);
        let values = if gray { image.into_luma8().into_raw() } else { image.into_rgb8().into_raw() };
        Self { channels: if gray { 1 } else { 3 }, width, height, values }
    }
}

fn on_white(image: DynamicImage) -> DynamicImage {
    let mixed = |c: u8, a: u8| ((u32::from(c) * u32::from(a) + 255 * (255 - u32::from(a)) + 127) / 255) as u8;
    if matches!(image.color(), ColorType::La8 | ColorType::La16) {
        let from = image.into_luma_alpha8();
        let on_white = |x, y| image::Luma([mixed(from.get_pixel(x, y)[0], from.get_pixel(x, y)[1])]);
        return image::GrayImage::from_fn(from.width(), from.height(), on_white).into();
    }
    let from = image.into_rgba8();
    let on_white = |x, y| {
        let [r, g, b, a] = from.get_pixel(x, y).0;
        image::Rgb([r, g, b].map(|c| mixed(c, a)))
    };
    image::RgbImage::from_fn(from.width(), from.height(), on_white).into()
}

/// A part of an image in pixels: left and upper edge, width and height.
pub(super) type Part = [f64; 4];

/// The part of an image of `from` that is shown, and the place where it goes in one of `to`: x, y, width and height.
pub(super) fn placed(from: [usize; 2], to: [usize; 2], fit: Fit) -> (Part, [usize; 4]) {
    let [width, height] = from.map(|side| side as f64);
    let [to_width, to_height] = to.map(|side| side as f64);
    let (all, everywhere) = ([0.0, 0.0, width, height], [0, 0, to[0], to[1]]);
    match fit {
        Fit::Whole => (all, everywhere),
        Fit::Crop => {
            let scale = (width / to_width).min(height / to_height);
            let (w, h) = ((to_width * scale).min(width), (to_height * scale).min(height));
            ([(width - w) / 2.0, (height - h) / 2.0, w, h], everywhere)
        }
        Fit::Pad => {
            let scale = (to_width / width).min(to_height / height);
            let side = |side: f64, most: usize| ((side * scale).round() as usize).clamp(1, most);
            let (w, h) = (side(width, to[0]), side(height, to[1]));
            (all, [(to[0] - w) / 2, (to[1] - h) / 2, w, h])
        }
    }
}

/// Writes an image as `[c, y, x]` of `shape`, whose channels it has, into `out`.
pub(super) fn fit(resizer: &mut Resizer, image: &Pixels, shape: ImageShape, fit: Fit, out: &mut [u8]) {
    let [width, height] = [image.width, image.height];
    let (part, place) = placed([width, height], [shape.width, shape.height], fit);
    if [width, height] == [shape.width, shape.height] {
        return planar(&image.values, shape, place, out);
    }
    let kind = if image.channels == 1 { PixelType::U8 } else { PixelType::U8x3 };
    let source = ImageRef::new(width as u32, height as u32, &image.values, kind);
    let source = source.expect("an image has as many values as its size says");
    let mut small = Image::new(place[2] as u32, place[3] as u32, kind);
    let [x, y, w, h] = part;
    let options =
        ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).crop(x, y, w, h);
    resizer.resize(&source, &mut small, &options).expect("the part lies in the image, and the types agree");
    planar(small.buffer(), shape, place, out);
}

/// Writes the values `[y, x, c]` of a part of an image as planes into `out`, which is black elsewhere.
fn planar(values: &[u8], shape: ImageShape, [left, top, width, height]: [usize; 4], out: &mut [u8]) {
    let plane = shape.height * shape.width;
    for (y, row) in values.chunks_exact(width * shape.channels).enumerate().take(height) {
        for (c, plane) in out.chunks_exact_mut(plane).enumerate() {
            let line = &mut plane[(top + y) * shape.width + left..][..width];
            line.iter_mut()
                .zip(row.iter().skip(c).step_by(shape.channels))
                .for_each(|(to, from)| *to = *from);
        }
    }
}

/// The same data set with images of another size.
pub(super) fn resized(data: Dataset, size: ImageSize, fit_as: Fit) -> Result<Dataset> {
    let (from, to) = (data.shape, ImageShape { width: size.width, height: size.height, ..data.shape });
    if from == to {
        return Ok(data);
    }
    let mut report = data.report.clone();
    report.note(format!("images of {}x{} are brought to {size} (fit: {fit_as})", from.width, from.height));
    let split = |split: &Split| Split {
        images: resized_planes(&split.images, from, to, fit_as).into(),
        labels: split.labels.clone(),
    };
    let (train, test) = (split(&data.train), split(&data.test));
    Ok(Dataset { train, test, shape: to, report, ..data })
}

/// Each plane of images `[n, c, y, x]` by itself, which gives the same as all channels together.
fn resized_planes(images: &[u8], from: ImageShape, to: ImageShape, fit_as: Fit) -> Vec<u8> {
    let one = |shape: ImageShape| ImageShape { channels: 1, ..shape };
    let (from, to) = (one(from), one(to));
    let mut out = vec![0; images.len() / from.len() * to.len()];
    let planes = images.chunks_exact(from.len()).zip(out.chunks_exact_mut(to.len()));
    parallel::map("Resizing", planes, Resizer::new, |resizer, (plane, out)| {
        let image = Pixels { channels: 1, width: from.width, height: from.height, values: plane.to_vec() };
        fit(resizer, &image, to, fit_as, out);
    });
    out
}

/// Zeros for `images` images of `shape`.
///
/// # Errors
/// When they are too many for the memory.
pub(super) fn room(images: usize, shape: ImageShape) -> Result<Vec<u8>> {
    /// Bytes of decoded images at most: 16 GiB.
    const MAX_BYTES: usize = 1 << 34;
    let bytes = images.checked_mul(shape.len()).filter(|bytes| *bytes <= MAX_BYTES);
    let mut room = Vec::new();
    let reserved = bytes.map(|bytes| room.try_reserve_exact(bytes));
    if !matches!(reserved, Some(Ok(()))) {
        let what = format!("{images} images of {shape} do not fit the memory");
        return Err(Error::new(what, "take smaller images (--image-size), or fewer"));
    }
    room.resize(images * shape.len(), 0);
    Ok(room)
}

/// Takes the images of `shape` out that are not to be kept; the others move up.
pub(super) fn keep_only(images: &mut Vec<u8>, shape: ImageShape, kept: impl Iterator<Item = bool>) {
    let (len, mut to) = (shape.len(), 0);
    for (from, _) in kept.enumerate().filter(|(_, kept)| *kept) {
        images.copy_within(from * len..(from + 1) * len, to * len);
        to += 1;
    }
    images.truncate(to * len);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_keeps_its_proportions() {
        assert_eq!(placed([400, 300], [64, 64], Fit::Crop), ([50.0, 0.0, 300.0, 300.0], [0, 0, 64, 64]));
        assert_eq!(placed([300, 400], [60, 20], Fit::Crop), ([0.0, 150.0, 300.0, 100.0], [0, 0, 60, 20]));
        assert_eq!(placed([400, 300], [64, 64], Fit::Pad), ([0.0, 0.0, 400.0, 300.0], [0, 8, 64, 48]));
        assert_eq!(placed([1000, 1], [10, 10], Fit::Pad).1, [0, 4, 10, 1]);
        assert_eq!(placed([400, 300], [9, 7], Fit::Whole), ([0.0, 0.0, 400.0, 300.0], [0, 0, 9, 7]));
    }

    fn fitted(values: &[u8], [width, height]: [usize; 2], to: [usize; 2], how: Fit) -> Vec<u8> {
        let channels = values.len() / width / height;
        let shape = ImageShape { channels, height: to[1], width: to[0] };
        let image = Pixels { channels, width, height, values: values.to_vec() };
        let mut out = vec![0; shape.len()];
        fit(&mut Resizer::new(), &image, shape, how, &mut out);
        out
    }

    #[test]
    fn colors_become_planes_and_borders_are_black() {
        assert_eq!(fitted(&[1, 2, 3, 4, 5, 6], [2, 1], [2, 1], Fit::Crop), [1, 4, 2, 5, 3, 6]);
        assert_eq!(fitted(&[7; 8], [4, 2], [2, 2], Fit::Crop), [7; 4]);
        assert_eq!(fitted(&[7; 12], [2, 2], [4, 2], Fit::Pad), [0, 7, 7, 0].repeat(6));
        assert_eq!(fitted(&[7; 8], [4, 2], [2, 3], Fit::Whole), [7; 6]);
    }

    /// Pillow 13: `Image.fromarray(ramp).resize((2, 2), Image.BILINEAR)` and `resize((3, 3), ...)`.
    #[test]
    fn the_values_are_those_of_pillow_to_one_level() {
        let ramp: Vec<u8> = (0..16).map(|i| i * i).collect();
        let expected: [(&[u8], usize); 2] = PILLOW;
        for (expected, side) in expected {
            let fitted = fitted(&ramp, [4, 4], [side, side], Fit::Whole);
            assert!(fitted.iter().zip(expected).all(|(a, b)| a.abs_diff(*b) <= 1), "{fitted:?}");
        }
    }
    const PILLOW: [(&[u8], usize); 2] =
        [(&[21, 35, 105, 139], 2), (&[6, 11, 19, 44, 61, 80, 126, 155, 186], 3)];
}
