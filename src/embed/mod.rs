//! t-SNE on the GPU over any [`TensorView`](crate::gpu::TensorView) of rows: neighbors, affinities, forces, and the step.
//!
//! van der Maaten and Hinton 2008, "Visualizing data using t-SNE"; sparse affinities as in van der Maaten 2014. Every buffer stays
//! on the GPU, where the views draw the positions from; each [`Tsne::refresh`] reads the rows again, so that an embedding follows
//! a network that learns.
//!
//! In the shaders `x_in` is the read-only side of the buffer `x`, and `x_in`, `x_out` are the two sides of a pass between buffers.

mod affinities;
mod attraction;
mod components;
mod drift;
mod far_rows;
mod fft;
mod grid;
mod ivf;
mod knn;
mod memory;
mod mesh;
mod narrow;
mod neighbors;
mod options;
mod order;
mod pca;
mod pca_init;
pub mod quality;
mod repulsion;
mod rows;
mod scratch;
mod sort;
#[cfg(test)]
mod testing;
mod tsne;
pub mod twin;

pub use components::principal_components;
pub use drift::Drift;
pub use grid::Grid;
pub use memory::layout_bytes;
pub use narrow::{narrowed, narrowed_singles};
pub use options::{Method, NeighborSearch, Options, default_components};
pub use repulsion::Repulsion;
pub use tsne::{Settings, State, Tsne, TsneBuilder, check_perplexity};
