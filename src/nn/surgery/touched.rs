//! Filters whose own weights a change makes, rather than leaves as they were.

use super::origin::{Origin, Term};
use super::plan::TensorPlan;
use super::rebuild::Surgery;
use crate::nn::{Network, NetworkLayer};

impl Surgery {
    /// Filters of the changed network that are not as they were in `old`: added, halves of a split one, merged, reset or blended; each by
    /// the numbers of its layer and itself.
    pub fn touched(&self, old: &Network) -> Vec<(u32, u32)> {
        let mut first = 0;
        let mut touched = Vec::new();
        for layer in &self.network.layers {
            // The weights come first, and the other tensors share their rows.
            let plan = self.tensors.get(first);
            first += layer.parameters().len();
            let Some(plan) = plan.filter(|_| !layer.filter_ids.is_empty()) else { continue };
            let before = old.layers.iter().find(|before| before.id == layer.id);
            let is_touched = |(row, id): &(usize, &u32)| match plan {
                TensorPlan::Same(_) => false,
                TensorPlan::Fresh => true,
                TensorPlan::Carried(carried) => !stays(&carried.rows[*row], **id, before),
            };
            let ids = layer.filter_ids.iter().enumerate().filter(is_touched);
            touched.extend(ids.map(|(_, id)| (layer.id, *id)));
        }
        touched
    }
}

/// True if a filter is the one that had its number before, whole.
fn stays(origin: &Origin, id: u32, before: Option<&NetworkLayer>) -> bool {
    let [term] = origin.filter[..] else { return false };
    term == Term::whole(term.old) && before.is_some_and(|layer| layer.filter_ids.get(term.old) == Some(&id))
}
