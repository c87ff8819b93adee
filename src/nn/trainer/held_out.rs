//! Measurements beside a run: the loss of given weights over held-out images, and the weights of a change on trial.

use super::Trainer;
use crate::data::HeldOutImages;
use crate::error::Result;
use crate::gpu::{Buffer, TensorView};
use crate::nn::pass::held_out_count;
use crate::nn::{Edit, HeldOutPass, Surgery};

impl Trainer {
    /// The first validation images, as many as are evaluated at once.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub fn hold_out(&self) -> Result<HeldOutImages> {
        self.loader.hold_out(&self.gpu, held_out_count(&self.gpu, &self.network)?)
    }

    /// The evaluation of held-out images for the network as it is.
    ///
    /// # Errors
    /// When it does not fit the adapter.
    pub fn held_out_pass(&self, images: &HeldOutImages) -> Result<HeldOutPass> {
        let quick = self.gpu.preferring_compiled();
        HeldOutPass::build(&quick, &self.network, &self.loader, &self.parameters, images)
    }

    /// Records the weights that a change would give into the flat buffer `values`; the run stays as it is.
    ///
    /// # Errors
    /// When the change is none of this network, or not one of the weights alone.
    pub fn record_trial(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        edit: &Edit,
        values: &Buffer<f32>,
    ) -> Result<()> {
        Surgery::of(&self.network, edit)?.record_trial(&self.gpu, encoder, &self.parameters, values)
    }

    /// View of the filters of the layer that makes a node in other weights than the run's, which are laid out alike.
    pub fn filters_in(&self, values: &Buffer<f32>, node: usize) -> Option<TensorView> {
        self.parameters.filters(&self.network, node.checked_sub(1)?, values)
    }
}
