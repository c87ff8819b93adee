//! Pictures of the user's own, as probes: decoded, and fitted to the images of a data set.
//!
//! The rule: the first frame, upright as its EXIF data say, on white where it is transparent; in gray (Rec. 709) where the data set's images
//! are; brought to their size as these were: the largest middle part with their proportions unless the data set says otherwise.

use std::io::Cursor;
use std::path::Path;

use fast_image_resize::Resizer;
use image::codecs::{gif::GifDecoder, png::PngDecoder, webp::WebPDecoder};
use image::metadata::Orientation;
use image::{AnimationDecoder as _, DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, RgbaImage};

use super::dataset::ImageShape;
use super::fit::{self, Part, Pixels, placed};
use super::source::Fit;
use crate::error::{Error, Result};

/// Formats of pictures, for messages.
pub const PICTURES: &str = "PNG, JPEG, GIF, WebP, BMP, TIFF or PNM";
/// Pixels of a picture at most.
const MAX_PIXELS: u64 = 50_000_000;
/// Bytes of a file at most.
const MAX_BYTES: u64 = 256 << 20;
/// Longer side of a preview, in pixels.
const PREVIEW: u32 = 192;

/// A decoded picture.
#[derive(Debug, Clone)]
pub struct Picture {
    pixels: DynamicImage,
    /// It has more frames than the one that was taken.
    animated: bool,
}

/// A picture as an image of a data set, and the part of it that this shows.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedPicture {
    /// `[c, y, x]`, 0 to 255.
    pub image: Vec<u8>,
    /// The picture itself, small.
    pub preview: Preview,
    /// It has more frames than the one that was taken.
    pub animated: bool,
}

/// A small copy of a picture, with the part that was taken of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// Width and height in pixels, and that many RGBA values.
    pub size: [u32; 2],
    /// Red, green, blue and opacity of each pixel, row by row.
    pub rgba: Vec<u8>,
    /// Width and height of the picture itself, in pixels.
    pub whole: [u32; 2],
    /// Left and upper edge, width and height of the part that was taken, in pixels of the picture itself.
    pub crop: [u32; 4],
}

fn damaged(reason: &image::ImageError) -> Error {
    if let image::ImageError::Limits(_) = reason {
        return Error::new("it takes more memory than is allowed for a picture", "make it smaller first");
    }
    let help = "open it with another program and save it again, or take another picture";
    Error::new(format!("the picture is damaged: {reason}"), help)
}

impl Picture {
    /// Reads a file of one of the [`PICTURES`].
    ///
    /// # Errors
    /// When it cannot be read, is no such file, is damaged, or has too many pixels, which is found out before they are decoded.
    pub fn open(path: &Path) -> Result<Self> {
        let within = |error: Error| error.within(path.display());
        let found = std::fs::metadata(path).map_err(|e| Error::io("read", path, &e))?;
        if !found.is_file() {
            let what = format!("{} is not a file", path.display());
            return Err(Error::new(what, format!("take a file of {PICTURES}")));
        }
        if found.len() > MAX_BYTES {
            let what = format!("{} has {} MiB", path.display(), found.len() >> 20);
            return Err(Error::new(what, format!("take a picture of {} MiB at most", MAX_BYTES >> 20)));
        }
        let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, &e))?;
        Self::decode(&bytes).map_err(within)
    }

    /// Decodes the bytes of such a file.
    ///
    /// # Errors
    /// As [`Picture::open`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
        let reader = reader.map_err(|e| Error::io("read", Path::new("a picture"), &e))?;
        let Some(format) = reader.format().filter(ImageFormat::reading_enabled) else {
            let what = "this is no picture that can be read";
            return Err(Error::new(what, format!("take a file of {PICTURES}")));
        };
        let mut decoder = reader.into_decoder().map_err(|e| damaged(&e))?;
        let (width, height) = decoder.dimensions();
        check_size(width, height)?;
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut image = DynamicImage::from_decoder(decoder).map_err(|e| damaged(&e))?;
        image.apply_orientation(orientation);
        Ok(Self { pixels: image, animated: is_animated(format, bytes) })
    }

    /// A picture of `width × height` pixels that is decoded already: red, green, blue and opacity of each, row by row.
    ///
    /// # Errors
    /// When it has too many pixels, or none.
    pub fn of_rgba([width, height]: [u32; 2], rgba: Vec<u8>) -> Result<Self> {
        check_size(width, height)?;
        match RgbaImage::from_raw(width, height, rgba) {
            Some(pixels) if width > 0 && height > 0 => Ok(Self { pixels: pixels.into(), animated: false }),
            _ => Err(Error::new("the picture has no pixels", "take another one")),
        }
    }

    /// The picture as an image of a data set, by the rule of this module.
    ///
    /// # Errors
    /// When the images of the data set have neither 1 nor 3 channels.
    pub fn fit(self, shape: ImageShape, fit: Fit) -> Result<FittedPicture> {
        if !matches!(shape.channels, 1 | 3) {
            let channels = shape.channels;
            let what = format!("the images of this data set have {channels} channels, a picture has 1 or 3");
            return Err(Error::new(what, "pictures of your own need a data set of gray or color images"));
        }
        let (width, height) = (self.pixels.width(), self.pixels.height());
        let longer = width.max(height).max(PREVIEW);
        let side = |side: u32| (u64::from(side) * u64::from(PREVIEW) / u64::from(longer)).max(1) as u32;
        let preview = self.pixels.thumbnail_exact(side(width), side(height)).into_rgba8();
        let (part, _) = placed([width as usize, height as usize], [shape.width, shape.height], fit);
        let preview = Preview {
            size: [preview.width(), preview.height()],
            rgba: preview.into_raw(),
            whole: [width, height],
            crop: part_of([width, height], part),
        };
        let mut image = vec![0; shape.len()];
        let pixels = Pixels::on_white(self.pixels, shape.channels == 1);
        fit::fit(&mut Resizer::new(), &pixels, shape, fit, &mut image);
        Ok(FittedPicture { image, preview, animated: self.animated })
    }
}

/// A part in whole pixels, one at least.
fn part_of(whole: [u32; 2], [x, y, w, h]: Part) -> [u32; 4] {
    let side = |side: f64, most: u32| (side.round() as u32).clamp(1, most);
    let (w, h) = (side(w, whole[0]), side(h, whole[1]));
    [(x as u32).min(whole[0] - w), (y as u32).min(whole[1] - h), w, h]
}

fn check_size(width: u32, height: u32) -> Result<()> {
    if u64::from(width) * u64::from(height) <= MAX_PIXELS {
        return Ok(());
    }
    let what =
        format!("the picture has {width} × {height} pixels, more than {} million", MAX_PIXELS / 1_000_000);
    Err(Error::new(what, "make it smaller first: it is shrunk to the network's input in any case"))
}

/// True for a file that has a second frame; what of it is damaged does not count.
fn is_animated(format: ImageFormat, bytes: &[u8]) -> bool {
    let bytes = Cursor::new(bytes);
    match format {
        ImageFormat::Gif => GifDecoder::new(bytes)
            .is_ok_and(|decoder| decoder.into_frames().nth(1).is_some_and(|frame| frame.is_ok())),
        ImageFormat::Png => PngDecoder::new(bytes).is_ok_and(|decoder| decoder.is_apng().unwrap_or(false)),
        ImageFormat::WebP => WebPDecoder::new(bytes).is_ok_and(|decoder| decoder.has_animation()),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
