//! Data sets in files of named arrays, by the names of the arrays.
//!
//! | set | arrays |
//! | --- | --- |
//! | Keras | `x_train, y_train, x_test, y_test`, perhaps `x_val, y_val` |
//! | MedMNIST | `train_images, train_labels, val_images, val_labels, test_images, test_labels`; labels `[n, 1]` |
//! | others | `X` or `x` or `images` or `data`, and `y` or `labels`: a fifth is drawn for the test |

use super::arrays::Array;
use super::dataset::{Dataset, ImageShape, Split};
use super::order::drawn_for_test;
use super::pixel_arrays::{PixelRange, labels};
use super::report::Report;
use crate::error::{Error, Result};

/// Names of arrays of a set, for messages.
pub(super) const NAMES_IN_USE: &str =
    "x_train, y_train, x_test, y_test (Keras), train_images, train_labels, ... (MedMNIST), or X and y";
/// Names of images and labels for training, validation and test.
const NAMES: [[(&str, &str); 3]; 4] = [
    [("x_train", "y_train"), ("x_val", "y_val"), ("x_test", "y_test")],
    [("train_images", "train_labels"), ("val_images", "val_labels"), ("test_images", "test_labels")],
    [("X_train", "y_train"), ("X_val", "y_val"), ("X_test", "y_test")],
    [("train_x", "train_y"), ("val_x", "val_y"), ("test_x", "test_y")],
];
/// Names of the images and of the labels of a set that is not split.
const WHOLE: [&[&str]; 2] = [&["X", "x", "images", "data"], &["y", "Y", "labels", "label", "targets"]];

/// A file of arrays with names.
pub(super) trait NamedArrays {
    /// The names of all arrays.
    fn names(&self) -> &[String];

    /// Reads an array by its name.
    ///
    /// # Errors
    /// When it is damaged, or of no type of numbers; the array is named.
    fn read(&mut self, name: &str) -> Result<Array>;
}

/// The data set of arrays; `name` is its name.
///
/// # Errors
/// When no arrays are called as images with labels, or they do not go together.
pub(super) fn read(arrays: &mut dyn NamedArrays, name: String) -> Result<Dataset> {
    let names = names_in(arrays.names())?;
    let mut parts = [const { None }; 3];
    let mut range = PixelRange::default();
    for (part, (image_name, label_name)) in parts.iter_mut().zip(names) {
        if !arrays.names().contains(&image_name) {
            continue;
        }
        let array = arrays.read(&image_name)?;
        let images = range.images(array).map_err(|error| error.within(format!("array {image_name}")));
        let (shape, images) = images?;
        let array = arrays.read(&label_name)?;
        let labels = labels(array, images.len() / shape.len());
        let labels = labels.map_err(|error| error.within(format!("array {label_name}")))?;
        *part = Some((shape, Split { images: images.into(), labels }));
    }
    let mut report = Report::default();
    range.note(&mut report);
    joined(name, parts, report)
}

/// Names of the images and labels of each part.
fn names_in(arrays: &[String]) -> Result<[(String, String); 3]> {
    let is_there = |name: &str| arrays.iter().any(|array| array == name);
    let has = |(images, labels): (&str, &str)| is_there(images) && is_there(labels);
    if let Some(names) = NAMES.iter().find(|names| has(names[0])) {
        return Ok(names.map(|(images, labels)| (images.to_owned(), labels.to_owned())));
    }
    let [images, labels] = WHOLE.map(|names| names.iter().find(|name| is_there(name)));
    if let Some((images, labels)) = images.zip(labels) {
        return Ok([((*images).to_owned(), (*labels).to_owned()), Default::default(), Default::default()]);
    }
    let what = format!("none of its arrays are called as images with labels: {}", arrays.join(", "));
    Err(Error::new(what, format!("call them so: {NAMES_IN_USE}")))
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
