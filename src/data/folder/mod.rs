//! Folders of images, one folder a class: `CLASS/*` or `train/CLASS/*`, with or without `val` and `test`, as torchvision's
//! `ImageFolder` and Keras read them.
//!
//! | | rule |
//! | --- | --- |
//! | classes | the folders' names, sorted; nested folders belong to the class above; hidden ones are passed over |
//! | validation | `val`, `valid`, `validation`, `dev`; else a tenth of the training images |
//! | test | `test`, `testing`; else a fifth of each class, the same for every seed |
//! | channels | 1 where every image is gray, else 3 |
//! | size | as asked; else that of the images where they agree and have at most 128 × 128 pixels; else a square of the median shorter side, of at most 64 |
//! | pixels | the first frame, upright by its EXIF data, on white where transparent, 16 bits scaled to 8 |
//! | damaged | left out, named and counted |

#[cfg(test)]
mod damage;
mod decode;
mod scan;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Mutex;

use fast_image_resize::Resizer;

use super::cache::{self, Cache, Key};
use super::dataset::{Dataset, ImageShape, Split};
use super::fit::{fit, keep_only, room};
use super::order::drawn_for_test;
use super::parallel;
use super::report::{Report, count_sizes};
use super::source::{Fit, ImageSize, Reading};
use crate::error::{Error, Result};
pub(super) use decode::{Head, head};
pub use scan::images_in;
use scan::{Item, Tree, scan};
pub(super) use scan::{SPLITS, claims, folders, loose_images};

/// Folders of a set in this format, for messages.
pub(super) const LOOKS_FOR: &str = "folders of images, one a class: train/CLASS/*.png or CLASS/*.png";
/// Largest width and height that images keep, unless others are asked for.
const MAX_KEPT: u32 = 128;
/// Side of images that differ in size, unless another one is asked for.
const DEFAULT_SIDE: u32 = 64;
/// Bytes from which on an image is decoded by one thread at a time, so that memory stays small.
const MIN_ALONE: u64 = 16 << 20;

/// Reads the set in `folder`.
///
/// # Errors
/// When there are no classes or images, a folder cannot be read, or with `strict` an image is damaged.
pub(super) fn open(folder: &Path, reading: &Reading) -> Result<Dataset> {
    open_with(folder, reading, Cache::of_user().as_ref())
}

fn open_with(folder: &Path, reading: &Reading, cache: Option<&Cache>) -> Result<Dataset> {
    let tree = scan(folder)?;
    let count: usize = tree.parts.iter().map(Vec::len).sum();
    let key = key(folder, &tree, reading);
    cache::kept_or_read(cache, count, key, reading, || decode_all(folder, tree, reading))
}

/// One image file as a data set of this shape has it: `[c, y, x]`, by the rule of this module.
///
/// # Errors
/// When it cannot be read or is damaged, or the set has neither 1 nor 3 channels.
pub fn open_image(path: &Path, shape: ImageShape, how: Fit) -> Result<Vec<u8>> {
    let read = || {
        if ![1, 3].contains(&shape.channels) {
            let what =
                format!("the images of the data set have {} channels, a picture has 1 or 3", shape.channels);
            return Err(Error::new(what, "give raw input as an array of an .npz"));
        }
        let pixels = decode::pixels(&decode::read(path)?, shape.channels == 1)?;
        let mut image = vec![0; shape.len()];
        fit(&mut Resizer::new(), &pixels, shape, how, &mut image);
        Ok(image)
    };
    read().map_err(|error: Error| error.within(path.display()))
}

/// Everything that the decoded images depend on.
fn key(folder: &Path, tree: &Tree, reading: &Reading) -> Key {
    let mut key = Key::new("folder 1");
    key.add(folder.canonicalize().unwrap_or_else(|_| folder.to_owned()).as_os_str().as_encoded_bytes());
    key.add(format!("{:?} {:?}", reading.size, reading.fit).as_bytes());
    tree.classes.iter().for_each(|class| key.add(class.as_bytes()));
    for part in &tree.parts {
        key.add(&(part.len() as u64).to_le_bytes());
        for item in part {
            key.add(item.path.as_os_str().as_encoded_bytes());
            key.add(&[item.label]);
            item.state.iter().for_each(|number| key.add(&number.to_le_bytes()));
        }
    }
    key
}

/// Decodes the images, those that a test needs drawn from the training images where it has none of its own.
fn decode_all(folder: &Path, tree: Tree, reading: &Reading) -> Result<Dataset> {
    let Tree { classes, mut parts, mut report } = tree;
    if parts[2].is_empty() {
        draw_test(&mut parts, &mut report).map_err(|error| error.within(folder.display()))?;
    }
    let [train, validation, test] = parts.map(|items| with_heads(items, &mut report));
    let heads = [&train, &validation, &test].into_iter().flatten().map(|(_, head)| *head);
    let shape = shape_of(&heads.collect::<Vec<_>>(), reading, &mut report)?;
    let trained = train.len();
    let (train, kept) = decode(train.into_iter().chain(validation).collect(), shape, reading, &mut report)?;
    let validation = kept[trained..].iter().filter(|kept| **kept).count();
    let (test, _) = decode(test, shape, reading, &mut report)?;
    let name = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = name.file_name().map_or("images".to_owned(), |name| name.to_string_lossy().into_owned());
    let data =
        Dataset::new(name, shape, classes, train, test).and_then(|data| data.with_validation(validation));
    let data = data.map_err(|error| error.within(folder.display()))?;
    Ok(Dataset { report, ..data })
}

