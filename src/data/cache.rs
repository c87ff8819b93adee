//! Decoded data sets on disk: what takes long to decode is decoded once.
//!
//! A file is named by everything that its content depends on, written beside its place and renamed. It holds the images and labels of
//! both splits as safetensors, and the rest as JSON with the fingerprint, which is calculated again when it is read: a damaged file is
//! passed over and written again. The folder keeps [`MAX_BYTES`], the files that were used last.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;
use std::time::SystemTime;

use safetensors::tensor::{Dtype, Metadata, TensorView};
use serde::{Deserialize, Serialize};

use super::dataset::{Dataset, ImageShape, Split};
use super::report::Report;
use super::source::Reading;
use crate::error::{Error, Result};
use crate::files;

/// Bytes of all files together.
const MAX_BYTES: u64 = 4 << 30;
/// Bytes of the head of a file at most.
const MAX_HEAD: u64 = 64 << 20;
/// Images from which on a decoded set is kept: fewer are read in no time.
const MIN_CACHED: usize = 1000;
const ENDING: &str = "safetensors";
const TENSORS: [&str; 4] = ["train_images", "train_labels", "test_images", "test_labels"];

/// A folder of decoded data sets.
pub(super) struct Cache {
    folder: PathBuf,
    most: u64,
    /// Images from which on a set is kept, where it is not the usual number.
    pub min_images: Option<usize>,
}

/// Name of a decoded data set: the hash of what it depends on.
pub(super) struct Key(blake3::Hasher);

impl Key {
    /// The key of a reader and its version.
    pub(super) fn new(reader: &str) -> Self {
        let mut key = Self(blake3::Hasher::new());
        key.add(reader.as_bytes());
        key
    }

    /// Adds something that the content depends on.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }
}

/// The data set of `count` images that is kept under a key, or else that which `read` gives, which then is kept.
///
/// # Errors
/// Those of `read`; with `strict` the first damaged image.
pub(super) fn kept_or_read(
    cache: Option<&Cache>,
    count: usize,
    key: Key,
    reading: &Reading,
    read: impl FnOnce() -> Result<Dataset>,
) -> Result<Dataset> {
    let cache = cache.filter(|cache| count >= cache.min_images.unwrap_or(MIN_CACHED));
    let kept = cache.and_then(|cache| cache.read(&key));
    let is_kept = kept.is_some();
    let data = match kept {
        Some(kept) => kept,
        None => read()?,
    };
    // What strict stops at is found again in what is kept.
    if let Some((file, reason)) = data.report.damaged.first().filter(|_| reading.strict) {
        return Err(Error::new(format!("{file}: {reason}"), "mend or remove it, or leave out --strict"));
    }
    if let Some(cache) = cache.filter(|_| !is_kept) {
        cache.write(&key, &data);
    }
    Ok(data)
}

/// All of a data set but images and labels.
#[derive(Serialize, Deserialize)]
struct Head {
    name: String,
    shape: [usize; 3],
    classes: Vec<String>,
    validation: usize,
    report: Report,
    fingerprint: String,
}

impl Cache {
    /// The cache in the user's cache folder, where there is one.
    pub(super) fn of_user() -> Option<Self> {
        let folders = directories::ProjectDirs::from("", "", "revacnn")?;
        Some(Self { folder: folders.cache_dir().join("images"), most: MAX_BYTES, min_images: None })
    }

    #[cfg(test)]
    pub(super) fn at(folder: &std::path::Path, most: u64) -> Self {
        Self { folder: folder.to_owned(), most, min_images: Some(0) }
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.folder.join(format!("{}.{ENDING}", key.0.finalize().to_hex()))
    }

    /// The data set of a key, if it is there undamaged.
    pub(super) fn read(&self, key: &Key) -> Option<Dataset> {
        let path = self.path(key);
        let file = File::open(&path).ok()?;
        // What is used is kept the longest.
        file.set_modified(SystemTime::now()).ok();
        let read = read(file).map_err(|error| error.within(path.display()));
        read.inspect_err(|error| log::warn!("{error}; the images are read again")).ok()
    }

    /// Keeps a data set. Where that fails, it is said, and nothing is kept.
    pub(super) fn write(&self, key: &Key, data: &Dataset) {
        let bytes = (data.train.images.len() + data.test.images.len()) as u64;
        if bytes > self.most / 2 {
            log::info!("the decoded images take {} MiB and are not kept in the cache", bytes >> 20);
        } else if let Err(error) = self.try_write(key, data, bytes) {
            log::warn!("the decoded images are not kept in the cache: {error}");
        }
    }

