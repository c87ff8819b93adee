//! Soft goals of a network's layers: set, taken away, and gone with their filters.

use crate::error::{Error, Result};
use crate::nn::goal::{Goal, SoftGoal, with_goal};
use crate::nn::{Network, NetworkLayer, Role};

/// Index among a layer's tensors of the weights of its filters, and the number of weights of one.
pub(in crate::nn) fn filter_weights(layer: &NetworkLayer) -> Option<(usize, usize)> {
    let tensors = layer.parameters();
    let index = tensors.iter().position(|tensor| tensor.role == Role::Weight)?;
    let rows = tensors[index].shape[0];
    (rows > 0 && rows == layer.filter_ids.len()).then(|| (index, tensors[index].len() / rows))
}

/// Those of some goals that fit a layer.
pub(super) fn fitting(goals: &[SoftGoal], layer: &NetworkLayer) -> Vec<SoftGoal> {
    let Some((_, weights)) = filter_weights(layer) else { return Vec::new() };
    let fits = |soft: &&SoftGoal| soft.goal.check(&layer.filter_ids, weights).is_ok();
    goals.iter().filter(fits).cloned().collect()
}

impl Network {
    /// Sets a goal of the layer with this number, in the place of the one for the same filters; strength 0 takes it away.
    ///
    /// # Errors
    /// When there is no such layer or filter, or the goal or the strength cannot be; then nothing changes.
    pub(crate) fn set_goal(&mut self, layer: u32, goal: &Goal, strength: f32) -> Result<()> {
        let index = self.layer_index(layer)?;
        goal.filters().iter().try_for_each(|filter| self.filter_index(index, *filter).map(|_| ()))?;
        let layer = &mut self.layers[index];
        let within = |error: Error| error.within(format!("layer {} ({})", layer.id, layer.name));
        let (_, weights) = filter_weights(layer).ok_or_else(|| {
            within(Error::usage(
                "its filters have no weights of their own",
                "name a convolution or dense layer",
            ))
        })?;
        // What is taken away need not be given once more.
        let is_kernel_left_out =
            matches!(goal, Goal::Become { kernel, .. } if strength == 0.0 && kernel.is_empty());
        if !is_kernel_left_out {
            goal.check(&layer.filter_ids, weights).map_err(within)?;
        }
        layer.goals = with_goal(&layer.goals, goal, strength).map_err(within)?;
        Ok(())
    }

    /// Sets the goals of the layer of that index, as a file has them.
    ///
    /// # Errors
    /// When one cannot be.
    pub(crate) fn take_goals(&mut self, index: usize, goals: &[SoftGoal]) -> Result<()> {
        let id = self.layers[index].id;
        for SoftGoal { goal, strength } in goals {
            self.set_goal(id, goal, *strength)?;
        }
        Ok(())
    }

    /// Goals of this network that another one made of it lacks, each with the name of its layer.
    pub fn lost_goals(&self, then: &Self) -> Vec<(String, Goal)> {
        let mut lost = Vec::new();
        for layer in &self.layers {
            let kept =
                then.layers.iter().find(|other| other.id == layer.id).map_or(&[][..], |l| &l.goals[..]);
            let gone = layer.goals.iter().filter(|goal| !kept.contains(goal));
            lost.extend(gone.map(|soft| (layer.name.clone(), soft.goal.clone())));
        }
        lost
    }
}
