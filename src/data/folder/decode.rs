//! One image file: its size and colors, and its pixels.

use std::io::Cursor;
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::data::bounded;
use crate::data::fit::Pixels;
use crate::error::{Error, Result};

/// Bytes of a file at most.
const MAX_FILE: u64 = 64 << 20;
/// Bytes of a decoded image at most, whatever its file: a photo of 50 million pixels.
const MAX_DECODED: u64 = 160 << 20;

/// Contents of the head of an image file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) struct Head {
    /// Width and height in pixels, upright.
    pub size: [u32; 2],
    /// Neither red, green nor blue.
    pub is_gray: bool,
    /// Bytes while it is decoded, those of its file included.
    pub bytes: u64,
}

fn damaged(reason: &image::ImageError) -> Error {
    let help = "mend or remove it";
    match reason {
        image::ImageError::Limits(_) => {
            Error::new("it takes more memory than is allowed for an image", "make it smaller")
        }
        image::ImageError::Unsupported(_) => Error::new(format!("it cannot be read: {reason}"), help),
        _ => Error::new(format!("it is damaged: {reason}"), help),
    }
}

/// Bytes that the pixels of a file may take: a few bytes may claim any size. Photos are packed the most.
fn most_decoded(format: ImageFormat, file: usize) -> u64 {
    let factor = if format == ImageFormat::Jpeg { 10 } else { 4 };
    ((64 << 20) + factor * file as u64).min(MAX_DECODED)
}

fn decoder(bytes: &[u8]) -> Result<(impl ImageDecoder + '_, Orientation)> {
    // By content, not by name: a JPEG that is called .png is one.
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let mut reader = reader.map_err(|error| Error::io("read", Path::new("it"), &error))?;
    let Some(format) = reader.format().filter(ImageFormat::reading_enabled) else {
        return Err(Error::new("it is no image that can be read", "save it as PNG or JPEG, or remove it"));
    };
    let most = most_decoded(format, bytes.len());
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(most);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|e| damaged(&e))?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 || decoder.total_bytes() > most {
        let what =
            format!("its {width} × {height} pixels are more than a file of {} bytes may hold", bytes.len());
        return Err(Error::new(what, "make it smaller, or remove it"));
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((decoder, orientation))
}

/// The bytes of an image file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    bounded::read(path, MAX_FILE)
}

/// The head of an image file.
///
/// # Errors
/// When it is damaged or no image.
pub(in crate::data) fn head(bytes: &[u8]) -> Result<Head> {
    let (decoder, orientation) = decoder(bytes)?;
    let (width, height) = decoder.dimensions();
    let size = if turns(orientation) { [height, width] } else { [width, height] };
    Ok(Head {
        size,
        is_gray: !decoder.color_type().has_color(),
        bytes: decoder.total_bytes() + bytes.len() as u64,
    })
}

fn turns(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate90FlipH | Rotate270 | Rotate270FlipH)
}

/// The pixels of an image file: the first frame, upright as its EXIF data say, on white where it is transparent, 16 bits scaled to 8,
/// of 1 channel if `gray` or of 3.
///
/// # Errors
/// When it is damaged.
pub(super) fn pixels(bytes: &[u8], gray: bool) -> Result<Pixels> {
    let (decoder, orientation) = decoder(bytes)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|e| damaged(&e))?;
    image.apply_orientation(orientation);
    Ok(Pixels::on_white(image, gray))
}
