//! Data sets in an `.npz`, by the names of its arrays.
//!
//! | set | arrays |
//! | --- | --- |
//! | Keras | `x_train, y_train, x_test, y_test`, perhaps `x_val, y_val` |
//! | MedMNIST | `train_images, train_labels, val_images, val_labels, test_images, test_labels`; labels `[n, 1]` |
//! | others | `X` or `x` or `images` or `data`, and `y` or `labels`: a fifth is drawn for the test |
//!
//! Images are `[n, y, x]`, `[n, y, x, c]` or `[n, c, y, x]` with 1 or 3 channels. Bytes are taken as they are; other numbers, which lie in
//! 0..1, −1..1 or 0..255, are brought to 0..255, the range being that of the training images.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use npyz::{DType, NpyFile, Order, TypeChar};

use super::bounded;
use super::dataset::{Dataset, ImageShape, Split};
use super::order::drawn_for_test;
use super::report::Report;
use crate::error::{Error, Result};

/// Files of a set in this format, for messages.
pub(super) const LOOKS_FOR: &str = "an .npz with the arrays x_train, y_train, x_test, y_test (Keras), train_images, train_labels, ... (MedMNIST), or X and y";
/// Bytes of an array at most, unpacked.
const MAX_BYTES: u64 = 1 << 33;
/// Largest height or width of an image in pixels.
const MAX_SIDE: usize = 4096;
/// Names of images and labels for training, validation and test.
const NAMES: [[(&str, &str); 3]; 4] = [
    [("x_train", "y_train"), ("x_val", "y_val"), ("x_test", "y_test")],
    [("train_images", "train_labels"), ("val_images", "val_labels"), ("test_images", "test_labels")],
    [("X_train", "y_train"), ("X_val", "y_val"), ("X_test", "y_test")],
    [("train_x", "train_y"), ("val_x", "val_y"), ("test_x", "test_y")],
];
/// Names of the images and of the labels of a set that is not split.
const WHOLE: [&[&str]; 2] = [&["X", "x", "images", "data"], &["y", "Y", "labels", "label", "targets"]];

/// True for the name of such a file.
pub(super) fn claims(name: &str) -> bool {
    name.to_lowercase().ends_with(".npz")
}

/// An array of numbers, its last index fastest.
struct Array {
    shape: Vec<usize>,
    values: Values,
}

enum Values {
    Bytes(Vec<u8>),
    Numbers(Vec<f32>),
}

struct Archive(zip::ZipArchive<BufReader<File>>);

impl Archive {
    fn has(&self, name: &str) -> bool {
        self.0.index_for_name(&format!("{name}.npy")).is_some()
    }

    fn read(&mut self, name: &str) -> Result<Array> {
        self.read_entry(name).map_err(|error| error.within(format!("array {name}")))
    }

    fn read_entry(&mut self, name: &str) -> Result<Array> {
        let entry = self.0.by_name(&format!("{name}.npy")).map_err(bounded::damaged)?;
        // The sizes in its heads are not trusted: memory grows with the bytes read.
        let mut entry = entry.take(MAX_BYTES);
        let file = NpyFile::new(&mut entry).map_err(bounded::damaged)?;
        let dtype = file.dtype();
        let (DType::Plain(plain), false) = (&dtype, file.order() == Order::Fortran) else {
            let what = "its values are in the order of Fortran, or records";
            return Err(Error::new(what, "save it by numpy.ascontiguousarray(x)"));
        };
        let shape: Vec<usize> = file.shape().iter().map(|size| *size as usize).collect();
        let count = shape.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
        if count.is_none_or(|count| count == 0 || count as u64 > MAX_BYTES) {
            return Err(Error::new(format!("its shape is {shape:?}"), "give it images or labels"));
        }
        let values = match (plain.type_char(), plain.num_bytes()) {
            (TypeChar::Uint, Some(1)) => Values::Bytes(collect::<u8, _, _>(file, |v| v)?),
            (TypeChar::Bool, _) => Values::Bytes(collect::<bool, _, _>(file, u8::from)?),
            (TypeChar::Uint, Some(2)) => Values::Numbers(collect::<u16, _, _>(file, f32::from)?),
            (TypeChar::Uint, Some(4)) => Values::Numbers(collect::<u32, _, _>(file, |v| v as f32)?),
            (TypeChar::Uint, Some(8)) => Values::Numbers(collect::<u64, _, _>(file, |v| v as f32)?),
            (TypeChar::Int, Some(1)) => Values::Numbers(collect::<i8, _, _>(file, f32::from)?),
            (TypeChar::Int, Some(2)) => Values::Numbers(collect::<i16, _, _>(file, f32::from)?),
            (TypeChar::Int, Some(4)) => Values::Numbers(collect::<i32, _, _>(file, |v| v as f32)?),
            (TypeChar::Int, Some(8)) => Values::Numbers(collect::<i64, _, _>(file, |v| v as f32)?),
            (TypeChar::Float, Some(2)) => Values::Numbers(collect::<half::f16, _, _>(file, f32::from)?),
            (TypeChar::Float, Some(4)) => Values::Numbers(collect::<f32, _, _>(file, |v| v)?),
            (TypeChar::Float, Some(8)) => Values::Numbers(collect::<f64, _, _>(file, |v| v as f32)?),
            _ => {
                let what = format!("its values are {}, not numbers", dtype.descr());
                return Err(Error::new(what, "save it as uint8 or float32"));
            }
        };
        // Only at its end the sum of an entry is checked.
        std::io::copy(&mut entry, &mut std::io::sink()).map_err(bounded::damaged)?;
        Ok(Array { shape, values })
    }
}

