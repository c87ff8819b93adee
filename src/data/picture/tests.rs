//! Pictures of every kind, made here: good ones are taken as the rule says, bad ones are refused with a reason.

use std::io::Cursor;

use image::codecs::gif::GifEncoder;
use image::{DynamicImage, Frame, ImageFormat};

use super::*;

const GRAY: ImageShape = ImageShape { channels: 1, height: 4, width: 4 };
const COLOR: ImageShape = ImageShape { channels: 3, height: 4, width: 4 };

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn fitted(bytes: &[u8], shape: ImageShape) -> FittedPicture {
    Picture::decode(bytes).unwrap().fit(shape, Fit::Crop).unwrap()
}

fn near(values: &[u8], wanted: u8, most: u8) -> bool {
    !values.is_empty() && values.iter().all(|value| value.abs_diff(wanted) <= most)
}

/// A CRC as PNG has it.
fn crc(bytes: &[u8]) -> u32 {
    let next = |crc: u32, byte: &u8| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 },
        )
    };
    !bytes.iter().fold(u32::MAX, next)
}

/// The head of a PNG of these sides, without any pixels.
fn head_of_png(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes().into_iter().chain(height.to_be_bytes()).chain([8, 2, 0, 0, 0]));
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    bytes.extend(&chunk);
    bytes.extend(crc(&chunk).to_be_bytes());
    bytes.extend(b"\0\0\0\0IDAT");
    bytes.extend(crc(b"IDAT").to_be_bytes());
    bytes
}

/// Bits, from the highest of a byte on, as the entropy-coded part of a JPEG.
fn packed(bits: &str) -> Vec<u8> {
    let mut padded = bits.to_owned();
    padded.extend(std::iter::repeat_n('1', bits.len().next_multiple_of(8) - bits.len()));
    let bytes = padded.as_bytes().chunks(8);
    let bytes = bytes.map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap());
    bytes.flat_map(|byte| if byte == 0xff { vec![0xff, 0] } else { vec![byte] }).collect()
}

/// A JPEG of 8 × 8 pixels of one color in four channels of ink, 255 for none, as Photoshop writes them.
fn cmyk_jpeg(inks: [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8];
    let mut segment = |marker: u8, content: &[u8]| {
        bytes.extend([0xff, marker, 0, (content.len() + 2) as u8]);
        bytes.extend(content);
    };
    segment(0xee, b"Adobe\0\x64\0\0\0\0\0");
    // All divisors 8, so that the first coefficient is a value less 128.
    segment(0xdb, &[&[0][..], &[8; 64]].concat());
    let channels: Vec<u8> = (1..=4).flat_map(|id| [id, 0x11, 0]).collect();
    segment(0xc0, &[&[8, 0, 8, 0, 8, 4][..], &channels].concat());
    // Nine lengths of a number, each a code of 4 bits; then "no more coefficients", a code of 1 bit.
    let counts = |at: usize, count: u8| {
        (1..=16).map(|length| if length == at { count } else { 0 }).collect::<Vec<u8>>()
    };
    segment(0xc4, &[&[0x00][..], &counts(4, 9), &[0, 1, 2, 3, 4, 5, 6, 7, 8]].concat());
    segment(0xc4, &[&[0x10][..], &counts(1, 1), &[0]].concat());
    let channels: Vec<u8> = (1..=4).flat_map(|id| [id, 0]).collect();
    segment(0xda, &[&[4][..], &channels, &[0, 63, 0]].concat());
    let bits = inks.map(|ink| {
        let value = i32::from(ink) - 128;
        let length = (32 - value.unsigned_abs().leading_zeros()) as usize;
        let number = if value < 0 { value - 1 } else { value } as u32 & ((1 << length) - 1);
        let number = if length > 0 { format!("{number:0length$b}") } else { String::new() };
        format!("{length:04b}{number}0")
    });
    bytes.extend(packed(&bits.concat()));
    bytes.extend([0xff, 0xd9]);
    bytes
}

