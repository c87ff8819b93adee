//! Files of networks with their weights, by what they hold: ONNX, Keras, or JSON of TensorFlow.js or ConvNetJS.

use std::path::Path;

use super::{Model, convnetjs, keras};
use crate::data::NamedTensors;
use crate::error::{Error, Result};

/// Largest size of an ONNX file in bytes, which is the format's own.
const MAX_BYTES: u64 = 1 << 31;
/// Largest size of a file of text in bytes.
const MAX_TEXT: usize = 1 << 28;

impl Model {
    /// Reads a file of another tool: ONNX, `.keras` and `.h5` of Keras, the `model.json` of a layers model of TensorFlow.js, or JSON of
    /// ConvNetJS.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or has something for which there is no layer; that is named.
    pub fn open(path: &Path) -> Result<Self> {
        let io = |error| Error::io("read", path, &error);
        let metadata = std::fs::metadata(path).map_err(io)?;
        if !metadata.is_file() || metadata.len() > MAX_BYTES {
            let what = format!("{} is no file of a network", path.display());
            return Err(Error::new(what, "name a file of at most 2 GiB, as torch.onnx.export writes it"));
        }
        if NamedTensors::is_in(path)? {
            let what = format!("{} holds weights without a network", path.display());
            return Err(Error::new(
                what,
                "import it with --network, which names the network that they belong to",
            ));
        }
        let bytes = std::fs::read(path).map_err(io)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let model = match text_of(&bytes) {
            Some(text) => {
                keras::read_json(text, folder, &name).unwrap_or_else(|| convnetjs::read(text, &name))
            }
            None => keras::read_bytes(bytes, &name).unwrap_or_else(|bytes| Self::read(&bytes, folder, &name)),
        };
        model.map_err(|error| error.within(path.display()))
    }
}

/// The text of a file that holds a JSON object.
fn text_of(bytes: &[u8]) -> Option<&str> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let is_object = first == Some(&b'{') && bytes.len() <= MAX_TEXT;
    is_object.then(|| std::str::from_utf8(bytes).ok()).flatten()
}