fn collect<S: npyz::Deserialize, T, R: std::io::Read>(
    file: NpyFile<R>,
    to: impl Fn(S) -> T,
) -> Result<Vec<T>> {
    let mut values = Vec::new();
    for value in file.data::<S>().map_err(bounded::damaged)? {
        values.push(to(value.map_err(bounded::damaged)?));
    }
    Ok(values)
}

/// Lowest and highest number of an array that is brought to 0..255.
fn range(values: &[f32]) -> Result<[f32; 2]> {
    if let Some(odd) = values.iter().find(|value| !value.is_finite()) {
        return Err(Error::new(format!("it holds {odd}"), "give it finite numbers"));
    }
    let (low, high) = values.iter().fold((0.0_f32, 0.0_f32), |(l, h), v| (l.min(*v), h.max(*v)));
    let known = [[0.0, 1.0], [-1.0, 1.0], [0.0, 255.0], [0.0, 65535.0]];
    Ok(known.into_iter().find(|[l, h]| *l <= low && high <= *h).unwrap_or([low, high]))
}

/// Images `[n, c, y, x]` of an array.
fn images(array: Array, range: [f32; 2]) -> Result<(ImageShape, Vec<u8>)> {
    let bytes = match array.values {
        Values::Bytes(bytes) => bytes,
        Values::Numbers(values) => {
            let [low, high] = range;
            // Numbers beyond the range of the training images become black or white.
            values.iter().map(|v| ((v - low) / (high - low) * 255.0).round() as u8).collect()
        }
    };
    let (channels, height, width, last) = match array.shape[..] {
        [_, height, width] => (1, height, width, false),
        [_, height, width, channels @ (1 | 3)] => (channels, height, width, true),
        [_, channels @ (1 | 3), height, width] => (channels, height, width, false),
        _ => {
            let what = format!("its shape is {:?}", array.shape);
            return Err(Error::new(
                what,
                "give it images as [n, y, x], [n, y, x, c] or [n, c, y, x], with 1 or 3 channels",
            ));
        }
    };
    if height > MAX_SIDE || width > MAX_SIDE {
        return Err(Error::new(
            format!("its images are {width} × {height}"),
            format!("{MAX_SIDE} pixels a side are the most"),
        ));
    }
    let shape = ImageShape { channels, height, width };
    if !last || channels == 1 {
        return Ok((shape, bytes));
    }
    let planes =
        |image: &[u8]| (0..3).flat_map(|c| image.iter().skip(c).step_by(3).copied()).collect::<Vec<u8>>();
    Ok((shape, bytes.chunks_exact(shape.len()).flat_map(planes).collect()))
}

/// One label for each image: an array `[n]` or `[n, 1]`, or `[n, classes]` with a single 1 in each row.
fn labels(array: &Array, count: usize) -> Result<Vec<u8>> {
    let numbers: Vec<f32> = match &array.values {
        Values::Bytes(bytes) => bytes.iter().map(|byte| f32::from(*byte)).collect(),
        Values::Numbers(numbers) => numbers.clone(),
    };
    let class = |number: f32| {
        let valid = number.fract() == 0.0 && (0.0..256.0).contains(&number);
        valid.then_some(number as u8).ok_or_else(|| {
            Error::new(format!("{number} is no class"), "classes are whole numbers from 0 to 255")
        })
    };
    match array.shape[..] {
        [n] | [n, 1] if n == count => numbers.into_iter().map(class).collect(),
        [n, width] if n == count && width <= 256 => {
            let row = |row: &[f32]| {
                let ones = row.iter().filter(|value| **value == 1.0).count();
                let only = ones == 1 && row.iter().all(|value| *value == 0.0 || *value == 1.0);
                only.then(|| row.iter().position(|value| *value == 1.0).unwrap_or(0) as u8).ok_or_else(|| {
                    Error::new(
                        "its images have several labels each",
                        "give each image one class: an array [n]",
                    )
                })
            };
            numbers.chunks_exact(width).map(row).collect()
        }
        _ => {
            let what = format!("its shape is {:?}, where {count} labels belong", array.shape);
            Err(Error::new(what, "give it one label for each image"))
        }
    }
}