#[test]
fn the_largest_middle_part_is_taken() {
    let crop = |whole: [u32; 2], to| part_of(whole, placed(whole.map(|side| side as usize), to, Fit::Crop).0);
    assert_eq!(crop([300, 100], [28, 28]), [100, 0, 100, 100]);
    assert_eq!(crop([100, 300], [28, 28]), [0, 100, 100, 100]);
    assert_eq!(crop([100, 100], [20, 10]), [0, 25, 100, 50]);
    assert_eq!(crop([1, 1], [28, 28]), [0, 0, 1, 1]);
    assert_eq!(crop([50_000_000, 1], [28, 28]), [24_999_999, 0, 1, 1]);
    assert_eq!(crop([1, 1000], [300, 2]), [0, 499, 1, 1]);
    // Black at both sides, white in the middle. The triangle of an outer pixel is 5 pixels wide, its middle 1.25 inside the part, so that
    // 0.12 of it lie outside: 255 · 0.88.
    let picture =
        image::GrayImage::from_fn(30, 10, |x, _| image::Luma([if (10..20).contains(&x) { 255 } else { 0 }]));
    let fitted = fitted(&encoded(&picture.into(), ImageFormat::Png), GRAY);
    assert_eq!(fitted.image, [224, 255, 255, 224].repeat(4));
    assert_eq!((fitted.preview.whole, fitted.preview.crop), ([30, 10], [10, 0, 10, 10]));
    assert!(!fitted.animated);
}

/// As an image of a data set that is a folder.
#[test]
fn a_picture_is_brought_to_size_as_the_images_of_the_data_set() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.png");
    let color =
        |x: u32, y: u32| [(x * y % 251) as u16, (x * 700) as u16, (y * 1300) as u16, 40_000 + 99 * x as u16];
    let photo = image::ImageBuffer::from_fn(37, 21, |x, y| image::Rgba(color(x, y)));
    DynamicImage::ImageRgba16(photo).save(&path).unwrap();
    let mut shown = Vec::new();
    for shape in [COLOR, ImageShape { channels: 1, height: 11, width: 9 }] {
        for fit in [Fit::Crop, Fit::Pad, Fit::Whole] {
            let fitted = Picture::open(&path).unwrap().fit(shape, fit).unwrap();
            assert_eq!(fitted.image, crate::data::open_image(&path, shape, fit).unwrap(), "{fit}");
            assert!(fit == Fit::Crop || fitted.preview.crop == [0, 0, 37, 21]);
            shown.push(fitted.image);
        }
    }
    assert!(shown.windows(2).all(|two| two[0] != two[1]));
}

#[test]
fn a_picture_is_averaged_channel_by_channel() {
    // Columns of 0 and 200 in turns average to 100 wherever the filter is; green alone is not.
    let picture = image::RgbImage::from_fn(64, 64, |x, _| image::Rgb([200 * (x as u8 % 2), 50, 0]));
    let fitted = fitted(&encoded(&picture.into(), ImageFormat::Bmp), COLOR);
    let [red, green, blue] = [0, 1, 2].map(|c| &fitted.image[16 * c..16 * (c + 1)]);
    assert!(near(red, 100, 4) && near(green, 50, 0) && near(blue, 0, 0), "{:?}", fitted.image);
}

#[test]
fn every_kind_of_pixel_is_taken() {
    let gray_16 = DynamicImage::ImageLuma16(image::ImageBuffer::from_pixel(5, 5, image::Luma([0x8000_u16])));
    assert!(near(&fitted(&encoded(&gray_16, ImageFormat::Png), COLOR).image, 128, 1));
    let one = DynamicImage::ImageRgb8(image::RgbImage::from_pixel(1, 1, image::Rgb([9, 9, 9])));
    assert_eq!(fitted(&encoded(&one, ImageFormat::Png), GRAY).image, [9; 16]);
    // Black at half opacity is gray on white, and what is not there is white.
    for (opacity, gray) in [(255, 0), (128, 127), (0, 255)] {
        let clear = image::GrayAlphaImage::from_pixel(6, 6, image::LumaA([0, opacity]));
        let clear = fitted(&encoded(&clear.into(), ImageFormat::Png), GRAY);
        assert!(near(&clear.image, gray, 0), "{opacity}: {:?}", clear.image);
    }
    let photo = DynamicImage::ImageRgb8(image::RgbImage::from_pixel(16, 16, image::Rgb([200, 100, 50])));
    for format in [ImageFormat::Jpeg, ImageFormat::WebP] {
        let photo = fitted(&encoded(&photo, format), COLOR).image;
        assert!(
            near(&photo[..16], 200, 4) && near(&photo[16..32], 100, 4) && near(&photo[32..], 50, 4),
            "{photo:?}"
        );
    }
}

