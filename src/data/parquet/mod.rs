//! Data sets in Parquet files with a column of images, as Hugging Face's `datasets` writes them.
//!
//! | behavior of the files | source | what is done |
//! | --- | --- | --- |
//! | a column `image` (CIFAR: `img`), a group of `bytes` and `path`, the bytes those of an image file | datasets 5.2, `Image` | decoded by the rule of folders of images |
//! | a column `label` of whole numbers (CIFAR-100: `fine_label`, `coarse_label`) | datasets 5.2, `ClassLabel` | the class; `?labels=coarse` takes the other |
//! | the JSON under the key `huggingface` in the footer describes the columns | datasets 5.2 | tells which columns they are, and the names of the classes |
//! | `train-00000-of-00002.parquet`, ..., in the folder or in `data`; `train/0000.parquet` | `push_to_hub`; converted sets | all files of a set are read; one that is missing is named |
//! | the label −1 for every row of a test whose labels are kept back | datasets 5.2 | left out, and said |
//! | dictionaries and plain values; pages of version 1 and 2; Snappy, gzip, Zstandard or none | pyarrow 26, polars 2.1, DuckDB 2.0 | read |
//! | Brotli, LZO, LZ4; the DELTA encodings; encryption; columns in other files | parquet-format 2.11 | refused by name |
//!
//! Of crates, `parquet` 60 panics on one damaged file in a thousand, takes as much memory as the head of a page says, and unpacks gzip
//! without an end; `parquet2` has not been kept since 2023. What is read of the format is little, so only what unpacks is a crate's.

mod cells;
mod files;
mod footer;
mod hybrid;
mod pages;
mod rows;
mod shard;
#[cfg(test)]
mod tests;
mod thrift;

use std::path::Path;

use fast_image_resize::Resizer;

use super::bounded;
use super::cache::{self, Cache, Key};
use super::dataset::{Dataset, ImageShape, Split};
use super::fit::{keep_only, room};
use super::folder::{Decoder, Head, head, shape_of};
use super::order::drawn_for_test;
use super::parallel;
use super::report::Report;
use super::source::Reading;
use crate::error::{Error, Result};
use files::Files;
pub(super) use files::{claims, claims_folder};
use rows::Images;
use shard::Shard;
pub(super) use shard::has_images;

/// Files of a set in this format, for messages.
pub(super) const LOOKS_FOR: &str = "train-00000-of-00001.parquet, test-00000-of-00001.parquet, ... with the columns image and label (Hugging Face; also its CIFAR-10 and CIFAR-100)";
/// The same with a folder for each split.
pub(super) const LOOKS_FOR_FOLDERS: &str =
    "such files in folders: train/0000.parquet, test/0000.parquet (also CIFAR's)";
/// A text file with the name of each class, one a line.
const CLASS_NAMES: &str = "class_names.txt";

/// Reads the set in `folder`: that of `file`, where it was named so.
///
/// # Errors
/// When a file is missing or damaged, has no images with labels, or with `strict` an image is damaged.
pub(super) fn open(folder: &Path, file: Option<&Path>, reading: &Reading) -> Result<Dataset> {
    open_with(folder, file, reading, Cache::of_user().as_ref())
}

fn open_with(
    folder: &Path,
    file: Option<&Path>,
    reading: &Reading,
    cache: Option<&Cache>,
) -> Result<Dataset> {
    let Files { name, parts } = Files::find(folder, file)?;
    let mut shards = Vec::new();
    for (part, paths) in parts.into_iter().enumerate() {
        for path in paths {
            let shard = Shard::open(&path, part, reading.coarse);
            shards.push(shard.map_err(|error| error.within(path.display()))?);
        }
    }
    check_classes(&shards)?;
    let given = bounded::names(&folder.join(CLASS_NAMES))?;
    let mut key = Key::new("parquet 1");
    key.add(format!("{name} {:?} {:?} {} {given:?}", reading.size, reading.fit, reading.coarse).as_bytes());
    shards.iter().for_each(|shard| shard.add_to(&mut key));
    let count = shards.iter().map(Shard::rows).sum();
    cache::kept_or_read(cache, count, key, reading, || {
        let classes = given.or_else(|| shards[0].classes.clone());
        let count = classes.as_ref().map_or(256, Vec::len);
        let read = Set::read(&shards, count, reading).and_then(|set| set.dataset(name, classes));
        let shown = folder.display().to_string();
        read.map_err(|error| if error.what().contains(&shown) { error } else { error.within(shown) })
    })
}

