//! Convolution, relu and max pooling in one kernel, for GPUs: whole windows of sums stay in a thread's registers.
//!
//! Of the maps before the pooling nothing is written but the probes' columns, which views show; what reads whole maps, an evaluation or
//! a step whose values are counted, takes the dispatches apart, to the same bits. The way back needs neither map: `max_pool2d` makes the
//! gradient below the relu from the pooled values and the places of the maxima.
//!
//! The first candidate, counted as in [`super::staged`]; 12 bytes are spared of each pixel before the pooling, two writes
//! and a read. Apart: the convolution by the same count, those bytes at 2.85 TB/s, and a dispatch. No candidate was timed on a GPU yet.
//!
//! | layer, images | channels × windows | loads, weights | multiply-adds | registers | predicted | apart |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | 3→16 5×5, 32×32, 256 | 8 × 1 | 12, 10 | 640 | 214 | 18 µs | 36 µs |
//! | … 4096 | 8 × 1 | 12, 10 | 640 | 214 | 293 µs | 543 µs |
//! | 3→32 3×3, 32×32, 256 | 8 × 1 | 8, 6 | 384 | 198 | 14 µs | 50 µs |
//! | … 4096 | 8 × 1 | 8, 6 | 384 | 198 | 224 µs | 770 µs |
//! | 16→20 5×5, 16×16, 4096 | 4 × 2 | 16, 5 | 640 | 230 | 516 µs | 513 µs |
//! | 64→64 3×3, 16×16, 4096 | 8 × 1 | 8, 6 | 384 | 198 | 2307 µs | 2360 µs |

use super::cost::moving_us;
use super::forward::{CONV2D, ConvolutionPass, Tile};
use super::geometry::Convolution;
use crate::error::Result;
use crate::gpu::{KernelVariant, Plan, PlanBuilder};
use crate::nn::layers::window::{Window, WindowParams};
use crate::nn::{LayerBuild, Pooling};

/// A way to make a pooled map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Candidate {
    /// By one kernel.
    Fused(Tile),
    /// By two.
    Apart,
}

impl Convolution {
    /// The forward pass of a training step with the pooling of the relu of its output; `whole` is that of the convolution and the relu.
    pub(super) fn pooled(&self, build: &LayerBuild<'_>, pooling: &Pooling, whole: &Plan) -> Result<Plan> {
        let pass = ConvolutionPass { pools: Some(pooling.size), ..self.to_outputs(build, true) };
        build.gpu.choose(
            &pass.shape_key(build),
            &pass.pooled_candidates(build.extent.quads),
            |candidate| match candidate {
                Candidate::Fused(tile) => {
                    Some(KernelVariant::new(&CONV2D, "conv2d", &pass.constants(build.gpu, *tile)))
                }
                Candidate::Apart => None,
            },
            |candidate| match candidate {
                Candidate::Fused(tile) => {
                    pass.build_tile(build, *tile, [&build.input().values, &build.output])
                }
                Candidate::Apart => apart(build, pooling, whole),
            },
            |plan| plan,
        )
    }
}

/// The convolution, then the pooling.
pub(super) fn apart(build: &LayerBuild<'_>, pooling: &Pooling, whole: &Plan) -> Result<Plan> {
    let mut plan = PlanBuilder::new(build.gpu);
    plan.extend(whole);
    let rectified = build.fused_output.clone().expect("the relu is fused before the pooling is");
    let params = WindowParams::of(build.output_shape, pooling.shape, build.extent);
    let maps = [rectified, pooling.output.clone(), pooling.places.clone()];
    let window = Window::square(pooling.size, pooling.size, 0);
    window.pool(&mut plan, &pooling.name, &params, maps, build.map_threads(pooling.shape))?;
    Ok(plan.finish())
}

impl ConvolutionPass<'_> {
    /// Ways to make the pooled map, the most promising first.
    fn pooled_candidates(&self, quads: usize) -> Vec<Candidate> {
        // None of windows whose sums do not fit into registers.
        let tiles = self.staged_tiles(quads);
        let fused_us = tiles.first().map(|tile| self.time_us(*tile, quads));
        let mut candidates: Vec<_> = tiles.into_iter().map(Candidate::Fused).collect();
        let first = fused_us.is_none_or(|fused_us| self.apart_us(quads) < fused_us);
        candidates.insert(if first { 0 } else { candidates.len() }, Candidate::Apart);
        candidates
    }

    /// Predicted microseconds on an H100 of the way apart: the convolution, and maps that it writes twice and the pooling reads.
    fn apart_us(&self, quads: usize) -> f64 {
        let whole = ConvolutionPass { pools: None, ..*self };
        whole.time_us(whole.staged_tiles(quads)[0], quads)
            + moving_us((3 * 16 * self.to.len() * quads) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::super::staged::tests::with_pass;
    use super::Candidate;

    /// Channels, side and kernel; quads; the time of such a kernel on an H100 in microseconds, where it was the fastest way there.
    #[test]
    fn the_first_way_is_the_one_that_was_measured_as_best() {
        for (layer, quads, measured_us) in [
            ([3, 16, 32, 5], 64, Some(20.0)),
            ([3, 16, 32, 5], 1024, Some(279.0)),
            ([3, 32, 32, 3], 64, Some(19.0)),
            ([3, 32, 32, 3], 1024, Some(298.0)),
            ([16, 20, 16, 5], 64, None),
            ([16, 20, 16, 5], 1024, None),
            ([20, 20, 8, 5], 64, None),
            ([20, 20, 8, 5], 1024, None),
        ] {
            with_pass(layer, Some(2), |pass| match (pass.pooled_candidates(quads)[0], measured_us) {
                (Candidate::Fused(tile), Some(measured_us)) => {
                    let ratio = pass.time_us(tile, quads) / measured_us;
                    assert!((0.65..1.55).contains(&ratio), "{tile:?}: {ratio} of {measured_us} µs");
                }
                (Candidate::Apart, None) => (),
                (first, _) => panic!("{layer:?}, {quads} quads: {first:?}"),
            });
        }
    }

    #[test]
    fn windows_that_fill_no_registers_are_made_apart() {
        for (layer, size, fused) in
            [([3, 16, 32, 3], 2, true), ([3, 16, 30, 3], 3, false), ([1, 4, 32, 31], 2, false)]
        {
            with_pass(layer, Some(size), |pass| {
                let candidates = pass.pooled_candidates(64);
                assert!(candidates.contains(&Candidate::Apart));
                assert_eq!(candidates.len() > 1, fused, "{layer:?}, {size}: {candidates:?}");
            });
        }
    }
}
