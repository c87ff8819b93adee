//! Two principal components of centred rows, by simultaneous power iteration (Golub and Van Loan, "orthogonal iteration").
//!
//! They begin a layout, so a few digits of them are enough. Signs are fixed by the largest component of each direction.

use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Plan, PlanBuilder, Source};
use crate::{params, wgsl};

use super::rows::Rows;

const PRINCIPAL: Source = wgsl!("embed/principal.wgsl", PrincipalParams);
/// Iterations: what is left of a third component shrinks by (λ₃ / λ₂) in each.
const ITERATIONS: usize = 24;

params! { struct PrincipalParams { count: u32, stride: u32, dims: u32, first_dim: u32 } }

/// Prepares `components`, two a row.
pub(super) fn principal_components(gpu: &Gpu, rows: &Rows, components: &Buffer<[f32; 2]>) -> Result<Plan> {
    let directions = Buffer::<[f32; 2]>::zeroed(gpu, "directions", rows.dims);
    let whole = PrincipalParams {
        count: rows.count as u32,
        stride: rows.stride as u32,
        dims: rows.dims as u32,
        ..Default::default()
    };
    let bindings = [
        ("directions", directions.range()),
        ("known_directions", directions.range()),
        ("components", components.range()),
        ("known_components", components.range()),
    ];
    let mut plan = PlanBuilder::new(gpu);
    // What reads the points does so part by part, `threads` for each of its values.
    let mut add = |entry: &'static str, threads: &dyn Fn(usize) -> usize| {
        let kernel = gpu.kernel(&PRINCIPAL, entry, &[])?;
        let by_parts = kernel.binding("points").is_ok();
        let parts = if by_parts { rows.points.len() } else { 1 };
        for (first, dims, points) in rows.of_parts().take(parts) {
            let params = if by_parts {
                PrincipalParams { first_dim: first as u32, dims: dims as u32, ..whole }
            } else {
                whole
            };
            let mut dispatch = plan.dispatch(&format!("principal {entry}"), &kernel).params(&params);
            if by_parts {
                dispatch = dispatch.bind("points", points);
            }
            dispatch = dispatch.bind_those(bindings.iter().cloned());
            dispatch.threads([threads(params.dims as usize) as u32, 1, 1])?;
        }
        Ok::<_, crate::error::Error>(())
    };
    add("begin", &|dims| dims)?;
    add("orthonormalise", &|_| 256)?;
    for _ in 0..ITERATIONS {
        add("project", &|_| rows.count)?;
        add("back_project", &|dims| dims * 64)?;
        add("orthonormalise", &|_| 256)?;
    }
    add("fix_signs", &|_| 1)?;
    add("project", &|_| rows.count)?;
    Ok(plan.finish())
}
