//! Folders of images, written by the tests in every format.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use tempfile::TempDir;

use super::*;
use crate::data::source::Fit;

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn gray(value: u8) -> DynamicImage {
    GrayImage::from_pixel(3, 2, Luma([value])).into()
}

fn write(root: &TempDir, name: &str, bytes: &[u8]) {
    let path = root.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn write_gray(root: &TempDir, name: &str, value: u8) {
    write(root, name, &encoded(&gray(value), ImageFormat::Png));
}

fn read(root: &TempDir) -> Result<Dataset> {
    open_with(root.path(), &Reading::default(), None)
}

fn read_at(root: &TempDir, size: &str, fit: Fit) -> Dataset {
    open_with(root.path(), &Reading { size: Some(size.parse().unwrap()), fit, ..Reading::default() }, None)
        .unwrap()
}

/// Two classes in three splits; each image is filled with a number of its own.
fn three_splits() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, value) in [
        ("train/dog/b.png", 4),
        ("train/cat/b.png", 2),
        ("train/cat/a.png", 1),
        ("train/dog/deeper/a.png", 5),
        ("Valid/dog/v.png", 6),
        ("test/cat/t.png", 7),
        ("train/.ipynb_checkpoints/c.png", 9),
    ] {
        write_gray(&root, name, value);
    }
    write(&root, "train/cat/notes.txt", b"no image");
    root
}

fn firsts(split: &Split) -> Vec<u8> {
    (0..split.len()).map(|i| split.image(i)[0]).collect()
}

#[test]
fn the_folders_are_classes_and_splits() {
    let data = read(&three_splits()).unwrap();
    assert_eq!(data.classes, ["cat", "dog"]);
    assert_eq!(data.shape, ImageShape { channels: 1, height: 2, width: 3 });
    assert_eq!((firsts(&data.train), &data.train.labels[..]), (vec![1, 2, 4, 5, 6], &[0, 0, 1, 1, 1][..]));
    assert_eq!((firsts(&data.test), &data.test.labels[..]), (vec![7], &[0][..]));
    // The last one validates, and the others are shuffled before it.
    assert_eq!((data.validation_images(), data.order()[4..].to_vec()), (1, vec![4, 5]));
    let mut trained = data.order()[..4].to_vec();
    trained.sort_unstable();
    assert_eq!(trained, [0, 1, 2, 3]);
    let drawn = Dataset { validation: 0, ..data.clone() };
    assert_ne!(data.fingerprint(), drawn.fingerprint());
    // Mean of 1, 2, 4 and 5: the validation image is not one of those that the network learns from.
    assert_eq!(data.channel_stats().mean, [3.0 / 255.0]);
}

#[test]
fn without_a_test_a_fifth_of_each_class_is_drawn() {
    let root = tempfile::tempdir().unwrap();
    for i in 0..20 {
        write_gray(&root, &format!("few/{i}.png"), i);
        write_gray(&root, &format!("many/{i}.png"), 100 + i);
        write_gray(&root, &format!("many/{}.png", 20 + i), 120 + i);
    }
    let data = read(&root).unwrap();
    assert_eq!((data.train.len(), data.test.len(), data.validation), (48, 12, 0));
    assert_eq!(data.test.labels, [vec![0; 4], vec![1; 8]].concat());
    let mut all = [firsts(&data.train), firsts(&data.test)].concat();
    all.sort_unstable();
    assert_eq!(all, (0..20).chain(100..140).collect::<Vec<u8>>());
    assert_eq!(read(&root).unwrap(), data);
}

