//! Affinities: the probability with which each row picks another, with the perplexity asked for, made symmetric.
//!
//! `p_{j|i} = exp(−β_i d²_ij) / Σ_k exp(−β_i d²_ik)` over the nearest neighbours, β_i such that the entropy is ln perplexity;
//! `p_ij = (p_{j|i} + p_{i|j}) / 2n` (van der Maaten and Hinton 2008, equations 1 and 2; sparse as in van der Maaten 2014). Rows
//! are compressed: the entries of row i are those from `starts[i]` to `starts[i + 1]`, by index, so that every sum has one order.

use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Plan, PlanBuilder, Source};
use crate::{params, wgsl};

use super::neighbours::Neighbours;
use super::rows::Rows;
use super::sort::{Entries, sort_entries};

const AFFINITIES: Source = wgsl!("embed/affinities.wgsl");
/// Places of a block of the scan.
const BLOCK: usize = 256;

params! { struct AffinitiesParams { count: u32, neighbours: u32, blocks: u32, perplexity: f32 } }

/// The joint probabilities, as compressed rows.
pub(super) struct Affinities {
    /// `[n + 1]`: first entry of each row.
    pub starts: Buffer<u32>,
    /// The other row of each entry.
    pub targets: Buffer<u32>,
    /// Its probability.
    pub values: Buffer<f32>,
    /// `[i, k]`: p_{j|i}, by index of j.
    pub conditional: Buffer<f32>,
    /// `[i]`: Σ_j p_ij ln p_ij.
    pub entropies: Buffer<f32>,
    /// Makes them of the neighbours.
    pub plan: Plan,
}

impl Affinities {
    /// Prepares the affinities of these neighbours, `k` a row.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub fn new(gpu: &Gpu, rows: &Rows, neighbours: &Neighbours, k: usize, perplexity: f32) -> Result<Self> {
        let (count, entries) = (rows.count, 2 * rows.count * k);
        gpu.check_fits("the affinities", (entries * 4) as u64)?;
        let blocks = count.div_ceil(BLOCK);
        let starts = Buffer::zeroed(gpu, "starts of rows", count + 1);
        let targets = Buffer::zeroed(gpu, "targets", entries);
        let values = Buffer::zeroed(gpu, "affinities", entries);
        let entropies = Buffer::zeroed(gpu, "entropies", count);
        let conditional = Buffer::<f32>::zeroed(gpu, "conditional probabilities", count * k);
        let bindings = [
            ("indices", neighbours.indices.range()),
            ("distances", neighbours.distances.range()),
            ("conditional", conditional.range()),
            ("extra", Buffer::<u32>::zeroed(gpu, "further entries", count).range()),
            ("starts", starts.range()),
            ("sums", Buffer::<u32>::zeroed(gpu, "sums of blocks", blocks).range()),
            ("targets", targets.range()),
            ("values", values.range()),
            ("summary", rows.summary.range()),
            ("entropies", entropies.range()),
        ];
        let params =
            AffinitiesParams { count: count as u32, neighbours: k as u32, blocks: blocks as u32, perplexity };
        let mut plan = PlanBuilder::new(gpu);
        let add = |plan: &mut PlanBuilder<'_>, entry: &'static str, threads: usize| {
            let kernel = gpu.kernel(&AFFINITIES, entry, &[])?;
            let mut dispatch = plan.dispatch(&entry.replace('_', " "), &kernel).params(&params);
            for (name, range) in &bindings {
                if kernel.binding(name).is_ok() {
                    dispatch = dispatch.bind(name, range.clone());
                }
            }
            dispatch.threads([threads as u32, 1, 1])
        };
        add(&mut plan, "conditional_probabilities", count)?;
        // By index, so that rows are found in each other and sums have one order.
        let near = Entries {
            count,
            width: k,
            bounds: starts.range(),
            keys: Buffer::of_range(&neighbours.indices.range()),
            values: Buffer::of_range(&conditional.range()),
        };
        sort_entries(gpu, &mut plan, "neighbours", &near)?;
        add(&mut plan, "count_reverse", count * k)?;
        add(&mut plan, "scan_block", blocks * BLOCK)?;
        add(&mut plan, "scan_sums", 1)?;
        add(&mut plan, "add_sums", count)?;
        add(&mut plan, "scatter", count * k)?;
        let joint = Entries {
            count,
            width: 0,
            bounds: starts.range(),
            keys: Buffer::of_range(&targets.range()),
            values: Buffer::of_range(&values.range()),
        };
        sort_entries(gpu, &mut plan, "affinities", &joint)?;
        add(&mut plan, "row_entropies", count)?;
        Ok(Self { starts, targets, values, conditional, entropies, plan: plan.finish() })
    }
}
