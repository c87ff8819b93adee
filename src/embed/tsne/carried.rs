//! A layout that goes on from another whose rows were others: some are gone, some are new.

use std::collections::HashSet;

use super::Tsne;
use crate::error::Result;
use crate::gpu::{Buffer, Gpu, PlanBuilder, Source, Stage};
use crate::{params, wgsl};

const CARRY_POINTS: Source = wgsl!("embed/carry_points.wgsl", CarryPointsParams);
/// Origin of a row that is new, and bit of one that is a second copy.
const NEW: u32 = u32::MAX;
const COPY: u32 = 1 << 31;

params! { struct CarryPointsParams { count: u32, stride: u32, old_count: u32 } }

/// The origins as the shader has them: of several rows of one origin the first continues it.
fn words(origins: &[Option<u32>]) -> Vec<u32> {
    let mut seen = HashSet::new();
    let word =
        |origin: &Option<u32>| origin.map_or(NEW, |row| if seen.insert(row) { row } else { row | COPY });
    origins.iter().map(word).collect()
}

impl Tsne {
    /// Goes on from where another layout is, of which `origins` gives the row that each row was; none for a new one. Rows that stay keep
    /// position, velocity, gain and pin. A second copy of a row begins beside it, a new row beside the center of the points.
    ///
    /// # Errors
    /// When the shader is faulty.
    pub fn take_over_rows(&self, gpu: &Gpu, other: &Self, origins: &[Option<u32>]) -> Result<()> {
        assert!(
            origins.len() == self.rows.count
                && origins.iter().flatten().all(|row| (*row as usize) < other.rows.count)
        );
        let (count, stride) = (self.rows.count as u32, self.rows.stride as u32);
        let params = CarryPointsParams { count, stride, old_count: other.rows.count as u32 };
        let mut plan = PlanBuilder::new(gpu);
        Stage::new(gpu, &CARRY_POINTS, &[])
            .with("origins", Buffer::from_slice(gpu, "origins of rows", &words(origins)).range())
            .with("positions_in", other.points.positions.range())
            .with("velocity_gains_in", other.points.velocity_gains.range())
            .with("flags_in", other.rows.flags.range())
            .with("positions", self.points.positions.range())
            .with("velocity_gains", self.points.velocity_gains.range())
            .with("flags", self.rows.flags.range())
            .dispatch(&mut plan, "carry_points", &params, [stride, 1, 1])?;
        let mut encoder = gpu.encoder("t-SNE");
        for (to, of) in self.points.progress().iter().zip(other.points.progress()) {
            encoder.copy_buffer_to_buffer(&of.buffer, 0, &to.buffer, 0, to.size);
        }
        plan.finish().encode(&mut encoder);
        gpu.submit(encoder);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_several_rows_of_one_origin_continues_it() {
        let origins = [Some(2), None, Some(0), Some(2), Some(2)];
        assert_eq!(words(&origins), [2, NEW, 0, 2 | COPY, 2 | COPY]);
    }
}