#[test]
fn every_format_is_read_whatever_its_name() {
    let color = RgbImage::from_fn(3, 2, |x, y| Rgb([200, 10 * x as u8, 40 * y as u8]));
    let root = tempfile::tempdir().unwrap();
    let formats = [
        ("a.png", ImageFormat::Png),
        ("b.BMP", ImageFormat::Bmp),
        ("c.ppm", ImageFormat::Pnm),
        ("d.tif", ImageFormat::Tiff),
        ("e.webp", ImageFormat::WebP),
        ("f.jpg", ImageFormat::Png),
        ("g.Jpeg", ImageFormat::Jpeg),
    ];
    for (name, format) in formats {
        let bytes = encoded(&color.clone().into(), format);
        write(&root, &format!("train/a/{name}"), &bytes);
        write(&root, &format!("test/a/{name}"), &bytes);
    }
    let data = read(&root).unwrap();
    assert_eq!((data.test.len(), data.report.damaged.len()), (7, 0));
    let planes = [[200; 6], [0, 10, 20, 0, 10, 20], [0, 0, 0, 40, 40, 40]].concat();
    for (image, (name, _)) in formats[..6].iter().enumerate() {
        assert_eq!(data.test.image(image), planes, "{name}");
    }
    // A photo is packed with loss.
    assert!(data.test.image(6).iter().zip(&planes).all(|(a, b)| a.abs_diff(*b) < 40));
}

#[test]
fn a_gif_gives_its_first_frame() {
    let root = tempfile::tempdir().unwrap();
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    for value in [255, 0] {
        let frame = RgbaImage::from_pixel(3, 2, Rgba([value, value, value, 255]));
        encoder.encode_frame(image::Frame::new(frame)).unwrap();
    }
    drop(encoder);
    write(&root, "train/a/a.gif", &bytes);
    write(&root, "test/a/a.gif", &bytes);
    assert_eq!(read(&root).unwrap().test.image(0), [255; 18]);
}

#[test]
fn deep_and_transparent_pixels_are_what_they_look_like() {
    let root = tempfile::tempdir().unwrap();
    let deep = image::ImageBuffer::from_fn(3, 2, |x, _| Luma([[0_u16, 0x8000, 0xffff][x as usize]]));
    let half = image::GrayAlphaImage::from_fn(3, 2, |x, _| image::LumaA([0, [255, 128, 0][x as usize]]));
    for (name, image) in [("a", DynamicImage::ImageLuma16(deep)), ("b", DynamicImage::ImageLumaA8(half))] {
        for split in ["train", "test"] {
            write(&root, &format!("{split}/a/{name}.png"), &encoded(&image, ImageFormat::Png));
        }
    }
    let data = read(&root).unwrap();
    assert_eq!(data.test.image(0), [0, 128, 255, 0, 128, 255]);
    assert_eq!(data.test.image(1), [0, 127, 255, 0, 127, 255]);
}

/// A JPEG with an EXIF orientation: 3 wide and 2 high as it is stored.
fn turned(orientation: u8) -> Vec<u8> {
    let image = RgbImage::from_fn(24, 16, |x, y| if x < 8 && y < 8 { Rgb([255; 3]) } else { Rgb([0; 3]) });
    let plain = encoded(&image.into(), ImageFormat::Jpeg);
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let len = exif.len() as u16 + 2;
    [&plain[..2], &[0xff, 0xe1], &len.to_be_bytes(), &exif, &plain[2..]].concat()
}

#[test]
fn photos_stand_upright() {
    // Where the white corner lies that is stored at the upper left, by the definition of EXIF (JEITA CP-3451, Orientation).
    for (orientation, upper, left, size) in [
        (1, true, true, [24, 16]),
        (2, true, false, [24, 16]),
        (3, false, false, [24, 16]),
        (4, false, true, [24, 16]),
        (5, true, true, [16, 24]),
        (6, true, false, [16, 24]),
        (7, false, false, [16, 24]),
        (8, false, true, [16, 24]),
    ] {
        let bytes = turned(orientation);
        assert_eq!(decode::head(&bytes).unwrap().size, size, "{orientation}");
        let pixels = decode::pixels(&bytes, true).unwrap();
        assert_eq!([pixels.width as u32, pixels.height as u32], size);
        let at = |upper: bool, left: bool| {
            let (y, x) = (if upper { 2 } else { pixels.height - 3 }, if left { 2 } else { pixels.width - 3 });
            pixels.values[y * pixels.width + x] > 128
        };
        for corner in [(true, true), (true, false), (false, true), (false, false)] {
            assert_eq!(at(corner.0, corner.1), corner == (upper, left), "{orientation} at {corner:?}");
        }
    }
}

