//! Two principal components of centred rows, by simultaneous power iteration (Golub and Van Loan, "orthogonal iteration").
//!
//! They begin a layout, so a few digits of them are enough. Signs are fixed by the largest component of each direction.

use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Plan, PlanBuilder, Source};
use crate::{params, wgsl};

use super::rows::Rows;

const PRINCIPAL: Source = wgsl!("embed/principal.wgsl");
/// Iterations: what is left of a third component shrinks by (λ₃ / λ₂) in each.
const ITERATIONS: usize = 24;

params! { struct PrincipalParams { count: u32, stride: u32, dims: u32 } }

/// Prepares `components`, two a row.
pub(super) fn principal_components(gpu: &Gpu, rows: &Rows, components: &Buffer<[f32; 2]>) -> Result<Plan> {
    let directions = Buffer::<[f32; 2]>::zeroed(gpu, "directions", rows.dims);
    let params =
        PrincipalParams { count: rows.count as u32, stride: rows.stride as u32, dims: rows.dims as u32 };
    let bindings = [
        ("points", rows.points.range()),
        ("directions", directions.range()),
        ("known_directions", directions.range()),
        ("components", components.range()),
        ("known_components", components.range()),
    ];
    let mut plan = PlanBuilder::new(gpu);
    let mut add = |entry: &'static str, threads: usize| {
        let kernel = gpu.kernel(&PRINCIPAL, entry, &[])?;
        let mut dispatch = plan.dispatch(&format!("principal {entry}"), &kernel).params(&params);
        for (name, range) in &bindings {
            if kernel.binding(name).is_ok() {
                dispatch = dispatch.bind(name, range.clone());
            }
        }
        dispatch.threads([threads as u32, 1, 1])
    };
    add("begin", rows.dims)?;
    add("orthonormalise", 256)?;
    for _ in 0..ITERATIONS {
        add("project", rows.count)?;
        add("back_project", rows.dims * 64)?;
        add("orthonormalise", 256)?;
    }
    add("fix_signs", 1)?;
    add("project", rows.count)?;
    Ok(plan.finish())
}
