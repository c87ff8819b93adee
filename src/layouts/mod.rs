//! Live t-SNE layouts of what a network holds: filters and maps, images by their activations, all filters by their responses.
//!
//! A layout reads its rows from the network as it trains and goes on from where its points are. Layouts read a trainer and change
//! nothing of it; who trains it grants them a share of the GPU's time.

mod build;
mod credit;
mod edited;
mod feature_pass;
mod filters;
mod images;
mod layout;
mod progress;
mod reexaggeration;
mod seen;
mod set;
mod source;
mod tensor_tiles;
mod turns;

pub use filters::Filters;
pub use images::{Images, default_images, images_of, max_images};
pub use layout::Layout;
pub use set::Layouts;
pub use source::{ImageSet, ImageSource, LayoutId, LayoutSource, RowSource};
pub use tensor_tiles::{FILTER_PERPLEXITY, can_be_laid_out};
