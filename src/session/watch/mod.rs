//! A training of PyTorch, watched: its checkpoints in a folder are shown as a run of ours, and what steers it goes back by a file.
//!
//! | file | written by | holds |
//! | --- | --- | --- |
//! | `network.toml` or `network.onnx` | the training | the network |
//! | `NAME.onnx.data` | the training | the weights of an ONNX network that was exported as `NAME.onnx`, where they lie beside it |
//! | `about.json` | the training | `dataset`, `mean` and `std`, where they are given |
//! | `step-00001200.safetensors` | the training | tensors by the names of the state dict, `grad.NAME`, `momentum.NAME`, `second_moment.NAME` |
//! | `checkpoints.jsonl` | the training | a line for each checkpoint, once it is whole: `step`, `file`, `loss`, `accuracy`, `epoch`, `lr`, ... |
//! | `steer.json` | us | values of the parameter groups, frozen rows, pause, save; each time with a higher `version` |
//!
//! Nothing lists the folder: a look is the length of `checkpoints.jsonl`, and what was added to it. No step of ours is made.

mod folder;
mod following;
mod opening;
mod orders;
mod places;
mod refusals;
mod report;
#[cfg(test)]
mod tests;
mod watched;

pub(super) use folder::LIST;
pub use folder::{LOOK_EVERY, has_begun};
pub use following::follow;
pub(super) use following::{control, evaluated, record_arrival, steer};
pub use opening::{Watching, begin};
pub(super) use refusals::check;
pub use refusals::refusal;
pub use report::CheckpointReport;
pub use watched::Watched;
pub(super) use watched::going_on;
