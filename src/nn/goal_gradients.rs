//! The gradients of the soft goals of all layers (`goal.rs`), as partial sums of the gradients.
//!
//! A workgroup adds the terms of one filter in the order of its layer's goals: each is `α·w + β·o` with the other filter or the kernel `o`,
//! whose factors follow from `w·w`, `w·o` and `o·o`. They lie in a row of partial sums of the layer's weights, which `gradient_sums.rs` adds
//! to the others in the last pass of a step, so that norm, clipping and pictures have them. Without goals there is none of it.

use super::goal::{Goal, SoftGoal};
use super::network::{Network, NetworkLayer};
use super::parameters::Parameters;
use super::partial_sums::PartialSums;
use super::surgery::filter_weights;
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, PlanBuilder, Source, Stage};
use crate::nn::twin::KernelTwin;
use crate::{params, wgsl};

const GOAL_GRADIENTS: Source = wgsl!("nn/goal_gradients.wgsl", GoalRow, GoalTerm, GoalGradientsParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] =
    &[("nn/goal_gradients.wgsl", "goal_gradients", "nn::twin::goal_gradient, added up by filter")];

params! { struct GoalGradientsParams { rows: u32, least_square: f32 } }
params! {
    /// A filter with goals.
    struct GoalRow {
        /// First weight in the flat buffer.
        first: u32,
        /// Number of weights.
        len: u32,
        /// First gradient in its layer's row of partial sums.
        to: u32,
        /// First of its terms, and one past the last.
        term: u32,
        end: u32,
    }
}
params! {
    /// A goal, as one of its filters has it.
    struct GoalTerm {
        /// 0 attract, 1 repel, 2 become
        pull: u32,
        /// First weight of the other filter, or of the kernel among the kernels.
        other: u32,
        strength: f32,
    }
}

/// Filters of a layer that have goals.
struct OfLayer {
    rows: Buffer<GoalRow>,
    terms: Buffer<GoalTerm>,
    kernels: Buffer<f32>,
    gradients: BufferRange,
}

/// The gradients of a network's soft goals.
pub struct GoalGradients {
    /// Partial sums that hold them: one row for each layer's weights.
    pub partials: PartialSums,
    layers: Vec<OfLayer>,
}

impl GoalGradients {
    /// Those of a network; none where no layer that is trained has a goal.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub fn of(gpu: &Gpu, network: &Network, parameters: &Parameters) -> Result<Option<Self>> {
        let partials = PartialSums::default();
        let mut layers = Vec::new();
        for (index, layer) in network.layers.iter().enumerate() {
            if !layer.goals.is_empty() && layer.trains() {
                layers.extend(of_layer(gpu, (index, layer), parameters, &partials)?);
            }
        }
        Ok((!layers.is_empty()).then_some(Self { partials, layers }))
    }

    /// Adds a dispatch for each layer that has goals.
    ///
    /// # Errors
    /// When a buffer does not fit.
    pub fn dispatch<'g>(
        &self,
        gpu: &'g Gpu,
        plan: &mut PlanBuilder<'g>,
        parameters: &Parameters,
    ) -> Result<()> {
        for layer in &self.layers {
            let stage = Stage::new(gpu, &GOAL_GRADIENTS, &[])
                .with("rows", layer.rows.range())
                .with("terms", layer.terms.range())
                .with("kernels", layer.kernels.range())
                .with("values", parameters.values.range())
                .with("gradients", layer.gradients.clone());
            let rows = layer.rows.len() as u32;
            let params = GoalGradientsParams { rows, least_square: super::goal::MIN_SQUARE };
            stage.dispatch(plan, "goal_gradients", &params, [rows * 64, 1, 1])?;
        }
        Ok(())
    }
}

fn of_layer(
    gpu: &Gpu,
    (index, layer): (usize, &NetworkLayer),
    parameters: &Parameters,
    partials: &PartialSums,
) -> Result<Option<OfLayer>> {
    let Some((tensor, len)) = filter_weights(layer) else { return Ok(None) };
    let offset = parameters.offsets[index][tensor];
    let (mut rows, mut terms, mut kernels) = (Vec::new(), Vec::new(), Vec::new());
    let kernels_at = kernels_of(&layer.goals, &mut kernels);
    let place = |filter: u32| layer.filter_ids.iter().position(|id| *id == filter);
    let first = |filter: u32| place(filter).map_or(0, |filter| (offset + filter * len) as u32);
    for (filter, id) in layer.filter_ids.iter().enumerate() {
        let term = terms.len() as u32;
        for (SoftGoal { goal, strength }, kernel) in layer.goals.iter().zip(&kernels_at) {
            let other = match goal {
                Goal::Attract([a, b]) | Goal::Repel([a, b]) if a == id => first(*b),
                Goal::Attract([a, b]) | Goal::Repel([a, b]) if b == id => first(*a),
                Goal::Become { filter, .. } if filter == id => *kernel,
                _ => continue,
            };
            terms.push(GoalTerm { pull: goal.pull() as u32, other, strength: *strength });
        }
        let end = terms.len() as u32;
        if end > term {
            rows.push(GoalRow { first: first(*id), len: len as u32, to: (filter * len) as u32, term, end });
        }
    }
    let what = format!("the gradients of the goals of {}", layer.name);
    Ok(Some(OfLayer {
        gradients: partials.reserve(gpu, &what, (offset, len * layer.filter_ids.len()), 1)?,
        rows: Buffer::from_slice(gpu, "filters with goals", &rows),
        terms: Buffer::from_slice(gpu, "goals", &terms),
        kernels: Buffer::from_slice(gpu, "kernels of goals", &kernels),
    }))
}

/// Puts the kernels of goals one behind the other; of each goal the first weight of its kernel.
fn kernels_of(goals: &[SoftGoal], kernels: &mut Vec<f32>) -> Vec<u32> {
    let mut firsts = Vec::new();
    for soft in goals {
        firsts.push(kernels.len() as u32);
        if let Goal::Become { kernel, .. } = &soft.goal {
            kernels.extend(kernel);
        }
    }
    if kernels.is_empty() {
        kernels.push(0.0);
    }
    firsts
}
