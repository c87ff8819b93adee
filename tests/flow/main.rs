//! The computation of a network, as it is shown: flow along edges, the products of a filter, and receptive fields.

mod edges;
mod products;
mod receptive;
mod recipes;

use std::rc::Rc;

use revacnn::gpu::{AdapterChoice, Gpu};

fn gpu() -> Rc<Gpu> {
    Rc::new(Gpu::open(&AdapterChoice::Best).unwrap())
}

/// Values without a pattern that a wrong stride could hide behind.
fn values(len: usize, seed: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 7919 + seed * 613 + 13) % 1009) as f32 / 500.0 - 1.0).collect()
}
