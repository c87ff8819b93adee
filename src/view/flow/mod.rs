//! Flow along the edges between two columns of tiles, as ReVACNN draws it (Chung et al. 2016): for the pinned probe, what each channel
//! hands on to each filter; and the products of one filter.
//!
//! Along the edge from channel c to filter o of a convolution flows the sum over all output pixels of (map ∗ kernel) of that pair,
//! `Σ_{y, x} Σ_{ky, kx} weights[o, c, ky, kx] · maps[c, y·stride + ky·dilation − padding, x·stride + kx·dilation − padding]`. The sums over
//! pixels come first, once for each tap of a channel, and then each pair takes one product a tap. Where a map flows as it is, its
//! edge's flow is the sum over its pixels.
//!
//! The strongest edges are found and listed on the GPU and drawn from that list. A frame computes a fixed most of it, and goes on in the
//! next one. In a window that takes a fixed share of the time ([`TimeShare`]).

mod edge_flow;
mod edges;
mod flows;
mod places;
pub mod products;
mod time_share;
pub mod twin;

pub use edge_flow::{EdgeFlow, EdgeRanking, MAX_LISTED_EDGES};
pub use edges::{EdgeKernels, EdgeSet, Joins};
pub use flows::Flows;
pub use places::{Anchor, EdgePlacement, Focus, Lane};
pub use time_share::TimeShare;