/// An error where files name other classes than each other.
fn check_classes(shards: &[Shard]) -> Result<()> {
    let mut named = shards.iter().filter_map(|shard| Some((shard, shard.classes.as_ref()?)));
    let Some((first, classes)) = named.next() else { return Ok(()) };
    match named.find(|(_, others)| *others != classes) {
        Some((other, _)) => Err(Error::new(
            format!("{} and {} name other classes", first.path.display(), other.path.display()),
            "keep the files of one data set in one folder",
        )),
        None => Ok(()),
    }
}

/// The part of the set that a row belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Train,
    Validation,
    Test,
    /// Nothing: its image is damaged.
    Nowhere,
}

/// A set whose images are decoded.
struct Set {
    shape: ImageShape,
    train: Split,
    test: Split,
    validation: usize,
    report: Report,
}

impl Set {
    fn read(shards: &[Shard], classes: usize, reading: &Reading) -> Result<Self> {
        let mut report = Report::default();
        let (shards, labels) = labeled(shards, classes, &mut report)?;
        let mut places = places(&shards, &labels, &mut report)?;
        let heads = heads(&shards, &mut places, &mut report)?;
        check_left(&shards, &places, &report)?;
        let known: Vec<Head> = heads.iter().flatten().copied().collect();
        let shape = shape_of(&known, reading, &mut report)?;
        let [train, test] = [false, true].map(|of_test| {
            let here = places.iter().filter(|place| **place != Place::Nowhere && is_test(**place) == of_test);
            room(here.count(), shape)
        });
        let mut images = [train?, test?];
        let results = decode(&shards, &heads, &places, &mut images, shape, reading)?;
        let split = |mut images: Vec<u8>, of_test: bool| {
            let here = |row: &usize| results[*row].is_some() && is_test(places[*row]) == of_test;
            let is_whole = |row: usize| matches!(results[row], Some(Ok(())));
            let rows = || (0..results.len()).filter(here);
            keep_only(&mut images, shape, rows().map(is_whole));
            let labels = rows().filter(|row| is_whole(*row)).map(|row| labels[row]).collect();
            Split { images: images.into(), labels }
        };
        let [train, test] = images;
        let (train, test) = (split(train, false), split(test, true));
        for (row, result) in results.iter().enumerate() {
            if let Some(Err(error)) = result {
                report.damaged.push((name_of(&shards, row), error.what().to_owned()));
                places[row] = Place::Nowhere;
            }
        }
        check_left(&shards, &places, &report)?;
        let validation = places.iter().filter(|place| **place == Place::Validation).count();
        Ok(Self { shape, train, test, validation, report })
    }

    fn dataset(self, name: String, classes: Option<Vec<String>>) -> Result<Dataset> {
        let classes = classes.unwrap_or_else(|| {
            let last = self.train.labels.iter().chain(&self.test.labels).max();
            (0..=last.copied().unwrap_or_default()).map(|class| class.to_string()).collect()
        });
        let data = Dataset::new(name, self.shape, classes, self.train, self.test)?;
        let data = data.with_validation(self.validation)?;
        Ok(Dataset { report: self.report, ..data })
    }
}

fn is_test(place: Place) -> bool {
    place == Place::Test
}

/// An error where no image is left to train on or to test with.
fn check_left(shards: &[&Shard], places: &[Place], report: &Report) -> Result<()> {
    for (place, part) in [(Place::Train, "training"), (Place::Test, "test")] {
        if !places.contains(&place) {
            let what = match report.damaged.first() {
                Some((row, reason)) => format!("no {part} image can be read; {row}: {reason}"),
                None => {
                    let path = shards.first().map(|shard| shard.path.display());
                    format!(
                        "there are no {part} images{}",
                        path.map_or(String::new(), |path| format!(" in {path}"))
                    )
                }
            };
            return Err(Error::new(what, "mend the file or fetch it again, or take another"));
        }
    }
    Ok(())
}

