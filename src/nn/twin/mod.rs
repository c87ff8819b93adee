//! The twins: plain loops in f64 that say what each kernel of `shaders/nn` computes. Those of the layers are methods of
//! [`Layer`](super::Layer), beside the layer's dispatches.

mod call;
mod features;
mod filter_signs;
mod goals;
mod halves;
mod histograms;
mod loss;
mod optimizer;
mod table;

pub use crate::data::twin::KernelTwin;
pub use call::{Mode, RngKey, TwinCall, TwinGradients};
pub use features::{feature_row, fires, predictions, responses};
pub use filter_signs::{channel_counts, nearest_kernel};
pub use goals::{goal_gradient, goal_loss};
pub use halves::{half, scaled_half};
pub use histograms::{bin_of, histogram, ratio_bin, strip_column, unit_counts};
pub use loss::{LossTwin, loss};
pub use optimizer::{
    StepContext, Treatment, TwinState, average_step, gradient_sums, optimizer_step, weight_sums,
};
pub use table::TWINS;
