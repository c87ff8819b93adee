//! A change on trial: what a filter would become, and the loss that it would give, while the run goes on as it is.

use super::held_out::{HeldOut, Of, Target};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, TensorView};
use crate::nn::{Edit, Surgery, Trainer};

/// Losses over the held-out images, of one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrialLosses {
    /// Number of steps finished.
    pub step: u32,
    /// With the weights as they were.
    pub present: f32,
    /// With those that the change would have given.
    pub changed: f32,
}

/// A change on trial.
pub struct Trial {
    edit: Edit,
    /// The flat weights that it would give.
    values: Buffer<f32>,
    losses: Option<TrialLosses>,
    /// The measurement under way: its number, change, step, and the loss of the present weights.
    asked: Option<Asked>,
    /// Number of the last measurement.
    number: u64,
    /// The last measurement: the change, the step, and the commands since measuring began.
    measured: Option<(Edit, u32, u64)>,
    /// The change whose losses are known.
    known: Option<Edit>,
}

/// A measurement under way.
struct Asked {
    edit: Edit,
    step: u32,
    present: Option<f32>,
}

impl Trial {
    /// The change.
    pub fn edit(&self) -> &Edit {
        &self.edit
    }

    /// The losses, the last that were measured; of a change before this one while it moves.
    pub fn losses(&self) -> Option<TrialLosses> {
        self.losses
    }

    /// True if the losses are of this very change.
    pub fn is_measured(&self) -> bool {
        self.known.as_ref() == Some(&self.edit)
    }

    /// A blend of a filter; `former` was on trial before.
    ///
    /// # Errors
    /// When it is no blend, or none of this network.
    pub(super) fn of(edit: Edit, trainer: &Trainer, former: Option<Self>) -> Result<Self> {
        if !matches!(edit, Edit::BlendFilter { .. }) {
            let what = "this change cannot be tried out";
            return Err(Error::usage(what, "only a filter that becomes a sum of others can"));
        }
        Surgery::of(&trainer.network, &edit)?;
        let len = trainer.parameters.values.len();
        if let Some(former) = former.filter(|former| former.values.len() == len) {
            return Ok(Self { edit, ..former });
        }
        Ok(Self {
            edit,
            values: Buffer::zeroed(trainer.gpu(), "weights on trial", len),
            losses: None,
            asked: None,
            number: 0,
            measured: None,
            known: None,
        })
    }

    /// View of the filters of the layer that makes a node, as the change would make them.
    pub(super) fn filters(&self, trainer: &Trainer, node: usize) -> Option<TensorView> {
        trainer.filters_in(&self.values, node)
    }

    /// The loss of the present weights has come back, of the measurement with this number.
    pub(super) fn set_present(&mut self, number: u64, loss: f32) {
        if let Some(asked) = self.asked.as_mut().filter(|_| number == self.number) {
            asked.present = Some(loss);
        }
    }

    /// The loss of the changed weights has come back, after that of the present ones.
    pub(super) fn set_changed(&mut self, number: u64, changed: f32) {
        if number != self.number {
            return;
        }
        if let Some(Asked { edit, step, present: Some(present) }) = self.asked.take() {
            self.losses = Some(TrialLosses { step, present, changed });
            self.known = Some(edit);
        }
    }

    /// Records the weights that the change gives now and, where they are others than those that were measured last, copies for the
    /// losses.
    ///
    /// # Errors
    /// When the filter, or one that it would come from, is gone.
    pub(super) fn record(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        run: Of<'_>,
        held: &mut HeldOut,
    ) -> Result<()> {
        let now = (self.edit.clone(), run.step(), held.changes);
        if self.measured.as_ref() == Some(&now) {
            return Ok(());
        }
        let (trainer, step) = (run.trainer, run.step());
        let same_len = self.values.len() == trainer.parameters.values.len();
        if !same_len || trainer.record_trial(encoder, &self.edit, &self.values).is_err() {
            let what = "the network was changed, and the blend that was tried out fits it no longer";
            return Err(Error::new(what, "drag the filter again"));
        }
        // One measurement at a time: the next has the weights and the change of then.
        if self.asked.is_some() {
            return Ok(());
        }
        held.trials += 1;
        self.number = held.trials;
        held.copy(encoder, run, &trainer.parameters.values, vec![Target::Present(self.number)]);
        held.copy(encoder, run, &self.values, vec![Target::Trial(self.number)]);
        self.asked = Some(Asked { edit: now.0.clone(), step, present: None });
        self.measured = Some(now);
        Ok(())
    }
}