/// Reads the set in the file at `path`.
///
/// # Errors
/// When it is damaged, has no arrays of a known name, or they do not go together.
pub(super) fn open(path: &Path) -> Result<Dataset> {
    read(path).map_err(|error| error.within(path.display()))
}

fn read(path: &Path) -> Result<Dataset> {
    let (file, _) = bounded::open(path, u64::MAX)?;
    let mut archive = Archive(zip::ZipArchive::new(BufReader::new(file)).map_err(bounded::damaged)?);
    let names = names_in(&archive)?;
    let mut parts = [const { None }; 3];
    let mut scale = None;
    for (part, (image_name, label_name)) in parts.iter_mut().zip(names) {
        if !archive.has(&image_name) {
            continue;
        }
        let array = archive.read(&image_name)?;
        let within = |error: Error| error.within(format!("array {image_name}"));
        if let (Values::Numbers(values), None) = (&array.values, scale) {
            scale = Some(range(values).map_err(within)?);
        }
        let (shape, images) = images(array, scale.unwrap_or([0.0, 255.0])).map_err(within)?;
        let array = archive.read(&label_name)?;
        let labels = labels(&array, images.len() / shape.len());
        let labels = labels.map_err(|error| error.within(format!("array {label_name}")))?;
        *part = Some((shape, Split { images: images.into(), labels }));
    }
    let mut report = Report::default();
    if let Some([low, high]) = scale {
        report.note(format!("pixels of {low} to {high} are brought to 0 to 255"));
    }
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    joined(name, parts, report)
}

/// Names of the images and labels of each part.
fn names_in(archive: &Archive) -> Result<[(String, String); 3]> {
    let has = |(images, labels): (&str, &str)| archive.has(images) && archive.has(labels);
    if let Some(names) = NAMES.iter().find(|names| has(names[0])) {
        return Ok(names.map(|(images, labels)| (images.to_owned(), labels.to_owned())));
    }
    let [images, labels] = WHOLE.map(|names| names.iter().find(|name| archive.has(name)));
    if let Some((images, labels)) = images.zip(labels) {
        return Ok([((*images).to_owned(), (*labels).to_owned()), Default::default(), Default::default()]);
    }
    let stem = |name: zip::result::ZipResult<std::borrow::Cow<'_, str>>| {
        Some(name.ok()?.strip_suffix(".npy")?.to_owned())
    };
    let found: Vec<String> = archive.0.file_names().filter_map(stem).collect();
    let what = format!("none of its arrays are called as images with labels: {}", found.join(", "));
    Err(Error::new(what, format!("call them so: {LOOKS_FOR}")))
}

/// The data set of its parts; a test is drawn of the training images where there is none.
fn joined(name: String, parts: [Option<(ImageShape, Split)>; 3], mut report: Report) -> Result<Dataset> {
    let [train, validation, test] = parts;
    let Some((shape, mut train)) = train else {
        return Err(Error::new("it has no training images", "give it some"));
    };
    for (other, _) in [&validation, &test].into_iter().flatten() {
        if *other != shape {
            let what = format!("its images are {shape} and {other}");
            return Err(Error::new(what, "give all images one shape"));
        }
    }
    let test = match test {
        Some((_, test)) => test,
        None => draw_test(&mut train, shape, &mut report),
    };
    let mut held = 0;
    if let Some((_, validation)) = validation {
        held = validation.len();
        std::sync::Arc::make_mut(&mut train.images).extend_from_slice(&validation.images);
        train.labels.extend_from_slice(&validation.labels);
    }
    let classes = train.labels.iter().chain(&test.labels).max().map_or(0, |label| usize::from(*label) + 1);
    let classes = (0..classes).map(|class| class.to_string()).collect();
    let data = Dataset::new(name, shape, classes, train, test)?.with_validation(held)?;
    Ok(Dataset { report, ..data })
}

