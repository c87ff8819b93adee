//! Networks of Keras: `.keras` and `.h5` files, and layers models of TensorFlow.js.
//!
//! | behavior of the files | source | what is done |
//! | --- | --- | --- |
//! | images, kernels and flattened maps have the channels last | Keras | turned |
//! | `padding="same"` pads one more below and to the right | Keras | a layer `pad` before the convolution; pools count real pixels alone, as Keras's do |
//! | kernels of `Conv2DTranspose` are `[y, x, out, in]`; `padding="same"` cuts one more below and to the right | Keras | turned; a negative `output_padding` |
//! | weights in files beside the model, whole or in pieces, as numbers of 32, 16 or 8 bits | TensorFlow.js 4.22 | joined in their order, scaled |
//! | weights counted for each class, `conv2d_1`, whatever a layer is called; those that are turned off move the others up | Keras 3.15 | counted alike |
//! | weights by name | Keras 2, `.h5` | found by the names of layer and variable |
//! | statistics of batch normalizations last, whatever their layer | TensorFlow.js 4.22 | found by their names |
//! | no weights of a layer `a/b` beside one called `a` (`findings/tensorflowjs_nested_names.sh`) | tensorflowjs 4.22, Python | refused: the layer is named |
//! | inbound nodes as lists, or as arguments of a call | Keras 2, Keras 3 | both are read |
//! | a softmax in the last layer | Keras | left out: the loss has its own; others are layers |
//! | functions as names, as objects, as layers within a layer | Keras 2, Keras 3 | all are read |
//! | `hard_sigmoid` of another slope than Keras 3's | Keras 2, TensorFlow.js | `scale` and `hardtanh` |
//! | sums and products with a number, `x + 3.0` | Keras 3 | `scale` |
//! | bilinear enlarging from the corners of pixels | TensorFlow.js 4.22, Keras before 2.3 | refused; that of later Keras has a layer |
//! | code of `Lambda` layers | Keras | refused, never run |

mod activations;
mod archive;
mod config;
mod graph;
mod hdf5;
mod inbound;
mod map;
mod names;
mod norms;
mod reader;
mod shapes;
mod tfjs;
mod variables;
mod windows;

use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Model;
use crate::error::{Error, Result};

/// Entries by which a configuration is known.
#[derive(Deserialize)]
struct Probe {
    #[serde(rename = "modelTopology")]
    topology: Option<IgnoredAny>,
    class_name: Option<IgnoredAny>,
}

/// The model of a JSON text in `folder`, if it is one of TensorFlow.js; none for others.
///
/// # Errors
/// When it is damaged, or has something for which there is no layer; that is named.
pub(super) fn read_json(text: &str, folder: &Path, name: &str) -> Option<Result<Model>> {
    match serde_json::from_str::<Probe>(text).ok()? {
        Probe { topology: Some(_), .. } => Some(tfjs::read(text, folder, name)),
        Probe { class_name: Some(_), .. } => {
            let help = "save the model with them: model.save(\"model.keras\")";
            Some(Err(Error::new("it is a model of Keras without its weights", help)))
        }
        _ => None,
    }
}

/// The model in the bytes of a `.keras` or `.h5` file; none for others.
///
/// # Errors
/// When it is damaged, or has something for which there is no layer; that is named.
pub(super) fn read_bytes(bytes: Vec<u8>, name: &str) -> std::result::Result<Result<Model>, Vec<u8>> {
    if bytes.starts_with(hdf5::SIGNATURE) {
        return Ok(hdf5::read_model(bytes, name));
    }
    let zipped = if bytes.starts_with(archive::SIGNATURE) { archive::read(&bytes, name) } else { None };
    zipped.ok_or(bytes)
}

#[cfg(test)]
mod tests;
