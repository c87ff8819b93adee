//! The decoder of image files on files damaged in many ways: pixels or an error come out, never a panic.
//!
//! `REVACNN_FUZZ_CASES` sets the number of cases of each format.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::decode;

/// Cases of each format by default: 100 000 together.
const CASES: u64 = 14_300;

fn damaged(whole: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    let mut below = |count: usize| (rng.next_u64() % count.max(1) as u64) as usize;
    for _ in 0..1 + below(4) {
        let len = bytes.len();
        match below(6) {
            0 => bytes.truncate(below(len)),
            1 => bytes.extend((0..below(100)).map(|i| i as u8)),
            2 => {
                let (from, to) = (below(len), below(len));
                bytes.drain(from.min(to)..from.max(to));
            }
            // A head gone wrong: the first bytes decide on sizes.
            3 if len > 0 => bytes[below(len.min(40))] = below(256) as u8,
            _ if len > 0 => bytes[below(len)] ^= 1 << below(8),
            _ => {}
        }
    }
    bytes
}

#[test]
fn damaged_images_end_in_pixels_or_an_error() {
    let cases = std::env::var("REVACNN_FUZZ_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES);
    let image = RgbaImage::from_fn(7, 5, |x, y| Rgba([x as u8 * 30, y as u8 * 50, 90, 40 * y as u8]));
    let image = DynamicImage::ImageRgba8(image);
    let formats = [
        (ImageFormat::Png, image.clone()),
        (ImageFormat::Jpeg, image.to_rgb8().into()),
        (ImageFormat::Bmp, image.clone()),
        (ImageFormat::Pnm, image.to_rgb16().into()),
        (ImageFormat::Tiff, image.clone()),
        (ImageFormat::WebP, image.clone()),
        (ImageFormat::Gif, image.clone()),
    ];
    for (number, (format, image)) in formats.into_iter().enumerate() {
        let mut whole = Cursor::new(Vec::new());
        image.write_to(&mut whole, format).unwrap();
        let whole = whole.into_inner();
        assert_eq!(decode::pixels(&whole, false).unwrap().values.len(), 7 * 5 * 3, "{format:?}");
        let mut refused = 0;
        for case in 0..cases {
            let bytes = damaged(&whole, &mut ChaCha8Rng::seed_from_u64(case * 16 + number as u64));
            match decode::pixels(&bytes, case % 2 == 0) {
                Ok(pixels) => {
                    assert_eq!(pixels.values.len(), pixels.width * pixels.height * pixels.channels);
                    assert!(pixels.values.len() <= (64 << 20) + 10 * bytes.len());
                }
                Err(error) => {
                    assert!(!error.help().is_empty());
                    refused += 1;
                }
            }
        }
        assert!(refused > cases / 10, "{format:?}: {refused} of {cases}");
    }
}