/// Takes the test images out of the training images.
fn draw_test(train: &mut Split, shape: ImageShape, report: &mut Report) -> Split {
    let drawn = drawn_for_test(&train.labels);
    let part = |of_test: bool| {
        let chosen = |(_, drawn): &(usize, &bool)| **drawn == of_test;
        let chosen: Vec<usize> = drawn.iter().enumerate().filter(chosen).map(|(image, _)| image).collect();
        let images: Vec<u8> = chosen
            .iter()
            .flat_map(|image| train.images[image * shape.len()..][..shape.len()].iter().copied())
            .collect();
        Split { images: images.into(), labels: chosen.iter().map(|image| train.labels[*image]).collect() }
    };
    let (test, rest) = (part(true), part(false));
    report.note(format!("there are no test images: {} of {} images are drawn", test.len(), drawn.len()));
    *train = rest;
    test
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use npyz::WriterBuilder as _;

    use super::*;

    fn npy<T: npyz::Serialize + npyz::AutoSerialize + Copy>(shape: &[u64], values: &[T]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer =
            npyz::WriteOptions::new().default_dtype().shape(shape).writer(&mut bytes).begin_nd().unwrap();
        writer.extend(values.iter().copied()).unwrap();
        writer.finish().unwrap();
        bytes
    }

    fn open_arrays(arrays: &[(&str, Vec<u8>)]) -> Result<Dataset> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("set.npz");
        let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
        for (name, bytes) in arrays {
            zip.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
        open(&path)
    }

    #[test]
    fn keras_has_a_training_and_a_test_set() {
        let data = open_arrays(&[
            ("x_train", npy(&[3, 1, 2], &[1_u8, 2, 3, 4, 5, 6])),
            ("y_train", npy(&[3], &[0_i64, 4, 1])),
            ("x_test", npy(&[1, 1, 2], &[7_u8, 8])),
            ("y_test", npy(&[1], &[2_i64])),
        ])
        .unwrap();
        assert_eq!(data.shape, ImageShape { channels: 1, height: 1, width: 2 });
        assert_eq!(
            (&data.train.images[..], &data.train.labels[..]),
            (&[1, 2, 3, 4, 5, 6][..], &[0, 4, 1][..])
        );
        assert_eq!(
            (data.test.image(0), &data.test.labels[..], data.classes.len()),
            (&[7, 8][..], &[2][..], 5)
        );
    }

    #[test]
    fn medmnist_has_validation_images_colors_and_columns_of_labels() {
        let data = open_arrays(&[
            ("train_images", npy(&[2, 1, 2, 3], &[1_u8, 2, 3, 4, 5, 6, 9, 9, 9, 9, 9, 9])),
            ("train_labels", npy(&[2, 1], &[0_u8, 1])),
            ("val_images", npy(&[1, 1, 2, 3], &[7_u8; 6])),
            ("val_labels", npy(&[1, 1], &[1_u8])),
            ("test_images", npy(&[1, 1, 2, 3], &[8_u8; 6])),
            ("test_labels", npy(&[1, 1], &[0_u8])),
        ])
        .unwrap();
        assert_eq!(data.train.image(0), [1, 4, 2, 5, 3, 6]);
        assert_eq!((data.validation, data.train.image(2)[0], data.train.labels[2]), (1, 7, 1));
    }

    #[test]
    fn other_numbers_come_to_bytes_and_a_test_is_drawn() {
        let values: Vec<f32> = (0..10).map(|i| i as f32 / 9.0 * 2.0 - 1.0).collect();
        let one_hot: Vec<u8> = (0..10).flat_map(|i| [u8::from(i < 5), u8::from(i >= 5)]).collect();
        let data =
            open_arrays(&[("X", npy(&[10, 1, 1, 1], &values)), ("y", npy(&[10, 2], &one_hot))]).unwrap();
        assert_eq!((data.train.len(), &data.test.labels[..]), (8, &[0, 1][..]));
        let mut all = [&data.train.images[..], &data.test.images].concat();
        all.sort_unstable();
        assert_eq!(all, [0, 28, 57, 85, 113, 142, 170, 198, 227, 255]);
    }

    #[test]
    fn what_does_not_go_together_is_named() {
        let images = || ("X", npy(&[2, 1, 1], &[1_u8, 2]));
        for (arrays, what) in [
            (
                vec![images(), ("y", npy(&[3], &[0_u8; 3]))],
                "array y: its shape is [3], where 2 labels belong",
            ),
            (vec![images(), ("y", npy(&[2], &[0_i64, -1]))], "-1 is no class"),
            (vec![images(), ("y", npy(&[2, 2], &[1_u8; 4]))], "several labels each"),
            (vec![images()], "images with labels: X"),
            (
                vec![("X", npy(&[2, 5], &[1_u8; 10])), ("y", npy(&[2], &[0_u8; 2]))],
                "array X: its shape is [2, 5]",
            ),
            (vec![("X", npy(&[1, 1, 1], &[f32::NAN])), ("y", npy(&[1], &[0_u8]))], "it holds NaN"),
        ] {
            let error = open_arrays(&arrays).unwrap_err();
            assert!(error.what().contains(what) && error.what().contains("set.npz"), "{error}");
        }
    }
}
