//! A run's network for other tools: an ONNX file, tensors by name, or PyTorch source.
//!
//! | behavior of the readers | source | what is done |
//! | --- | --- | --- |
//! | opset 18 is the first in which `ReduceMax` takes its axes as an input; `Gelu` comes with 20 | ONNX operator changelog | 18 to 20 are written, gelu in parts below 20 |
//! | IR version 8 belongs to opset 18, 9 to 19 and 20 | ONNX versioning | as it says |
//! | even sizes of `LRN` reach to the other side than PyTorch's, and onnxruntime refuses them | onnxruntime 1.30 | the sum of squares by `AveragePool` over channels |
//! | a strict `load_state_dict` wants `num_batches_tracked` of a batch norm | PyTorch 2.11 | written as 0 |

mod names;
mod onnx;
mod pytorch;
mod ranks;
mod tensors;
#[cfg(test)]
mod tests;

use super::Model;
use crate::data::ChannelStats;

pub use onnx::OPSETS;

/// A network for another tool, with what its user has to know.
pub struct Exported {
    /// The network with its weights.
    pub model: Model,
    /// Names of the classes; none where its loss knows no classes.
    pub classes: Vec<String>,
    /// What was taken from pixels of 0 to 1 and what they were divided by, of each channel, where the network does not do that itself.
    pub normalization: Option<ChannelStats>,
}

impl Exported {
    /// Facts for the user, as JSON: the classes, and the normalization of the input.
    fn facts(&self) -> Vec<(&'static str, String)> {
        let list = |values: &[f32]| format!("{values:?}");
        let texts: Vec<String> =
            self.classes.iter().map(|class| serde_json::json!(class).to_string()).collect();
        let mut facts = vec![("classes", format!("[{}]", texts.join(", ")))];
        if let Some(stats) = &self.normalization {
            facts.extend([("mean", list(&stats.mean)), ("std", list(&stats.std))]);
        }
        facts
    }

    /// Meaning of input and output, for people.
    fn about(&self) -> String {
        let network = &self.model.network;
        let pixels = match &self.normalization {
            Some(_) => "pixels from 0 to 1, less `mean`, divided by `std`",
            None => "pixels from 0 to 1",
        };
        let output = if self.classes.is_empty() {
            format!("an image of {}", network.input)
        } else {
            format!("logits of {} classes", self.classes.len())
        };
        format!("Input: images of {}, {pixels}. Output: {output}.", network.input)
    }
}
