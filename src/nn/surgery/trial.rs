//! A change on trial: the weights that it would give, with the run left as it is.

use super::carry::{Content, carry};
use super::plan::TensorPlan;
use super::rebuild::Surgery;
use crate::error::{Error, Result};
use crate::gpu::{Buffer, Gpu};
use crate::nn::Parameters;

impl Surgery {
    /// Records what the change makes of the weights `before` into the flat buffer `values`, by the kernels that carry it out.
    ///
    /// # Errors
    /// When it is a change after which the tensors are laid out otherwise, or have fresh weights.
    pub(in crate::nn) fn record_trial(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        before: &Parameters,
        values: &Buffer<f32>,
    ) -> Result<()> {
        let stays = |plan: &TensorPlan| match plan {
            TensorPlan::Same(_) => true,
            TensorPlan::Carried(carried) => carried.fresh_rows().next().is_none(),
            TensorPlan::Fresh => false,
        };
        let shapes = self.network.layers.iter().flat_map(|layer| layer.parameters());
        let alike = shapes.map(|spec| spec.shape).eq(before.tensors.iter().map(|t| t.spec.shape.clone()));
        if !alike || !self.tensors.iter().all(stays) {
            let what = "this change cannot be tried out";
            return Err(Error::usage(what, "only a filter that becomes a sum of others can"));
        }
        let carried = self.carriages(&before.tensors, &before.tensors);
        let plan = carry(gpu, &carried, &[(Content::Weights, [&before.values, values])])?;
        let bytes = 4 * before.values.len() as u64;
        encoder.copy_buffer_to_buffer(before.values.raw(), 0, values.raw(), 0, bytes);
        plan.encode(encoder);
        Ok(())
    }
}
