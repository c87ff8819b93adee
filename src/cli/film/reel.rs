//! Files of a film: an animated GIF or WebP, or a folder of PNGs. All of it is made before any of it is written.

use std::path::Path;
use std::time::Duration;

use image::buffer::ConvertBuffer as _;
use image::codecs::gif::{GifEncoder, Repeat};
use image::codecs::webp::WebPEncoder;
use image::{Delay, ExtendedColorType, Frame, ImageError, RgbImage, RgbaImage};
use revacnn::app::offscreen::png;
use revacnn::error::{Error, Result};
use revacnn::session::{write_folder, write_whole};

use crate::cli::outputs::{self, has_extension};

/// Milliseconds for which the last frame stands before a film begins again.
const LAST_MS: u32 = 2000;
/// Speed of the choice of a GIF's colors, 1 to 30: slower ones are hardly better.
const GIF_SPEED: i32 = 10;
/// Flag of animation in a WebP's extended header (WebP Container Specification).
const ANIMATED: u8 = 0x02;
/// Flags of a frame that is drawn in place of the last one.
const REPLACES: u8 = 0x02;

/// Kind of the files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Gif,
    WebP,
    Folder,
}

/// Hands out the pictures in turn, each with whether it is the last.
pub(super) type Frames<'a> = dyn FnMut(&mut dyn FnMut(RgbaImage, bool) -> Result<()>) -> Result<()> + 'a;

impl Kind {
    /// The kind by the extension of the output, which must not be in the way.
    ///
    /// # Errors
    /// When it has another extension, its folder is not there, or it is a folder that holds something.
    pub(super) fn of(path: &Path) -> Result<Self> {
        if path.extension().is_some() {
            outputs::check(path, &["gif", "webp"]).map_err(|error| {
                let help = "name the output .gif or .webp, or without an extension for a folder of PNGs, of which ffmpeg makes a video";
                if has_extension(path, &["gif", "webp"]) { error } else { Error::usage(error.what(), help) }
            })?;
            return Ok(if has_extension(path, &["gif"]) { Self::Gif } else { Self::WebP });
        }
        outputs::check_folder_of(path)?;
        let is_free = !path.exists() || path.read_dir().is_ok_and(|mut files| files.next().is_none());
        if !is_free {
            let what = format!("{} is there already", path.display());
            return Err(Error::usage(what, "name a new folder for the frames"));
        }
        Ok(Self::Folder)
    }
}

/// Takes all `frames` of a film of `rate` frames a second, then writes it.
///
/// # Errors
/// When a frame cannot be made, or the film cannot be written; then nothing is.
pub(super) fn write(path: &Path, kind: Kind, rate: u32, frames: &mut Frames<'_>) -> Result<()> {
    let delay_ms = |last| if last { LAST_MS } else { 1000 / rate };
    let failed =
        |e: ImageError| Error::new(format!("the film cannot be encoded: {e}"), "take another --size");
    match kind {
        Kind::Gif => {
            let mut bytes = Vec::new();
            let mut gif = GifEncoder::new_with_speed(&mut bytes, GIF_SPEED);
            gif.set_repeat(Repeat::Infinite).map_err(failed)?;
            frames(&mut |picture, last| {
                let delay = Delay::from_saturating_duration(Duration::from_millis(delay_ms(last).into()));
                gif.encode_frame(Frame::from_parts(picture, 0, 0, delay)).map_err(failed)
            })?;
            drop(gif);
            write_whole(path, &bytes)
        }
        Kind::WebP => {
            let mut webp = WebP::default();
            frames(&mut |picture, last| webp.add(&picture, delay_ms(last)).map_err(failed))?;
            write_whole(path, &webp.finish())
        }
        Kind::Folder => {
            let mut files = Vec::new();
            frames(&mut |picture, _| {
                files.push((format!("{:04}.png", files.len()), png(&picture)?));
                Ok(())
            })?;
            write_folder(path, &files)
        }
    }
}

/// An animated WebP: lossless frames in the container's chunks (WebP Container Specification).
#[derive(Default)]
struct WebP {
    size: [u32; 2],
    frames: Vec<u8>,
}

impl WebP {
    /// Adds a frame that stands for some milliseconds.
    fn add(&mut self, picture: &RgbaImage, delay_ms: u32) -> Result<(), ImageError> {
        let (width, height) = picture.dimensions();
        self.size = [width, height];
        let (mut still, opaque): (_, RgbImage) = (Vec::new(), picture.convert());
        WebPEncoder::new_lossless(&mut still).encode(&opaque, width, height, ExtendedColorType::Rgb8)?;
        let mut frame = Vec::new();
        for value in [0, 0, width - 1, height - 1, delay_ms] {
            frame.extend(&value.to_le_bytes()[..3]);
        }
        frame.push(REPLACES);
        frame.extend(bitstream(&still));
        chunk(&mut self.frames, b"ANMF", &frame);
        Ok(())
    }