#[test]
fn four_inks_are_a_color() {
    // No ink is white; all of the fourth is black; all of the first alone takes the red.
    for (inks, color) in
        [([255; 4], [255, 255, 255]), ([255, 255, 255, 0], [0, 0, 0]), ([0, 255, 255, 255], [0, 255, 255])]
    {
        let image = fitted(&cmyk_jpeg(inks), COLOR).image;
        let is = |c: usize| near(&image[16 * c..16 * (c + 1)], color[c], 3);
        assert!((0..3).all(is), "{inks:?} became {image:?}");
    }
}

#[test]
fn of_an_animation_the_first_frame_is_taken_which_is_said() {
    let gif = |grays: &[u8]| {
        let mut bytes = Vec::new();
        let mut encoder = GifEncoder::new(&mut bytes);
        let frame = |gray: &u8| {
            Frame::new(image::RgbaImage::from_pixel(7, 7, image::Rgba([*gray, *gray, *gray, 255])))
        };
        encoder.encode_frames(grays.iter().map(frame)).unwrap();
        drop(encoder);
        bytes
    };
    let moving = fitted(&gif(&[40, 90, 220]), GRAY);
    assert!(moving.animated && near(&moving.image, 40, 3), "{:?}", moving.image);
    assert!(!fitted(&gif(&[40]), GRAY).animated);
}

#[test]
fn bad_pictures_are_refused_with_a_reason() {
    let refused = |bytes: &[u8]| Picture::decode(bytes).unwrap_err().what().to_owned();
    assert!(refused(b"dear diary").contains("no picture"));
    assert!(refused(b"").contains("no picture"));
    // The size is in the head: nothing of it is decoded, for there is nothing.
    let large = refused(&head_of_png(30_000, 30_000));
    assert!(large.contains("30000 × 30000 pixels"), "{large}");
    assert!(refused(&head_of_png(3, 3)).contains("damaged"), "the head itself is good");
    let noise = image::RgbImage::from_fn(60, 60, |x, y| {
        image::Rgb([(x * y % 251) as u8, (x * 7) as u8, (y * 13) as u8])
    });
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Bmp]
    {
        let whole = encoded(&noise.clone().into(), format);
        assert!(Picture::decode(&whole).is_ok(), "{format:?}");
        // Cut off anywhere, or with bytes of something else, it ends in a picture or a reason, and never in a panic.
        for cut in (0..whole.len()).step_by(whole.len() / 40 + 1) {
            let _ = Picture::decode(&whole[..cut]);
            let mut other = whole.clone();
            other[cut..].iter_mut().take(9).for_each(|byte| *byte ^= 0x5a);
            let _ = Picture::decode(&other);
        }
    }
    let half = encoded(&noise.into(), ImageFormat::Png);
    assert!(refused(&half[..half.len() / 2]).contains("damaged"));
    let folder = tempfile::tempdir().unwrap();
    assert!(Picture::open(folder.path()).unwrap_err().what().contains("not a file"));
    assert!(Picture::open(&folder.path().join("none.png")).unwrap_err().what().contains("none.png"));
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "dear diary").unwrap();
    assert!(Picture::open(&file).unwrap_err().what().contains("notes.txt: this is no picture"));
}

#[test]
fn pasted_pixels_and_other_channels_are_checked() {
    let pasted = Picture::of_rgba([2, 1], vec![255, 0, 0, 255, 255, 0, 0, 255]).unwrap();
    assert_eq!(&pasted.clone().fit(COLOR, Fit::Crop).unwrap().image[..17], [&[255; 16][..], &[0]].concat());
    assert!(Picture::of_rgba([2, 2], vec![0; 4]).is_err() && Picture::of_rgba([0, 0], vec![]).is_err());
    assert!(Picture::of_rgba([30_000, 30_000], vec![]).is_err());
    let two = pasted.fit(ImageShape { channels: 2, ..GRAY }, Fit::Crop).unwrap_err();
    assert!(two.what().contains("2 channels"), "{two}");
}
