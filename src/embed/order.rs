//! Points in the order of the lists of their rows (see [`super::ivf`]), of which rows of a list mostly lie near each other in the layout, too.
//!
//! A GPU's thread that gathers the 8 bytes of a neighbor's position moves 32, and of a million positions few are in its first cache. Rows of a
//! list have their neighbors in the same few lists: taken one after the other, from positions that lie by list, they find most of them
//! there already. What a row adds up, and in which order, stays the same.

use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, PlanBuilder, Source, Stage};
use crate::{params, wgsl};

const ORDER: Source = wgsl!("embed/order.wgsl", OrderParams);

params! { struct OrderParams { slots: u32 } }

/// Points in the order of their rows' lists.
#[derive(Clone)]
pub(super) struct Order {
    /// `[slot]`: row in it, or `u32::MAX`.
    pub row_ids: Buffer<u32>,
    /// `[slot]`: position of its row; 1e15 where there is none.
    pub positions: Buffer<[f32; 2]>,
}

impl Order {
    /// Room for the points of the rows in these slots.
    pub(super) fn new(gpu: &Gpu, row_ids: Buffer<u32>) -> Self {
        let positions = Buffer::zeroed(gpu, "positions by list", row_ids.len());
        Self { row_ids, positions }
    }

    /// Number of slots, empty ones among them.
    pub(super) fn slots(&self) -> usize {
        self.row_ids.len()
    }

    /// Records the positions by list.
    ///
    /// # Errors
    /// When the kernel cannot be made.
    pub(super) fn arrange(&self, plan: &mut PlanBuilder<'_>, positions: BufferRange) -> Result<()> {
        self.record(plan, "by_list", [("positions", positions), ("ordered", self.positions.range())])
    }

    /// Records `slot_of`: the slot of each row that has one.
    ///
    /// # Errors
    /// When the kernel cannot be made.
    pub(super) fn invert(&self, plan: &mut PlanBuilder<'_>, slot_of: BufferRange) -> Result<()> {
        self.record(plan, "invert", [("slot_of", slot_of)])
    }

    fn record<const N: usize>(
        &self,
        plan: &mut PlanBuilder<'_>,
        entry: &'static str,
        buffers: [(&str, BufferRange); N],
    ) -> Result<()> {
        let slots = self.slots() as u32;
        Stage::new(plan.gpu(), &ORDER, &[])
            .labelled("order")
            .with("row_ids", self.row_ids.range())
            .with_all(buffers)
            .dispatch(plan, entry, &OrderParams { slots }, [slots, 1, 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::testing::{open_gpu, run};
    use crate::embed::twin;

    #[test]
    fn points_lie_by_list_as_by_the_twin() {
        let gpu = open_gpu();
        // 200 rows mixed, with gaps, and without two of them.
        let mut row_ids: Vec<u32> = (0..200).map(|i| i * 67 % 200).collect();
        (row_ids[5], row_ids[77]) = (u32::MAX, u32::MAX);
        row_ids.extend([u32::MAX; 13]);
        let positions: Vec<[f32; 2]> = (0..200).map(|i| [i as f32, -0.5 * i as f32]).collect();
        let order = Order::new(&gpu, Buffer::from_slice(&gpu, "rows by list", &row_ids));
        let on_gpu = Buffer::from_slice(&gpu, "positions", &positions);
        let slot_of = Buffer::from_slice(&gpu, "slots", &[9999_u32; 200]);
        run(&gpu, |plan| {
            order.arrange(plan, on_gpu.range())?;
            order.invert(plan, slot_of.range())
        });
        let found: Vec<Option<[f32; 2]>> =
            order.positions.read(&gpu).into_iter().map(|p| (p != [1e15; 2]).then_some(p)).collect();
        assert_eq!(found, twin::order::by_list(&row_ids, &positions));
        let found: Vec<Option<usize>> =
            slot_of.read(&gpu).into_iter().map(|slot| (slot != 9999).then_some(slot as usize)).collect();
        assert_eq!(found, twin::order::slots(&row_ids, 200));
        assert_eq!(found.iter().flatten().count(), 198, "the control");
    }
}