/// The files that have labels, and the labels of all of their rows.
fn labeled<'a>(
    shards: &'a [Shard],
    classes: usize,
    report: &mut Report,
) -> Result<(Vec<&'a Shard>, Vec<u8>)> {
    let (mut kept, mut all) = (Vec::new(), Vec::new());
    for shard in shards {
        let labels = shard.labels().map_err(|error| error.within(shard.path.display()))?;
        if !labels.is_empty() && labels.iter().all(|label| *label == shard::NO_LABEL) {
            report.note(format!("{} is left out: its labels are all -1", shard.path.display()));
            continue;
        }
        for (row, label) in labels.into_iter().enumerate() {
            let class = u8::try_from(label).ok().filter(|class| usize::from(*class) < classes);
            all.push(class.ok_or_else(|| {
                let path = shard.path.display();
                let what =
                    format!("{path}: label {label} of row {row} is none of the {classes} classes, from 0");
                Error::new(
                    what,
                    "take the row out; or name the classes, one a line, in class_names.txt beside it",
                )
            })?);
        }
        kept.push(shard);
    }
    Ok((kept, all))
}

/// The places of all rows; images for the test are drawn from those for training where there are none.
fn places(shards: &[&Shard], labels: &[u8], report: &mut Report) -> Result<Vec<Place>> {
    let of_part = [Place::Train, Place::Validation, Place::Test];
    let mut places: Vec<Place> =
        shards.iter().flat_map(|shard| std::iter::repeat_n(of_part[shard.part], shard.rows())).collect();
    if places.contains(&Place::Test) {
        return Ok(places);
    }
    let train = places.iter().filter(|place| **place == Place::Train).count();
    for (place, drawn) in places.iter_mut().zip(drawn_for_test(&labels[..train])) {
        if drawn {
            *place = Place::Test;
        }
    }
    let count = places.iter().filter(|place| is_test(**place)).count();
    if count == 0 {
        let help = "put a file test-00000-of-00001.parquet beside it, or give it 5 images or more of a class";
        return Err(Error::new("there are no test images, and too few to draw some", help));
    }
    report.note(format!("there is no file of test images: {count} of {train} images are drawn"));
    Ok(places)
}

/// The head of each row's image; none where it is damaged, which then has no place.
fn heads(shards: &[&Shard], places: &mut [Place], report: &mut Report) -> Result<Vec<Option<Head>>> {
    let found = parallel::map(
        "Looking at images",
        Images::new(shards),
        || (),
        |(), bytes| bytes.map(|bytes| bytes.and_then(|bytes| head(&bytes))),
    );
    let mut heads = Vec::with_capacity(found.len());
    for (row, head) in found.into_iter().collect::<Result<Vec<_>>>()?.into_iter().enumerate() {
        if let Err(error) = &head {
            report.damaged.push((name_of(shards, row), error.what().to_owned()));
            places[row] = Place::Nowhere;
        }
        heads.push(head.ok());
    }
    Ok(heads)
}

/// Decodes the images of all rows into their places; nothing comes of those that have none.
fn decode(
    shards: &[&Shard],
    heads: &[Option<Head>],
    places: &[Place],
    images: &mut [Vec<u8>; 2],
    shape: ImageShape,
    reading: &Reading,
) -> Result<Vec<Option<Result<()>>>> {
    let mut parts = images.each_mut().map(|images| images.chunks_exact_mut(shape.len()));
    let outs: Vec<Option<&mut [u8]>> = places
        .iter()
        .map(|place| match place {
            Place::Nowhere => None,
            place => parts[usize::from(is_test(*place))].next(),
        })
        .collect();
    let decoder = Decoder::new(shape, reading.fit);
    let rows = Images::new(shards).zip(heads).zip(outs);
    let results = parallel::map("Reading images", rows, Resizer::new, |resizer, ((bytes, head), out)| {
        let bytes = bytes?;
        let place = head.as_ref().zip(out);
        Ok(place.map(|(head, out)| decoder.decode(resizer, head, || bytes, out)))
    });
    results.into_iter().collect()
}

/// The name of a row, by its number among all.
fn name_of(shards: &[&Shard], mut row: usize) -> String {
    for shard in shards {
        if row < shard.rows() {
            return format!("{}, row {row}", shard.path.display());
        }
        row -= shard.rows();
    }
    format!("row {row}")
}
