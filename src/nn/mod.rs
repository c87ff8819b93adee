//! Networks: specs, layers, loss, optimizer, and the training step, as plans of GPU dispatches.
//!
//! Every activation and its gradient is `[c, y, x, n]`, the image index innermost and padded to a multiple of
//! 4; weights are `[out, in, ky, kx]`. Every kernel has a plain-loop twin in f64 beside its Rust.

mod convolution;
pub mod gradcheck;
mod hyper;
mod init;
mod layer;
mod layer_info;
pub mod layers;
mod loss;
mod memory;
mod network;
mod optimizer;
mod parameters;
mod pass;
mod rows;
mod shape;
mod taking;
mod tensor;
mod trainer;

pub use hyper::{Hyper, Kind, Schedule};
pub use init::Init;
pub use layer::{
    BatchBuffers, Columns, Draw, Layer, LayerBuild, LayerPlans, Mode, ParameterSpec, Port, Role, TwinCall,
    TwinGradients,
};
pub use layer_info::{LayerInfo, TensorKind, node_name};
pub use loss::{Loss, LossBuffers, LossTwin, Target, loss_twin};
pub use memory::MemoryPlan;
pub use network::{Network, NetworkLayer, preset_names};
pub use optimizer::{Optimizer, Pace, StepPlace, TwinState, optimizer_twin};
pub use parameters::{Parameters, TensorRange};
pub use shape::Shape;
pub use taking::{Best, Taking, predictions_twin, responses_twin, rows_twin, shrunk, standardise};
pub use tensor::Tensor;
pub use trainer::{Trainer, TrainerOptions};