#[test]
fn sizes_are_brought_to_one_by_the_rule() {
    let root = tempfile::tempdir().unwrap();
    for (name, width, height) in [("a", 40, 20), ("b", 30, 50), ("c", 400, 300)] {
        let image = GrayImage::from_pixel(width, height, Luma([80]));
        for split in ["train", "test"] {
            write(&root, &format!("{split}/x/{name}.png"), &encoded(&image.clone().into(), ImageFormat::Png));
        }
    }
    // The median of the shorter sides 20, 30 and 300.
    let data = read(&root).unwrap();
    assert_eq!((data.shape.height, data.shape.width), (30, 30));
    assert!(
        data.report.notes.iter().any(|note| note.contains("3 sizes are brought to 30x30")),
        "{:?}",
        data.report
    );
    assert!(data.train.images.iter().all(|value| *value == 80));
    let padded = read_at(&root, "8x4", Fit::Pad);
    assert_eq!(padded.shape, ImageShape { channels: 1, height: 4, width: 8 });
    assert_eq!(padded.train.image(0), [80; 32]);
    assert_eq!(padded.train.image(1)[..8], [0, 0, 0, 80, 80, 0, 0, 0]);
    assert!(read_at(&root, "8x4", Fit::Whole).train.images.iter().all(|value| *value == 80));
}

#[test]
fn large_images_of_one_size_become_small_squares() {
    let root = tempfile::tempdir().unwrap();
    let image = encoded(&GrayImage::from_pixel(200, 129, Luma([80])).into(), ImageFormat::Png);
    write(&root, "train/x/a.png", &image);
    write(&root, "test/x/a.png", &image);
    assert_eq!(read(&root).unwrap().shape, ImageShape { channels: 1, height: 64, width: 64 });
}

#[test]
fn damaged_images_are_named_and_left_out() {
    let root = three_splits();
    let whole = encoded(&gray(3), ImageFormat::Png);
    write(&root, "train/cat/a2.png", &whole[..whole.len() - 20]);
    write(&root, "Valid/cat/a.png", b"no image at all");
    write(&root, "Valid/dog/w.png", &whole[..20]);
    let data = read(&root).unwrap();
    assert_eq!((firsts(&data.train), data.validation), (vec![1, 2, 4, 5, 6], 1));
    let names: Vec<&str> =
        data.report.damaged.iter().map(|(file, _)| file.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["a.png", "w.png", "a2.png"]);
    let error = open_with(root.path(), &Reading { strict: true, ..Reading::default() }, None).unwrap_err();
    assert!(error.what().contains("a.png") && error.help().contains("--strict"), "{error}");
}

#[test]
fn what_is_odd_is_said() {
    let root = three_splits();
    write_gray(&root, "train/cat/A.jpg", 8);
    write_gray(&root, "train/loose.png", 8);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(root.path().join("train"), root.path().join("train/dog/loop")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.path().join("train/dog/gone.png")).unwrap();
    }
    let data = read(&root).unwrap();
    let said = |text: &str| data.report.notes.iter().any(|note| note.contains(text));
    assert!(said("1 images in") && said("1 images have the name of another"), "{:?}", data.report);
    #[cfg(unix)]
    assert!(
        said("dog/loop is a link to a folder above it")
            && data.report.damaged[0].1.contains("link to nothing")
    );
    assert_eq!(data.train.len(), 6);
}

#[test]
fn faults_of_folders_are_named() {
    let root = three_splits();
    fs::create_dir(root.path().join("train/emu")).unwrap();
    let error = read(&root).unwrap_err();
    assert!(error.what().contains("emu has no images"), "{error}");
    fs::remove_dir(root.path().join("train/emu")).unwrap();
    write_gray(&root, "test/emu/a.png", 1);
    let error = read(&root).unwrap_err();
    assert!(error.what().contains("emu is of a class that has no training images"), "{error}");
    let root = tempfile::tempdir().unwrap();
    write_gray(&root, "train/a.png", 1);
    assert!(claims(root.path()));
    assert!(read(&root).unwrap_err().what().contains("no folders of classes"));
    let root = tempfile::tempdir().unwrap();
    write_gray(&root, "a/a.png", 1);
    write_gray(&root, "b/a.png", 1);
    assert!(read(&root).unwrap_err().what().contains("no test images"));
}

