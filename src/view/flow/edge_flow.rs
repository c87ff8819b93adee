//! The dispatches that compute the flow along the edges of a set, and list the strongest.

use std::ops::Range;

use super::edges::{EdgeSet, FlowEdgesParams, SlidingParams, sliding_params};
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder, Source, Stage};
use crate::{params, wgsl};

const SUMS: Source = wgsl!("view/flow_sums.wgsl", SlidingParams);
const EDGES: Source = wgsl!("view/flow_edges.wgsl", FlowEdgesParams, EdgeRanking);

/// Largest number of edges of a set that are listed and drawn: the strongest.
pub const MAX_LISTED_EDGES: u32 = 256;
/// Largest number of values that one dispatch reads, so that a wide layer is spread over several frames.
const MAX_READS: u32 = 1 << 18;
/// Edges that one dispatch of the one workgroup ranks or lists.
const MAX_RANKED: u32 = 1 << 16;

params! {
    /// The strongest edges of a set.
    pub struct EdgeRanking {
        /// Bits of the magnitude of the weakest that is listed.
        key: u32,
        /// Number of edges of just that magnitude that are listed.
        ties_wanted: u32,
        /// Bits of the largest magnitude.
        largest: u32,
        /// Edges above the key, so far.
        above: u32,
        /// Edges with the key, so far.
        ties: u32,
        /// Number of listed edges.
        listed: u32,
    }
}

/// Flow along the edges of a set, and the list of its strongest.
pub struct EdgeFlow {
    /// Flow of each edge.
    pub flows: Buffer<f32>,
    /// Their ranking.
    pub ranking: Buffer<EdgeRanking>,
    /// The strongest edges, by index.
    pub listed: Buffer<u32>,
    /// The dispatches; together they compute all once.
    pub plan: Plan,
    /// Number of values that each dispatch reads.
    pub reads: Vec<u32>,
    /// Number of edges to be listed.
    pub wanted: u32,
}

impl EdgeFlow {
    /// Prepares the flow along the edges of `set`, of which the `share` (0 to 1) with the largest magnitudes are listed, at most
    /// [`MAX_LISTED_EDGES`].
    ///
    /// # Errors
    /// When a buffer does not fit the adapter.
    pub fn new(gpu: &Gpu, set: &EdgeSet, share: f32) -> Result<Self> {
        let (edges, sums) = (set.edges(), sliding_params(&set.maps, set.kernels.as_ref()));
        gpu.check_fits("the flow between two layers", 4 * u64::from(edges))?;
        let wanted = (f64::from(share) * f64::from(edges)).ceil() as u32;
        let wanted = wanted.clamp(1, MAX_LISTED_EDGES.min(edges.max(1)));
        let channels = set.maps.tiles() * set.maps.channels();
        let row_count = channels * sums.height * sums.kernel_width;
        let sum_count = channels * sums.kernel_height * sums.kernel_width;
        let rows = Buffer::<f32>::zeroed(gpu, "row sums of maps", row_count as usize);
        let all_sums = Buffer::<f32>::zeroed(gpu, "tap sums of maps", sum_count as usize);
        let flows = Buffer::zeroed(gpu, "flow of edges", edges as usize);
        let ranking = Buffer::zeroed(gpu, "ranking of edges", 1);
        let listed = Buffer::zeroed(gpu, "strongest edges", wanted as usize);
        let mut made = Self { flows, ranking, listed, plan: Plan::default(), reads: Vec::new(), wanted };
        let stage = Stage::new(gpu, &SUMS, &[])
            .with("maps", BufferRange::whole(&set.maps.buffer))
            .with("rows", rows.range())
            .with("sums", all_sums.range());
        let mut plan = PlanBuilder::new(gpu);
        let each =
            if sums.transposed == 1 { [sums.width, sums.height] } else { [sums.out_width, sums.out_height] };
        for (entry, count, each) in [("row_sums", row_count, each[0]), ("tap_sums", sum_count, each[1])] {
            for range in made.slices(count, each, MAX_READS) {
                let params = SlidingParams { first: range.start, last: range.end, ..sums };
                stage.dispatch(&mut plan, entry, &params, [range.end - range.start, 1, 1])?;
            }
        }
        made.add_edges(gpu, &mut plan, set, &all_sums)?;
        made.plan = plan.finish();
        Ok(made)
    }

    /// The dispatches from the sums to the list.
    fn add_edges<'g>(
        &mut self,
        gpu: &'g Gpu,
        plan: &mut PlanBuilder<'g>,
        set: &EdgeSet,
        sums: &Buffer<f32>,
    ) -> Result<()> {
        let base = FlowEdgesParams { wanted: self.wanted, ..set.edges_params() };
        let weights = set.kernels.as_ref().map_or(sums.range(), |k| BufferRange::whole(&k.weights.buffer));
        let histogram = Buffer::<u32>::zeroed(gpu, "histogram of flow", 256);
        let stage = Stage::new(gpu, &EDGES, &[])
            .with("sums", sums.range())
            .with("weights", weights)
            .with("flows", self.flows.range())
            .with("ranking", self.ranking.range())
            .with("histogram", histogram.range())
            .with("listed", self.listed.range());
        let edges = set.edges();
        for range in self.slices(edges, 2 * base.channels * base.taps.max(1), MAX_READS) {
            let params = FlowEdgesParams { first: range.start, last: range.end, ..base };
            stage.dispatch(plan, "edge_sums", &params, [range.end - range.start, 1, 1])?;
        }
        let passes = [24, 16, 8, 0].map(|shift| ("rank_edges", shift));
        for (entry, shift) in passes.into_iter().chain([("list_edges", 0)]) {
            for range in self.slices(edges, 1, MAX_RANKED) {
                let (begins, ends) = (u32::from(range.start == 0), u32::from(range.end == edges));
                let params =
                    FlowEdgesParams { first: range.start, last: range.end, shift, begins, ends, ..base };
                stage.dispatch(plan, entry, &params, [256, 1, 1])?;
            }
        }
        Ok(())
    }

    /// Parts of `count` values that read `each` a value and at most `most` together; notes what each reads.
    fn slices(&mut self, count: u32, each: u32, most: u32) -> Vec<Range<u32>> {
        let step = (most / each.max(1)).max(1);
        let slices: Vec<_> =
            (0..count).step_by(step as usize).map(|first| first..count.min(first + step)).collect();
        self.reads.extend(slices.iter().map(|slice| (slice.end - slice.start).saturating_mul(each)));
        slices
    }
}
