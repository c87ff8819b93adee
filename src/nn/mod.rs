//! Networks: specs, layers, loss, optimizer, and the training step, as plans of GPU dispatches.
//!
//! Every activation and its gradient is `[c, y, x, n]`, the image index innermost and padded to a multiple of
//! 4; weights are `[out, in, ky, kx]`. Every kernel has a plain-loop twin in f64 (see [`twin`]).
//!
//! Words: a *sample* is an image in its slot of a batch; a *node* is an index in the network's graph, 0 the image, n the
//! output of layer n − 1; *features* are activations copied out for images.

mod average;
mod convnetjs;
mod export;
pub mod features;
mod filter_signs;
mod goal;
mod goal_gradients;
pub mod gradcheck;
mod gradient_sums;
mod halves;
pub mod histograms;
mod hyper;
mod imported;
mod init;
mod keras;
mod layer;
mod layer_build;
mod layer_info;
pub mod layers;
mod loss;
mod memory;
mod mixed_check;
mod model;
mod model_file;
mod network;
mod onnx;
mod optimizer;
mod options;
mod packing;
mod parameter;
mod parameters;
mod partial_sums;
mod pass;
mod predictor;
mod receptive_field;
mod recipe;
mod shape;
mod shown_state;
mod snapshot;
mod start_weights;
pub mod surgery;
mod tables;
mod tensor;
mod trainer;
pub mod twin;
mod weight_sums;
mod weights;

pub use export::{Exported, NamedArray, OPSETS as EXPORTED_OPSETS};
pub use features::{TopK, shrunk, standardize};
pub use filter_signs::{FilterSigns, NearestKernel, SignLayer, SignSources};
pub use goal::{Goal, MIN_SQUARE, Pull, SoftGoal};
pub use goal_gradients::GoalGradients;
pub use gradient_sums::sum_gradients;
pub use hyper::{Hyper, OptimizerKind, Schedule, StepsPerEpoch};
pub use init::Init;
pub use layer::{Channels, Layer, PlainSetting};
pub use layer_build::{BatchBuffers, BatchExtent, LayerBuild, LayerPlans, Pooling, Port, WithoutChannel};
pub use layer_info::{LayerInfo, TensorKind, node_name};
pub use loss::{Loss, LossBuffers, Target};
pub use memory::MemoryPlan;
pub use model::Model;
pub(crate) use network::{BATCHES_TRACKED, GRADIENT_PREFIX, STATE_PREFIXES};
pub use network::{Network, NetworkLayer, preset_names};
pub use optimizer::Optimizer;
pub use options::TrainerOptions;
pub use packing::Packing;
pub use parameter::{ParameterSpec, Role};
pub use parameters::{Parameters, TensorRange};
pub use partial_sums::{PartialRange, PartialSums};
pub use pass::{AblationPass, HeldOutPass, Predictions, StepPart};
pub use predictor::{Answers, Predictor};
pub use receptive_field::{Pixels, ReceptiveField};
pub use recipe::{Recipe, RecipeStep};
pub use shape::Shape;
pub use shown_state::ShownState;
pub use snapshot::Snapshot;
pub use start_weights::StartWeights;
pub use surgery::{Ablation, Edit, Surgery, WeightEdit};
pub use tensor::Tensor;
pub use trainer::{Trainer, TuneTurn, state_hash};
pub use weight_sums::WeightSums;