    fn try_write(&self, key: &Key, data: &Dataset, bytes: u64) -> Result<()> {
        files::create_folder(&self.folder)?;
        let path = self.path(key);
        let cannot = |error: &dyn std::fmt::Display| {
            Error::new(format!("cannot write {}: {error}", path.display()), "free some disk space")
        };
        let ImageShape { channels, height, width } = data.shape;
        let head = Head {
            name: data.name.clone(),
            shape: [channels, height, width],
            classes: data.classes.clone(),
            validation: data.validation,
            report: data.report.clone(),
            fingerprint: data.fingerprint(),
        };
        let head = serde_json::to_string(&head).map_err(|error| cannot(&error))?;
        // Labels and the names of the tensors take little.
        self.make_room(bytes + head.len() as u64 + (data.train.len() + data.test.len() + 1024) as u64);
        let part = tempfile::NamedTempFile::new_in(&self.folder).map_err(|error| cannot(&error))?;
        let parts: [&[u8]; 4] =
            [&data.train.images, &data.train.labels, &data.test.images, &data.test.labels];
        let view = |bytes| TensorView::new(Dtype::U8, vec![<[u8]>::len(bytes)], bytes);
        let views: Result<Vec<_>, _> =
            TENSORS.iter().zip(parts).map(|(name, b)| Ok((name, view(b)?))).collect();
        let views = views.map_err(|error: safetensors::SafeTensorError| cannot(&error))?;
        let metadata = HashMap::from([("dataset".to_owned(), head)]);
        safetensors::serialize_to_file(views, Some(metadata), part.path()).map_err(|error| cannot(&error))?;
        part.persist(&path).map_err(|error| cannot(&error))?;
        Ok(())
    }

    /// Removes the files that were not used for the longest time, until `bytes` more fit.
    fn make_room(&self, bytes: u64) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let found = entries.filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            // What a kill left of a file is older than all that are used.
            Some((metadata.modified().ok()?, metadata.len(), entry.path()))
        });
        let mut found: Vec<_> = found.collect();
        found.sort();
        let mut total: u64 = bytes + found.iter().map(|(_, len, _)| len).sum::<u64>();
        for (_, len, path) in found {
            if total <= self.most {
                break;
            }
            if fs::remove_file(path).is_ok() {
                total -= len;
            }
        }
    }
}

fn read(mut file: File) -> Result<Dataset> {
    let wrong = |error: &dyn std::fmt::Display| Error::new(format!("it is damaged: {error}"), "remove it");
    let len = file.metadata().map_err(|error| wrong(&error))?.len();
    let mut start = vec![0; 8];
    file.read_exact(&mut start).map_err(|error| wrong(&error))?;
    let head_len = u64::from_le_bytes(start[..].try_into().expect("8 bytes are read"));
    if head_len > MAX_HEAD.min(len - 8) {
        return Err(wrong(&"its head is longer than it"));
    }
    (&file).take(head_len).read_to_end(&mut start).map_err(|error| wrong(&error))?;
    let metadata: Metadata = serde_json::from_slice(&start[8..]).map_err(|error| wrong(&error))?;
    if metadata.data_len() as u64 + start.len() as u64 != len {
        return Err(wrong(&"it has another length than its head says"));
    }
    let head = metadata.metadata().as_ref().and_then(|metadata| metadata.get("dataset"));
    let head: Head = serde_json::from_str(head.map_or("", String::as_str)).map_err(|error| wrong(&error))?;
    let mut parts: HashMap<String, Vec<u8>> = HashMap::new();
    for name in metadata.offset_keys() {
        let size =
            metadata.info(&name).map_or(0, |info| info.data_offsets.1.saturating_sub(info.data_offsets.0));
        if size as u64 > len {
            return Err(wrong(&"one of its parts is longer than it"));
        }
        let mut bytes = Vec::with_capacity(size);
        (&file).take(size as u64).read_to_end(&mut bytes).map_err(|error| wrong(&error))?;
        parts.insert(name, bytes);
    }
    let [images, labels, test_images, test_labels] =
        TENSORS.map(|name| parts.remove(name).unwrap_or_default());
    let [channels, height, width] = head.shape;
    let train = Split { images: images.into(), labels };
    let test = Split { images: test_images.into(), labels: test_labels };
    let shape = ImageShape { channels, height, width };
    let data = Dataset::new(head.name, shape, head.classes, train, test)?.with_validation(head.validation)?;
    if data.fingerprint() != head.fingerprint {
        return Err(wrong(&"its images are not those that were written"));
    }
    Ok(Dataset { report: head.report, ..data })
}
