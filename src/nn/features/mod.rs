//! Feature extraction: activations, predictions and filter responses copied out of the passes of an evaluation.
//!
//! These dispatches follow the evaluation's (see [`Trainer::evaluation_plan`](super::Trainer::evaluation_plan)). They
//! read from the clock which images the pass held, so that one plan serves every pass. Their twins are in [`super::twin`].

mod extraction;
mod fired;
mod responses;
mod top_k;

pub(super) use extraction::TWINS as EXTRACTION_TWINS;
pub use extraction::{Extraction, shrunk};
pub(super) use fired::TWINS as FIRED_TWINS;
pub use fired::mark_fired;
pub(super) use responses::TWINS as RESPONSE_TWINS;
pub use responses::standardize;
pub use top_k::TopK;
