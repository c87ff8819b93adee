//! A run's network for other tools: an ONNX file, tensors by name, source of PyTorch or Keras, or JSON of ConvNetJS.
//!
//! | behavior of the readers | source | what is done |
//! | --- | --- | --- |
//! | opset 18 is the first in which `ReduceMax` takes its axes as an input; `Gelu` comes with 20 | ONNX operator changelog | 18 to 20 are written, gelu in parts below 20 |
//! | IR version 8 belongs to opset 18, 9 to 19 and 20 | ONNX versioning | as it says |
//! | `GroupNormalization` has a scale for each group before opset 21, and one for each channel since | ONNX operator changelog | written in parts, as PyTorch does |
//! | even sizes of `LRN` reach to the other side than PyTorch's, and onnxruntime refuses them | onnxruntime 1.30 | the sum of squares by `AveragePool` over channels |
//! | a strict `load_state_dict` wants `num_batches_tracked` of a batch norm | PyTorch 2.11 | written as 0 |

mod convnetjs;
mod exported;
mod keras;
mod names;
mod onnx;
mod parts;
mod python;
mod pytorch;
mod ranks;
mod tensors;
#[cfg(test)]
mod tests;
mod writer;

pub use exported::Exported;
pub use keras::NamedArray;
pub(super) use names::python_names;
pub use onnx::OPSETS;
