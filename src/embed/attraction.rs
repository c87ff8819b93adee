//! Attraction of each point by its neighbors, and its terms of the divergence.
//!
//! `∂KL/∂y_i / 4 = e Σ_j p_ij q̃_ij (y_i − y_j) − (1/Z) Σ_j q̃_ij² (y_i − y_j)` with `q̃_ij = 1 / (1 + |y_i − y_j|²)`,
//! `Z = Σ_{i≠j} q̃_ij` and the exaggeration e (van der Maaten and Hinton 2008, equation 5, without the factor 4): the first sum.

use crate::error::Result;
use crate::gpu::{BufferRange, PlanBuilder, Source, Stage};
use crate::{params, wgsl};

use super::affinities::Affinities;
use super::order::Order;

const ATTRACTION: Source = wgsl!("embed/attraction.wgsl", AttractionParams);
/// Points per dispatch, so that none takes long: on the software adapter, on a GPU, which fills itself with as many a few times over.
const MAX_POINTS: [usize; 2] = [32_768, 1 << 20];

/// Threads of a point on a GPU. A thread that goes through a row by itself reads 4 of the 32 bytes that come with each load, and the others
/// are gone from the cache before it comes to them, as the other threads' rows of 0.5 to 1.5 kB pass through it: 16 read 64 bytes side by side.
const LANES: u32 = 16;
/// Threads of a workgroup, and of one that takes points by list: those of a list have neighbors in common, so that more of them share a cache;
/// every adapter has 256. Each chunk of the rows goes through all slots, and leaves out those of other chunks.
const WORKGROUP: [u32; 2] = [64, 256];

params! { struct AttractionParams { count: u32, first: u32, begin: u32, rows: u32 } }

/// Records the attraction `(x, y, Σ p ln(1 + d²), Σ p)` of each point at `positions`; of points by list, whose affinities name slots, where
/// there is an `order`.
pub(super) fn attract(
    plan: &mut PlanBuilder<'_>,
    (affinities, order): (&Affinities, Option<&Order>),
    positions: BufferRange,
    attraction: BufferRange,
) -> Result<()> {
    let most = MAX_POINTS[usize::from(!plan.gpu().is_software())];
    // The software adapter's vectors are as many points.
    let lanes = if plan.gpu().profile().large_tiles { 1 } else { LANES };
    let ordered = usize::from(order.is_some());
    let constants = [("WORKGROUP", WORKGROUP[ordered]), ("LANES", lanes), ("ORDERED", ordered as u32)];
    let stage = Stage::new(plan.gpu(), &ATTRACTION, &constants).with("attraction", attraction);
    let stage = match order {
        None => stage.with("positions", positions),
        Some(order) => {
            stage.with("positions", order.positions.range()).with("row_ids", order.row_ids.range())
        }
    };
    for chunk in &affinities.chunks {
        let points = order.map_or(chunk.rows, Order::slots);
        let stage = stage
            .clone()
            .with("starts", chunk.starts.range())
            .with("targets", chunk.targets.range())
            .with("values", chunk.values.range());
        for begin in (0..points).step_by(most) {
            let count = most.min(points - begin) as u32;
            let [first, begin, rows] = [chunk.first, begin, chunk.rows].map(|n| n as u32);
            let params = AttractionParams { count, first, begin, rows };
            stage.dispatch(plan, "attract", &params, [count * lanes, 1, 1])?;
        }
    }
    Ok(())
}
