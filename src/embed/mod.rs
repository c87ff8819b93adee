//! t-SNE on the GPU over any [`TensorView`](crate::gpu::TensorView) of rows: neighbours, affinities, forces, and the step.
//!
//! van der Maaten and Hinton 2008, "Visualizing data using t-SNE"; sparse affinities as in van der Maaten 2014. Every buffer stays
//! on the GPU, where the views draw the positions from; rows are read anew at each [`Tsne::refresh`], so that an embedding follows
//! a network that learns.

mod affinities;
mod change;
mod fft;
mod forces;
mod grid;
mod lists;
mod mesh;
mod neighbours;
mod options;
mod principal;
pub mod quality;
mod reduction;
mod rows;
mod search;
mod sort;
mod tsne;
pub mod twin;

pub use change::{Change, change_twin};
pub use forces::{Method, Repulsion};
pub use grid::Grid;
pub use options::{NeighbourSearch, Options, layout_bytes, usual_components};
pub use tsne::{Settings, State, Tsne};