#[cfg(unix)]
#[test]
fn what_may_not_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let root = three_splits();
    let forbid = |path: &str, mode| {
        fs::set_permissions(root.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    forbid("train/cat/a.png", 0);
    if fs::read(root.path().join("train/cat/a.png")).is_ok() {
        return; // This user may read everything.
    }
    assert!(read(&root).unwrap().report.damaged[0].1.contains("denied"));
    forbid("train/cat", 0);
    let error = read(&root);
    forbid("train/cat", 0o755);
    assert!(error.unwrap_err().what().contains("cat"));
}

#[test]
fn only_folders_of_images_are_claimed() {
    assert!(claims(three_splits().path()));
    for (names, expected) in [
        (&["a/1.png", "b/1.png"][..], true),
        (&["a/1.png"], true),
        (&["set/a/1.png", "set/b/1.png"], false),
        (&["a/1.png", "test/a/1.png"], true),
        (&["test/1.png", "train2/1.png"], true),
        (&["a/1.txt", "b/1.txt"], false),
        (&["1.png"], false),
        (&["pictures/1.png", "mnist/x", "cifar/y"], false),
    ] {
        let root = tempfile::tempdir().unwrap();
        names.iter().for_each(|name| write_gray(&root, name, 1));
        assert_eq!(claims(root.path()), expected, "{names:?}");
    }
}

#[test]
fn a_decoded_set_is_kept_and_a_damaged_or_outdated_one_made_again() {
    let (root, kept) = (three_splits(), tempfile::tempdir().unwrap());
    write(&root, "train/cat/broken.png", b"");
    let cache = Cache::at(kept.path(), 1 << 20);
    let plain = Reading::default();
    let read = || open_with(root.path(), &plain, Some(&cache)).unwrap();
    let files = || -> Vec<_> { fs::read_dir(kept.path()).unwrap().map(|e| e.unwrap().path()).collect() };
    let first = read();
    let in_cache = || cache.read(&key(root.path(), &scan(root.path()).unwrap(), &plain));
    assert_eq!((files().len(), in_cache(), read()), (1, Some(first.clone()), first.clone()));
    assert_eq!(first.report.damaged.len(), 1);
    assert!(open_with(root.path(), &Reading { strict: true, ..plain }, Some(&cache)).is_err());
    // What is there is what is read: another image in the file comes out.
    let file = files().remove(0);
    let whole = fs::read(&file).unwrap();
    for damage in [whole[..whole.len() / 2].to_vec(), vec![0; 9], Vec::new(), {
        let mut bytes = whole.clone();
        *bytes.last_mut().unwrap() ^= 1;
        bytes
    }] {
        fs::write(&file, damage).unwrap();
        assert_eq!((in_cache(), read()), (None, first.clone()));
        assert_eq!(fs::read(&file).unwrap(), whole, "it is written again");
    }
    // Other options and other files are other sets.
    open_with(root.path(), &Reading { fit: Fit::Pad, ..plain }, Some(&cache)).unwrap();
    assert_eq!(files().len(), 2);
    write_gray(&root, "train/cat/a.png", 50);
    assert_eq!(firsts(&read().train)[0], 50);
    assert_eq!(files().len(), 3);
}

#[test]
fn the_cache_keeps_what_was_used_last() {
    let (root, kept) = (three_splits(), tempfile::tempdir().unwrap());
    let cache = Cache::at(kept.path(), 4000);
    let read = |size: &str| {
        let reading = Reading { size: Some(size.parse().unwrap()), ..Reading::default() };
        open_with(root.path(), &reading, Some(&cache)).unwrap()
    };
    let names = || -> Vec<_> { fs::read_dir(kept.path()).unwrap().map(|e| e.unwrap().file_name()).collect() };
    read("5");
    let first = names();
    (6..9).for_each(|size| _ = read(&size.to_string()));
    let len = |name: &_| fs::metadata(kept.path().join(Path::new(name))).unwrap().len();
    assert!(names().iter().map(len).sum::<u64>() <= 4000, "{:?}", names());
    assert!(!names().is_empty() && !names().contains(&first[0]));
    // Half of the cache is the most for one.
    let before = names();
    read("40");
    assert_eq!(names(), before);
}