fn draw_test(parts: &mut [Vec<Item>; 3], report: &mut Report) -> Result<()> {
    let labels: Vec<u8> = parts[0].iter().map(|item| item.label).collect();
    let mut drawn = drawn_for_test(&labels).into_iter();
    (parts[2], parts[0]) =
        std::mem::take(&mut parts[0]).into_iter().partition(|_| drawn.next() == Some(true));
    if parts[2].is_empty() {
        let help = "give it a folder `test` beside `train`, or 5 images or more of a class";
        return Err(Error::new("there are no test images, and too few to draw some", help));
    }
    let count = parts[2].len();
    report.note(format!("there is no folder of test images: {count} of {} images are drawn", labels.len()));
    Ok(())
}

/// The images whose head can be read.
fn with_heads(items: Vec<Item>, report: &mut Report) -> Vec<(Item, Head)> {
    let read = |(): &mut (), item: &Item| decode::read(&item.path).and_then(|bytes| decode::head(&bytes));
    let heads = parallel::map("Looking at images", items.iter(), || (), read);
    let mut known = Vec::with_capacity(items.len());
    for (item, head) in items.into_iter().zip(heads) {
        match head {
            Ok(head) => known.push((item, head)),
            Err(error) => report.damaged.push((item.path.display().to_string(), error.what().to_owned())),
        }
    }
    known
}

/// The shape of all images, by the rule of this module.
pub(super) fn shape_of(heads: &[Head], reading: &Reading, report: &mut Report) -> Result<ImageShape> {
    report.sizes = count_sizes(heads.iter().map(|head| head.size));
    let Some(([width, height], _)) = report.sizes.first().copied() else {
        return Err(Error::new("every image is damaged", "look at one with another program"));
    };
    let channels = if heads.iter().all(|head| head.is_gray) { 1 } else { 3 };
    let size = match reading.size {
        Some(size) => size,
        None if report.sizes.len() == 1 && width <= MAX_KEPT && height <= MAX_KEPT => {
            ImageSize { width: width as usize, height: height as usize }
        }
        None => {
            let mut shorter: Vec<u32> = heads.iter().map(|head| head.size[0].min(head.size[1])).collect();
            let (_, median, _) = shorter.select_nth_unstable(heads.len() / 2);
            let side = (*median).min(DEFAULT_SIDE) as usize;
            ImageSize { width: side, height: side }
        }
    };
    if report.sizes.len() > 1 || [width as usize, height as usize] != [size.width, size.height] {
        let why = if reading.size.is_some() { "" } else { "; --image-size takes another" };
        let count = report.sizes.len();
        let from = if count == 1 { format!("{width}x{height}") } else { format!("{count} sizes") };
        report.note(format!("images of {from} are brought to {size} (fit: {}{why})", reading.fit));
    }
    Ok(ImageShape { channels, height: size.height, width: size.width })
}

/// Decodes images in their order, without those that are damaged; tells which are there.
fn decode(
    items: Vec<(Item, Head)>,
    shape: ImageShape,
    reading: &Reading,
    report: &mut Report,
) -> Result<(Split, Vec<bool>)> {
    let mut images = room(items.len(), shape)?;
    let decoder = Decoder::new(shape, reading.fit);
    let work = |resizer: &mut Resizer, ((item, head), out): (&(Item, Head), &mut [u8])| {
        decoder.decode(resizer, head, || decode::read(&item.path), out)
    };
    let places = items.iter().zip(images.chunks_exact_mut(shape.len()));
    let results: Vec<Result<()>> = parallel::map("Reading images", places, Resizer::new, work);
    let mut labels = Vec::with_capacity(items.len());
    for ((item, _), result) in items.iter().zip(&results) {
        match result {
            Ok(()) => labels.push(item.label),
            Err(error) => report.damaged.push((item.path.display().to_string(), error.what().to_owned())),
        }
    }
    let kept: Vec<bool> = results.iter().map(Result::is_ok).collect();
    keep_only(&mut images, shape, kept.iter().copied());
    Ok((Split { images: images.into(), labels }, kept))
}

/// Decoder of image files to one shape, for several threads at once.
pub(super) struct Decoder {
    shape: ImageShape,
    fit: Fit,
    /// Large images are decoded one at a time.
    alone: Mutex<()>,
}

impl Decoder {
    /// A decoder of images to `shape`, by the rule of this module.
    pub(super) fn new(shape: ImageShape, fit: Fit) -> Self {
        Self { shape, fit, alone: Mutex::new(()) }
    }

    /// Writes an image, whose file has this head, as `[c, y, x]` into `out`.
    ///
    /// # Errors
    /// When `read` cannot read it, or it is damaged.
    pub(super) fn decode(
        &self,
        resizer: &mut Resizer,
        head: &Head,
        read: impl FnOnce() -> Result<Vec<u8>>,
        out: &mut [u8],
    ) -> Result<()> {
        let _guard = (head.bytes >= MIN_ALONE).then(|| self.alone.lock());
        let pixels = decode::pixels(&read()?, self.shape.channels == 1)?;
        fit(resizer, &pixels, self.shape, self.fit, out);
        Ok(())
    }
}