    /// The whole file.
    fn finish(self) -> Vec<u8> {
        let mut header = vec![ANIMATED, 0, 0, 0];
        self.size.iter().for_each(|side| header.extend(&(side - 1).to_le_bytes()[..3]));
        let mut content = b"WEBP".to_vec();
        chunk(&mut content, b"VP8X", &header);
        // A ground that is not seen, and no end of repetitions.
        chunk(&mut content, b"ANIM", &[0; 6]);
        content.extend(self.frames);
        let mut file = Vec::new();
        chunk(&mut file, b"RIFF", &content);
        file
    }
}

/// The chunk of the picture in a still WebP: after the file's header, and after the extended one where there is one.
fn bitstream(still: &[u8]) -> &[u8] {
    let mut rest = &still[12..];
    while &rest[..4] != b"VP8L" {
        let length = u32::from_le_bytes([rest[4], rest[5], rest[6], rest[7]]) as usize;
        rest = &rest[8 + length.next_multiple_of(2)..];
    }
    let length = u32::from_le_bytes([rest[4], rest[5], rest[6], rest[7]]) as usize;
    &rest[..8 + length.next_multiple_of(2)]
}

/// Appends a chunk: its name, its length, its content, and what makes that even.
fn chunk(to: &mut Vec<u8>, name: &[u8; 4], content: &[u8]) {
    to.extend(name);
    to.extend((content.len() as u32).to_le_bytes());
    to.extend(content);
    to.resize(to.len() + content.len() % 2, 0);
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::AnimationDecoder as _;
    use image::codecs::gif::GifDecoder;
    use image::codecs::webp::WebPDecoder;

    use super::*;

    fn pictures() -> Vec<RgbaImage> {
        // As many colors as a GIF's palette can hold.
        let color = |x: u32, y: u32, n: u32| [(x / 4 * 25) as u8, (y / 4 * 42) as u8, (n * 80) as u8, 255];
        let picture = |n: u32| RgbaImage::from_fn(37, 21, |x, y| image::Rgba(color(x, y, n)));
        (0..3).map(picture).collect()
    }

    fn filmed(path: &Path, stops: bool) -> Result<()> {
        let mut frames = |take: &mut dyn FnMut(RgbaImage, bool) -> Result<()>| {
            pictures().into_iter().enumerate().try_for_each(|(at, picture)| take(picture, at == 2))?;
            if stops { Err(Error::new("stopped", "")) } else { Ok(()) }
        };
        write(path, Kind::of(path)?, 8, &mut frames)
    }

    #[test]
    fn a_film_is_decoded_as_it_was_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["a.gif", "a.webp", "a"] {
            filmed(&at(name), false).unwrap();
        }
        let webp = WebPDecoder::new(Cursor::new(std::fs::read(at("a.webp")).unwrap())).unwrap();
        let gif = GifDecoder::new(Cursor::new(std::fs::read(at("a.gif")).unwrap())).unwrap();
        let frames = webp.into_frames().collect_frames().unwrap();
        let delays: Vec<_> = frames.iter().map(|frame| frame.delay().numer_denom_ms().0).collect();
        assert_eq!(delays, [125, 125, 2000]);
        assert_eq!(frames.into_iter().map(Frame::into_buffer).collect::<Vec<_>>(), pictures());
        let frames = gif.into_frames().collect_frames().unwrap();
        assert_eq!(frames.into_iter().map(Frame::into_buffer).collect::<Vec<_>>(), pictures());
        let pngs: Vec<_> =
            (0..3).map(|n| image::open(at(&format!("a/{n:04}.png"))).unwrap().to_rgba8()).collect();
        assert_eq!((pngs, std::fs::read_dir(at("a")).unwrap().count()), (pictures(), 3));
    }

    #[test]
    fn what_is_stopped_or_in_the_way_leaves_the_files_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("old.gif"), "old").unwrap();
        for name in ["old.gif", "new.webp", "new"] {
            assert!(filmed(&at(name), true).is_err());
        }
        filmed(&at("held"), false).unwrap();
        std::fs::write(at("file"), "old").unwrap();
        for name in ["held", "file", "a.mp4", "none/a.gif", "none/a"] {
            assert_eq!(
                filmed(&at(name), false).unwrap_err().kind(),
                revacnn::error::ErrorKind::Usage,
                "{name}"
            );
        }
        let mut left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["file", "held", "old.gif"]);
        assert_eq!(std::fs::read(at("old.gif")).unwrap(), b"old");
        std::fs::create_dir(at("free")).unwrap();
        filmed(&at("free"), false).unwrap();
    }
}
