//! Weights, moments and averages carried into a changed network, on the GPU.

use super::origin::Term;
use super::plan::Carried;
use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Plan, PlanBuilder, Source};
use crate::nn::TensorRange;
use crate::nn::twin::KernelTwin;
use crate::{params, wgsl};

const CARRY: Source = wgsl!("nn/carry.wgsl", CarryParams, CarryTerm);
/// Twins of the kernels.
pub(in crate::nn) const TWINS: &[KernelTwin] =
    &[("nn/carry.wgsl", "carry", "nn::surgery::carry::carry_twin")];

params! {
    struct CarryParams {
        count: u32, rows: u32, columns: u32, taps: u32, first: u32, old_columns: u32, old_first: u32, group_rows: u32, old_group_rows: u32,
        /// Place of its first terms in `starts`.
        table: u32,
    }
}
params! { struct CarryTerm { old: u32, factor: f32, tilt: f32 } }

/// Content of a flat buffer: which factors apply to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Weights, or averages of them.
    Weights,
    /// First moments: sums or means of gradients.
    Moments,
    /// Second moments: of squared gradients.
    SecondMoments,
}

impl Content {
    fn term(self, term: &Term) -> CarryTerm {
        let (factor, tilt) = match self {
            Self::Weights => (term.factor, term.tilt),
            Self::Moments => (term.gradient, 0.0),
            Self::SecondMoments => (term.gradient * term.gradient, 0.0),
        };
        CarryTerm { old: term.old as u32, factor, tilt }
    }
}

/// The terms of several tensors, one after the other.
#[derive(Default)]
struct Tables {
    /// Index of the first term of each row, then of each column, and of the end.
    starts: Vec<u32>,
    terms: Vec<CarryTerm>,
}

impl Tables {
    /// Appends a tensor; returns where it begins in `starts`.
    fn append(&mut self, carried: &Carried, content: Content) -> u32 {
        let table = self.starts.len() as u32;
        let rows = carried.rows.iter().map(|origin| &origin.filter);
        for list in rows.chain(carried.columns.iter().map(|origin| &origin.taken)) {
            self.starts.push(self.terms.len() as u32);
            self.terms.extend(list.iter().map(|term| content.term(term)));
        }
        self.starts.push(self.terms.len() as u32);
        table
    }
}

fn params(carried: &Carried, old: &TensorRange, new: &TensorRange, table: u32) -> CarryParams {
    CarryParams {
        count: new.len as u32,
        rows: carried.rows.len() as u32,
        columns: new.spec.shape.get(1).map_or(1, |columns| *columns as u32),
        taps: new.spec.shape.iter().skip(2).product::<usize>() as u32,
        first: new.offset as u32,
        old_columns: old.spec.shape.get(1).map_or(1, |columns| *columns as u32),
        old_first: old.offset as u32,
        group_rows: (carried.rows.len() / carried.groups) as u32,
        old_group_rows: (old.spec.shape[0] / carried.old_groups) as u32,
        table,
    }
}

/// −1 to 1, by the row.
fn noise(row: usize) -> f32 {
    let mut x = row as u32 + 1;
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    ((x ^ (x >> 16)) >> 8) as f32 / 8_388_608.0 - 1.0
}

/// The kernel's result for one tensor, from the content that the tensor had; not for one that is fresh.
pub fn carry_twin(
    carried: &Carried,
    [before, new]: [&TensorRange; 2],
    content: Content,
    old: &[f64],
) -> Vec<f64> {
    let at = params(carried, before, new, 0);
    let (columns, old_columns, taps) = (at.columns as usize, at.old_columns as usize, at.taps as usize);
    let value = |i: usize| {
        let (row, tap) = (i / taps / columns, i % taps);
        let column = row / at.group_rows as usize * columns + i / taps % columns;
        let mut sum = 0.0;
        for p in &carried.rows[row].filter {
            let first_column = p.old / at.old_group_rows as usize * old_columns;
            for q in &carried.columns[column].taken {
                let Some(old_column) = q.old.checked_sub(first_column).filter(|c| *c < old_columns) else {
                    continue;
                };
                let (p_term, q_term) = (content.term(p), content.term(q));
                let factor = p_term.factor * (q_term.factor + q_term.tilt * noise(row));
                sum += f64::from(factor) * old[(p.old * old_columns + old_column) * taps + tap];
            }
        }
        sum
    };
    (0..new.len).map(value).collect()
}

/// A tensor to be carried over: how, where it was, and where it is.
type Carriage<'t> = (&'t Carried, [&'t TensorRange; 2]);

/// Compiles the kernel in the background, so that no change of a network has to.
///
/// # Errors
/// When its shader is not valid.
pub(in crate::nn) fn compile(gpu: &Gpu) -> Result<()> {
    gpu.kernel(&CARRY, "carry", &[]).map(|_| ())
}

/// The dispatches that carry tensors from the flat buffer `before` to `after` of each content.
///
/// # Errors
/// When a buffer does not fit the adapter.
pub(in crate::nn) fn carry(
    gpu: &Gpu,
    tensors: &[Carriage<'_>],
    contents: &[(Content, [&Buffer<f32>; 2])],
) -> Result<Plan> {
    let mut tables = Tables::default();
    let mut carriages = Vec::new();
    for (content, buffers) in contents {
        for (carried, [old, new]) in tensors {
            let table = tables.append(carried, *content);
            carriages.push((buffers, *new, params(carried, old, new, table)));
        }
    }
    // A binding cannot be empty.
    tables.terms.resize(tables.terms.len().max(1), CarryTerm::default());
    let starts = Buffer::from_slice(gpu, "first terms", &tables.starts).range();
    let terms = Buffer::from_slice(gpu, "terms", &tables.terms).range();
    let kernel = gpu.kernel(&CARRY, "carry", &[])?;
    let mut plan = PlanBuilder::new(gpu);
    for ([before, after], new, params) in carriages {
        plan.dispatch(&format!("carry {}", new.name), &kernel)
            .bind("starts", starts.clone())
            .bind("terms", terms.clone())
            .bind("before", before.range())
            .bind("after", after.range())
            .params(&params)
            .threads([params.count, 1, 1])?;
    }
    Ok(plan.finish())
}
