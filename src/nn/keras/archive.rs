//! `.keras` files: a zip of `config.json`, `metadata.json` and `model.weights.h5`.

use std::io::{Cursor, Read as _};

use serde_json::Value;
use zip::ZipArchive;

use super::config::{DAMAGED, MAX_CONFIG};
use super::graph::Graph;
use super::hdf5::Hdf5;
use super::reader::{self, Dialect};
use crate::error::{Error, Result};
use crate::nn::Model;

/// First bytes of a zip.
pub(super) const SIGNATURE: &[u8] = b"PK\x03\x04";
/// Entries of the zip.
const CONFIG: &str = "config.json";
const METADATA: &str = "metadata.json";
const WEIGHTS: &str = "model.weights.h5";
/// Largest weights for a file of no bytes, and how many times its own bytes it may have beside.
const MAX_WEIGHTS: u64 = 64 << 20;
const MAX_GROWTH: u64 = 4;

type Zip<'a> = ZipArchive<Cursor<&'a [u8]>>;

fn damaged(error: impl std::fmt::Display) -> Error {
    Error::new(
        format!("it is a damaged zip, or cut short: {error}"),
        "bring the whole file back, or save the model again",
    )
}

/// Reads the content of a zip; none if it is another than Keras's.
///
/// # Errors
/// When it is damaged, or a layer has none of ours; that is named.
pub(super) fn read(bytes: &[u8], name: &str) -> Option<Result<Model>> {
    let mut zip = match ZipArchive::new(Cursor::new(bytes)) {
        Ok(zip) => zip,
        Err(error) => return Some(Err(damaged(error))),
    };
    let has = |name: &str| zip.index_for_name(name).is_some();
    if !has(CONFIG) && !has(WEIGHTS) {
        return None;
    }
    Some(read_zip(&mut zip, bytes.len() as u64, name))
}

fn read_zip(zip: &mut Zip<'_>, len: u64, name: &str) -> Result<Model> {
    let json = |bytes: Vec<u8>, of: &str| -> Result<Value> {
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::new(format!("its {of} is damaged: {error}"), DAMAGED))
    };
    let config = json(entry(zip, CONFIG, MAX_CONFIG as u64)?, CONFIG)?;
    let metadata = json(entry(zip, METADATA, 1 << 16)?, METADATA)?;
    let weights = entry(zip, WEIGHTS, MAX_WEIGHTS.saturating_add(len.saturating_mul(MAX_GROWTH)))?;
    // Keras 2.12 and later write such files, too.
    let is_keras_2 = metadata["keras_version"].as_str().is_some_and(|version| version.starts_with("2."));
    let dialect = if is_keras_2 { Dialect::Keras2 } else { Dialect::Keras3 };
    reader::read(&Graph::read(&config)?, &mut Hdf5::open(weights)?, dialect, name)
}

/// The bytes of an entry, `limit` at most.
fn entry(zip: &mut Zip<'_>, name: &str, limit: u64) -> Result<Vec<u8>> {
    let within = |error: Error| error.within(name);
    let file = zip.by_name(name).map_err(damaged).map_err(within)?;
    let mut bytes = Vec::new();
    // The size in its header is not trusted.
    file.take(limit + 1).read_to_end(&mut bytes).map_err(damaged).map_err(within)?;
    if bytes.len() as u64 > limit {
        return Err(within(Error::new(format!("it unpacks to more than {limit} bytes"), DAMAGED)));
    }
    Ok(bytes)
}
