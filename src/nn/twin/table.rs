//! The twin of each kernel, collected from the files that dispatch them.

use crate::data::twin::{KernelTwin, joined, total_len};
use crate::nn::features;
use crate::nn::layers::KINDS;
use crate::nn::{
    filter_signs, goal_gradients, gradient_sums, halves, histograms, loss, optimizer, packing, surgery,
    weight_sums,
};

/// The kernels of the layers, by kind.
const LAYERS: [&[KernelTwin]; KINDS.len()] = {
    let mut parts: [&[KernelTwin]; KINDS.len()] = [&[]; KINDS.len()];
    let mut i = 0;
    while i < parts.len() {
        parts[i] = KINDS[i].twins;
        i += 1;
    }
    parts
};

/// The kernels of everything else.
const OTHERS: [&[KernelTwin]; 13] = [
    features::EXTRACTION_TWINS,
    features::FIRED_TWINS,
    features::RESPONSE_TWINS,
    filter_signs::TWINS,
    goal_gradients::TWINS,
    gradient_sums::TWINS,
    halves::TWINS,
    histograms::TWINS,
    loss::TWINS,
    optimizer::TWINS,
    packing::TWINS,
    surgery::TWINS,
    weight_sums::TWINS,
];

const LAYER_TWINS: [KernelTwin; total_len(&LAYERS)] = joined(&LAYERS);
const OTHER_TWINS: [KernelTwin; total_len(&OTHERS)] = joined(&OTHERS);
const PARTS: [&[KernelTwin]; 2] = [&LAYER_TWINS, &OTHER_TWINS];
const ALL: [KernelTwin; total_len(&PARTS)] = joined(&PARTS);

/// Every compute entry point of `shaders/nn`.
pub const TWINS: &[KernelTwin] = &ALL;
