//! Surgery: a changed network, and for every tensor and axis where each index comes from.
//!
//! One mechanism for all changes: filters added, split, deleted, merged, reset or blended, layers put in or taken out. The origins of
//! the channels pass through the layers to those that take them; what follows is carried out on the GPU for weights, moments and
//! averages alike, and what keeps its place keeps its bits. Filters that an `add`, a `maxout` or a grouped convolution ties change together.

mod ablation;
mod between;
mod carry;
mod edit;
mod filters;
mod goals;
mod in_place;
mod operation;
mod origin;
mod plan;
mod rebuild;
mod touched;
mod trial;
mod units;

pub use ablation::Ablation;
pub use between::channels_between;
pub use carry::{Content, carry_twin};
pub(in crate::nn) use carry::{TWINS, compile};
pub use edit::Edit;
pub(in crate::nn) use goals::filter_weights;
pub use in_place::WeightEdit;
pub(in crate::nn) use operation::Stream;
pub use origin::{ChannelMap, Origin, Term};
pub use plan::{Carried, TensorPlan};
pub use rebuild::Surgery;
